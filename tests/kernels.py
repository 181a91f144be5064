"""A machine whose clocks, and whose word on them, can be bent; and a clock that judges it."""

from collections.abc import Callable
from pathlib import Path

from controller.clock import Machine, SystemClock
from tests.fakes import FakeClock

DAY = 86_400.0


class Kernel(Machine):
    """A machine whose clocks and whose word on them are to be set; `rtc`: its time, if it has one.

    All begin on Monday at 10:00.
    """

    def __init__(self, *, unsynchronised: bool, rtc: float | None = None) -> None:
        self.clock = FakeClock()
        self.is_unsynchronised, self.rtc = unsynchronised, rtc
        self.asked = 0

    def wall(self) -> float:
        return self.clock.wall()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def boottime(self) -> float:
        return self.clock.boottime()

    def unsynchronised(self) -> bool:
        self.asked += 1
        return self.is_unsynchronised

    def kept_while_off(self, wall: float) -> bool:
        return self.rtc_agrees(wall)

    def rtc_agrees(self, wall: float) -> bool:
        return self.rtc is not None and abs(self.rtc - wall) <= DAY

    def pass_by(self, seconds: float) -> None:
        self.clock.advance(seconds)
        if self.rtc is not None:
            self.rtc += seconds

    def ntp(self, seconds: float) -> None:
        """A time server is reached, and steps the clock."""
        self.clock.step(seconds)
        self.is_unsynchronised = False
        if self.rtc is not None:
            self.rtc = self.clock.wall()

    def set_by_hand(self, seconds: float) -> None:
        """`date -s`: the kernel calls itself unsynchronised from then on."""
        self.clock.step(seconds)
        self.is_unsynchronised = True


class Judged(SystemClock, FakeClock):
    """The product's own clock over such a machine, as stories move it."""

    def __init__(self, kernel: Kernel, run: Path, floor: Callable[[], float]) -> None:
        super().__init__(run, floor, machine=kernel)
        self.kernel = kernel

    def advance(self, seconds: float) -> None:
        self.kernel.pass_by(seconds)

    def step(self, seconds: float) -> None:
        self.kernel.set_by_hand(seconds)
