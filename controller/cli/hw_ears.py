"""What a technician hears from a door's devices, and what hands at a door can do.

Card numbers are told whole, for the screen; of keys no more than how many.
"""

import queue
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from controller.errors import DoorwardError
from controller.ports import Health, Level, Signal, Told

INPUTS = ("contact", "exit_button", "tamper", "fire")


class Seen(NamedTuple):
    """What one part of a door told."""

    door: str
    part: str
    told: Told


Hear = Callable[[Seen | DoorwardError], None]
Found = TypeVar("Found")


class Hands(Protocol):
    """What can be done at one door. The methods raise `DoorwardError`."""

    @property
    def how(self) -> str:
        """Which way the devices are reached, in words."""

    def release(self, seconds: float) -> None:
        """Unlock it for so long; it locks by itself."""

    def trouble(self) -> str:
        """Why the door may not be locked now, after a release is over; "" if it is."""

    def show(self, signal: Signal, seconds: float) -> None: ...

    def close(self) -> None:
        """Leave it as it was, locked. Never raises."""


class Ears:
    """What is told, in order; remembers how each part stands. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.levels: dict[tuple[str, str], bool] = {}
        self.healths: dict[tuple[str, str], Health] = {}
        self._clock = clock
        self._told: queue.SimpleQueue[Seen | DoorwardError] = queue.SimpleQueue()

    def hear(self, what: Seen | DoorwardError) -> None:
        """From any thread."""
        self._told.put(what)

    def next(self, seconds: float) -> Seen | None:
        """The next thing told within so long; raises what went wrong with the listening."""
        try:
            seen = self._told.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        if isinstance(seen, DoorwardError):
            raise seen
        if isinstance(seen.told, Level):
            self.levels[seen.door, seen.part] = seen.told.active
        elif isinstance(seen.told, Health):
            self.healths[seen.door, seen.part] = seen.told
        return seen

    def all(self, seconds: float | None) -> Iterator[Seen]:
        """Everything told for so long, or for ever."""
        end = None if seconds is None else self._clock() + seconds
        while end is None or self._clock() < end:
            # Woken now and then: a wait without end would not notice Ctrl-C on every system.
            seen = self.next(1.0 if end is None else min(1.0, end - self._clock()))
            if seen:
                yield seen

    def first(self, fits: Callable[[Seen], Found | None], seconds: float) -> Found | None:
        """The first that fits, or None if there is none within so long."""
        for seen in self.all(seconds):
            if (found := fits(seen)) is not None:
                return found
        return None

    def forget(self) -> None:
        """Take no notice of what was told until now, but for how each part stands."""
        while self.next(0.0):
            pass


def level_of(part: str) -> Callable[[Seen], bool | None]:
    """For `Ears.first`: a level that this part tells."""

    def fits(seen: Seen) -> bool | None:
        return seen.told.active if seen.part == part and isinstance(seen.told, Level) else None

    return fits
