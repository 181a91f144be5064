"""Keeps an interpreter warm, of which processes of the product are born in milliseconds.

`python -m bench.crash.nursery` reads lines `{"what": …, "config": …, "log": …}` and answers each
with the id of the process that it forked: `doorward controller` or `syncd`, but for the imports.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from bench.machine import ROOT

_ENDS_WITHIN = 30.0  # seconds
_SET_PDEATHSIG = 1


class Child:
    """A process that can be killed and waited for, though it is not ours."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def end(self, number: int) -> None:
        """Send it a signal, SIGKILL or SIGTERM, and wait for its end; RuntimeError if it lives."""
        try:
            signal.pidfd_send_signal(self._handle, number)
        except ProcessLookupError:
            raise RuntimeError(f"process {self.pid} had ended by itself") from None
        try:
            if not select.select([self._handle], [], [], _ENDS_WITHIN)[0]:
                raise RuntimeError(f"process {self.pid} goes on after signal {number}")
        finally:
            os.close(self._handle)


class Nursery:
    """Use as a context; what is still alive at its end dies with it."""

    def __enter__(self) -> "Nursery":
        self._mother = subprocess.Popen(
            [sys.executable, "-m", "bench.crash.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._mother.communicate(timeout=_ENDS_WITHIN)

    def start(self, what: str, config: Path, log: Path) -> Child:
        """`what` is "controller" or "syncd"."""
        talk, answers = self._mother.stdin, self._mother.stdout
        assert talk
        assert answers
        talk.write(json.dumps({"what": what, "config": str(config), "log": str(log)}) + "\n")
        talk.flush()
        return Child(int(answers.readline()))


def main() -> None:
    """Fork as asked until nobody asks any more."""
    import hw.sim  # noqa: F401 - all that the two import, before any fork
    import sync.platforms.cobot
    import sync.platforms.file
    import sync.platforms.hive  # noqa: F401
    from controller.daemon import run as controller
    from sync.daemon import run as syncd

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need nobody to ask how they died
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if not pid:
            _prepare(Path(asked["log"]))
            {"controller": controller, "syncd": syncd}[asked["what"]](Path(asked["config"]))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _prepare(log: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, to in ((0, nothing), (1, file), (2, file)):
        os.dup2(to, number)


if __name__ == "__main__":
    main()
