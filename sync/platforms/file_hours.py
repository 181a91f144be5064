"""Days and hours as people write them: `mon-fri 08:00-18:00`, `2026-03-31`."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from controller.model import Span
from controller.schedule import midnight

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"(?P<days>[a-z ,-]*?) ?(?:(?P<start>[0-9:]+) ?- ?(?P<end>[0-9:]+))?")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?P<time>[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_LAST_MINUTE = 1439
BAD_HOURS = "is no time of opening; write e.g. mon-fri 08:00-18:00; sat 10:00-14:00"
BAD_MOMENT = "is no date; write 2026-03-31, or 2026-03-31 18:00"


def span(text: str) -> Span:
    """One window; days alone mean the whole day, hours alone every day.

    ValueError says what to write.
    """
    parts = _SPAN.fullmatch(text.strip().lower().replace("–", "-"))
    if not parts or not any(parts.groups()):
        raise ValueError(BAD_HOURS)
    days = _days(parts["days"]) if parts["days"] else frozenset[int]()
    if not parts["start"]:
        return Span(0, _LAST_MINUTE, days)
    start, end = _minute(parts["start"]), min(_minute(parts["end"]), _LAST_MINUTE)
    if start in {end, 1440}:
        raise ValueError(f"opens and closes at the same minute; {BAD_HOURS.partition('; ')[2]}")
    return Span(start, end, days)


def needs_zone(text: str) -> bool:
    """Is this a date or time that is meant somewhere?"""
    parts = _MOMENT.fullmatch(text)
    return bool(parts and not parts["offset"])


def moment(text: str, zone: ZoneInfo, *, last: bool) -> float | None:
    """A date or a time as an instant; of a `last` day the end. None: never (9999-12-31).

    ValueError says what to write.
    """
    parts = _MOMENT.fullmatch(text)
    if not parts:
        raise ValueError(BAD_MOMENT)
    try:
        when = datetime.fromisoformat(text)
        if parts["time"]:
            return (when if parts["offset"] else when.replace(tzinfo=zone)).timestamp()
        return _day(when.date(), zone, last=last)
    except (ValueError, OverflowError):
        raise ValueError(BAD_MOMENT) from None


def _day(day: date, zone: ZoneInfo, *, last: bool) -> float | None:
    if last and day == date.max:
        return None
    return midnight(day + timedelta(days=1) if last else day, zone)


def _days(text: str) -> frozenset[int]:
    days = set[int]()
    for part in text.split(","):
        first, dash, final = (each.strip() for each in part.partition("-"))
        start = _weekday(first)
        end = _weekday(final) if dash else start
        days.update((start + n) % 7 + 1 for n in range((end - start) % 7 + 1))
    return frozenset(days)


def _weekday(text: str) -> int:
    for number, name in enumerate(_DAYS):
        if len(text) >= 2 and name.startswith(text):
            return number
    raise ValueError(BAD_HOURS)


def _minute(text: str) -> int:
    parts = re.fullmatch(r"([0-9]{1,2}):([0-5][0-9])", text)
    minute = int(parts[1]) * 60 + int(parts[2]) if parts else 1441
    if minute > 1440:
        raise ValueError(BAD_HOURS)
    return minute
