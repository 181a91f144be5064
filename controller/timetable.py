"""When a door stands unlocked by itself, and when it asks for more than a card. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from controller.model import Demand, DoorRules, Opening, Span, Strength
from controller.schedule import instant, open_until

_NOTHING = Demand()


def demanded(rules: DoorRules, wall: float) -> Demand:
    """All that is asked for now: of several demands the strictest in each respect."""
    now = [d for d in rules.demands if _applies(d, rules, wall)]
    if not now:
        return _NOTHING
    return Demand(
        strength=max((d.strength for d in now), key=tuple(Strength).index),
        pin=any(d.pin for d in now),
        persons=max(d.persons for d in now),
    )


def unlocked_until(
    openings: Iterable[Opening],
    zone: ZoneInfo,
    holidays: frozenset[date],
    wall: float,
    last_entry: float | None,
) -> float | None:
    """Until when (wall) a door stands unlocked by hours; None if it does not.

    `last_entry`: when somebody last entered by it, for those who come first.
    """
    ends = [
        end
        for opening in openings
        for begin, end in _windows(opening, zone, holidays, wall)
        # An entry that seems to be still to come was recorded before the clock was set back.
        if not opening.first_person or (last_entry is not None and begin <= last_entry < end)
    ]
    return max(ends, default=None)


def _applies(demand: Demand, rules: DoorRules, wall: float) -> bool:
    return not demand.hours or (
        rules.zone is not None and open_until(demand.hours, wall, rules.zone) is not None
    )


def _windows(
    opening: Opening, zone: ZoneInfo, holidays: frozenset[date], wall: float
) -> Iterable[tuple[float, float]]:
    """Begin and end of each window that holds `wall`; it belongs to the day it begins."""
    today = datetime.fromtimestamp(wall, zone).date()
    for day in (today, today - timedelta(days=1)):
        if day in holidays and not opening.on_holidays:
            continue
        begin, end = _window(opening.hours, day, zone)
        weekdays = opening.hours.weekdays
        if (not weekdays or day.isoweekday() in weekdays) and begin <= wall < end:
            yield begin, end


def _window(span: Span, day: date, zone: ZoneInfo) -> tuple[float, float]:
    past_midnight = 1440 if span.end < span.start else 0
    return instant(day, span.start, zone), instant(day, span.end + 1 + past_midnight, zone)
