"""What is presented at a door, until it opens or not: PINs, two persons, duress, strength."""

from pathlib import Path

import pytest

from controller.entrance import COMPANY_WITHIN, PIN_WITHIN
from controller.model import Demand, DoorRules, Kind, Labels, Mode, Strength
from controller.ports import Card, Signal
from controller.tries import FIRST_PAUSE, TRIES
from tests.rigs import Member, Rig, members, rig

ADA = Member("Ada", ("32:04A1B2C3", "pin:4711"))
BEN = Member("Ben", ("32:0B0B0B0B", "pin:8264"))
CARD = {"Ada": "04A1B2C3", "Ben": "0B0B0B0B"}
DOOR = Labels(["plan:*"])
WITH_PIN = DoorRules("front", DOOR, demands=(Demand(pin=True),), duress=True)
BY_TWO = DoorRules("front", DOOR, demands=(Demand(persons=2),))


def names(front: Rig, *kinds: Kind) -> list[str]:
    return [each.event.name for each in front.events(*kinds)]


class TestCardAndPin:
    def test_the_pin_opens_after_the_card(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            assert not front.lock.released
            assert front.indicator.shown == (Signal.WAIT, "PIN, then #")
            front.press("4711#")
            assert front.lock.released
            assert front.reasons() == ["granted"]
            assert front.check_ins() == ["Ada"]

    def test_typed_at_a_keypad_beside_the_reader(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.keypad.press("4711#")
            front.settle()
            assert front.lock.released

    def test_a_keypad_that_sends_it_whole(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.keypad.present("4711")
            front.settle()
            assert front.lock.released

    @pytest.mark.parametrize("pin", ["4710", "8264", "47110", "", "1234567890123"])
    def test_the_wrong_one_does_not(self, pin: str, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA, BEN)
            front.scan(CARD["Ada"])
            front.press(f"{pin}#")
            front.wait(PIN_WITHIN)
            assert front.lock.releases == 0
            assert front.reasons() == [
                "denied_incorrect_authentication_factor"
                if pin
                else "denied_authentication_factor_timeout"
            ]
            assert names(front, Kind.ACCESS) == ["Ada"]

    def test_a_pin_alone_is_not_enough(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.press("4711#")
            assert front.reasons() == ["denied_incorrect_authentication_factor"]
            assert front.lock.releases == 0

    def test_who_does_not_type_in_time_is_refused_and_may_begin_anew(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.wait(PIN_WITHIN)
            assert front.reasons() == ["denied_authentication_factor_timeout"]
            assert front.indicator.shown[0] is Signal.DENIED
            front.press("4711#")
            assert front.lock.releases == 0
            front.scan(CARD["Ada"])
            front.press("4711#")
            assert front.lock.released

    def test_a_card_shown_before_and_given_up_is_on_record(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA, BEN)
            front.scan(CARD["Ada"])
            front.scan(CARD["Ben"])
            front.press("8264#")
            assert names(front, Kind.ACCESS) == ["Ada", "Ben"]
            assert front.reasons() == ["denied_authentication_factor_timeout", "granted"]

    def test_a_lockdown_between_card_and_pin_keeps_it_shut(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.door.set_mode(Mode.LOCKDOWN, None, "ida")
            front.press("4711#")
            assert front.lock.releases == 0
            assert front.reasons() == ["denied_deny_all"]

    def test_a_stranger_is_not_even_asked(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan("DEADBEEF")
            assert front.reasons() == ["denied_unknown_credential"]

    def test_digits_typed_slowly_begin_anew_and_a_star_too(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.press("99*")
            front.press("12")
            front.wait(6)
            front.press("4711#")
            assert front.lock.released


class TestGuessing:
    def guess(self, front: Rig, times: int) -> None:
        for number in range(times):
            front.press(f"{1000 + number}#")

    def test_five_wrong_pins_silence_the_keypad_and_cards_still_work(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            self.guess(front, TRIES)
            front.press("4711#")
            assert front.lock.releases == 0
            assert front.reasons()[-1] == "denied_max_attempts"
            front.scan(CARD["Ada"])
            assert front.lock.released

    def test_the_pause_grows_with_each_further_one(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            self.guess(front, TRIES)
            front.wait(FIRST_PAUSE)
            front.press("1000#")
            front.wait(FIRST_PAUSE)
            front.press("4711#")
            assert front.reasons()[-1] == "denied_max_attempts"
            front.wait(FIRST_PAUSE)
            front.press("4711#")
            assert front.lock.released

    def test_only_a_pin_that_opens_ends_the_counting(self, tmp_path: Path) -> None:
        """Somebody whose own PIN has expired guesses no longer than anybody."""
        with rig(tmp_path) as front:
            gone = BEN._replace(until=front.clock.wall() - 1)
            members(tmp_path, front.clock, ADA, gone)
            for _ in range(TRIES):
                self.guess(front, 1)
                front.press("8264#")
            assert front.reasons()[-1] == "denied_max_attempts"

    def test_a_keypad_that_sends_pins_whole_is_no_way_round(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            for number in range(TRIES):
                front.keypad.present(f"{1000 + number}")
            front.keypad.present("4711")
            front.settle()
            assert front.reasons()[-1] == "denied_max_attempts"
            assert front.lock.releases == 0

    def test_no_pin_is_kept_or_logged(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        rules = DoorRules("front", DOOR, duress=True)
        with rig(tmp_path, rules) as front:
            members(tmp_path, front.clock, ADA)
            for pin in ("4711", "4712", "9988"):
                front.press(f"{pin}#")
                front.keypad.present(pin)
                front.settle()
            front.keypad.present("4711x")
            front.settle()
            assert {e.event.card for e in front.events(Kind.ACCESS, Kind.DURESS)} == {"PIN"}
            text = "".join(str(e.event) for e in front.events())
            assert not [pin for pin in ("4711", "4712", "9988") if pin in text]
            assert not [pin for pin in ("4711", "4712", "9988") if pin in caplog.text]


class TestDuress:
    @pytest.mark.parametrize("pin", ["4712#", "4711#"])
    def test_with_the_card_it_opens_as_ever_and_calls_for_help(
        self, pin: str, tmp_path: Path
    ) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            before = len(front.indicator.history)
            front.press(pin)
            shown = front.indicator.history[before:]
            assert shown == ((Signal.GRANTED, "Ada"),)  # nothing differs for who stands by
            assert front.lock.history == ("released",)
            assert front.door.condition.alarms == {}
            assert names(front, Kind.DURESS) == (["Ada"] if pin == "4712#" else [])

    def test_alone(self, tmp_path: Path) -> None:
        with rig(tmp_path, DoorRules("front", DOOR, duress=True)) as front:
            members(tmp_path, front.clock, Member("Ada", ("pin:4719",)))
            front.press("4710#")
            assert front.lock.released
            assert front.kinds()[:2] == [Kind.DURESS, Kind.ACCESS]
            assert front.check_ins() == ["Ada"]

    def test_it_calls_for_help_also_where_it_cannot_open(self, tmp_path: Path) -> None:
        with rig(tmp_path, WITH_PIN) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.door.set_mode(Mode.LOCKDOWN, None, "ida")
            front.press("4712#")
            assert front.lock.releases == 0
            assert names(front, Kind.DURESS) == ["Ada"]

    def test_a_pin_that_is_somebody_elses_own_is_not_under_duress(self, tmp_path: Path) -> None:
        with rig(tmp_path, DoorRules("front", DOOR, duress=True)) as front:
            members(tmp_path, front.clock, ADA, Member("Cleo", ("pin:4712",)))
            front.press("4712#")
            assert names(front, Kind.ACCESS) == ["Cleo"]
            assert names(front, Kind.DURESS) == []

    def test_where_it_is_not_agreed_it_is_a_wrong_pin(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            front.press("4712#")
            assert front.reasons() == ["denied_unknown_credential"]


class TestTwoPersons:
    def test_two_open_and_both_have_come(self, tmp_path: Path) -> None:
        with rig(tmp_path, BY_TWO) as front:
            members(tmp_path, front.clock, ADA, BEN)
            front.scan(CARD["Ada"])
            assert front.indicator.shown == (Signal.WAIT, "1 more")
            assert front.lock.releases == 0
            front.wait(COMPANY_WITHIN - 1)
            front.scan(CARD["Ben"])
            assert front.lock.released
            assert front.check_ins() == ["Ada", "Ben"]

    def test_one_twice_is_one(self, tmp_path: Path) -> None:
        with rig(tmp_path, BY_TWO) as front:
            members(tmp_path, front.clock, ADA)
            front.scan(CARD["Ada"])
            front.wait(3)
            front.scan(CARD["Ada"])
            front.press("4711#")
            assert front.lock.releases == 0

    def test_alone_for_too_long(self, tmp_path: Path) -> None:
        with rig(tmp_path, BY_TWO) as front:
            members(tmp_path, front.clock, ADA, BEN)
            front.scan(CARD["Ada"])
            front.wait(COMPANY_WITHIN)
            front.scan(CARD["Ben"])
            assert front.reasons() == ["denied_no_accompaniment"]
            assert names(front, Kind.ACCESS) == ["Ada"]
            assert front.lock.releases == 0

    def test_a_second_who_may_not_enter_leaves_the_first_waiting(self, tmp_path: Path) -> None:
        with rig(tmp_path, BY_TWO) as front:
            members(tmp_path, front.clock, ADA, BEN)
            front.scan(CARD["Ada"])
            front.scan("DEADBEEF")
            assert front.lock.releases == 0
            front.scan(CARD["Ben"])
            assert front.lock.released

    def test_what_changed_meanwhile_is_seen_and_nobody_uses_a_pass(self, tmp_path: Path) -> None:
        with rig(tmp_path, BY_TWO) as front:
            ends = front.clock.wall() + 10
            members(tmp_path, front.clock, ADA._replace(until=ends), BEN)
            front.scan(CARD["Ada"])
            front.wait(11)
            front.scan(CARD["Ben"])
            assert front.reasons() == ["denied_credential_expired", "denied_no_accompaniment"]
            assert front.check_ins() == []
            assert front.lock.releases == 0

    def test_each_with_card_and_pin(self, tmp_path: Path) -> None:
        rules = DoorRules("front", DOOR, demands=(Demand(pin=True), Demand(persons=2)))
        with rig(tmp_path, rules) as front:
            members(tmp_path, front.clock, ADA, BEN)
            front.scan(CARD["Ada"])
            front.press("4711#")
            front.scan(CARD["Ben"])
            assert front.lock.releases == 0
            front.press("8264#")
            assert front.lock.released


class TestStrength:
    @pytest.mark.parametrize(
        ("least", "has", "opens"),
        [
            (Strength.WIEGAND, Strength.WEAK, False),
            (Strength.WIEGAND, Strength.WIEGAND, True),
            (Strength.WIEGAND, Strength.SECURE, True),
            (Strength.SECURE, Strength.WIEGAND, False),
            (Strength.WEAK, Strength.WEAK, True),
        ],
    )
    def test_a_credential_must_be_as_hard_to_copy_as_the_door_demands(
        self, least: Strength, has: Strength, opens: bool, tmp_path: Path
    ) -> None:
        rules = DoorRules("front", DOOR, demands=(Demand(strength=least),))
        with rig(tmp_path, rules) as front:
            members(tmp_path, front.clock, ADA)
            front.reader._listener()(Card(CARD["Ada"], has))
            front.settle()
            assert front.lock.released is opens
            assert front.reasons() == [
                "granted" if opens else "denied_incorrect_authentication_factor"
            ]

    def test_a_pin_alone_where_a_card_is_demanded(self, tmp_path: Path) -> None:
        rules = DoorRules("front", DOOR, demands=(Demand(strength=Strength.WEAK),))
        with rig(tmp_path, rules) as front:
            members(tmp_path, front.clock, ADA)
            front.press("4711#")
            front.keypad.present("4711")
            front.settle()
            assert front.lock.releases == 0
            front.scan(CARD["Ada"])
            assert front.lock.released
