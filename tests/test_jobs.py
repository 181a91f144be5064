"""Jobs run at once, one at a time, and survive a wall clock that is set."""

import threading
from collections.abc import Iterator

import pytest

from sync.jobs import Jobs
from tests.fakes import FakeClock

PATIENCE = 10.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(clock: FakeClock) -> Iterator[Jobs]:
    made = Jobs(clock)
    yield made
    made.stop()


class Work:
    """Something to do, that can be waited for and held up."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()

    def __call__(self) -> None:
        self.begun.release()
        assert self.go.wait(PATIENCE)

    def ran(self, timeout: float = PATIENCE) -> bool:
        return self.begun.acquire(timeout=timeout)


def test_every_job_runs_when_the_day_begins(jobs: Jobs) -> None:
    one, other = Work(), Work()
    jobs.every(3600, "one", one)
    jobs.every(3600, "other", other)
    jobs.nightly("nightly", Work())
    jobs.start()
    assert one.ran()
    assert other.ran()


@pytest.mark.parametrize("step", [-31_536_000.0, -3600.0, 3600.0, 31_536_000.0])
def test_a_step_of_the_clock_runs_everything_anew(
    jobs: Jobs, clock: FakeClock, step: float
) -> None:
    work = Work()
    jobs.every(3600, "one", work)
    jobs.nightly("nightly", Work())
    jobs.start()
    assert work.ran()
    clock.step(step)
    jobs.watch()
    assert work.ran()


@pytest.mark.parametrize("step", [-31_536_000.0, 31_536_000.0])
def test_the_scheduler_follows_a_machine_whose_clock_we_do_not_believe(step: float) -> None:
    work, machine = Work(), FakeClock()
    jobs = Jobs(FakeClock(), machine)
    jobs.every(3600, "one", work)
    jobs.nightly("nightly", Work())
    jobs.start()
    try:
        assert work.ran()
        machine.step(step)
        jobs.watch()
        assert work.ran()
        assert jobs.settled(), "by our clock nothing has happened"
    finally:
        jobs.stop()


def test_time_that_merely_passes_is_no_step(jobs: Jobs, clock: FakeClock) -> None:
    work = Work()
    jobs.every(3600, "one", work)
    jobs.start()
    assert work.ran()
    clock.advance(7200)
    jobs.watch()
    assert not work.ran(timeout=0.1)


def test_asked_for_out_of_turn(jobs: Jobs) -> None:
    work = Work()
    jobs.every(3600, "one", work)
    jobs.start()
    assert work.ran()
    jobs.now("one")
    assert work.ran()


def test_a_job_that_fails_runs_again(jobs: Jobs) -> None:
    times = threading.Semaphore(0)

    def fail() -> None:
        times.release()
        raise ValueError("as jobs do")

    jobs.every(3600, "one", fail)
    jobs.start()
    assert times.acquire(timeout=PATIENCE)
    jobs.now("one")
    assert times.acquire(timeout=PATIENCE)
