"""Hours: windows as the clock on the wall reads, and the turns of days, weeks and months."""

import math
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model import Duration, Hours, Span
from controller.schedule import (
    day_end,
    dump,
    instant,
    midnight,
    open_until,
    parse,
    period_end,
    period_start,
)
from tests.worlds import BERLIN, DAY, HOUR, at, span

NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # moves by half an hour
HAVANA = ZoneInfo("America/Havana")  # changes at midnight
ZONES = (BERLIN, NEW_YORK, LORD_HOWE, HAVANA, ZoneInfo("UTC"))
MON, TUE, FRI, SAT, SUN = 1, 2, 5, 6, 7

instants = st.integers(1_700_000_000, 1_900_000_000).map(float)
minutes = st.integers(0, 1439)
weekdays = st.frozensets(st.integers(1, 7))
spans = st.builds(Span, minutes, minutes, weekdays)
durations = st.builds(Duration, st.integers(1, 10_080), weekdays)
all_hours = st.lists(spans | durations, max_size=4).map(tuple)


def until(text: str, hours: Hours, zone: ZoneInfo = BERLIN, *, fold: int = 0) -> str | None:
    """Until when these hours are open for someone who comes at this local time; None if closed."""
    end = open_until(hours, at(text, zone, fold=fold), zone)
    return None if end is None else f"{datetime.fromtimestamp(end, zone):%Y-%m-%d %H:%M %z}"


def test_no_hours_are_always_open() -> None:
    assert open_until((), at("2026-01-05 03:00"), BERLIN) == math.inf


@pytest.mark.parametrize(
    ("came", "left"),
    [
        ("2026-01-05 08:59:59", None),
        ("2026-01-05 09:00:00", "2026-01-05 17:31 +0100"),
        ("2026-01-05 17:30:59", "2026-01-05 17:31 +0100"),  # the end minute is included
        ("2026-01-05 17:31:00", None),
    ],
)
def test_a_fixed_span(came: str, left: str | None) -> None:
    assert until(came, (span("9:00-17:30"),)) == left


def test_a_span_to_the_last_minute_ends_with_the_day() -> None:
    assert until("2026-01-05 23:59:59", (span("0:00-23:59"),)) == "2026-01-06 00:00 +0100"


def test_a_span_of_one_minute() -> None:
    assert until("2026-01-05 12:00:59", (span("12:00-12:00"),)) == "2026-01-05 12:01 +0100"
    assert until("2026-01-05 12:01", (span("12:00-12:00"),)) is None


def test_weekdays() -> None:
    work = (span("9:00-17:30", MON, TUE),)
    assert until("2026-01-06 10:00", work) == "2026-01-06 17:31 +0100"
    assert until("2026-01-07 10:00", work) is None, "a Wednesday"


@pytest.mark.parametrize(
    ("came", "left"),
    [
        ("2026-01-09 03:00", None),  # belongs to Thursday night
        ("2026-01-09 21:59", None),
        ("2026-01-09 22:00", "2026-01-10 06:01 +0100"),
        ("2026-01-10 06:00:59", "2026-01-10 06:01 +0100"),  # Saturday, but Friday's night
        ("2026-01-10 06:01", None),
        ("2026-01-10 22:00", None),  # Saturday's own night is not in it
    ],
)
def test_a_night_belongs_to_the_day_it_began(came: str, left: str | None) -> None:
    assert until(came, (span("22:00-6:00", FRI),)) == left


def test_the_usual_day_pass_runs_from_four_to_four() -> None:
    day_pass = (span("4:00-3:59"),)
    assert until("2026-01-05 04:00", day_pass) == "2026-01-06 04:00 +0100"
    assert until("2026-01-06 03:59:59", day_pass) == "2026-01-06 04:00 +0100"


def test_a_duration_runs_from_the_check_in() -> None:
    assert until("2026-01-05 10:10", (Duration(120),)) == "2026-01-05 12:10 +0100"
    assert until("2026-01-05 23:10", (Duration(120, frozenset({MON})),)) == "2026-01-06 01:10 +0100"
    assert until("2026-01-06 00:10", (Duration(120, frozenset({MON})),)) is None


def test_a_duration_of_a_week_is_so_many_hours_whatever_the_clocks_do() -> None:
    came = at("2026-03-27 10:00")
    assert open_until((Duration(7 * 1440),), came, BERLIN) == came + 7 * DAY
    assert until("2026-03-27 10:00", (Duration(7 * 1440),)) == "2026-04-03 11:00 +0200"


def test_of_several_windows_the_one_that_lasts_longest_counts() -> None:
    either = (span("8:00-12:00"), span("10:00-14:00"), Duration(60))
    assert until("2026-01-05 09:00", either) == "2026-01-05 12:01 +0100"
    assert until("2026-01-05 11:00", either) == "2026-01-05 14:01 +0100"
    assert until("2026-01-05 13:50", either) == "2026-01-05 14:50 +0100"


# Europe/Berlin: 2026-03-29 02:00 → 03:00, 2026-10-25 03:00 → 02:00.
# America/New_York: 2026-03-08 02:00 → 03:00, 2026-11-01 02:00 → 01:00.
# Australia/Lord_Howe: 2026-10-04 02:00 → 02:30, 2026-04-05 02:00 → 01:30.
@pytest.mark.parametrize(
    ("zone", "came", "hours", "left"),
    [
        (BERLIN, "2026-03-28 23:00", "22:00-6:00", "2026-03-29 06:01 +0200"),
        (BERLIN, "2026-03-29 03:00", "22:00-6:00", "2026-03-29 06:01 +0200"),
        (BERLIN, "2026-03-29 01:59", "0:00-1:59", "2026-03-29 03:00 +0200"),
        (BERLIN, "2026-03-29 03:00", "3:00-4:00", "2026-03-29 04:01 +0200"),
        (BERLIN, "2026-03-29 03:00", "2:00-2:59", None),  # that hour was skipped
        (NEW_YORK, "2026-03-07 23:00", "22:00-6:00", "2026-03-08 06:01 -0400"),
        (NEW_YORK, "2026-03-08 03:00", "3:00-17:00", "2026-03-08 17:01 -0400"),
        (LORD_HOWE, "2026-10-03 23:00", "22:00-6:00", "2026-10-04 06:01 +1100"),
        (LORD_HOWE, "2026-10-04 01:59", "1:00-2:44", "2026-10-04 02:45 +1100"),
        (LORD_HOWE, "2026-10-04 02:45", "1:00-2:44", None),
    ],
)
def test_when_summer_time_begins(zone: ZoneInfo, came: str, hours: str, left: str | None) -> None:
    assert until(came, (span(hours),), zone) == left


@pytest.mark.parametrize(
    ("zone", "came", "fold", "hours", "left"),
    [
        (BERLIN, "2026-10-24 23:00", 0, "22:00-6:00", "2026-10-25 06:01 +0100"),
        (BERLIN, "2026-10-25 02:30", 0, "22:00-6:00", "2026-10-25 06:01 +0100"),
        (BERLIN, "2026-10-25 02:30", 1, "22:00-6:00", "2026-10-25 06:01 +0100"),
        # The repeated hour is inside both times, and the later end counts.
        (BERLIN, "2026-10-25 02:30", 0, "2:00-2:44", "2026-10-25 02:45 +0100"),
        (BERLIN, "2026-10-25 02:30", 1, "2:00-2:44", "2026-10-25 02:45 +0100"),
        (BERLIN, "2026-10-25 02:50", 0, "2:00-2:44", None),
        (BERLIN, "2026-10-25 02:50", 1, "2:00-2:44", None),
        (NEW_YORK, "2026-11-01 01:30", 0, "22:00-6:00", "2026-11-01 06:01 -0500"),
        (NEW_YORK, "2026-11-01 01:30", 1, "1:00-1:29", None),
        (LORD_HOWE, "2026-04-05 01:45", 0, "1:00-1:50", "2026-04-05 01:51 +1030"),
        (LORD_HOWE, "2026-04-05 01:45", 1, "1:00-1:50", "2026-04-05 01:51 +1030"),
        (LORD_HOWE, "2026-04-05 01:55", 1, "1:00-1:50", None),
    ],
)
def test_when_summer_time_ends(
    zone: ZoneInfo, came: str, fold: int, hours: str, left: str | None
) -> None:
    assert until(came, (span(hours),), zone, fold=fold) == left


def test_a_night_is_an_hour_shorter_or_longer_when_the_clocks_change() -> None:
    night = (span("22:00-5:59"),)
    for evening, hours in (("2026-03-28", 7), ("2026-06-01", 8), ("2026-10-24", 9)):
        came = at(f"{evening} 22:00")
        assert open_until(night, came, BERLIN) == came + hours * HOUR


@given(spans, instants, st.sampled_from(ZONES))
def test_a_window_is_open_to_its_end_and_no_longer(
    window: Span, came: float, zone: ZoneInfo
) -> None:
    end = open_until((window,), came, zone)
    if end is None or _changes_near(came, zone):
        return  # what counts at a change is told above
    assert came < end <= came + DAY
    halfway = came + (end - came) // 2
    assert [open_until((window,), t, zone) for t in (halfway, end - 1)] == [end, end]
    after = open_until((window,), end, zone)
    assert after is None or _follows_itself(window), "shut, or tomorrow's window begins"


@given(all_hours, instants, st.sampled_from(ZONES))
def test_more_windows_never_close_a_door(hours: Hours, came: float, zone: ZoneInfo) -> None:
    ends = [open_until((window,), came, zone) for window in hours]
    best = max((end for end in ends if end is not None), default=None)
    assert open_until(hours, came, zone) == (best if hours else math.inf)


@pytest.mark.parametrize(
    ("zone", "came", "ends"),
    [
        (BERLIN, "2026-01-05 03:59", "2026-01-05 04:00 +0100"),
        (BERLIN, "2026-01-05 04:00", "2026-01-06 04:00 +0100"),
        (BERLIN, "2026-03-28 23:00", "2026-03-29 04:00 +0200"),
        (BERLIN, "2026-03-29 04:00", "2026-03-30 04:00 +0200"),
        (BERLIN, "2026-10-25 03:30", "2026-10-25 04:00 +0100"),
        (NEW_YORK, "2026-03-08 01:30", "2026-03-08 04:00 -0400"),
        (NEW_YORK, "2026-11-01 01:30", "2026-11-01 04:00 -0500"),
        (LORD_HOWE, "2026-10-04 01:30", "2026-10-04 04:00 +1100"),
        (LORD_HOWE, "2026-04-05 01:45", "2026-04-05 04:00 +1030"),
    ],
)
def test_the_day_rolls_over_at_four(zone: ZoneInfo, came: str, ends: str) -> None:
    end = day_end(at(came, zone), zone, 240)
    assert f"{datetime.fromtimestamp(end, zone):%Y-%m-%d %H:%M %z}" == ends


@given(instants, minutes, st.sampled_from(ZONES))
def test_a_day_always_ends_within_twenty_five_hours(
    came: float, minute: int, zone: ZoneInfo
) -> None:
    end = day_end(came, zone, minute)
    assert came < end <= came + 25 * HOUR
    if not _changes_near(came, zone):
        assert _minute_of(end, zone) == minute


def test_a_skipped_time_is_meant_as_if_the_clock_had_not_been_changed_yet() -> None:
    assert instant(date(2026, 3, 29), 150, BERLIN) == at("2026-03-29 03:30")
    assert instant(date(2026, 10, 4), 135, LORD_HOWE) == at("2026-10-04 02:45", LORD_HOWE)


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_day_begins_with_its_first_instant(zone: ZoneInfo) -> None:
    day = date(2026, 1, 1)
    while day.year == 2026:
        first = midnight(day, zone)
        days = [datetime.fromtimestamp(first + s, zone).date() for s in (-1, 0)]
        assert days == [day - timedelta(days=1), day]
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("now", "week", "month"),
    [
        ("2026-01-05 00:00", "2026-01-05", "2026-01-01"),
        ("2026-01-04 23:59", "2025-12-29", "2026-01-01"),
        ("2026-02-28 23:59", "2026-02-23", "2026-02-01"),
        ("2028-02-29 12:00", "2028-02-28", "2028-02-01"),
        ("2026-12-31 23:59", "2026-12-28", "2026-12-01"),
    ],
)
def test_weeks_begin_on_monday_and_months_on_the_first(now: str, week: str, month: str) -> None:
    assert str(period_start(at(now), BERLIN, "week")) == week
    assert str(period_start(at(now), BERLIN, "month")) == month


@given(instants, st.sampled_from(("week", "month")), st.sampled_from(ZONES))
def test_periods_follow_one_another(now: float, period: str, zone: ZoneInfo) -> None:
    first = period_start(now, zone, period)
    end = midnight(period_end(first, period), zone)
    assert midnight(first, zone) <= now < end
    assert period_start(end, zone, period) == period_end(first, period)
    assert period_start(end - 1, zone, period) == first


def test_the_text_form_is_compact() -> None:
    hours = (span("9:00-17:30", TUE, MON), Duration(120, frozenset({SAT, SUN})))
    assert dump(hours) == "[[540,1050,[1,2]],[120,[6,7]]]"
    assert dump(()) == ""


@given(all_hours)
def test_hours_survive_the_cache(hours: Hours) -> None:
    assert parse(dump(hours)) == hours


def _follows_itself(window: Span) -> bool:
    return (window.end + 1) % 1440 == window.start


def _minute_of(moment: float, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(moment, zone)
    return local.hour * 60 + local.minute


def _changes_near(moment: float, zone: ZoneInfo) -> bool:
    """Are the clocks changed within two days of this moment?"""
    near = [datetime.fromtimestamp(moment + n * HOUR, UTC).astimezone(zone) for n in (-48, 0, 48)]
    return len({local.utcoffset() for local in near}) > 1
