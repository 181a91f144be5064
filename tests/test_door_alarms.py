"""What a door tells besides who entered: held, forced, propped, leaving, fire, broken devices."""

from dataclasses import replace
from pathlib import Path

from controller.door import Settings
from controller.doorstate import Timing
from controller.model import Kind, Mode
from controller.ports import Alarm, Level, Signal
from tests.rigs import Member, Rig, members, rig

ADA = Member("Ada", ("32:04A1B2C3",))
CARD = "04A1B2C3"
HELD = Settings("Front", Timing(held_warning=30, held_after=60))
PATIENCE = 5.0


def enter(front: Rig) -> None:
    members(front.data, front.clock, ADA)
    front.scan(CARD)
    front.open()


class TestHeldOpen:
    def test_warning_alarm_and_all_well_again(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=HELD) as front:
            enter(front)
            front.wait(30)
            front.wait(30)
            assert front.door.word == "held"
            assert front.indicator.shown == (Signal.HELD, "")
            front.wait(600)
            front.close()
            kinds = [Kind.ACCESS, Kind.OPENED, Kind.HELD_WARNING, Kind.HELD, Kind.CLOSED]
            assert front.kinds() == kinds
            assert front.indicator.wait_for(Signal.IDLE, PATIENCE)

    def test_propped_for_a_while_then_held(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=HELD) as front:
            enter(front)
            front.wait(60)
            front.door.prop("ida", 900)
            front.settle()
            assert front.door.word == "open"
            assert front.indicator.wait_for(Signal.IDLE, PATIENCE)
            (propped,) = front.events(Kind.PROPPED)
            assert (propped.event.author, propped.event.detail) == ("ida", {"seconds": 900})
            front.wait(899)
            assert front.door.word == "open"
            front.wait(61)
            assert front.door.word == "held"

    def test_the_member_who_left_it_open_does_not_leave_it_unlocked(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=HELD) as front:
            enter(front)
            front.wait(60)
            assert not front.lock.released


class TestForced:
    def test_it_is_told_shown_and_over_when_shut(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            front.open()
            assert front.door.word == "forced"
            assert front.indicator.shown == (Signal.HELD, "")
            front.close()
            assert front.door.word == "locked"
            assert front.kinds() == [Kind.FORCED, Kind.CLOSED]

    def test_found_open_after_a_start_nobody_was_seen_to_force_it(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            front.contact.set_plugged(False)
            front.contact.set(active=True)
            front.contact.set_plugged(True)
            front.settle()
            assert front.door.word == "open"
            assert Kind.FORCED not in front.kinds()


class TestLeaving:
    def test_the_button_lets_out_and_says_so(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            front.exit()
            assert front.lock.released
            front.go_through()
            assert front.kinds() == [Kind.EXIT, Kind.OPENED, Kind.CLOSED]

    def test_as_a_shunt_the_lock_does_not_move(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=Settings("Front", Timing(exit_unlocks=False))) as front:
            front.exit()
            front.go_through()
            assert front.lock.releases == 0
            assert front.kinds() == [Kind.EXIT, Kind.OPENED, Kind.CLOSED]

    def test_a_button_that_sticks_is_an_alarm_and_does_not_hold_the_door(
        self, tmp_path: Path
    ) -> None:
        with rig(tmp_path, settings=Settings("Front", stuck_after=300)) as front:
            front.button.set(active=True)
            front.settle()
            front.wait(10)
            assert not front.lock.released
            front.wait(300)
            assert "exit_button stuck" in front.door.condition.alarms
            front.button.set(active=False)
            front.wait(2)
            assert front.kinds() == [Kind.EXIT, Kind.ALARM, Kind.ALARM_OVER]

    def test_a_button_found_pressed_after_an_outage_lets_nobody_out(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            front.button.set_plugged(False)
            front.settle()
            tell = front.button._tell
            assert tell
            tell(Level(active=True))
            front.settle()
            assert front.lock.releases == 0
            assert Kind.EXIT not in front.kinds()


class TestFlutter:
    def flutter(self, front: Rig, part: str, seconds: float = 4.0) -> None:
        """50 changes a second."""
        device = {"contact": front.contact, "exit_button": front.button, "fire": front.fire}[part]
        for _ in range(int(seconds * 5)):
            for _ in range(10):
                device.set(active=not device.active)
                front.clock.advance(0.02)
            front.settle()
        device.set(active=False)
        front.settle()

    def test_a_contact_that_flutters_is_ignored_until_it_is_calm(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            self.flutter(front, "contact", 20)
            assert "contact flutter" in front.door.condition.alarms
            assert len(front.events()) <= 21
            assert front.lock.releases == 0
            front.wait(6)
            assert front.door.condition.alarms == {}
            front.open()
            assert front.kinds()[-3:] == [Kind.ALARM, Kind.ALARM_OVER, Kind.FORCED]

    def test_somebody_let_in_by_such_a_door_has_entered(self, tmp_path: Path) -> None:
        settings = Settings("Front", Timing(open_for=60), counts_on_opening=True)
        with rig(tmp_path, settings=settings) as front:
            members(tmp_path, front.clock, ADA)
            self.flutter(front, "contact")
            front.scan(CARD)
            assert front.check_ins() == ["Ada"]

    def test_a_fire_input_that_flutters_leaves_the_door_locked(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=Settings("Front", Timing(fire_unlocks=True))) as front:
            self.flutter(front, "fire")
            assert not front.lock.released
            assert front.door.word == "locked"

    def test_a_button_that_flutters_does_not_keep_the_door_unlocked(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            self.flutter(front, "exit_button", 20)
            front.wait(5)
            assert not front.lock.released
            assert len(front.events(Kind.EXIT)) <= 10


class TestFire:
    def test_it_is_reported_and_nobody_who_flees_is_a_burglar(self, tmp_path: Path) -> None:
        with rig(tmp_path, settings=HELD) as front:
            front.fire.set(active=True)
            front.settle()
            assert front.door.word == "fire"
            assert front.lock.releases == 0
            front.open()
            front.wait(3600)
            front.fire.set(active=False)
            front.settle()
            assert front.kinds() == [Kind.FIRE, Kind.OPENED, Kind.FIRE_OVER]

    def test_it_unlocks_if_so_configured_lockdown_or_not(self, tmp_path: Path) -> None:
        timing = replace(HELD.timing, fire_unlocks=True)
        with rig(tmp_path, settings=Settings("Front", timing)) as front:
            front.door.set_mode(Mode.LOCKDOWN, None, "ida")
            front.fire.set(active=True)
            front.settle()
            assert front.lock.released
            front.wait(3600)
            assert front.lock.released
            front.fire.set(active=False)
            front.settle()
            assert not front.lock.released


def test_an_opened_housing_is_an_alarm_until_it_is_shut(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        front.tamper.set(active=True)
        front.settle()
        assert "tamper" in front.door.condition.alarms
        front.tamper.set(active=False)
        front.settle()
        assert front.kinds() == [Kind.ALARM, Kind.ALARM_OVER]


class TestLights:
    def test_offline_once_no_reader_is_left(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            front.reader.unplug()
            front.settle()
            assert front.indicator.shown[0] is Signal.IDLE
            front.keypad.unplug()
            front.settle()
            assert front.indicator.wait_for(Signal.OFFLINE, PATIENCE)
            front.reader.plug()
            front.settle()
            assert front.indicator.wait_for(Signal.IDLE, PATIENCE)

    def test_lockdown_and_open_house(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            for mode, signal in (
                (Mode.LOCKDOWN, Signal.LOCKDOWN),
                (Mode.UNLOCKED, Signal.UNLOCKED),
                (Mode.NORMAL, Signal.IDLE),
            ):
                front.door.set_mode(mode, None, "ida")
                front.settle()
                assert front.indicator.wait_for(signal, PATIENCE)

    def test_an_answer_stays_for_two_seconds_and_then_the_alarm_is_shown(
        self, tmp_path: Path
    ) -> None:
        with rig(tmp_path, settings=HELD) as front:
            members(tmp_path, front.clock, ADA)
            front.open()
            front.scan(CARD)
            assert front.indicator.shown == (Signal.GRANTED, "Ada")
            front.wait(2.1)
            assert front.indicator.shown == (Signal.HELD, "")


def test_an_alarm_of_a_reader_stands_until_it_is_over(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        tell = front.reader._listener()
        for _ in range(3):
            tell(Alarm("tamper", True, "its housing is open"))
        front.settle()
        assert front.door.condition.alarms == {"main tamper": "its housing is open"}
        tell(Alarm("tamper", False))
        front.settle()
        assert front.door.condition.alarms == {}
        assert front.kinds() == [Kind.ALARM, Kind.ALARM_OVER]


def test_an_alarm_that_comes_and_goes_is_told_in_bounds(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        tell = front.reader._listener()
        for number in range(1000):
            tell(Alarm("tamper", number % 2 == 0, "its housing is open"))
            front.clock.advance(0.02)
            if number % 50 == 49:
                front.settle()
        assert len(front.events()) <= 23
        assert "main tamper flutter" in front.door.condition.alarms
        front.wait(6)
        assert front.door.condition.alarms == {}
        assert front.lock.releases == 0
