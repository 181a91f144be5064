"""Wrong PINs, counted at each keypad and for each person, and for how long none is heard. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.model import Reason

TRIES = 5  # wrong PINs in a row until no further one is looked at
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 900.0  # seconds; it doubles with each further wrong PIN

# Refusals that say to whoever typed it that this is not the one. Without a cache, too: keyholders
# have PINs then.
WRONG = (Reason.UNKNOWN, Reason.NO_CACHE, Reason.WEAK)
CODES_EACH = 1000  # so many PINs must there be for each one that opens something

Who = tuple[str, str, str]  # as `keypad` and `person` make them


def keypad(door: str, reader: str) -> Who:
    """Whoever types there."""
    return "keypad", door, reader


def person(platform: str, key: str) -> Who:
    """Whoever types a PIN after a card of this person, at whatever door."""
    return "person", platform, key


def digits_needed(pins: int, *, duress: bool) -> int:
    """How many digits PINs need at least if there are so many; `duress` doubles what opens."""
    codes = pins * CODES_EACH * (2 if duress else 1)
    return len(str(codes - 1)) if codes > 1 else 0


class Tried(NamedTuple):
    """A PIN that was looked at: for whom it counts, whether it was right, when (boottime)."""

    whose: tuple[Who, ...]
    right: bool
    at: float


class _Count(NamedTuple):
    wrong: int = 0
    until: float = 0.0


@dataclass(slots=True)
class Tries:
    """For all doors of a controller. Instants are of the boottime clock: no step of the wall clock
    shortens a pause, and a suspended machine waits too.
    """

    _counts: dict[Who, _Count] = field(default_factory=dict)

    def silent_for(self, whose: Iterable[Who], at: float) -> float:
        """Seconds for which no PIN of theirs is looked at; 0: it is."""
        ends = (self._counts[who].until for who in whose if who in self._counts)
        return max(0.0, max(ends, default=0.0) - at)

    def note(self, tried: Tried) -> list[tuple[Who, int, float]]:
        """Count it; whose pause begins now, after how many wrong ones, and for how many seconds."""
        if tried.right:
            for who in tried.whose:
                self._counts.pop(who, None)
            return []
        return [began for who in tried.whose if (began := self._wrong(who, tried.at))]

    def recall(self, past: Iterable[Tried]) -> None:
        """Count again what was counted before a restart, in order."""
        for tried in past:
            self.note(tried)

    def standing(self, at: float) -> dict[Who, float]:
        """Whose pause goes on, and for how many seconds."""
        counts = dict(self._counts)  # other threads count on
        return {who: count.until - at for who, count in counts.items() if count.until > at}

    def _wrong(self, who: Who, at: float) -> tuple[Who, int, float] | None:
        wrong = self._counts.get(who, _Count()).wrong + 1
        if wrong < TRIES:
            self._counts[who] = _Count(wrong)
            return None
        pause = min(FIRST_PAUSE * 2 ** min(wrong - TRIES, 10), LONGEST_PAUSE)
        self._counts[who] = _Count(wrong, at + pause)
        return who, wrong, pause
