"""Who came when, and what was away meanwhile: from a real journal, in the site's own zone."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import StoreError
from controller.journal import Journal
from controller.journal_sums import Sums
from controller.model import Event, Kind, Reason
from sync.attendance import Attendance, Band, Outages
from sync.attendance_read import Abandoned, Present, Range, attendance
from tests.fakes import MONDAY, FakeClock
from tests.worlds import BERLIN, DAY, HOUR, at, entry, keep

JANUARY = Range(date(2026, 1, 1), date(2026, 1, 31), BERLIN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


class Diary:
    """A journal in which things happen at a time of one's choosing."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, FakeClock()
        self.journal = Journal(path, self.clock, "boot-1")

    def on(self, when: str | float, *events: Event) -> "Diary":
        self.clock.wall_time = at(when) if isinstance(when, str) else when
        keep(self.journal, *events)
        return self

    def told(self, when: str, seq: int, state: str = "sent", platform: str = "cobot") -> None:
        detail = {"seq": seq, "state": state, "uuid": "", "message": ""}
        self.on(when, Event(Kind.TOLD, platform=platform, detail=detail))

    def read(self, asked: Range = JANUARY, **present: Any) -> Attendance:
        now = present.pop("now", self.clock.wall_time)
        return attendance(self.path, asked, Present(now, **present), lambda: False)


@pytest.fixture
def diary(path: Path) -> Iterator[Diary]:
    made = Diary(path)
    yield made
    made.journal.close()


def refused(reason: Reason) -> Event:
    return Event(Kind.ACCESS, "front", reason.value, detail={"reader": "main"})


def away(found: Attendance) -> list[tuple[str, float, float, bool]]:
    return [(b.what, b.since, b.until, b.sure) for b in found.bands]


# Entries


def test_entries_are_counted_by_hour_and_weekday_of_the_site(diary: Diary) -> None:
    diary.on("2026-01-05 08:59:59", entry("ada"))  # a Monday
    diary.on("2026-01-05 09:00", entry("ben"), entry("ada", visit="again", checks_in=False))
    diary.on("2026-01-12 09:59", entry("ada"))
    diary.on("2026-01-18 23:59", entry("ada"))  # a Sunday
    found = diary.read()
    assert (found.week[0][8], found.week[0][9], found.week[6][23]) == (1, 3, 1)
    assert found.entries == 5
    assert sum(map(sum, found.week)) == 5


def test_a_person_counts_once_a_day_and_two_platforms_ada_are_two(diary: Diary) -> None:
    diary.on("2026-01-05 08:00", entry("ada"), entry("ada"), entry("ada", platform="hive"))
    diary.on("2026-01-05 23:30", entry("ben"))
    diary.on("2026-01-06 00:10", entry("ada"))
    days = {day.date.day: (day.persons, day.entries) for day in diary.read().days}
    assert (days[5], days[6], days[7]) == ((3, 4), (1, 1), (0, 0))
    assert len(days) == 31


def test_who_was_let_in_and_did_not_open_the_door_did_not_come(diary: Diary) -> None:
    let_in = replace(entry("ada"), detail={"reader": "main", "awaits": "opening"})
    diary.on("2026-01-05 08:00", let_in, Event(Kind.NO_ENTRY, "front", person="ada"))
    assert diary.read().entries == 0
    diary.on("2026-01-05 08:05", let_in, replace(entry("ada"), kind=Kind.ENTERED))
    assert diary.read().entries == 1


def test_refusals_are_counted_by_reason_the_most_first(diary: Diary) -> None:
    diary.on("2026-01-05 08:00", refused(Reason.NO_PASS), refused(Reason.UNKNOWN))
    diary.on("2026-01-06 08:00", refused(Reason.UNKNOWN), entry("ada"))
    assert diary.read().refusals == ((Reason.UNKNOWN.value, 2), (Reason.NO_PASS.value, 1))


def test_nothing_outside_the_days_asked_for_counts(diary: Diary) -> None:
    for when in ("2025-12-31 23:59:59", "2026-01-01 00:00", "2026-01-31 23:59", "2026-02-01 00:00"):
        diary.on(when, entry("ada"))
    found = diary.read()
    assert [day.date.day for day in found.days if day.entries] == [1, 31]


def test_the_hour_that_comes_twice_and_the_one_that_never_comes(diary: Diary) -> None:
    diary.on("2026-03-29 01:30", entry("ada"))
    diary.on("2026-03-29 03:30", entry("ada"))  # an hour later: two o’clock was left out
    diary.on(at("2026-10-25 02:30", fold=0), entry("ada"))
    diary.on(at("2026-10-25 02:30", fold=1), entry("ben"))
    spring = diary.read(Range(date(2026, 3, 29), date(2026, 3, 29), BERLIN))
    assert [hour for hour, n in enumerate(spring.week[6]) if n] == [1, 3]
    assert spring.until - spring.since == 23 * HOUR
    autumn = diary.read(Range(date(2026, 10, 25), date(2026, 10, 25), BERLIN))
    assert autumn.week[6][2] == 2
    assert autumn.days[0][1:] == (2, 2)
    assert autumn.until - autumn.since == 25 * HOUR


def test_a_clock_that_was_set_back_loses_nobody(diary: Diary) -> None:
    diary.on("2026-01-20 12:00", entry("ada"))
    diary.on("2026-01-05 12:00", entry("ben"))
    diary.on("2026-01-05 12:01", entry("ada"))
    found = diary.read(Range(date(2026, 1, 5), date(2026, 1, 5), BERLIN), now=at("2026-02-01"))
    assert found.days[0][1:] == (2, 2)
    assert diary.read(now=at("2026-02-01 00:00")).entries == 3


# Outages


def test_a_stopped_controller_was_away_for_certain(diary: Diary) -> None:
    diary.on("2026-01-05 08:00", Event(Kind.STARTED))
    diary.on("2026-01-05 22:00", Event(Kind.STOPPED))
    lost = Event(Kind.DEVICE_LOST, "front", detail={"part": "main", "why": "gone"})
    diary.on("2026-01-06 06:00", lost, Event(Kind.STARTED))
    diary.on("2026-01-06 07:00", Event(Kind.DEVICE_BACK, "front", detail={"part": "main"}))
    assert away(diary.read()) == [
        ("controller", at("2026-01-05 22:00"), at("2026-01-06 06:00"), True),
        ("front/main", at("2026-01-06 06:00"), at("2026-01-06 07:00"), True),
    ]


def test_after_a_power_cut_it_was_away_for_at_most_the_time_of_silence(diary: Diary) -> None:
    diary.on("2026-01-05 22:00", entry("ada", checks_in=False))
    diary.on("2026-01-06 06:00", Event(Kind.STARTED))
    expected = [("controller", at("2026-01-05 22:00"), at("2026-01-06 06:00"), False)]
    assert away(diary.read()) == expected


def test_a_controller_that_does_not_answer_is_away_now(diary: Diary) -> None:
    diary.on("2026-01-05 22:00", Event(Kind.STOPPED))
    now = at("2026-01-06 06:00")
    assert away(diary.read(now=now)) == []
    assert diary.read(now=now, running=False).bands == (
        Band("controller", at("2026-01-05 22:00"), now, sure=True, ongoing=True),
    )


def test_an_outage_that_reaches_into_the_range_is_cut_at_its_edges(diary: Diary) -> None:
    diary.on("2025-12-20 08:00", Event(Kind.STOPPED))
    diary.on("2026-02-20 08:00", Event(Kind.STARTED))
    whole = away(diary.read())
    assert whole == [("controller", at("2026-01-01 00:00"), at("2026-02-01 00:00"), True)]


def test_check_ins_that_were_held_up_show_a_line_that_was_away(diary: Diary) -> None:
    diary.on("2026-01-05 08:00", entry("ada"))
    diary.told("2026-01-05 08:00:01", 1)
    diary.on("2026-01-05 10:00", entry("ben"))
    diary.on("2026-01-05 11:00", entry("cleo"))
    diary.told("2026-01-05 18:00", 3)
    diary.told("2026-01-05 18:00", 4, "refused")
    assert away(diary.read()) == [
        ("cobot", at("2026-01-05 10:00"), at("2026-01-05 18:00"), False),
    ]


def test_a_late_one_that_somebody_pushed_days_after_was_no_outage_of_days(diary: Diary) -> None:
    diary.on("2026-01-05 10:00", entry("ada"))  # late: its visit was over when the line came back
    diary.on("2026-01-06 08:00", entry("ben"))
    diary.told("2026-01-06 08:00:01", 2)
    diary.on("2026-01-06 09:00", entry("cleo"))
    diary.told("2026-01-06 09:00:01", 4)
    diary.told("2026-01-09 12:00", 1)
    assert away(diary.read()) == [
        ("cobot", at("2026-01-05 10:00"), at("2026-01-06 08:00:01"), False),
    ]


def test_what_waits_still_and_what_the_cache_knows_is_away_now(diary: Diary) -> None:
    diary.on("2026-01-05 10:00", entry("ada"))
    now = at("2026-01-05 12:00")
    assert away(diary.read(now=now)) == [("cobot", at("2026-01-05 10:00"), now, False)]
    fails = {"name": "cobot", "synced_at": None, "failure": "dead", "failed_at": now - HOUR}
    assert away(diary.read(now=now, rosters=[fails]))[0][1:3] == (at("2026-01-05 10:00"), now)
    synced = {**fails, "synced_at": now - 60, "failure": "", "failed_at": None}
    assert away(diary.read(now=now, rosters=[synced])) == []


def test_a_device_lost_for_good_is_away_until_it_is_started_without(diary: Diary) -> None:
    lost = Event(Kind.DEVICE_LOST, "front", detail={"part": "main"})
    diary.on("2026-01-05 10:00", lost)
    now = at("2026-01-05 12:00")
    assert diary.read(now=now).bands == (
        Band("front/main", at("2026-01-05 10:00"), now, sure=True, ongoing=True),
    )
    diary.on("2026-01-05 12:00", Event(Kind.STARTED))
    assert ("front/main", at("2026-01-05 10:00"), now, False) in away(diary.read(now=now + DAY))


_TIMES = st.floats(0, 1000)


@given(
    st.lists(st.tuples(_TIMES, _TIMES, st.booleans())),
    st.lists(st.tuples(st.sampled_from(["a/x", "b/y"]), _TIMES, st.booleans())),
    st.lists(st.tuples(st.sampled_from(["p", "q"]), _TIMES, _TIMES)),
)
def test_whatever_happened_bands_are_in_order_and_apart(
    starts: list[tuple[float, float, bool]],
    devices: list[tuple[str, float, bool]],
    told: list[tuple[str, float, float]],
) -> None:
    outages = Outages(900.0)
    for first, second, clean in starts:
        outages.started(max(first, second), min(first, second), clean=clean)
    for name, when, lost in sorted(devices, key=lambda each: each[1]):
        if lost:
            outages.device_lost(name, when)
        else:
            outages.device_back(name, when, 0.0)
    for name, first, second in told:
        outages.told(name, min(first, second) * 10, max(first, second) * 10)
    bands = outages.bands()
    assert all(band.since < band.until <= 900 for band in bands)
    for one, after in pairwise(bands):
        assert one.what != after.what or one.until < after.since
    assert bands == outages.bands()


# Ends


def test_an_empty_journal_has_nothing_and_says_so(diary: Diary) -> None:
    found = diary.read(now=MONDAY)
    assert (found.entries, found.bands, found.refusals, found.known_since) == (0, (), (), None)


@pytest.mark.parametrize("stretch", [1, 2, 5])
def test_in_small_parts_it_comes_to_the_same(diary: Diary, stretch: int) -> None:
    for day in range(5, 12):
        diary.on(f"2026-01-{day:02} 08:00", entry("ada"), refused(Reason.UNKNOWN), entry("ben"))
        diary.on(f"2026-01-{day:02} 08:20", entry("ada"))
    with closing(Sums(diary.path, at("2026-01-06 00:00"), at("2026-01-11 00:00"))) as whole:
        (all_of_it,) = whole.stretches()
        expected = Counter({each[:2]: each.number for each in whole.counts(all_of_it)})
    span = at("2026-01-06 00:00"), at("2026-01-11 00:00")
    with closing(Sums(diary.path, *span, stretch=stretch)) as parts:
        found = Counter[tuple[int, str]]()
        for part in parts.stretches():
            found.update({each[:2]: each.number for each in parts.counts(part)})
    assert found == expected
    assert found.total() == 5 * 4


def test_what_was_pruned_is_not_missed(diary: Diary) -> None:
    for day in range(5, 12):
        diary.on(f"2026-01-{day:02} 08:00", entry("ada", checks_in=False))
    assert diary.journal.prune(at("2026-01-08 00:00"), 1 << 40) == 3
    found = diary.read()
    assert found.known_since == at("2026-01-08 08:00")
    assert found.entries == 4


def test_since_when_the_journal_knows_is_told(diary: Diary) -> None:
    diary.on("2026-01-05 10:00", entry("ada"))
    assert diary.read().known_since == at("2026-01-05 10:00")


def test_reading_ends_when_nobody_waits_for_it(diary: Diary) -> None:
    diary.on("2026-01-05 10:00", entry("ada"))
    with pytest.raises(Abandoned):
        attendance(diary.path, JANUARY, Present(MONDAY), lambda: True)


def test_a_broken_journal_is_told(path: Path) -> None:
    with pytest.raises(StoreError, match=r"journal\.db"):
        attendance(path, JANUARY, Present(MONDAY), lambda: False)
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(StoreError, match="cannot be read"):
        attendance(path, JANUARY, Present(MONDAY), lambda: False)
