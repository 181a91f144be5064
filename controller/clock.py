"""The machine's clocks: the one place that reads time."""

import ctypes
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import structlog

from controller.clocktrust import assess
from controller.config import Config
from controller.model import Trust
from controller.ports import Clock

log = structlog.get_logger(__name__)

OFFSET = "clock-offset"  # file under the run directory by which a simulated clock is off
_ASSESSED_FOR = 10.0  # seconds for which one look at the clock's state is good
_STA_UNSYNC = 0x40
_DAY = 86_400.0
_STEP = 1.0  # seconds by which the clock may have moved unnoticed


class Machine:
    """What the kernel says of time, unjudged."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def unsynchronised(self) -> bool:
        """Does the kernel hold its clock to be out of step with any time server, or not say?"""
        state = _Timex(modes=0)  # reads only, and needs no privilege
        return _libc.adjtimex(ctypes.byref(state)) < 0 or bool(state.status & _STA_UNSYNC)

    def kept_while_off(self, wall: float) -> bool:
        """A battery-backed clock that agrees roughly, or a host that gave a guest its time."""
        return self.rtc_agrees(wall) or " hypervisor" in _text(Path("/proc/cpuinfo"))

    def rtc_agrees(self, wall: float) -> bool:
        """Roughly: some keep local time. One with a flat battery is years away."""
        rtc = _text(Path("/sys/class/rtc/rtc0/since_epoch"))
        return rtc.isdigit() and abs(int(rtc) - wall) <= _DAY


class SystemClock:
    """`controller.ports.Clock` on this machine; any thread may use it.

    `floor`: the time of the journal's newest entry (the last one, not the greatest time), a number
    or something that any thread may call. `run_dir` lasts as long as the boot and keeps what was
    learnt about the clock. `mode` "always" says that somebody else answers for the time.

    A time that was good is not given up for one that nobody vouches for: if the clock is set by
    more than a day and neither a time server nor the RTC says so, time goes on as it was.
    """

    def __init__(
        self,
        run_dir: Path,
        floor: Callable[[], float] | float = 0.0,
        mode: str = "auto",
        *,
        machine: Machine | None = None,
    ) -> None:
        self._memory = run_dir / "clock-synchronised"
        self._floor = floor if callable(floor) else lambda: floor
        self._answered_for = mode == "always"
        self._machine = machine or Machine()
        self._was_synchronised = False
        self._has_rtc = False
        self._bound = (0.0, 0.0)  # wall time that had been reached, and when (monotonic)
        self._trust = Trust.GUESSED
        self._assess_at = 0.0
        # Wall time less boottime: as the kernel had it when looked at, as it was when last good,
        # as it was last written down.
        self._seen = math.nan
        self._good: float | None = None
        self._written = math.nan
        self.disbelieved = 0.0  # seconds by which the kernel's clock was set, and is not followed

    def wall(self) -> float:
        """Unix seconds. While they are guessed they go on from the floor, never behind it."""
        trust, told = self.trust(), self._machine.wall()
        if trust is Trust.GUESSED:
            return max(told, self._running_bound())
        return told - self.disbelieved

    def monotonic(self) -> float:
        return self._machine.monotonic()

    def boottime(self) -> float:
        return self._machine.boottime()

    def trust(self) -> Trust:
        now = self._machine.monotonic()
        moved = self._offset() - self._seen
        if now >= self._assess_at or not abs(moved) <= _STEP:  # a step is noticed as it happens
            self._trust = self._assess()
            self._assess_at = now + _ASSESSED_FOR
        return self._trust

    def _offset(self) -> float:
        return self._machine.wall() - self._machine.boottime()

    def _assess(self) -> Trust:
        floor, self._seen = self._floor(), self._offset()
        if floor > self._running_bound():
            self._bound = (floor, self._machine.monotonic())
        unsynchronised = self._machine.unsynchronised()
        self._recall(synchronised=not unsynchronised)
        self._judge_step(unsynchronised=unsynchronised)
        wall = self._machine.wall() - self.disbelieved
        # An RTC that was once right is not asked again: over I2C that takes milliseconds.
        if unsynchronised and not self._has_rtc:
            self._has_rtc = self._machine.kept_while_off(wall)
        trust = assess(
            unsynchronised=unsynchronised,
            was_synchronised=self._was_synchronised or self._answered_for,
            has_rtc=self._has_rtc,
            wall=wall,
            floor=floor,
        )
        if trust is not Trust.GUESSED and not self.disbelieved:
            self._good = self._seen
        self._remember()
        return trust

    def _judge_step(self, *, unsynchronised: bool) -> None:
        before, moved = self.disbelieved, self._seen - (self._good or 0.0)
        vouched_for = (
            not unsynchronised
            or self._answered_for
            or self._good is None
            or abs(moved) <= _DAY
            or self._machine.rtc_agrees(self._machine.wall())
        )
        self.disbelieved = 0.0 if vouched_for else moved
        if bool(before) is not bool(self.disbelieved):
            seconds = round(self.disbelieved or before, 1)
            words = "followed again" if vouched_for else "set, and not followed: nobody vouches"
            log.warning(f"the machine's clock is {words}", seconds=seconds)

    def _running_bound(self) -> float:
        floor, reached = self._bound
        return floor + (self._machine.monotonic() - reached)

    def _recall(self, *, synchronised: bool) -> None:
        """Was it synchronised in this boot, by what is known or written down?"""
        if self._was_synchronised:
            return
        boot, _, good = _text(self._memory).partition(" ")
        if boot == boot_id():
            self._was_synchronised = True
            with suppress(ValueError):
                self._good = float(good)
        self._was_synchronised |= synchronised

    def _remember(self) -> None:
        """Write down, for processes to come, what the time is by one that was synchronised."""
        if not self._was_synchronised or self._good is None:
            return
        if abs(self._good - self._written) <= _STEP:
            return
        new = self._memory.with_name(f"{self._memory.name}.{os.getpid()}")
        with suppress(OSError):
            new.write_text(f"{boot_id()} {self._good:.3f}")
            new.replace(self._memory)
        self._written = self._good


class SkewedClock:
    """A clock set off by the seconds in a file: for the sandbox, where tomorrow must come today."""

    def __init__(self, clock: Clock, offset: Path) -> None:
        self.under, self._offset = clock, offset

    def wall(self) -> float:
        try:
            return self.under.wall() + float(_text(self._offset) or 0)
        except ValueError:
            return self.under.wall()

    def monotonic(self) -> float:
        return self.under.monotonic()

    def boottime(self) -> float:
        return self.under.boottime()

    def trust(self) -> Trust:
        return self.under.trust()


def configured_clock(config: Config, floor: Callable[[], float]) -> Clock:
    """The clock that the configuration asks for; `floor` as in SystemClock."""
    clock = SystemClock(config.run, floor, config.clock.trust)
    return SkewedClock(clock, config.run / OFFSET) if config.clock.simulated else clock


def disbelieved(clock: Clock) -> float:
    """Seconds by which the machine's clock was set and is not followed, as nobody vouches; or 0."""
    if isinstance(clock, SkewedClock):
        return disbelieved(clock.under)
    if not isinstance(clock, SystemClock):
        return 0.0
    clock.trust()
    return clock.disbelieved


def clock_state(clock: Clock) -> dict[str, Any]:
    """What a status says of the clock: `wall`, `trust`, and `disbelieved` seconds."""
    trust, wall = clock.trust().value, clock.wall()
    return {"wall": wall, "trust": trust, "disbelieved": round(disbelieved(clock), 1)}


class Ticking(Protocol):
    """A `Clock`, or the bare machine."""

    def wall(self) -> float: ...
    def monotonic(self) -> float: ...


class StepWatch:
    """Notices that the wall clock was set. Slow corrections below `tolerance` seconds are not."""

    def __init__(self, clock: Ticking, tolerance: float = 2.0) -> None:
        self._clock, self._tolerance = clock, tolerance
        self._offset = self._measure()
        self._settles_at = -math.inf

    def step(self) -> float:
        """Seconds by which the wall moved against the monotonic clock since the last call, or 0."""
        before, self._offset = self._offset, self._measure()
        moved = self._offset - before
        if moved > _DAY:
            self._settles_at = self._clock.monotonic() + _DAY
        return moved if abs(moved) > self._tolerance else 0.0

    def settled(self) -> bool:
        """False for a day after a leap onwards: it may be taken back, what is deleted may not."""
        return self._clock.monotonic() >= self._settles_at

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


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
