"""When an entry counts: at the grant, or once the door was really opened."""

from pathlib import Path

import pytest

from controller.door import Settings
from controller.model import DoorRules, Kind, Labels, Mode
from tests.rigs import Member, Rig, members, rig

ADA = Member("Ada", ("32:04A1B2C3",))
BEN = Member("Ben", ("32:0B0B0B0B",))
CARD = {"Ada": "04A1B2C3", "Ben": "0B0B0B0B"}
DOOR = Labels(["plan:*"])
ON_OPENING = Settings("Front", counts_on_opening=True)


def names(front: Rig, *kinds: Kind) -> list[str]:
    return [each.event.name for each in front.events(*kinds)]


class TestCheckInOnOpening:
    def test_it_counts_once_when_the_door_was_opened(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA._replace(passes=1))
            front.scan(CARD["Ada"])
            assert front.lock.released
            assert front.check_ins() == []
            front.go_through()
            front.open()
            assert front.check_ins() == ["Ada"]
            (entered,) = front.events(Kind.ENTERED)
            assert (entered.event.pass_key, entered.event.visit) == ("pass-0", "new")

    def test_nobody_opened_and_no_pass_is_burned(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA._replace(passes=1))
            front.scan(CARD["Ada"])
            front.wait(8)
            assert front.kinds() == [Kind.ACCESS, Kind.NO_ENTRY]
            front.scan(CARD["Ada"])
            front.go_through()
            assert front.reasons() == ["granted", "granted"]
            assert front.check_ins() == ["Ada"]

    def test_who_pulls_at_the_very_end_has_entered(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.wait(6)
            assert not front.lock.released
            front.open()
            assert front.check_ins() == ["Ada"]
            assert Kind.NO_ENTRY not in front.kinds()

    def test_two_who_were_let_in_by_one_opening(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA, BEN)
            front.scan(CARD["Ada"])
            front.scan(CARD["Ben"])
            front.open()
            assert front.check_ins() == ["Ada", "Ben"]

    def test_one_who_presents_twice_enters_once(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA._replace(passes=2))
            front.scan(CARD["Ada"])
            front.wait(3)
            front.scan(CARD["Ada"])
            front.open()
            assert names(front, Kind.ENTERED) == ["Ada"]
            assert front.check_ins() == ["Ada"]

    def test_who_comes_through_a_door_that_stands_open_counts_at_once(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA, BEN)
            front.scan(CARD["Ada"])
            front.open()
            front.scan(CARD["Ben"])
            assert front.check_ins() == ["Ada", "Ben"]

    def test_the_contact_is_lost_meanwhile_and_the_grant_counts(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.contact.set_plugged(False)
            front.settle()
            (entered,) = front.events(Kind.ENTERED)
            assert entered.event.detail == {"reader": "main", "unseen": True}
            front.wait(60)
            assert front.check_ins() == ["Ada"]

    def test_without_a_contact_that_works_it_counts_at_the_grant(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA)
            front.contact.set_plugged(False)
            front.scan(CARD["Ada"])
            assert front.check_ins() == ["Ada"]
            assert front.events(Kind.ENTERED) == []

    def test_unlocked_meanwhile_it_counts(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.door.set_mode(Mode.UNLOCKED, None, "ida")
            front.settle()
            assert front.check_ins() == ["Ada"]

    def test_a_restart_before_the_opening_invents_no_check_in(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=ON_OPENING) as front:
            members(tmp_path, front.clock, ADA._replace(passes=1))
            front.scan(CARD["Ada"])
        with rig(tmp_path, settings=ON_OPENING, clock=front.clock) as again:
            assert not again.lock.released
            assert again.check_ins() == []
            assert again.kinds() == [Kind.ACCESS, Kind.NO_ENTRY]
            again.wait(3)
            again.scan(CARD["Ada"])
            again.go_through()
            assert again.check_ins() == ["Ada"]

    @pytest.mark.parametrize("on_opening", [True, False], ids=["open", "grant"])
    def test_the_last_pass_at_two_doors_is_used_once(
        self, on_opening: bool, tmp_path: Path
    ) -> None:
        side = DoorRules("side", DOOR)
        second = Settings("Side", counts_on_opening=on_opening)
        with (
            rig(tmp_path, settings=ON_OPENING) as front,
            rig(tmp_path, side, second, beside=front) as other,
        ):
            members(tmp_path, front.clock, ADA._replace(passes=1))
            front.scan(CARD["Ada"])
            other.scan(CARD["Ada"])
            other.open()
            front.open()
            used = [e.event for e in (*front.events(), *other.events()) if e.event.pass_key]
            assert len(used) == 1
            (entered,) = front.events(Kind.ENTERED)
            assert (entered.event.visit, entered.event.pass_key) == ("again", "")
            assert front.check_ins() == ["Ada"]

    def test_passback_counts_from_the_entry_not_from_a_grant_unused(self, tmp_path: Path) -> None:
        rules = DoorRules("front", DOOR, anti_passback=600)
        with rig(tmp_path, rules, ON_OPENING) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.wait(60)
            front.scan(CARD["Ada"])
            front.go_through()
            front.wait(60)
            front.scan(CARD["Ada"])
            assert front.reasons() == ["granted", "granted", "denied_passback"]


class TestNoEntry:
    def test_with_check_in_at_the_grant_it_is_only_told(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.wait(8)
            assert front.kinds() == [Kind.ACCESS, Kind.NO_ENTRY]
            assert front.check_ins() == ["Ada"]

    def test_whoever_opened_has_entered(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.go_through()
            front.wait(60)
            assert Kind.NO_ENTRY not in front.kinds()

    def test_without_a_contact_nobody_can_say(self, tmp_path: Path) -> None:
        with rig(tmp_path, without=["contact"]) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.wait(60)
            assert front.kinds() == [Kind.ACCESS]
