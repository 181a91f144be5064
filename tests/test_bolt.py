"""A lock over time: commands that end by themselves, repeated while they should last."""

import pytest

from controller.bolt import AGAIN, LONGEST, Bolt
from controller.errors import HardwareError
from hw.sim import SimLock, SimSettings
from tests.fakes import FakeClock


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.lock = SimLock(SimSettings(), "front/lock")
        self.bolt = Bolt(self.lock, self.clock)

    def release(self, seconds: float) -> None:
        self.bolt.release(self.clock.monotonic() + seconds)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_short_release_is_one_command_of_its_length(bench: Bench) -> None:
    bench.release(5)
    bench.release(5)
    assert (bench.lock.releases, bench.lock.seconds) == (1, 5)
    assert bench.bolt.released


def test_a_long_one_is_told_again_in_time_and_never_for_longer_than_a_few_seconds(
    bench: Bench,
) -> None:
    until = bench.clock.monotonic() + 60
    ends = 0.0
    while bench.clock.monotonic() < until:
        before = bench.lock.releases
        bench.bolt.release(until)
        assert bench.lock.seconds <= LONGEST
        if bench.lock.releases > before:
            assert ends == 0.0 or bench.clock.monotonic() < ends  # without a gap
            ends = bench.clock.monotonic() + bench.lock.seconds
        due = bench.bolt.next_change(until)
        assert due > bench.clock.monotonic()
        bench.clock.advance(due - bench.clock.monotonic())
    assert ends == until
    assert bench.lock.releases <= 60 / AGAIN + 1


def test_an_earlier_end_does_not_shorten_and_a_later_one_extends(bench: Bench) -> None:
    bench.release(9)
    bench.release(2)
    assert bench.lock.releases == 1
    bench.clock.advance(6)
    bench.release(9)
    assert (bench.lock.releases, bench.lock.seconds) == (2, 9)


def test_shut_it_is_asked_now_and_then_so_that_a_lost_one_is_noticed(bench: Bench) -> None:
    bench.bolt.shut()
    bench.lock.jam()
    bench.bolt.secure()
    assert bench.bolt.fault == ""
    bench.clock.advance(AGAIN)
    bench.bolt.secure()
    assert "jammed" in bench.bolt.fault
    bench.lock.free()
    bench.clock.advance(AGAIN)
    bench.bolt.secure()
    assert bench.bolt.fault == ""


def test_one_that_cannot_be_released_is_tried_again(bench: Bench) -> None:
    bench.lock.jam()
    bench.release(5)
    assert "jammed" in bench.bolt.fault
    assert not bench.bolt.released
    with pytest.raises(HardwareError):
        bench.lock.release(1)
    bench.lock.free()
    bench.release(5)
    assert (bench.bolt.fault, bench.bolt.released) == ("", True)


def test_shut_at_once_whatever_was_before(bench: Bench) -> None:
    bench.release(60)
    bench.bolt.secure()
    assert not bench.lock.released
    assert not bench.bolt.released
