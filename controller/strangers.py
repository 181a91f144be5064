"""The card nobody knows that was shown at a door last: in memory, for a minute, for enrolment."""

import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

from controller.cards import mask
from controller.model import Decision, Reason

HELD_FOR = 60.0  # seconds


class Shown(NamedTuple):
    """A card (canonical) shown at a door, what was decided, and when (monotonic)."""

    canonical: str
    decision: Decision
    at: float

    @property
    def unknown(self) -> bool:
        return self.decision.reason is Reason.UNKNOWN

    @property
    def masked(self) -> str:
        return mask(self.canonical.partition(":")[2])

    def __repr__(self) -> str:
        return f"Shown({self.masked!r}, {self.decision.reason.value!r})"  # never the number


class Strangers:
    """One door's. Its thread notes cards, anybody may ask; no PIN is ever noted."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._last: Shown | None = None
        self._waiting: tuple[queue.SimpleQueue[Shown], ...] = ()

    def note(self, canonical: str, decision: Decision, now: float) -> None:
        """A card was shown and decided on."""
        if canonical.startswith("pin:"):
            return
        shown = Shown(canonical, decision, now)
        with self._guard:
            if shown.unknown:
                self._last = shown
            waiting = self._waiting
        for each in waiting:
            each.put(shown)

    def last(self, now: float) -> Shown | None:
        """The unknown card shown within the last minute."""
        self.forget_old(now)
        with self._guard:
            return self._last

    def forget_old(self, now: float) -> None:
        with self._guard:
            if self._last and now - self._last.at >= HELD_FOR:
                self._last = None

    def forget(self, canonical: str) -> None:
        """It is nobody's no longer."""
        with self._guard:
            if self._last and self._last.canonical == canonical:
                self._last = None

    def wait(self) -> tuple["queue.SimpleQueue[Shown]", Callable[[], None]]:
        """All cards shown from now on, known ones too; and how to end it."""
        shown: queue.SimpleQueue[Shown] = queue.SimpleQueue()
        with self._guard:
            self._waiting = (*self._waiting, shown)

        def end() -> None:
            with self._guard:
                self._waiting = tuple(each for each in self._waiting if each is not shown)

        return shown, end
