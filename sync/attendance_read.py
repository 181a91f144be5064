"""Attendance out of the journal and the cache: for a thread of its own, as it reads for seconds."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from controller.errors import DoorwardError
from controller.journal_sums import Mark, Sums
from controller.model import Kind
from sync.attendance import (
    CONTROLLER,
    Attendance,
    Outages,
    Visitors,
    day_bounds,
)


class Abandoned(DoorwardError):
    """It took too long, or the program stops."""


@dataclass(frozen=True, slots=True)
class Range:
    """Whole local days, both included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def span(self) -> tuple[float, float]:
        return day_bounds(self.first, self.zone)[0], day_bounds(self.last, self.zone)[1]


@dataclass(frozen=True, slots=True)
class Present:
    """What holds at this moment, which the journal does not know.

    `rosters`: rows of `Cache.rosters`. `running`: does the controller answer?
    """

    now: float
    rosters: Iterable[Mapping[str, Any]] = ()
    running: bool = True


def attendance(
    journal: Path, asked: Range, present: Present, stopping: Callable[[], bool]
) -> Attendance:
    """Read it; `stopping` is asked now and then. Raises `StoreError` or `Abandoned`."""
    since, until = asked.span
    visitors, outages = Visitors(asked.zone), Outages(min(until, present.now))
    persons: dict[date, int] = {}
    with closing(Sums(journal, since, until)) as sums:
        for stretch in sums.stretches():
            _go_on(stopping)
            for each in sums.counts(stretch):
                visitors.add(*each)
            for mark in sums.marks(stretch):
                _mark(outages, mark, since)
            for told in sums.told(stretch):
                outages.told(told.platform, told.first, told.at)
                outages.reached(told.platform, told.until)
        for day, where in visitors.where.items():
            _go_on(stopping)
            persons[day] = sums.persons(where, *day_bounds(day, asked.zone))
        _at_present(outages, sums, present, until)
        known_since = sums.beginning()
    return Attendance(
        since,
        until,
        asked.zone,
        tuple(map(tuple, visitors.week)),
        visitors.days(asked.first, asked.last, persons),
        tuple(visitors.refusals.most_common()),
        outages.bands(),
        known_since,
    )


def _go_on(stopping: Callable[[], bool]) -> None:
    if stopping():
        raise Abandoned("reading so much of the journal takes too long here; choose fewer days")


def _mark(outages: Outages, mark: Mark, since: float) -> None:
    device = f"{mark.door}/{mark.part}"
    if mark.kind == Kind.STARTED:
        before = None if mark.before is None else max(mark.before, since)
        outages.started(mark.at, before, clean=mark.clean)
    elif mark.kind == Kind.DEVICE_LOST:
        outages.device_lost(device, mark.at)
    else:
        outages.device_back(device, mark.at, since)


def _at_present(outages: Outages, sums: Sums, present: Present, until: float) -> None:
    """What began within the range and has not ended yet."""
    if until <= present.now:
        return
    for row in present.rosters:
        if row["synced_at"]:
            outages.reached(row["name"], row["synced_at"])
        if row["failure"] and row["failed_at"]:
            outages.fails(row["name"], row["failed_at"])
    for platform, entered in sums.waiting().items():
        outages.waits(platform, entered)
    end = sums.end()
    if end and not present.running:
        outages.fails(CONTROLLER, end[0], sure=end[1] == Kind.STOPPED)
