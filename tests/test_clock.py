"""The clock after a power cut: what it is worth, and that it never falls behind the journal."""

from pathlib import Path

import pytest
from freezegun import freeze_time

from controller.clock import StepWatch, SystemClock, boot_id, kernel_unsynchronised
from controller.clocktrust import assess
from controller.model import Trust
from controller.ports import Clock
from tests.fakes import MONDAY, FakeClock

HOUR = 3600.0


class Kernel:
    """The kernel's word on its clock, to be set."""

    def __init__(self, *, unsynchronised: bool) -> None:
        self.unsynchronised = unsynchronised

    def __call__(self) -> bool:
        return self.unsynchronised


@pytest.mark.parametrize(
    ("unsynchronised", "earlier", "rtc", "ahead_of_floor", "trust"),
    [
        (False, False, False, -1.0, Trust.SYNCHRONIZED),  # a time server outweighs everything
        (True, True, False, -1.0, Trust.HELD),  # nine hours after the last contact
        (True, False, True, 0.0, Trust.HELD),
        (True, False, True, -1.0, Trust.GUESSED),  # the RTC lost its battery
        (True, False, False, 1.0, Trust.GUESSED),  # goes on from the last saved time: plausible
    ],
)
def test_trust(
    unsynchronised: bool, earlier: bool, rtc: bool, ahead_of_floor: float, trust: Trust
) -> None:
    found = assess(
        unsynchronised=unsynchronised,
        was_synchronised=earlier,
        has_rtc=rtc,
        wall=MONDAY + ahead_of_floor,
        floor=MONDAY,
    )
    assert found is trust


def test_power_cut_without_battery_and_network_then_the_network_returns(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=True)
    outage = 5 * HOUR
    with freeze_time("2026-01-05 10:00") as frozen:
        clock = SystemClock(tmp_path, floor=MONDAY + outage, unsynchronised=kernel)
        assert clock.trust() is Trust.GUESSED
        assert clock.wall() == MONDAY + outage, "not behind what the journal has seen"
        frozen.tick(60)
        assert clock.wall() == MONDAY + outage + 60, "and it does not stand still there"

        kernel.unsynchronised = False
        frozen.move_to("2026-01-05 15:30")
        assert clock.trust() is Trust.SYNCHRONIZED
        assert clock.wall() == MONDAY + 5.5 * HOUR

        kernel.unsynchronised = True  # the line is down again, and nine hours go by
        frozen.tick(10 * HOUR)
        assert clock.trust() is Trust.HELD
        assert clock.wall() == MONDAY + 15.5 * HOUR


def test_a_journal_that_was_a_year_on_does_not_bind_a_synchronised_clock(tmp_path: Path) -> None:
    with freeze_time("2026-01-05 10:00"):
        next_year = MONDAY + 365 * 24 * HOUR
        clock = SystemClock(tmp_path, floor=next_year, unsynchronised=Kernel(unsynchronised=False))
        assert clock.wall() == MONDAY


def test_the_floor_moves_with_the_journal(tmp_path: Path) -> None:
    newest = MONDAY
    with freeze_time("2026-01-05 10:00") as frozen:
        clock = SystemClock(tmp_path, lambda: newest, unsynchronised=Kernel(unsynchronised=True))
        clock.trust()
        newest = MONDAY + HOUR
        frozen.tick(10)
        assert clock.wall() == MONDAY + HOUR


@pytest.mark.parametrize("ahead", [-1.0, 0.0, 0.4118893, 1e9])
def test_a_guessed_clock_never_falls_behind(ahead: float, tmp_path: Path) -> None:
    floor = MONDAY + ahead
    with freeze_time("2026-01-05 10:00") as frozen:
        clock = SystemClock(tmp_path, floor, unsynchronised=Kernel(unsynchronised=True))
        for _ in range(3):
            assert clock.wall() >= floor
            frozen.tick(7)


def test_what_was_learnt_lasts_as_long_as_the_boot(tmp_path: Path) -> None:
    SystemClock(tmp_path, unsynchronised=Kernel(unsynchronised=False)).trust()
    far = 1e11  # no RTC counts beside this floor
    restarted = SystemClock(tmp_path, far, unsynchronised=Kernel(unsynchronised=True))
    assert restarted.trust() is Trust.HELD

    for memory in tmp_path.iterdir():
        memory.write_text("another boot")
    rebooted = SystemClock(tmp_path, far, unsynchronised=Kernel(unsynchronised=True))
    assert rebooted.trust() is Trust.GUESSED


def test_a_clock_somebody_answers_for_is_never_a_guess(tmp_path: Path) -> None:
    unsynchronised = Kernel(unsynchronised=True)
    clock = SystemClock(tmp_path, 1e11, "always", unsynchronised=unsynchronised)
    assert clock.trust() is Trust.HELD
    assert clock.wall() < 1e11


def test_the_kernel_is_asked_anew_only_after_ten_seconds(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=True)
    with freeze_time("2026-01-05 10:00") as frozen:
        clock = SystemClock(tmp_path, 1e11, unsynchronised=kernel)
        assert clock.trust() is Trust.GUESSED
        kernel.unsynchronised = False
        frozen.tick(9.9)
        assert clock.trust() is Trust.GUESSED
        frozen.tick(0.1)
        assert clock.trust() is Trust.SYNCHRONIZED


def test_this_machine(tmp_path: Path) -> None:
    clock: Clock = SystemClock(tmp_path)
    assert clock.wall() > MONDAY
    assert 0 < clock.monotonic() <= clock.boottime() + 0.001
    assert (clock.trust() is Trust.SYNCHRONIZED) is not kernel_unsynchronised()
    assert len(boot_id()) == 36


def test_a_step_is_told_once_and_slow_corrections_never() -> None:
    clock = FakeClock()
    watch = StepWatch(clock, tolerance=2.0)
    clock.advance(HOUR)
    assert watch.step() == 0.0
    clock.step(-HOUR)
    clock.advance(5)
    assert watch.step() == -HOUR
    assert watch.step() == 0.0
    for _ in range(10):
        clock.advance(60)
        clock.step(0.5)
        assert watch.step() == 0.0


def test_a_suspended_machine_wakes_up_to_a_step() -> None:
    clock = FakeClock()
    watch = StepWatch(clock)
    clock.suspend(HOUR)
    assert watch.step() == HOUR
    assert clock.boottime() - clock.monotonic() == HOUR
