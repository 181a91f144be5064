"""Stand-ins for the few things a test must be able to bend: so far the clock."""

from controller.model import Now, Trust

MONDAY = 1_767_607_200.0  # 2026-01-05 10:00 UTC, eleven o’clock in Berlin


class FakeClock:
    """A `controller.ports.Clock` that stands still until told otherwise. All fields may be set."""

    def __init__(
        self,
        wall: float = MONDAY,
        trust: Trust = Trust.SYNCHRONIZED,
        *,
        monotonic: float = 1000.0,
        boottime: float = 1000.0,
    ) -> None:
        self.wall_time = wall
        self.monotonic_time = monotonic
        self.boottime_time = boottime
        self.trust_now = trust

    def wall(self) -> float:
        return self.wall_time

    def monotonic(self) -> float:
        return self.monotonic_time

    def boottime(self) -> float:
        return self.boottime_time

    def trust(self) -> Trust:
        return self.trust_now

    def now(self) -> Now:
        """What `decide` takes."""
        return Now(self.wall_time, self.trust_now)

    def advance(self, seconds: float) -> None:
        """Time goes by: all three move."""
        self.wall_time += seconds
        self.monotonic_time += seconds
        self.boottime_time += seconds

    def suspend(self, seconds: float) -> None:
        """The machine is suspended: only the monotonic clock stands still."""
        self.wall_time += seconds
        self.boottime_time += seconds

    def step(self, seconds: float) -> None:
        """Somebody or NTP sets the wall clock, forwards or back; nothing else moves."""
        self.wall_time += seconds
