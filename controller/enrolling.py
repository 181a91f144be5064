"""Waiting at a door for the card that is to become somebody's."""

import queue

from controller.control import Answer, Say
from controller.door import Door
from controller.errors import ConfigError, DoorwardError
from controller.knowledge import Knowledge
from controller.model import Facts, Reason
from controller.ports import Clock
from controller.strangers import Shown

LONGEST = 120.0  # seconds
_TICK = 1.0  # seconds between signs of life: whoever went away must not enrol the next card


class Enrolling:
    """One waiting at one door. `say` is told of every card that is not it."""

    def __init__(self, door: Door, knowledge: Knowledge, clock: Clock, say: Say) -> None:
        self._door, self._knowledge, self._clock, self._say = door, knowledge, clock, say

    def card(self, seconds: float, *, fresh: bool) -> Answer:
        """The unknown card held here, or the next one; `fresh`: only one shown from now on.

        Says `waiting` every second, and `taken` for a card that is somebody's or cannot be used.
        Raises `DoorwardError` when the time is over.
        """
        if not 0 < seconds <= LONGEST:
            raise ConfigError(f"seconds must be more than 0, and at most {LONGEST:.0f}")
        shown, end = self._door.strangers.wait()
        try:
            held = None if fresh else self._door.strangers.last(self._clock.monotonic())
            if held and self._still_unknown(held):
                return self._answer(held)
            return self._next(shown, self._clock.monotonic() + seconds, seconds)
        finally:
            end()

    def _next(self, shown: "queue.SimpleQueue[Shown]", until: float, seconds: float) -> Answer:
        while (left := until - self._clock.monotonic()) > 0:
            self._say({"say": "waiting", "door": self._door.id, "left": round(left, 1)})
            try:
                one = shown.get(timeout=min(left, _TICK))
            except queue.Empty:
                continue
            if one.unknown and self._still_unknown(one):
                return self._answer(one)
            if not one.unknown:
                self._say(_taken(one))
        raise DoorwardError(
            f"no unknown card was shown at {self._door.id} within {seconds:g} s, so nothing was "
            "changed; begin again, and hold the card to the reader"
        )

    def _still_unknown(self, shown: Shown) -> bool:
        """It may have become somebody's since it was shown."""
        facts = since_then(self._door, self._knowledge, shown)
        if facts is None:
            return True
        holder = facts.holders[0].person if facts.holders else None
        reason = Reason.BLOCKED if facts.blocked else Reason.GRANTED
        now = shown.decision._replace(person=holder, reason=reason)
        self._say(_taken(shown._replace(decision=now)))
        return False

    def _answer(self, shown: Shown) -> Answer:
        age = self._clock.monotonic() - shown.at
        return {"door": self._door.id, "card": shown.canonical, "age": round(max(0.0, age), 1)}


def since_then(door: Door, knowledge: Knowledge, shown: Shown) -> Facts | None:
    """What is known by now of a card that was unknown; None: it still is."""
    with knowledge.turn:
        facts = knowledge.facts(shown.canonical, door.rules)
    if not facts.holders and not facts.blocked:
        return None
    door.strangers.forget(shown.canonical)
    return facts


def _taken(shown: Shown) -> Answer:
    """Whose it is, or why it cannot become anybody's."""
    person = shown.decision.person
    return {
        "say": "taken",
        "card": shown.masked,
        "reason": shown.decision.reason.value,
        "name": person.name if person else "",
        "platform": person.platform if person else "",
        "person": person.key if person else "",
    }
