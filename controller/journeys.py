"""One credential at two doors, sooner than anybody gets from one to the other. Pure."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Journey:
    """From any of these doors to another (none named: any doors) nobody takes less than `takes`
    seconds. `refuses`: who does is refused, not only reported.
    """

    takes: float
    doors: frozenset[str] = frozenset()
    refuses: bool = False

    def links(self, one: str, other: str) -> bool:
        return not self.doors or {one, other} <= self.doors


class Elsewhere(NamedTuple):
    """It was at `door` so many seconds before."""

    door: str
    seconds: float
    journey: Journey


class Journeys:
    """Where credentials were presented last, for all doors of a controller.

    Instants are of the boottime clock, so that no step of the wall clock raises or hides an alarm.
    The first journey that links two doors rules.
    """

    def __init__(self, journeys: Iterable[Journey] = ()) -> None:
        self._journeys = tuple(journeys)
        self._longest = max((each.takes for each in self._journeys), default=0.0)
        self._seen: dict[Hashable, tuple[str, float]] = {}  # oldest first

    def presented(self, credential: Hashable, door: str, at: float) -> Elsewhere | None:
        """It was presented; None if it may well be the same one as before."""
        if not self._journeys:
            return None
        found = self._found(credential, door, at)
        if not (found and found.journey.refuses):  # who is refused has gone nowhere
            self._seen.pop(credential, None)
            self._seen[credential] = (door, at)
        self._forget(at)
        return found

    def _found(self, credential: Hashable, door: str, at: float) -> Elsewhere | None:
        before, when = self._seen.get(credential, (door, at))
        if before == door:
            return None
        journey = next((each for each in self._journeys if each.links(before, door)), None)
        if journey is None or at - when >= journey.takes:
            return None
        return Elsewhere(before, at - when, journey)

    def _forget(self, at: float) -> None:
        """What is too long ago to matter; two at most each time, so that no scan waits for it."""
        for _ in range(2):
            oldest = next(iter(self._seen), None)
            if oldest is None or at - self._seen[oldest][1] <= self._longest:
                return
            del self._seen[oldest]
