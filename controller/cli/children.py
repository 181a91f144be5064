"""Processes of this program's own: started together, watched, stopped together."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from controller.errors import DoorwardError

PROGRAM = ("-P", "-m", "controller.cli")  # what the interpreter is to run
_STOP_WITHIN = 10.0  # seconds, then a child is killed
_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class ChildDied(DoorwardError):
    """A process that should go on has ended."""


@dataclass(slots=True)
class Child:
    """One process and the file it writes its log to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    _read: int = 0

    def fresh_lines(self) -> Iterator[str]:
        """The whole lines that were logged since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        end = data.rfind(b"\n") + 1
        self._read += end
        yield from data[:end].decode("utf-8", "replace").splitlines()


@dataclass(slots=True)
class Children:
    """`start` each, `check` now and then, `stop` all. Their logs lie in `logs`."""

    logs: Path
    running: list[Child] = field(default_factory=list)

    def start(self, name: str, *words: str, program: Sequence[str] = PROGRAM) -> None:
        """Run `doorward WORDS` in a session of its own: Ctrl-C reaches us alone, and we tell it."""
        path = self.logs / f"{name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, *program, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(_end_with, os.getpid()),  # noqa: PLW1509 - the only thread
            )
        self.running.append(Child(name, process, path))

    def check(self) -> None:
        """Raises ChildDied if one has ended."""
        for child in self.running:
            if (code := child.process.poll()) is not None:
                said = "\n".join(child.log.read_text(errors="replace").splitlines()[-5:])
                how = f"exit code {code}" if code >= 0 else f"signal {-code}"
                raise ChildDied(f"{child.name} has ended ({how}); see {child.log}\n{said}".rstrip())

    def stop(self) -> list[str]:
        """Stop all, the last first; returns those that did not end as they should."""
        for child in reversed(self.running):
            if child.process.poll() is None:
                child.process.terminate()
        return [child.name for child in self.running if not _ended_well(child.process)]


def _ended_well(process: subprocess.Popen[bytes]) -> bool:
    try:
        # A child that had not come as far as to listen for the signal dies of it.
        return process.wait(_STOP_WITHIN) in {0, -signal.SIGTERM}
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def _end_with(parent: int) -> None:
    """In the child: whatever becomes of the parent, do not outlive it."""
    _libc.prctl(_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
