"""What every scenario needs: to wait for something, to call a program, and to know its task."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

LAB = Path("/lab")
PATIENCE = 90.0  # seconds; an emulated machine is ten times slower than a real one

T = TypeVar("T")


class Failed(Exception):
    """The scenario did not go as it should."""


@dataclass
class Lab:
    """One scenario's view: how many starts are asked for, and where it writes what it measured."""

    starts: int = 1000  # of the driver
    services: int = 7  # of the whole service
    measured: dict[str, Any] = field(default_factory=dict)


def until(what: str, look: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The first thing that is true of what `look` gives."""
    last = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > last:
            raise Failed(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


def never(what: str, look: Callable[[], object], seconds: float) -> None:
    """It must not come true for so long."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        if found := look():
            raise Failed(f"{what}: {found}")
        time.sleep(0.05)


def demand(true: object, what: str) -> None:
    if not true:
        raise Failed(what)


def call(*command: str | Path, good: tuple[int, ...] = (0,), seconds: float = PATIENCE) -> str:
    """What the program said. Raises `Failed` if it ends in another way."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode not in good:
        said = (done.stderr or done.stdout).strip()
        raise Failed(f"{' '.join(words)} ended with {done.returncode}: {said[-600:]}")
    return done.stdout


def now() -> float:
    """Seconds on the clock that the kernel's traces and the journal have too."""
    return time.monotonic()


def wait(seconds: float) -> None:
    """Let a device have its time: the length of a pulse, the gap between two."""
    time.sleep(seconds)


def task() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((LAB / "task.json").read_text())
    return found
