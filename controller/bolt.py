"""A door's lock over time: told again while a release lasts, and asked now and then while shut."""

from controller.errors import HardwareError
from controller.ports import Clock, Lock

LONGEST = 10.0  # seconds of one command; a lock that hears no more shuts by itself
AGAIN = 5.0  # seconds before the end of a command (or since the last look) at which it is repeated


class Bolt:
    """Used by the door's own thread. `fault` says what is wrong with the lock, "" if nothing."""

    def __init__(self, lock: Lock, clock: Clock) -> None:
        self.fault = ""
        self._lock, self._clock = lock, clock
        self._until: float | None = None  # monotonic end of the last command to release
        self._looked_at = clock.monotonic()

    @property
    def released(self) -> bool:
        return self._until is not None

    def release(self, until: float) -> None:
        """Released until then (monotonic); cheap if the lock knows already."""
        now = self._clock.monotonic()
        if self._until is not None and (until <= self._until or self._until - now > AGAIN):
            return
        seconds = min(until - now, LONGEST)
        try:
            self._lock.release(seconds)
        except HardwareError as error:
            self.fault, self._until = str(error), None
            return
        self.fault, self._until = "", now + seconds

    def secure(self) -> None:
        """Shut, and every few seconds again: so a lock that was lost is noticed."""
        now = self._clock.monotonic()
        if self._until is None and now - self._looked_at < AGAIN:
            return
        self.shut()

    def shut(self) -> None:
        """At once, whatever was before."""
        self._looked_at, self._until = self._clock.monotonic(), None
        self.fault = self._lock.secure()

    def next_change(self, until: float) -> float:
        """When (monotonic) `release` has something to do again for a release until then."""
        return self._until - AGAIN if self._until is not None and self._until < until else until
