"""When to fetch: APScheduler, made immune to a wall clock that is set.

It reckons in wall time, so after a step back an interval job would sleep until the clock catches
up, and after a step on, a job would be dropped as missed. A step is noticed and all jobs are put
anew; a late job always runs, once.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler

from controller.clock import Machine, StepWatch, Ticking
from controller.ports import Clock

log = structlog.get_logger(__name__)

_JITTER = 0.1  # of the interval, so that the doors of a town do not call at once
NIGHT = {"hour": 3, "minute": 30}


class Jobs:
    """Named jobs at intervals and at night; a job sees to it itself that it runs once at a time."""

    def __init__(self, clock: Clock, machine: Ticking | None = None) -> None:
        """`machine`: the scheduler's own time, which may be set while `clock` goes on unmoved."""
        self._scheduler = BackgroundScheduler(
            executors={"default": _Threads()},
            job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None},
        )
        self._steps, self._scheduled_by = StepWatch(clock), StepWatch(machine or Machine())
        self._intervals: dict[str, float] = {}

    def every(self, seconds: float, name: str, work: Callable[[], None]) -> None:
        """Run `work` so often, beginning now."""
        self._intervals[name] = seconds
        jitter = seconds * _JITTER
        self._scheduler.add_job(work, "interval", seconds=seconds, jitter=jitter, id=name)

    def nightly(self, name: str, work: Callable[[], None]) -> None:
        self._scheduler.add_job(work, "cron", id=name, **NIGHT)

    def start(self) -> None:
        self._scheduler.start()
        for name in self._intervals:
            self.now(name)

    def now(self, name: str) -> None:
        """Run a job as soon as may be; its next regular run counts from here."""
        at = datetime.now(UTC)  # the scheduler's own time, whatever ours is
        self._scheduler.modify_job(name, next_run_time=at)

    def watch(self) -> None:
        """Call about once a second: puts the jobs anew if the wall clock was set."""
        ours, its = self._steps.step(), self._scheduled_by.step()
        if step := its or ours:
            log.warning("the clock was set; jobs are put anew", seconds=round(step, 1))
            for name, seconds in self._intervals.items():
                jitter = seconds * _JITTER
                self._scheduler.reschedule_job(
                    name, trigger="interval", seconds=seconds, jitter=jitter
                )
                self.now(name)
            self._scheduler.reschedule_job("nightly", trigger="cron", **NIGHT)
            self._scheduler.wakeup()

    def settled(self) -> bool:
        """May old things be deleted by the clock? See `StepWatch.settled`."""
        return self._steps.settled()

    def stop(self) -> None:
        """Start nothing more; what runs is left to end."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


class _Threads(BaseExecutor):  # type: ignore[misc]
    """A thread for each run, that does not keep the program from ending: a fetch may hang."""

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        threading.Thread(
            target=self._run, args=(job, run_times), name=f"job-{job.id}", daemon=True
        ).start()

    def _run(self, job: Any, run_times: list[datetime]) -> None:
        try:
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
        except BaseException as error:  # noqa: BLE001 - as the executors of APScheduler do
            self._run_job_error(job.id, error, error.__traceback__)
        else:
            self._run_job_success(job.id, events)
