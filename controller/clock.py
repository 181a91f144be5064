"""The machine's clocks: the one place that reads time."""

import ctypes
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from controller.clocktrust import assess
from controller.config import Config
from controller.model import Trust
from controller.ports import Clock

OFFSET = "clock-offset"  # file under the run directory by which a simulated clock is off
_ASSESSED_FOR = 10.0  # seconds for which one look at the clock's state is good
_STA_UNSYNC = 0x40
_DAY = 86_400.0


class SystemClock:
    """`controller.ports.Clock` on this machine; any thread may use it.

    `floor`: the time of the journal's newest entry (the last one, not the greatest time), a number
    or something that any thread may call. `run_dir` lasts as long as the boot and keeps what was
    learnt about the clock. `mode` "always" says that somebody else answers for the time.
    `unsynchronised` asks the kernel.
    """

    def __init__(
        self,
        run_dir: Path,
        floor: Callable[[], float] | float = 0.0,
        mode: str = "auto",
        *,
        unsynchronised: Callable[[], bool] | None = None,
    ) -> None:
        self._memory = run_dir / "clock-synchronised"
        self._floor = floor if callable(floor) else lambda: floor
        self._answered_for = mode == "always"
        self._unsynchronised = unsynchronised or kernel_unsynchronised
        self._was_synchronised = False
        self._has_rtc = False
        self._bound = (0.0, 0.0)  # wall time that had been reached, and when (monotonic)
        self._trust = Trust.GUESSED
        self._assess_at = 0.0

    def wall(self) -> float:
        """Unix seconds. While they are guessed they go on from the floor, never behind it."""
        told = time.time()
        return max(told, self._running_bound()) if self.trust() is Trust.GUESSED else told

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def trust(self) -> Trust:
        now = time.monotonic()
        if now >= self._assess_at:
            self._trust = self._assess()
            self._assess_at = now + _ASSESSED_FOR
        return self._trust

    def _assess(self) -> Trust:
        told, floor = time.time(), self._floor()
        if floor > self._running_bound():
            self._bound = (floor, time.monotonic())
        unsynchronised = self._unsynchronised()
        self._remember(synchronised=not unsynchronised)
        # An RTC that was once right is not asked again: over I2C that takes milliseconds.
        if unsynchronised and not self._has_rtc:
            self._has_rtc = _time_kept_while_off(told)
        return assess(
            unsynchronised=unsynchronised,
            was_synchronised=self._was_synchronised or self._answered_for,
            has_rtc=self._has_rtc,
            wall=told,
            floor=floor,
        )

    def _running_bound(self) -> float:
        floor, reached = self._bound
        return floor + (time.monotonic() - reached)

    def _remember(self, *, synchronised: bool) -> None:
        if self._was_synchronised:
            return
        if synchronised:
            with suppress(OSError):
                self._memory.write_text(boot_id())
        self._was_synchronised = synchronised or _text(self._memory) == boot_id()


class SkewedClock:
    """A clock set off by the seconds in a file: for the sandbox, where tomorrow must come today."""

    def __init__(self, clock: Clock, offset: Path) -> None:
        self._clock, self._offset = clock, offset

    def wall(self) -> float:
        try:
            return self._clock.wall() + float(_text(self._offset) or 0)
        except ValueError:
            return self._clock.wall()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def boottime(self) -> float:
        return self._clock.boottime()

    def trust(self) -> Trust:
        return self._clock.trust()


def configured_clock(config: Config, floor: Callable[[], float]) -> Clock:
    """The clock that the configuration asks for; `floor` as in SystemClock."""
    clock = SystemClock(config.run, floor, config.clock.trust)
    return SkewedClock(clock, config.run / OFFSET) if config.clock.simulated else clock


class StepWatch:
    """Notices that the wall clock was set. Slow corrections below `tolerance` seconds are not."""

    def __init__(self, clock: Clock, tolerance: float = 2.0) -> None:
        self._clock, self._tolerance = clock, tolerance
        self._offset = self._measure()

    def step(self) -> float:
        """Seconds by which the wall moved against the monotonic clock since the last call, or 0."""
        before, self._offset = self._offset, self._measure()
        moved = self._offset - before
        return moved if abs(moved) > self._tolerance else 0.0

    def _measure(self) -> float:
        return self._clock.wall() - self._clock.monotonic()


def boot_id() -> str:
    """The kernel's name for this run of the machine."""
    return _text(Path("/proc/sys/kernel/random/boot_id")) or "unknown"


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` (adjtimex(2)) and more room than the rest of it needs."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def kernel_unsynchronised() -> bool:
    """Does the kernel hold its clock to be out of step with any time server, or not say?"""
    state = _Timex(modes=0)  # reads only, and needs no privilege
    return _libc.adjtimex(ctypes.byref(state)) < 0 or bool(state.status & _STA_UNSYNC)


def _time_kept_while_off(wall: float) -> bool:
    """A battery-backed clock that agrees roughly, or a host that gave a virtual machine its time.

    Roughly: some keep local time. One with a flat battery is years away.
    """
    rtc = _text(Path("/sys/class/rtc/rtc0/since_epoch"))
    if rtc.isdigit() and abs(int(rtc) - wall) <= _DAY:
        return True
    return " hypervisor" in _text(Path("/proc/cpuinfo"))


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
