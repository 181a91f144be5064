"""Asking the platforms while somebody waits at a door: through `sync`, never on the door's thread.

What comes back are words for people. Whether the door opens is decided anew, by the cache alone.
"""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import structlog

from controller.control import ask
from controller.errors import DoorwardError, NotRunning
from controller.logs import Once
from controller.ports import Clock
from controller.question import NO_ANSWER, Heard, Question, Said

log = structlog.get_logger(__name__)

_LONGEST = 120  # characters of a platform's own words
# No process of ours, or one taken over that answers what it likes: JSON of any shape.
_TROUBLE = (DoorwardError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_REST = 10.0  # seconds for which a `sync` that does not answer in time is left alone


_RESTING = Heard(trouble="not asked: it did not answer just now")
_NOT_THERE = Heard(trouble="does not run")
_NONSENSE = Heard(trouble="broke off, or answered something else")


class Asker:
    """Carries questions to `sync`; shared by the doors, and used from their threads.

    One that does not answer in time is left alone for a while, so that it costs one deadline.
    """

    def __init__(self, socket: Path, clock: Clock) -> None:
        self._socket, self._clock = socket, clock
        self._rests_until = 0.0  # monotonic
        self._once = Once(log)

    def ask(self, question: Question, until: float, hear: Callable[[Heard], None]) -> None:
        """`hear` is called once, perhaps on another thread, perhaps after `until` (monotonic)."""
        if self._clock.monotonic() < self._rests_until:
            hear(_RESTING)
            return
        work = threading.Thread(
            target=lambda: hear(self._asked(question, until)), name="ask", daemon=True
        )
        try:
            work.start()
        except RuntimeError:  # no more threads for this process
            hear(NO_ANSWER)

    def _asked(self, question: Question, until: float) -> Heard:
        left = max(0.01, until - self._clock.monotonic())
        request = {"do": "ask", "within": left, **question._asdict()}
        try:
            heard = _heard(ask(self._socket, request, timeout=left)["answers"])
        except _TROUBLE as error:
            self._once.trouble("ask", "sync does not answer questions", error=str(error))
            if isinstance(error.__cause__, TimeoutError):
                self._rests_until = self._clock.monotonic() + _REST
                return NO_ANSWER
            return _NOT_THERE if isinstance(error, NotRunning) else _NONSENSE
        self._once.fine("ask", "sync answers questions again")
        return heard


def _heard(answers: Iterable[Any]) -> Heard:
    return Heard(
        tuple(
            Said(str(each["platform"]), str(each["word"]), _shown(str(each["message"])))
            for each in answers
        )
    )


def _shown(text: str) -> str:
    """Fit for a display, a log and a terminal."""
    plain = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(plain.split())[:_LONGEST]
