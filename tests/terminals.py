"""A real terminal with a person at it who waits for words and types others."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.contract_hw import PATIENCE

# Ctrl-C reaches whoever has the terminal for their own.
_MAIN = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from controller.cli import main
main()
"""
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")

_AGAIN = 0.5  # seconds


class Terminal:
    """`doorward WORDS` on a pty. What it says is read only as far as it was waited for."""

    def __init__(self, process: "subprocess.Popen[bytes]", far: int) -> None:
        self.process, self._far = process, far
        self.said = ""
        self._heard = 0  # how much of it was waited for

    def until(self, words: str) -> str:
        """Wait for these words; what was said before them since the last wait."""
        while (found := self.said.find(words, self._heard)) < 0:
            assert self._read(), f"never said {words!r}:\n{self.said[self._heard :]}\n{self.said}"
        before = self.said[self._heard : found]
        self._heard = found + len(words)
        return before

    def answer(self, question: str, words: str = "") -> None:
        self.until(question)
        self.until(": ")
        self.type(words)

    def type(self, words: str) -> None:
        os.write(self._far, f"{words}\r".encode())

    def interrupt(self) -> int:
        """Ctrl-C, again if need be: Python may miss one on its way into a blocking read."""
        for _ in range(int(PATIENCE / _AGAIN)):
            os.write(self._far, b"\x03")
            ready, _, _ = select.select([self._far], (), (), _AGAIN)
            while ready and self._read():
                ready, _, _ = select.select([self._far], (), (), _AGAIN)
            if ready:
                break
        return self.end()

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._far], (), (), PATIENCE)
        assert ready, f"it said no more:\n{self.said}"
        piece = b""
        with suppress(OSError):  # EIO: it has ended
            piece = os.read(self._far, 65536)
        self.said = _COLOURS.sub("", self.said + piece.decode(errors="replace")).replace("\r", "")
        return bool(piece)


@contextmanager
def at_terminal(config: Path, *words: str) -> Iterator[Terminal]:
    far, near = pty.openpty()
    command = [sys.executable, "-c", _MAIN, "--config", str(config), *words]
    root = Path(__file__).parent.parent
    env = {**os.environ, "PYTHONPATH": str(root), "TERM": "vt100"}  # a serial console
    process = subprocess.Popen(
        command, stdin=near, stdout=near, stderr=near, env=env, start_new_session=True
    )
    os.close(near)
    try:
        yield Terminal(process, far)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        os.close(far)
