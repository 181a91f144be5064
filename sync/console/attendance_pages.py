"""The page Attendance: pictures of who came when, who was refused, and what was away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from controller.errors import ConfigError, DoorwardError, StoreError
from controller.files import cache_of
from controller.model import Reason
from controller.wording import lasting
from controller.words import BRIEF
from sync.attendance import CONTROLLER, Attendance, Band
from sync.attendance_read import Present, Range, attendance
from sync.console.charts import Item, Stretch, bands, bars, columns, heat
from sync.console.check_in_pages import csv
from sync.console.page import Answer, Asked, Page, Sent, Shown
from sync.console.times import Times

_DEFAULT, _LONGEST = 28, 400  # days
_SINGLE_DAYS = 62  # of more days, whole weeks are shown
_LONGEST_READING = 60.0  # seconds
_MOST_BANDS = 200  # in the table; all are in the CSV
_FEW_DAYS = 10
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS = tuple(f"{hour:02}–{(hour + 1) % 24:02}" for hour in range(24))
_turn = threading.Lock()  # one reads at a time: the disk has other things to do
_queue = threading.BoundedSemaphore(3)  # who reads or waits for it; threads are few


def shown(asked: Asked) -> Answer:
    """The pictures of a range of days."""
    zone, rosters, trouble = _surroundings(asked)
    today = _today(asked, zone)
    data: dict[str, Any] = {
        "zone": zone.key,
        "today": today,
        "trouble": trouble,
        "longest": _LONGEST,
    }
    try:
        days = _range(asked, zone, today)
    except ConfigError as error:
        days = Range(today - timedelta(days=_DEFAULT - 1), today, zone)
        data["trouble"] = str(error)
    data |= {"first": days.first, "last": days.last, "choices": _choices(days, today)}
    if not asked.office.place.journal.exists():
        return Shown("attendance.html", {**data, "found": None})
    found = _read(asked, days, rosters)
    return Shown("attendance.html", {**data, "found": found, **_charts(found, asked)})


def export(asked: Asked) -> Answer:
    """One of the pictures as CSV: `what` is days, hours, refusals or outages."""
    what = asked.text("what")
    if what not in _TABLES:
        raise ConfigError(f"say what is to be downloaded: {', '.join(_TABLES)}")
    zone, rosters, _ = _surroundings(asked)
    days = _range(asked, zone, _today(asked, zone))
    fields, rows = _TABLES[what]
    name = f"attendance-{what}-{days.first}-{days.last}.csv"
    return _sent(name, fields, rows(_read(asked, days, rosters)))


def _sent(name: str, fields: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> Sent:
    return csv(name, fields, (dict(zip(fields, row, strict=True)) for row in rows))


def _surroundings(asked: Asked) -> tuple[ZoneInfo, list[dict[str, Any]], str]:
    """The site's zone, what is known of each platform, and why that is little."""
    try:
        with cache_of(asked.office.config) as cache:
            rosters, trouble = cache.rosters(), ""
    except StoreError as error:
        rosters, trouble = [], str(error)
    zones = [ZoneInfo(row["zone"]) for row in rosters if row["zone"]]
    return asked.office.config.zone or next(iter(zones), ZoneInfo("UTC")), rosters, trouble


def _today(asked: Asked, zone: ZoneInfo) -> date:
    return Times(zone).local(asked.office.clock.wall()).date()


def _range(asked: Asked, zone: ZoneInfo, today: date) -> Range:
    last = _day(asked.text("to")) or today
    first = _day(asked.text("from")) or last - timedelta(days=_DEFAULT - 1)
    if first > last:
        raise ConfigError(f"{first} is after {last}; the first day comes first")
    if (last - first).days >= _LONGEST:
        raise ConfigError(f"these are more than {_LONGEST} days; choose fewer")
    return Range(first, last, zone)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{text[:20]!r} is no day; write one like 2026-11-21") from None
    if day and not 2000 <= day.year <= 2999:
        raise ConfigError(f"{day} is no day that this journal could know")
    return day


def _choices(days: Range, today: date) -> list[tuple[str, date, bool]]:
    """Ranges to choose at a click: what they are called, their first day, and whether it is on."""
    found = []
    for words, number in (("7 days", 7), ("4 weeks", 28), ("12 weeks", 84), ("1 year", 365)):
        first = today - timedelta(days=number - 1)
        found.append((words, first, (days.first, days.last) == (first, today)))
    return found


def _read(asked: Asked, days: Range, rosters: list[dict[str, Any]]) -> Attendance:
    office = asked.office
    until = office.clock.monotonic() + _LONGEST_READING
    running = bool(asked.lookout.look()["controller"]["running"])

    def stopping() -> bool:
        return office.stopping.is_set() or office.clock.monotonic() > until

    with place_to_read(), _turn:
        present = Present(office.clock.wall(), rosters, running)
        return attendance(office.place.journal, days, present, stopping)


@contextmanager
def place_to_read() -> Iterator[None]:
    """One of the few that may read or wait for it; DoorwardError if all are taken."""
    if not _queue.acquire(blocking=False):
        raise DoorwardError("others are looking at attendance just now; try again in a moment")
    try:
        yield
    finally:
        _queue.release()


def _charts(found: Attendance, asked: Asked) -> dict[str, Any]:
    times = Times(found.zone)
    return {
        "week": heat(found.week, WEEKDAYS, _HOURS, "entries"),
        "days": columns(list(_day_items(found)), ("day", "persons")),
        "weekly": len(found.days) > _SINGLE_DAYS,
        "refusals": bars(
            [
                Item(_brief(r)[:1].upper() + _brief(r)[1:], n, f"{_brief(r)}: {n}", _brief(r))
                for r, n in found.refusals
            ],
            ("reason", "refusals"),
        ),
        "refused": sum(number for _, number in found.refusals),
        "outages": _outages(found, times, asked),
        "busiest": max(found.days, key=lambda day: day.persons, default=None),
    }


def _day_items(found: Attendance) -> Iterator[Item]:
    """Persons of each day; of many days, a week's average."""
    if len(found.days) > _SINGLE_DAYS:
        yield from _week_items(found)
        return
    few, mondays = len(found.days) <= _FEW_DAYS, 0
    every = 1 if len(found.days) <= 5 * 7 else 2
    for day in found.days:
        words = f"{day.date:%a} {day.date.day} {day.date:%b}"
        mondays += not day.date.weekday()
        named = not day.date.weekday() and not (mondays - 1) % every
        label = f"{day.date:%a}" if few else _written(day.date) if named else ""
        yield Item(label, day.persons, f"{words}: {day.persons} persons", day.date.isoformat())


def _week_items(found: Attendance) -> Iterator[Item]:
    weeks = groupby(found.days, key=lambda day: day.date - timedelta(days=day.date.weekday()))
    every = max(1, len(found.days) // 7 // 6)
    for place, (monday, several) in enumerate(weeks):
        counts = [day.persons for day in several]
        mean = round(sum(counts) / len(counts), 1)
        label = "" if place % every else _written(monday)
        words = f"week of {monday}: {mean:g} persons a day"
        yield Item(label, mean, words, f"week of {monday}")


def _written(day: date) -> str:
    return f"{day.day} {day:%b}"


def _brief(reason: str) -> str:
    return BRIEF[Reason(reason)] if reason in set(Reason) else reason


def _outages(found: Attendance, times: Times, asked: Asked) -> Any:
    span = found.until - found.since
    names = [CONTROLLER, *asked.office.config.platforms]
    names += sorted({band.what for band in found.bands} - set(names))
    rows = [
        (
            _called(name),
            [
                Stretch(
                    (band.since - found.since) / span,
                    (band.until - found.since) / span,
                    _band_words(band, times),
                    band.sure,
                )
                for band in found.bands
                if band.what == name
            ],
        )
        for name in names
    ]
    table = [
        (
            _called(b.what),
            times.whole(b.since),
            _end(b, times),
            lasting(b.until - b.since),
            _sure(b),
        )
        for b in found.bands[:_MOST_BANDS]
    ]
    head = ("what", "from", "until", "for", "")
    return bands(rows, _marks(found), head, table)


def _marks(found: Attendance) -> list[tuple[float, str]]:
    """Where days or weeks begin."""
    span = found.until - found.since
    days = [day.date for day in found.days]
    shown = [d for d in days if len(days) <= _FEW_DAYS or not d.weekday()]
    at = Range(found.days[0].date, found.days[0].date, found.zone)
    return [((Range(d, d, at.zone).span[0] - found.since) / span, f"{d.day} {d:%b}") for d in shown]


def _called(what: str) -> str:
    return "The controller of the doors" if what == CONTROLLER else what


def _end(band: Band, times: Times) -> str:
    return "still" if band.ongoing else times.whole(band.until)


def _sure(band: Band) -> str:
    return "all the time" if band.sure else "at most"


def _band_words(band: Band, times: Times) -> str:
    length = lasting(band.until - band.since)
    until = "and is still" if band.ongoing else f"until {times.whole(band.until)}"
    how = length if band.sure else f"at most {length}"
    return f"{_called(band.what)} away from {times.whole(band.since)} {until}: {how}"


def _hour_rows(found: Attendance) -> Iterator[tuple[object, ...]]:
    for weekday, hours in zip(WEEKDAYS, found.week, strict=True):
        yield from ((weekday, f"{hour:02}:00", number) for hour, number in enumerate(hours))


def _outage_rows(found: Attendance) -> Iterator[tuple[object, ...]]:
    times = Times(found.zone)
    for band in found.bands:
        end = "" if band.ongoing else times.iso(band.until)
        yield (
            band.what,
            times.iso(band.since),
            end,
            round(band.until - band.since),
            _sure(band),
        )


_TABLES: dict[str, tuple[tuple[str, ...], Any]] = {
    "days": (
        ("day", "persons", "entries"),
        lambda found: ((d.date.isoformat(), d.persons, d.entries) for d in found.days),
    ),
    "hours": (("weekday", "hour", "entries"), _hour_rows),
    "refusals": (
        ("reason", "meaning", "refusals"),
        lambda found: ((r, _brief(r), n) for r, n in found.refusals),
    ),
    "outages": (("what", "from", "until", "seconds", "how long"), _outage_rows),
}
PAGES = (
    Page("GET", "/attendance", shown),
    Page("GET", "/attendance.csv", export),
)
