"""Hours: is a window open, until when, and the turns of days, weeks and months.

Windows are read as the clock on the wall reads: at a change to winter time a repeated hour is
inside both times or neither. Ends are instants; where the change makes two of one the later counts.
"""

import json
import math
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from controller.model import Duration, Hours, Span


def open_until(hours: Hours, at: float, zone: ZoneInfo) -> float | None:
    """End (exclusive) of the window that holds `at`, the latest of several; None if none does.

    Empty hours are always open: infinity.
    """
    if not hours:
        return math.inf
    local = datetime.fromtimestamp(at, zone)
    ends = [end for window in hours if (end := _end(window, at, local)) is not None]
    return max(ends, default=None)


def day_end(at: float, zone: ZoneInfo, minute: int) -> float:
    """The first instant after `at` at which the local clock shows `minute` of the day."""
    day = datetime.fromtimestamp(at, zone).date()
    for later in range(3):
        end = instant(day + timedelta(days=later), minute, zone)
        if end > at:
            return end
    raise AssertionError("a day has an end")


def period_start(at: float, zone: ZoneInfo, period: str) -> date:
    """First day of the local week (Monday) or month that holds `at`."""
    day = datetime.fromtimestamp(at, zone).date()
    if period == "week":
        return day - timedelta(days=day.isoweekday() - 1)
    return day.replace(day=1)


def period_end(start: date, period: str) -> date:
    """First day of the period after the one that begins on `start`."""
    if period == "week":
        return start + timedelta(days=7)
    return (start + timedelta(days=32)).replace(day=1)


@lru_cache(maxsize=256)
def instant(day: date, minute: int, zone: ZoneInfo) -> float:
    """When the local clock shows `minute` (0 to 2880) of `day`; the later one if it does so twice.

    A time that a change to summer time skips is meant as if the clock had not been changed yet.
    """
    moment = datetime.combine(
        day + timedelta(days=minute // 1440), time(*divmod(minute % 1440, 60))
    )
    return max(moment.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))


def midnight(day: date, zone: ZoneInfo) -> float:
    """The first instant of a local day; where midnight is skipped, that of the change."""
    return datetime.combine(day, time(0), zone).timestamp()


def dump(hours: Hours) -> str:
    """Text form for the cache: `[[540,1050,[1,2]],[120,[]]]`; "" means always."""
    if not hours:
        return ""
    rows = [
        [w.start, w.end, sorted(w.weekdays)]
        if isinstance(w, Span)
        else [w.minutes, sorted(w.weekdays)]
        for w in hours
    ]
    return json.dumps(rows, separators=(",", ":"))


@lru_cache(maxsize=4096)
def parse(text: str) -> Hours:
    """The inverse of `dump`."""
    rows = json.loads(text) if text else []
    return tuple(
        Span(row[0], row[1], frozenset(row[2]))
        if len(row) == 3
        else Duration(row[0], frozenset(row[1]))
        for row in rows
    )


def _end(window: Span | Duration, at: float, local: datetime) -> float | None:
    if isinstance(window, Duration):
        return at + window.minutes * 60 if _on(window, local.date()) else None
    minute = local.hour * 60 + local.minute
    zone = local.tzinfo
    assert isinstance(zone, ZoneInfo)
    if window.start <= window.end:
        inside = window.start <= minute <= window.end and _on(window, local.date())
        return instant(local.date(), window.end + 1, zone) if inside else None
    if minute >= window.start and _on(window, local.date()):
        return instant(local.date(), 1440 + window.end + 1, zone)
    began = local.date() - timedelta(days=1)
    if minute <= window.end and _on(window, began):
        return instant(local.date(), window.end + 1, zone)
    return None


def _on(window: Span | Duration, day: date) -> bool:
    return not window.weekdays or day.isoweekday() in window.weekdays
