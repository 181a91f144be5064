"""Who is inside cannot come in again: at real doors, over restarts, and when nobody can tell."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.cards import CardFormat
from controller.door import Fitted, Settings
from controller.doorstate import Timing
from controller.model import DoorRules, Event, Kind, Labels, Mode
from controller.passage import Passage, Passback, Place
from tests.rigs import Member, Rig, members, rig
from tests.worlds import BERLIN, at

ADA = Member("Ada", ("32:04A1B2C3",), passes=1)
BEN = Member("Ben", ("32:0B0B0B0B",))
CARD = {"Ada": "04A1B2C3", "Ben": "0B0B0B0B"}
DOOR = Labels(["plan:*"])
OPEN_FOR = 5.0


def leading(
    door: str, here: str, there: str, passback: Passback = Passback.HARD, **more: int
) -> DoorRules:
    """The keypad of the rig stands on the inside and reads cards."""
    way = Passage(here, there, passback, **more)
    inside = frozenset({"keypad"})
    return DoorRules(door, DOOR, passage=way, inside=inside, zone=BERLIN)


LAB = leading("lab", "", "lab")
SET = Settings("Lab", Timing(held_warning=30.0, held_after=60.0))


@contextmanager
def door(
    data: Path, rules: DoorRules = LAB, settings: Settings = SET, **how: object
) -> Iterator[Rig]:
    with rig(data, rules, settings, **how) as made:  # type: ignore[arg-type]
        # A reader on the inside that reads the same cards.
        readers = made.door.parts.readers
        readers["keypad"] = Fitted(made.keypad, CardFormat("hex"))  # type: ignore[index]
        made.knowledge.knows_places = True
        if not how.get("beside"):
            members(data, made.clock, ADA, BEN)
        yield made


def goes_in(lab: Rig, who: str, *, opens: bool = True) -> str:
    """Presents a card outside and, if let in, goes through; the reason."""
    lab.wait(3)
    lab.scan(CARD[who])
    reason = lab.reasons()[-1]
    if opens and reason == "granted":
        lab.go_through()
        lab.wait(OPEN_FOR)
    return reason


def goes_out(lab: Rig, who: str) -> str:
    lab.wait(3)
    lab.keypad.present(CARD[who])
    lab.settle()
    reason = lab.reasons()[-1]
    if reason == "granted":
        lab.go_through()
        lab.wait(OPEN_FOR)
    return reason


def where(lab: Rig, who: str) -> str | None:
    place = lab.journal.place("cobot", who.lower())
    return place.area if place else None


class TestInside:
    def test_who_is_in_cannot_come_in_again_before_they_have_left(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab:
            assert goes_in(lab, "Ada") == "granted"
            assert where(lab, "Ada") == "lab"
            assert goes_in(lab, "Ada") == "denied_passback"
            assert goes_in(lab, "Ben") == "granted"
            assert goes_out(lab, "Ada") == "granted"
            assert where(lab, "Ada") == ""
            assert goes_in(lab, "Ada") == "granted"

    def test_soft_reports_and_lets_in(self, tmp_path: Path) -> None:
        with door(tmp_path, leading("lab", "", "lab", Passback.SOFT)) as lab:
            goes_in(lab, "Ada")
            assert lab.events(Kind.PASSBACK) == []
            assert goes_in(lab, "Ada") == "granted"
            (told,) = lab.events(Kind.PASSBACK)
            assert (told.event.name, told.event.reason) == ("Ada", "")
            last = lab.events(Kind.ACCESS)[-1].event
            assert (last.detail or {})["notes"] == ["passed_back"]

    def test_off_only_keeps_the_record(self, tmp_path: Path) -> None:
        with door(tmp_path, leading("lab", "", "lab", Passback.OFF)) as lab:
            assert [goes_in(lab, "Ada") for _ in range(2)] == ["granted"] * 2
            assert lab.events(Kind.PASSBACK) == []
            assert where(lab, "Ada") == "lab"

    def test_who_never_opened_is_not_in(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab:
            goes_in(lab, "Ada", opens=False)
            lab.wait(OPEN_FOR + 10)
            assert lab.events(Kind.MOVED) == []
            assert goes_in(lab, "Ada") == "granted"

    def test_without_a_contact_who_is_let_in_is_in(self, tmp_path: Path) -> None:
        with door(tmp_path, without=["contact"]) as lab:
            goes_in(lab, "Ada", opens=False)
            assert lab.kinds()[-2:] == [Kind.ACCESS, Kind.MOVED]
            lab.wait(OPEN_FOR)
            assert goes_in(lab, "Ada", opens=False) == "denied_passback"

    def test_nobody_is_kept_from_the_street(self, tmp_path: Path) -> None:
        """Who slipped in behind somebody is reported on the way out."""
        with door(tmp_path) as lab:
            goes_in(lab, "Ada")
            goes_out(lab, "Ada")
            assert goes_out(lab, "Ada") == "granted"
            assert [e.event.name for e in lab.events(Kind.PASSBACK)] == ["Ada"]

    def test_leaving_uses_no_pass_and_checks_nobody_in(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab:
            assert goes_out(lab, "Ada") == "granted"
            assert lab.check_ins() == []
            assert lab.events(Kind.ACCESS)[-1].event.pass_key == ""
            assert goes_in(lab, "Ada") == "granted"
            assert lab.check_ins() == ["Ada"]
            lab.wait(2 * 86400)
            assert goes_out(lab, "Ada") == "granted", "though no pass is left"

    def test_a_door_that_leads_nowhere_keeps_no_record(self, tmp_path: Path) -> None:
        with door(tmp_path, DoorRules("lab", DOOR)) as lab:
            goes_in(lab, "Ada")
            lab.exit()
            assert not {Kind.MOVED, Kind.UNSURE} & set(lab.kinds())

    def test_a_second_door_knows_at_once(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab, door(tmp_path, leading("back", "", "lab"), beside=lab) as back:
            goes_in(lab, "Ada")
            assert goes_in(back, "Ada") == "denied_passback"
            assert goes_out(back, "Ada") == "granted"
            assert goes_in(lab, "Ada") == "granted"

    def test_from_area_to_area(self, tmp_path: Path) -> None:
        hall, vault = leading("hall", "", "hall"), leading("vault", "hall", "vault")
        with door(tmp_path, hall) as outer, door(tmp_path, vault, beside=outer) as inner:
            goes_in(outer, "Ada")
            assert goes_in(inner, "Ada") == "granted"
            assert goes_in(outer, "Ada") == "denied_passback"
            assert goes_out(inner, "Ada") == "granted"
            assert where(inner, "Ada") == "hall"
            goes_out(outer, "Ada")
            assert goes_in(inner, "Ada") == "denied_passback", "who is in the street is not there"


class TestOffline:
    def test_it_outlasts_a_restart_and_needs_no_disk(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab:
            goes_in(lab, "Ada")
            clock = lab.clock
        with door(tmp_path, clock=clock) as lab:
            assert where(lab, "Ada") == "lab"
            assert goes_in(lab, "Ada") == "denied_passback"

    @pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
    def test_without_an_hour_of_forgiveness_the_clock_means_nothing(
        self, step: float, tmp_path: Path
    ) -> None:
        with door(tmp_path) as lab:
            goes_in(lab, "Ben")
            lab.clock.step(step)
            assert goes_in(lab, "Ben") == "denied_passback"


class TestForgiveness:
    @pytest.mark.parametrize("day", ["2026-01-05", "2026-03-29", "2026-10-25"])
    def test_at_the_set_hour(self, day: str, tmp_path: Path) -> None:
        with door(tmp_path, leading("lab", "", "lab", forgive_at=240)) as lab:
            four = at(f"{day} 04:00")
            lab.clock.wall_time = four - 3600
            members(tmp_path, lab.clock, ADA, BEN)
            goes_in(lab, "Ben")
            lab.clock.wall_time = four - 10
            assert goes_in(lab, "Ben") == "denied_passback"
            lab.clock.wall_time = four
            assert goes_in(lab, "Ben") == "granted"
            assert goes_in(lab, "Ben") == "denied_passback", "the new day is kept as well"

    def test_by_staff(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab:
            goes_in(lab, "Ada")
            goes_in(lab, "Ben")
            event = Event(Kind.FORGIVEN, "", "", "cobot", "ada", "Ada", author="ida")
            assert lab.journal.append(event).wait(10)
            assert goes_in(lab, "Ben") == "denied_passback"
            assert goes_in(lab, "Ada") == "granted"


def leaves_by_the_button(lab: Rig) -> None:
    lab.exit()
    lab.go_through()


def just_opens_it(lab: Rig) -> None:
    lab.go_through()  # a handle on the inside, without a button: forced, as far as is known


def is_let_in_by_staff(lab: Rig) -> None:
    lab.door.unlock("ida")
    lab.settle()
    lab.go_through()


def holds_it_open(lab: Rig) -> None:
    lab.scan(CARD["Ben"])
    lab.open()
    lab.wait(61)
    lab.close()


def props_it(lab: Rig) -> None:
    lab.scan(CARD["Ben"])
    lab.open()
    lab.door.prop("ida", 600)
    lab.wait(2)
    lab.close()


def unlocks_it_for_all(lab: Rig) -> None:
    lab.door.set_mode(Mode.UNLOCKED, None, "ida")
    lab.settle()
    lab.door.set_mode(Mode.NORMAL, None, "ida")
    lab.settle()


def raises_a_fire_alarm(lab: Rig) -> None:
    lab.fire.set(active=True)
    lab.settle()
    lab.fire.set(active=False)
    lab.settle()


UNSEEN = (
    leaves_by_the_button,
    just_opens_it,
    is_let_in_by_staff,
    holds_it_open,
    props_it,
    unlocks_it_for_all,
    raises_a_fire_alarm,
)


class TestNobodyCanTell:
    @pytest.mark.parametrize("somebody", UNSEEN)
    def test_a_place_that_is_unknown_refuses_nobody(
        self, somebody: Callable[[Rig], None], tmp_path: Path
    ) -> None:
        with door(tmp_path) as lab:
            goes_in(lab, "Ada")
            lab.wait(3)
            somebody(lab)
            lab.wait(10)
            assert where(lab, "Ada") is None
            assert goes_in(lab, "Ada") == "granted"

    def test_whoever_staff_let_in_without_a_contact_to_tell(self, tmp_path: Path) -> None:
        with door(tmp_path, without=["contact"]) as lab:
            goes_in(lab, "Ada", opens=False)
            lab.door.unlock("ida")
            lab.settle()
            assert where(lab, "Ada") is None

    def test_a_door_that_is_found_open_was_passed_by_nobody_knows_whom(
        self, tmp_path: Path
    ) -> None:
        with door(tmp_path) as lab:
            goes_in(lab, "Ada")
            lab.contact.set_plugged(False)
            lab.settle()
            assert where(lab, "Ada") == "lab"
            lab.contact.set(active=True)
            lab.contact.set_plugged(True)
            lab.settle()
            assert lab.kinds().count(Kind.OPENED) == 2
            assert where(lab, "Ada") is None

    def test_a_button_that_shunts_counts_too(self, tmp_path: Path) -> None:
        with door(tmp_path, settings=replace(SET, timing=Timing(exit_unlocks=False))) as lab:
            goes_in(lab, "Ada")
            lab.exit()
            assert where(lab, "Ada") is None

    def test_the_button_says_nothing_of_who_is_outside(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab:
            goes_in(lab, "Ben")
            goes_in(lab, "Ada")
            goes_out(lab, "Ada")
            lab.exit()
            assert (where(lab, "Ada"), where(lab, "Ben")) == ("", None)

    def test_while_a_door_stands_unlocked_nobodys_place_beside_it_is_kept(
        self, tmp_path: Path
    ) -> None:
        with door(tmp_path) as lab, door(tmp_path, leading("back", "", "lab"), beside=lab) as back:
            back.door.set_mode(Mode.UNLOCKED, None, "ida")
            back.settle()
            goes_in(lab, "Ada")
            assert where(lab, "Ada") is None, "she may have left by the other door"
            assert goes_in(lab, "Ada") == "granted"
            back.door.set_mode(Mode.NORMAL, None, "ida")
            back.settle()
            goes_in(lab, "Ada")
            assert where(lab, "Ada") == "lab"

    def test_a_fire_anywhere_makes_all_places_unknown(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab, door(tmp_path, DoorRules("yard", DOOR), beside=lab) as yard:
            goes_in(lab, "Ada")
            yard.fire.set(active=True)
            yard.settle()
            assert where(lab, "Ada") is None
            goes_in(lab, "Ben")
            assert where(lab, "Ben") is None

    def test_a_contact_that_is_lost_meanwhile_leaves_it_open(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab:
            goes_in(lab, "Ada", opens=False)
            lab.contact.set_plugged(False)
            lab.settle()
            assert [e.event.detail for e in lab.events(Kind.MOVED)] == [{"area": None, "from": ""}]

    def test_another_area_is_not_concerned(self, tmp_path: Path) -> None:
        with door(tmp_path) as lab, door(tmp_path, leading("gym", "", "gym"), beside=lab) as gym:
            goes_in(lab, "Ada")
            goes_in(gym, "Ben")
            lab.exit()
            assert (where(lab, "Ada"), where(lab, "Ben")) == (None, "gym")


def test_the_place_says_since_when(tmp_path: Path) -> None:
    with door(tmp_path) as lab:
        lab.wait(100)
        lab.scan(CARD["Ada"])
        lab.open()
        assert lab.journal.place("cobot", "ada") == Place("lab", lab.clock.wall())
