"""Hours of a door: past midnight, holidays, both changes of the clock, the first person."""

from datetime import date

import pytest

from controller.model import Demand, DoorRules, Labels, Opening, Strength
from controller.timetable import demanded, unlocked_until
from tests.worlds import BERLIN, HOUR, at, span

NIGHT = Opening(span("22:00-1:59", 5))  # Friday night
NONE: frozenset[date] = frozenset()


def end(
    *openings: Opening, now: float, holidays: frozenset[date] = NONE, entry: float | None = None
) -> float | None:
    return unlocked_until(openings, BERLIN, holidays, now, entry)


def test_both_minutes_are_included() -> None:
    office = Opening(span("9:00-16:59"))
    assert end(office, now=at("2026-01-05 08:59") + 59.9) is None
    assert end(office, now=at("2026-01-05 09:00")) == at("2026-01-05 17:00")
    assert end(office, now=at("2026-01-05 16:59") + 59.9) == at("2026-01-05 17:00")
    assert end(office, now=at("2026-01-05 17:00")) is None


def test_past_midnight_a_window_belongs_to_the_day_it_begins() -> None:
    friday, saturday = "2026-01-09", "2026-01-10"
    assert end(NIGHT, now=at(f"{friday} 01:00")) is None
    assert end(NIGHT, now=at(f"{friday} 23:00")) == at(f"{saturday} 02:00")
    assert end(NIGHT, now=at(f"{saturday} 01:59")) == at(f"{saturday} 02:00")
    assert end(NIGHT, now=at(f"{saturday} 23:00")) is None


def test_a_holiday_is_the_day_on_which_it_begins() -> None:
    saturday = frozenset([date(2026, 1, 10)])
    friday = frozenset([date(2026, 1, 9)])
    now = at("2026-01-10 01:00")
    assert end(NIGHT, now=now, holidays=saturday) == at("2026-01-10 02:00")
    assert end(NIGHT, now=now, holidays=friday) is None
    as_usual = Opening(NIGHT.hours, on_holidays=True)
    assert end(as_usual, now=now, holidays=friday) == at("2026-01-10 02:00")


def test_of_several_the_longest() -> None:
    both = (Opening(span("9:00-11:59")), Opening(span("10:00-13:59")))
    assert end(*both, now=at("2026-01-05 11:00")) == at("2026-01-05 14:00")


def test_all_day_has_no_gap_at_midnight() -> None:
    always = Opening(span("0:00-23:59"))
    midnight = at("2026-01-06 00:00")
    assert end(always, now=midnight - 0.001) == midnight
    assert end(always, now=midnight) == at("2026-01-07 00:00")


def test_the_night_that_skips_an_hour() -> None:
    """2026-03-29: after 01:59 comes 03:00."""
    early = Opening(span("1:00-3:29"))
    begin = at("2026-03-29 01:00")
    finish = end(early, now=begin)
    assert finish == at("2026-03-29 03:30")
    assert finish - begin == 1.5 * HOUR
    skipped = Opening(span("2:30-2:44"))
    assert all(end(skipped, now=begin + minute * 60) is None for minute in range(60))


def test_the_night_that_has_an_hour_twice() -> None:
    """2026-10-25: after 02:59 comes 02:00 again."""
    early = Opening(span("1:00-2:29"))
    begin = at("2026-10-25 01:00")
    finish = end(early, now=begin)
    assert finish == at("2026-10-25 02:30", fold=1)
    assert finish - begin == 2.5 * HOUR
    assert end(early, now=at("2026-10-25 02:45")) == finish


class TestFirstPerson:
    first = Opening(span("9:00-16:59"), first_person=True)
    now = at("2026-01-05 12:00")

    @pytest.mark.parametrize(
        ("entry", "opens"),
        [(None, False), ("08:59", False), ("09:00", True), ("11:59", True)],
    )
    def test_only_an_entry_within_them_counts(self, entry: str | None, opens: bool) -> None:
        came = at(f"2026-01-05 {entry}") if entry else None
        found = end(self.first, now=self.now, entry=came)
        assert (found is not None) is opens

    def test_yesterdays_does_not(self) -> None:
        assert end(self.first, now=self.now, entry=at("2026-01-04 12:00")) is None


class TestDemands:
    rules = DoorRules(
        "front",
        Labels(["*"]),
        zone=BERLIN,
        demands=(
            Demand(strength=Strength.WEAK),
            Demand((span("22:00-5:59"),), pin=True),
            Demand((span("0:00-23:59", 7),), Strength.SECURE, persons=2),
        ),
    )

    def test_the_strictest_in_each_respect(self) -> None:
        at_noon = demanded(self.rules, at("2026-01-05 12:00"))
        assert at_noon == Demand(strength=Strength.WEAK)
        at_night = demanded(self.rules, at("2026-01-05 23:00"))
        assert at_night == Demand(strength=Strength.WEAK, pin=True)
        sunday_night = demanded(self.rules, at("2026-01-04 23:00"))
        assert sunday_night == Demand(strength=Strength.SECURE, pin=True, persons=2)

    def test_none(self) -> None:
        assert demanded(DoorRules("front", Labels()), 0.0) == Demand()
