"""A door that stands unlocked by the clock: first person, holidays, lockdown, a guessed clock."""

from datetime import date
from pathlib import Path

import pytest

from controller.door import Settings
from controller.model import Demand, DoorRules, Kind, Labels, Mode, Opening, Trust
from controller.ports import Signal
from tests.fakes import FakeClock
from tests.rigs import Member, Rig, members, rig
from tests.worlds import BERLIN, DAY, HOUR, at, span

ADA = Member("Ada", ("32:04A1B2C3", "pin:4711"))
CARD = "04A1B2C3"
OFFICE = span("9:00-16:59", 1, 2, 3, 4, 5)


def opening(**more: bool) -> Settings:
    holidays = frozenset([date(2026, 1, 6)])
    openings = (Opening(OFFICE, **more),)
    return Settings("Front", openings=openings, zone=BERLIN, holidays=holidays)


def monday(time: str) -> FakeClock:
    return FakeClock(at(f"2026-01-05 {time}"))


def until(front: Rig, text: str) -> None:
    front.wait(at(text) - front.clock.wall())


def test_it_unlocks_and_locks_by_itself_and_says_so(tmp_path: Path) -> None:
    with rig(tmp_path, settings=opening(), clock=monday("08:59")) as front:
        front.settle()
        assert not front.lock.released
        front.wait(60)
        assert front.lock.released
        assert front.door.word == "unlocked by hours"
        assert front.indicator.shown[0] is Signal.UNLOCKED
        front.go_through()
        until(front, "2026-01-05 17:00")
        assert not front.lock.released
        assert [e.event.detail for e in front.events(Kind.HOURS)] == [
            {"unlocked": True},
            {"unlocked": False},
        ]
        assert Kind.FORCED not in front.kinds()


def test_a_start_within_the_hours(tmp_path: Path) -> None:
    with rig(tmp_path, settings=opening(), clock=monday("12:00")) as front:
        front.settle()
        assert front.lock.released


def test_not_on_a_holiday_unless_so_configured(tmp_path: Path) -> None:
    with rig(tmp_path / "a", settings=opening(), clock=monday("12:00")) as front:
        front.wait(DAY)
        assert not front.lock.released
        front.wait(DAY)
        assert front.lock.released
    with rig(tmp_path / "b", settings=opening(on_holidays=True), clock=monday("12:00")) as front:
        front.wait(DAY)
        assert front.lock.released


def test_a_lockdown_outranks_the_hours(tmp_path: Path) -> None:
    with rig(tmp_path, settings=opening(), clock=monday("08:00")) as front:
        front.door.set_mode(Mode.LOCKDOWN, None, "ida")
        front.wait(2 * HOUR)
        assert not front.lock.released
        front.door.set_mode(Mode.NORMAL, None, "ida")
        front.settle()
        assert front.lock.released


@pytest.mark.parametrize("allowed", [False, True])
def test_on_a_clock_that_is_a_guess_it_stays_locked_unless_allowed(
    allowed: bool, tmp_path: Path
) -> None:
    rules = DoorRules("front", Labels(["plan:*"]), admit_on_guessed_clock=allowed)
    clock = monday("12:00")
    clock.trust_now = Trust.GUESSED
    with rig(tmp_path, rules, opening(), clock=clock) as front:
        front.settle()
        assert front.lock.released is allowed


class TestFirstPerson:
    def test_it_waits_for_somebody_to_come_in(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=opening(first_person=True), clock=monday("08:00")) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD)
            front.go_through()
            until(front, "2026-01-05 10:00")
            assert not front.lock.released  # came before the hours
            front.scan(CARD)
            front.go_through()
            front.wait(60)
            assert front.lock.released
            until(front, "2026-01-05 17:00")
            assert not front.lock.released

    def test_who_is_let_in_and_does_not_come_unlocks_nothing(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=opening(first_person=True), clock=monday("10:00")) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD)
            front.wait(60)
            assert not front.lock.released

    def test_nor_does_a_stranger_or_who_leaves_or_is_let_in_by_hand(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=opening(first_person=True), clock=monday("10:00")) as front:
            members(tmp_path, front.clock, ADA)
            front.scan("DEADBEEF")
            front.exit()
            front.go_through()
            front.door.unlock("ida", 5)
            front.settle()
            front.go_through()
            front.wait(60)
            assert not front.lock.released

    def test_without_a_contact_the_grant_is_the_entry(self, tmp_path: Path) -> None:
        own = opening(first_person=True)
        with rig(tmp_path, settings=own, clock=monday("10:00"), without=["contact"]) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD)
            front.wait(60)
            assert front.lock.released

    @pytest.mark.parametrize("entered", [True, False])
    def test_a_restart_remembers_who_came(self, entered: bool, tmp_path: Path) -> None:
        own = opening(first_person=True)
        with rig(tmp_path, settings=own, clock=monday("10:00")) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD)
            if entered:
                front.go_through()
            front.wait(60)
        with rig(tmp_path, settings=own, clock=front.clock) as again:
            again.settle()
            assert again.lock.released is entered

    def test_every_day_anew(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=opening(first_person=True), clock=monday("10:00")) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD)
            front.go_through()
            until(front, "2026-01-07 10:00")
            assert not front.lock.released


def test_a_pin_is_asked_for_only_in_its_hours(tmp_path: Path) -> None:
    night = Demand((span("22:00-5:59"),), pin=True)
    rules = DoorRules("front", Labels(["plan:*"]), demands=(night,), zone=BERLIN)
    with rig(tmp_path, rules, clock=monday("21:59")) as front:
        members(tmp_path, front.clock, ADA)
        front.scan(CARD)
        assert front.lock.released
        front.wait(60)
        front.scan(CARD)
        assert not front.lock.released
        front.press("4711#")
        assert front.lock.released
        until(front, "2026-01-06 06:00")
        front.scan(CARD)
        assert front.lock.released
