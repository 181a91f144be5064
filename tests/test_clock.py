"""The clock after a power cut: what it is worth, and that it never falls behind the journal."""

from pathlib import Path

import pytest

from controller.clock import Machine, StepWatch, SystemClock, boot_id, clock_state, disbelieved
from controller.clocktrust import assess
from controller.model import Trust
from controller.ports import Clock
from tests.fakes import MONDAY, FakeClock
from tests.kernels import Kernel

HOUR, DAY, YEAR = 3600.0, 86_400.0, 365 * 86_400.0


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
    clock = SystemClock(tmp_path, MONDAY + outage, machine=kernel)
    assert clock.trust() is Trust.GUESSED
    assert clock.wall() == MONDAY + outage, "not behind what the journal has seen"
    kernel.pass_by(60)
    assert clock.wall() == MONDAY + outage + 60, "and it does not stand still there"

    kernel.ntp(5.5 * HOUR - 60)
    assert clock.wall() == MONDAY + 5.5 * HOUR, "noticed as it happens"
    assert clock.trust() is Trust.SYNCHRONIZED

    kernel.is_unsynchronised = True  # the line is down again, and nine hours go by
    kernel.pass_by(10 * HOUR)
    assert clock.trust() is Trust.HELD
    assert clock.wall() == MONDAY + 15.5 * HOUR
    kernel.pass_by(30 * DAY)
    assert clock.trust() is Trust.HELD, "and a month"


def test_a_battery_backed_clock_bridges_a_power_cut(tmp_path: Path) -> None:
    clock = SystemClock(tmp_path, MONDAY - HOUR, machine=Kernel(unsynchronised=True, rtc=MONDAY))
    assert clock.trust() is Trust.HELD


def test_a_flat_battery_does_not(tmp_path: Path) -> None:
    clock = SystemClock(tmp_path, MONDAY - HOUR, machine=Kernel(unsynchronised=True, rtc=0.0))
    assert clock.trust() is Trust.GUESSED


def test_a_journal_that_was_a_year_on_does_not_bind_a_synchronised_clock(tmp_path: Path) -> None:
    clock = SystemClock(tmp_path, MONDAY + YEAR, machine=Kernel(unsynchronised=False))
    assert clock.wall() == MONDAY


def test_the_floor_moves_with_the_journal(tmp_path: Path) -> None:
    newest, kernel = MONDAY, Kernel(unsynchronised=True)
    clock = SystemClock(tmp_path, lambda: newest, machine=kernel)
    clock.trust()
    newest = MONDAY + HOUR
    kernel.pass_by(10)
    assert clock.wall() == MONDAY + HOUR


@pytest.mark.parametrize("ahead", [-1.0, 0.0, 0.4118893, 1e9])
def test_a_guessed_clock_never_falls_behind(ahead: float, tmp_path: Path) -> None:
    floor, kernel = MONDAY + ahead, Kernel(unsynchronised=True)
    clock = SystemClock(tmp_path, floor, machine=kernel)
    for _ in range(3):
        assert clock.wall() >= floor
        kernel.pass_by(7)


def test_what_was_learnt_lasts_as_long_as_the_boot(tmp_path: Path) -> None:
    SystemClock(tmp_path, machine=Kernel(unsynchronised=False)).trust()
    far = 1e11  # no RTC counts beside this floor
    restarted = SystemClock(tmp_path, far, machine=Kernel(unsynchronised=True))
    assert restarted.trust() is Trust.HELD

    for memory in tmp_path.iterdir():
        memory.write_text("another boot")
    rebooted = SystemClock(tmp_path, far, machine=Kernel(unsynchronised=True))
    assert rebooted.trust() is Trust.GUESSED


def test_a_clock_somebody_answers_for_is_never_a_guess(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=True)
    clock = SystemClock(tmp_path, 1e11, "always", machine=kernel)
    assert clock.trust() is Trust.HELD
    kernel.set_by_hand(YEAR)
    assert clock.wall() == MONDAY + YEAR


def test_the_kernel_is_asked_anew_only_after_ten_seconds_or_a_step(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=True)
    clock = SystemClock(tmp_path, 1e11, machine=kernel)
    clock.trust()
    kernel.pass_by(9.9)
    clock.wall()
    assert kernel.asked == 1
    kernel.pass_by(0.1)
    clock.wall()
    assert kernel.asked == 2
    kernel.clock.step(-1.5)
    for _ in range(100):
        clock.wall()
    assert kernel.asked == 3


@pytest.mark.parametrize("leap", [-YEAR, -2 * DAY, 2 * DAY, YEAR, 2**31 - MONDAY])
@pytest.mark.parametrize("rtc", [None, MONDAY])
def test_a_leap_nobody_vouches_for_is_not_followed(
    tmp_path: Path, leap: float, rtc: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    kernel = Kernel(unsynchronised=False, rtc=rtc)
    clock = SystemClock(tmp_path, machine=kernel)
    assert clock.wall() == MONDAY
    kernel.set_by_hand(leap)
    kernel.pass_by(HOUR)
    assert clock.wall() == MONDAY + HOUR
    assert clock.trust() is Trust.HELD
    assert clock_state(clock)["disbelieved"] == leap
    assert "nobody vouches" in caplog.text

    restarted = SystemClock(tmp_path, machine=kernel)
    assert restarted.wall() == MONDAY + HOUR, "a process that starts meanwhile knows it too"

    kernel.set_by_hand(-leap)
    assert clock.wall() == MONDAY + HOUR
    assert disbelieved(clock) == 0


@pytest.mark.parametrize("leap", [-YEAR, YEAR])
def test_a_leap_of_a_time_server_is_followed_there_and_back(tmp_path: Path, leap: float) -> None:
    kernel = Kernel(unsynchronised=False)
    clock = SystemClock(tmp_path, machine=kernel)
    clock.trust()
    for way in (leap, -leap):
        before = clock.wall()
        kernel.ntp(way)
        assert clock.wall() == before + way
        assert clock.trust() is Trust.SYNCHRONIZED


def test_an_operator_may_set_both_clocks_or_correct_an_hour(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=True, rtc=MONDAY)
    clock = SystemClock(tmp_path, machine=kernel)
    assert clock.trust() is Trust.HELD
    kernel.set_by_hand(HOUR)
    assert clock.wall() == MONDAY + HOUR
    kernel.set_by_hand(9 * DAY)  # timedatectl set-time sets the RTC with it
    kernel.rtc = kernel.wall()
    assert clock.wall() == MONDAY + HOUR + 9 * DAY


def test_a_guess_may_be_corrected_by_hand(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=True)
    clock = SystemClock(tmp_path, MONDAY, machine=kernel)
    clock.trust()
    kernel.set_by_hand(9 * DAY)
    assert clock.wall() == MONDAY + 9 * DAY
    assert clock.trust() is Trust.GUESSED


def test_a_guest_that_was_frozen_goes_by_its_host(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=True, rtc=MONDAY)
    clock = SystemClock(tmp_path, machine=kernel)
    clock.trust()
    kernel.rtc = MONDAY + 5 * DAY  # no clock of the guest went on meanwhile, its RTC is the host's
    kernel.set_by_hand(5 * DAY)
    assert clock.wall() == MONDAY + 5 * DAY


def test_this_machine(tmp_path: Path) -> None:
    clock: Clock = SystemClock(tmp_path)
    assert clock.wall() > MONDAY
    assert 0 < clock.monotonic() <= clock.boottime() + 0.001
    assert (clock.trust() is Trust.SYNCHRONIZED) is not Machine().unsynchronised()
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


def test_after_a_leap_onwards_nothing_old_is_deleted_for_a_day() -> None:
    clock = FakeClock()
    watch = StepWatch(clock)
    clock.step(-YEAR)
    watch.step()
    assert watch.settled(), "back deletes nothing"
    clock.step(YEAR)
    watch.step()
    assert not watch.settled()
    clock.advance(DAY)
    assert watch.settled()
