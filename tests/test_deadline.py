"""A deadline around several requests: nothing waits beyond it, nor do threads started inside."""

import threading

import pytest

from controller.errors import Unavailable
from sync.deadline import NotNow, at_once, left_within, within
from sync.http import Limit
from sync.simulator.server import Fault, Response
from tests.fakes import FakeClock
from tests.lines import Echo, RunningClock, Waiting, line_to


def test_the_nearest_of_several_counts_and_ends_with_its_block() -> None:
    assert left_within(100.0) == float("inf")
    with within(103.0):
        with within(101.0):
            assert left_within(100.0) == 1.0
            with within(900.0):
                assert left_within(100.0) == 1.0
        assert left_within(100.0) == 3.0
    assert left_within(100.0) == float("inf")


def test_what_is_done_at_once_shares_it_and_comes_back_in_order() -> None:
    both = threading.Barrier(2, timeout=30)

    def call() -> float:
        both.wait()
        return left_within(100.0)

    with within(102.0):
        assert at_once(call, call) == [2.0, 2.0]
    assert at_once(lambda: 1) == [1]


def test_the_first_error_is_raised_when_all_are_over() -> None:
    over = []

    def fail() -> None:
        raise Unavailable("first")

    with pytest.raises(Unavailable, match="first"):
        at_once(fail, lambda: over.append(1))
    assert over == [1]


def test_a_request_ends_with_it_however_the_answer_drips() -> None:
    with Echo() as echo, line_to(echo, RunningClock()) as line:
        echo.fault = Fault("slow", gap=0.02)
        with within(RunningClock().monotonic() + 0.1), pytest.raises(Unavailable):
            line.request("GET", "/")


def test_a_limit_that_is_used_up_is_not_waited_for_beyond_it() -> None:
    clock = FakeClock()
    waiting = Waiting(clock)
    with Echo() as echo, line_to(echo, clock, wait=waiting, limits=[Limit("GET .*", 2)]) as line:
        with within(clock.monotonic() + 10):
            line.request("GET", "/")
            line.request("GET", "/")
            for _ in range(3):
                with pytest.raises(NotNow):
                    line.request("GET", "/")
        assert echo.served == 2
        assert waiting.pauses == []
        line.request("GET", "/")
        assert waiting.pauses == [60.0]


@pytest.mark.parametrize(("left", "asked"), [(5, 1), (30, 2)])
def test_told_to_come_again_it_does_so_only_if_there_is_time(left: float, asked: int) -> None:
    clock = FakeClock()
    with Echo() as echo, line_to(echo, clock) as line:
        echo.answer_with = Response(429, {}, {"Retry-After": "20"})
        with within(clock.monotonic() + left), pytest.raises(Unavailable):
            line.request("GET", "/")
        assert echo.served == asked
