"""What a lock did, as seen at its far end. Times are monotonic seconds, alike in all processes."""

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LOG = "pins.log"  # of mock pins: `monotonic GPIO function level`, a line for each change


class Move(NamedTuple):
    """From `at` on the door can be opened, or cannot."""

    at: float
    open: bool


class Opening(NamedTuple):
    """The door could be opened from `begin` to `end`; infinite if it still can."""

    begin: float
    end: float


class History:
    """Written by the end's own thread, read by whoever judges. Only changes are kept."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._moves: list[Move] = []

    def note(self, opened: bool, at: float | None = None) -> None:
        with self._changed:
            if opened != (self._moves[-1].open if self._moves else False):
                self._moves.append(Move(time.monotonic() if at is None else at, opened))
                self._changed.notify_all()

    def moves(self) -> list[Move]:
        with self._changed:
            return list(self._moves)

    def wait_for(self, opened: bool, since: float, seconds: float) -> Move | None:
        """The first such move after `since`; None if there is none within so long."""
        found: list[Move] = []

        def come() -> bool:
            found[:] = [move for move in self._moves if move.at >= since and move.open is opened]
            return bool(found)

        with self._changed:
            return found[0] if self._changed.wait_for(come, seconds) else None


def openings(moves: Iterable[Move]) -> list[Opening]:
    found: list[Opening] = []
    for move in moves:
        if move.open:
            found.append(Opening(move.at, float("inf")))
        elif found:
            found[-1] = found[-1]._replace(end=move.at)
    return found


def pin_moves(log: Path, pin: str, *, open_level: int = 1) -> list[Move]:
    """What a lock at this pin did. An input floats: the wiring keeps such a lock shut."""
    found: list[Move] = []
    for at, function, level in _changes(log, pin):
        opened = function == "output" and level == open_level
        if opened != (found[-1].open if found else False):
            found.append(Move(at, opened))
    return found


def _changes(log: Path, pin: str) -> Iterator[tuple[float, str, int]]:
    try:
        lines = log.read_text().splitlines()
    except FileNotFoundError:
        return
    for at, name, function, level in map(str.split, lines):
        if name == pin:
            yield float(at), function, int(level)
