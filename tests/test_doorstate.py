"""The door as a table: every row, every time, and whatever sequence of things may happen to it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import doorstate
from controller.doorstate import AFTER_RELEASE, TABLE, At, Cue, DoorState, Phase, Step, Timing
from controller.model import Kind, Mode

WALL = 1_767_607_200.0
HELD = Timing(held_warning=30, held_after=60)
GRAVE = {Kind.FORCED, Kind.HELD, Kind.HELD_WARNING}


class Story:
    """A door over time; seconds from its beginning."""

    def __init__(self, timing: Timing = HELD) -> None:
        self.timing, self.state, self.now = timing, DoorState(), 0.0
        self.told: list[Kind] = []

    @property
    def at(self) -> At:
        return At(WALL + self.now, 1000.0 + self.now)

    def take(self, step: Step) -> "Story":
        self.state, kinds = step
        self.told += kinds
        return self

    def wait(self, seconds: float) -> "Story":
        """Time goes by, and what falls due on the way happens when it is due."""
        end = self.now + seconds
        while True:
            due = self.state.next_change(self.at.monotonic, self.timing)
            if due is None or due - 1000.0 >= end:
                break
            self.now = due - 1000.0
            self.take(doorstate.advance(self.state, self.at, self.timing))
        self.now = end
        return self.take(doorstate.advance(self.state, self.at, self.timing))

    def scan(self, seconds: float = 5.0) -> "Story":
        return self.take(doorstate.let_in(self.state, self.at, seconds, self.timing))

    def exit(self) -> "Story":
        return self.take(doorstate.let_out(self.state, self.at, self.timing))

    def open(self, *, found: bool = False) -> "Story":
        return self.take(doorstate.moved(self.state, True, self.at, self.timing, found=found))

    def close(self) -> "Story":
        return self.take(doorstate.moved(self.state, False, self.at, self.timing))

    def set(self, mode: Mode, seconds: float | None = None) -> "Story":
        until = None if seconds is None else self.at.wall + seconds
        return self.take(doorstate.set_mode(self.state, mode, until, self.at, self.timing))

    def hours(self, *, unlocked: bool) -> "Story":
        return self.take(doorstate.set_hours(self.state, unlocked, self.at, self.timing))

    def fire(self, *, on: bool) -> "Story":
        return self.take(doorstate.set_fire(self.state, on, self.at, self.timing))

    def prop(self, seconds: float) -> "Story":
        return self.take(doorstate.prop(self.state, self.at.monotonic + seconds))

    @property
    def phase(self) -> Phase:
        return self.state.phase

    @property
    def released(self) -> bool:
        return self.state.released_at(self.at, self.timing)

    @property
    def word(self) -> str:
        return self.state.word(self.at.wall, self.timing)


# How to bring a door into each phase, and how each cue comes about.
INTO: dict[Phase, Callable[[Story], object]] = {
    Phase.LOCKED: lambda door: door,
    Phase.GRANTED: lambda door: door.scan(),
    Phase.OPEN: lambda door: door.scan().open().wait(8),
    Phase.HELD: lambda door: door.scan().open().wait(60),
    Phase.FORCED: lambda door: door.open(),
    Phase.FREE: lambda door: door.hours(unlocked=True),
}
BY: dict[Cue, Callable[[Story], object]] = {
    Cue.LET: lambda door: door.scan(),
    Cue.OPENED: lambda door: door.open(),
    Cue.EXPECTED: lambda door: door.open(found=True),
    Cue.CLOSED: lambda door: door.open().close(),
    Cue.ENDED: lambda door: door.wait(5),
    Cue.WARNED: lambda door: door.wait(30),
    Cue.OVERDUE: lambda door: door.wait(60),
    Cue.ALLOWED: lambda door: door.prop(60),
    Cue.FREED: lambda door: door.hours(unlocked=True),
    Cue.BOUND: lambda door: door.hours(unlocked=False),
    Cue.BOUND_OPEN: lambda door: door.open().hours(unlocked=False),
}


@pytest.mark.parametrize(("phase", "cue"), TABLE, ids=[f"{phase}-{cue}" for phase, cue in TABLE])
def test_every_row_of_the_table_can_be_walked(phase: Phase, cue: Cue) -> None:
    door = Story()
    INTO[phase](door)
    assert door.phase is phase
    door.told.clear()
    BY[cue](door)
    to, kind = TABLE[phase, cue]
    assert door.phase is to
    assert kind is None or kind in door.told


def test_what_is_not_in_the_table_leaves_the_phase_alone() -> None:
    """A scan at an open, held or forced door does not hide that it is so."""
    for phase in (Phase.OPEN, Phase.HELD, Phase.FORCED):
        door = Story()
        INTO[phase](door)
        door.scan()
        assert door.phase is phase
        assert door.released


class TestLettingIn:
    def test_the_lock_is_released_for_so_long_and_no_longer(self) -> None:
        door = Story().scan(5)
        assert door.wait(4.9).released
        assert not door.wait(0.2).released
        assert door.phase is Phase.LOCKED

    def test_a_second_person_extends_and_never_shortens(self) -> None:
        door = Story().scan(20).wait(1).scan(5)
        assert door.wait(18).released
        assert not door.wait(2).released

    def test_it_stays_released_while_open_if_it_relocks_by_time(self) -> None:
        assert Story().scan().open().released

    def test_it_locks_on_opening_if_so_configured(self) -> None:
        door = Story(Timing(relock_on_open=True)).scan().open()
        assert not door.released
        assert door.phase is Phase.OPEN
        assert door.close().phase is Phase.LOCKED

    def test_relocked_on_opening_the_next_who_opens_has_forced_it(self) -> None:
        door = Story(Timing(open_for=60, relock_on_open=True)).scan(60).open().close()
        assert door.wait(AFTER_RELEASE + 0.1).open().phase is Phase.FORCED

    def test_a_leaf_that_bounces_on_the_catch_is_nobody_forcing_it(self) -> None:
        door = Story(Timing(relock_on_open=True)).scan().open().wait(0.1).close().wait(0.1).open()
        assert door.phase is Phase.OPEN

    def test_who_pulls_at_the_very_end_is_no_burglar(self) -> None:
        assert Story().scan(5).wait(5 + AFTER_RELEASE / 2).open().phase is Phase.OPEN
        assert Story().scan(5).wait(5 + AFTER_RELEASE).open().phase is Phase.FORCED

    def test_shut_again_within_the_time_it_is_still_released(self) -> None:
        door = Story().scan(10).open().close()
        assert (door.phase, door.released) == (Phase.GRANTED, True)
        assert door.wait(10).phase is Phase.LOCKED


class TestHeld:
    def test_first_a_warning_then_an_alarm_each_once(self) -> None:
        door = Story().scan().open().wait(600)
        assert door.told == [Kind.OPENED, Kind.HELD_WARNING, Kind.HELD]
        assert door.close().told[-1] is Kind.CLOSED
        assert door.phase is Phase.LOCKED

    def test_off_is_off(self) -> None:
        assert Story(Timing()).scan().open().wait(9999).told == [Kind.OPENED]

    def test_propped_it_may_stand_open_so_long_and_is_an_alarm_after(self) -> None:
        door = Story().scan().open().prop(900).wait(899)
        assert not GRAVE.intersection(door.told)
        door.wait(31)
        assert Kind.HELD_WARNING in door.told
        assert door.wait(30).phase is Phase.HELD

    def test_propping_ends_an_alarm_that_stands(self) -> None:
        door = Story().scan().open().wait(60)
        assert door.phase is Phase.HELD
        assert door.prop(60).phase is Phase.OPEN

    def test_a_door_that_is_opened_while_propped_is_still_propped(self) -> None:
        door = Story().prop(900).scan().open().wait(300)
        assert not GRAVE.intersection(door.told)

    def test_propping_does_not_excuse_a_break_in(self) -> None:
        assert Story().open().prop(900).phase is Phase.FORCED


class TestForced:
    def test_opened_without_anybody_let_in(self) -> None:
        door = Story().open()
        assert (door.phase, door.told) == (Phase.FORCED, [Kind.FORCED])
        assert not door.released

    def test_found_open_after_a_start_it_is_open_and_will_be_held(self) -> None:
        door = Story().open(found=True)
        assert door.phase is Phase.OPEN
        assert door.wait(60).told == [Kind.OPENED, Kind.HELD_WARNING, Kind.HELD]


class TestLeaving:
    def test_the_button_releases(self) -> None:
        door = Story().exit()
        assert door.released
        assert door.open().phase is Phase.OPEN

    def test_as_a_shunt_it_only_says_that_it_is_no_break_in(self) -> None:
        door = Story(Timing(exit_unlocks=False)).exit()
        assert not door.released
        assert door.open().phase is Phase.OPEN
        assert door.close().wait(60).open().phase is Phase.FORCED

    def test_in_lockdown_people_get_out_and_nobody_in(self) -> None:
        door = Story().set(Mode.LOCKDOWN).scan()
        assert not door.released
        assert door.exit().released
        assert door.open().phase is Phase.OPEN

    def test_who_scanned_in_a_lockdown_is_not_let_in_when_it_ends(self) -> None:
        assert not Story().set(Mode.LOCKDOWN, 10).scan(60).wait(11).released

    def test_lockdown_ends_a_release_but_not_that_of_somebody_who_leaves(self) -> None:
        assert not Story().scan().set(Mode.LOCKDOWN).released
        assert Story().exit().set(Mode.LOCKDOWN).released


class TestRule:
    def test_hours_unlock_and_lock(self) -> None:
        door = Story().hours(unlocked=True)
        assert (door.word, door.released) == ("unlocked by hours", True)
        assert door.open().close().told == [Kind.HOURS, Kind.OPENED, Kind.CLOSED]
        assert not door.hours(unlocked=False).released

    def test_lockdown_outranks_hours_and_hours_are_back_after_it(self) -> None:
        door = Story().hours(unlocked=True).set(Mode.LOCKDOWN)
        assert (door.word, door.released) == ("lockdown", False)
        assert door.set(Mode.NORMAL).released

    def test_by_hand_until_its_hour(self) -> None:
        door = Story().set(Mode.UNLOCKED, 3600)
        assert (door.word, door.released) == ("unlocked by hand", True)
        assert not door.wait(3600).released
        assert door.word == "locked"

    def test_open_when_the_hours_end_it_is_open_and_will_be_held(self) -> None:
        door = Story().hours(unlocked=True).open().wait(7200).hours(unlocked=False)
        assert door.phase is Phase.OPEN
        assert door.wait(60).phase is Phase.HELD

    def test_who_was_let_in_as_the_hours_ended_still_gets_in(self) -> None:
        door = Story().hours(unlocked=True).scan().hours(unlocked=False)
        assert (door.phase, door.released) == (Phase.GRANTED, True)
        assert door.open().phase is Phase.OPEN

    def test_who_pulls_as_the_hours_end_is_no_burglar(self) -> None:
        door = Story().hours(unlocked=True).hours(unlocked=False).wait(1).open()
        assert door.phase is Phase.OPEN


class TestFire:
    def test_it_is_reported_and_the_lock_left_to_the_wiring(self) -> None:
        door = Story().fire(on=True)
        assert (door.word, door.released, door.told) == ("fire", False, [Kind.FIRE])

    def test_nobody_who_flees_is_a_burglar_or_holds_the_door(self) -> None:
        door = Story().fire(on=True).open().wait(3600)
        assert door.told == [Kind.FIRE, Kind.OPENED]
        assert door.fire(on=False).wait(60).told[-1] is Kind.HELD

    def test_if_so_configured_it_unlocks_even_in_lockdown(self) -> None:
        door = Story(Timing(fire_unlocks=True)).set(Mode.LOCKDOWN).fire(on=True)
        assert door.released
        assert not door.fire(on=False).released


SECONDS = st.sampled_from([0.0, 0.1, 1.9, 2.0, 2.1, 4.9, 5.0, 29.0, 31.0, 61.0, 3600.0])
DOINGS: st.SearchStrategy[tuple[str, object]] = st.one_of(
    st.tuples(st.just("wait"), SECONDS),
    st.tuples(st.just("scan"), st.sampled_from([1.0, 5.0, 60.0])),
    st.tuples(st.just("exit"), st.none()),
    st.tuples(st.sampled_from(["open", "found"]), st.none()),
    st.tuples(st.just("close"), st.none()),
    st.tuples(st.just("mode"), st.sampled_from([(m, s) for m in Mode for s in (None, 60.0)])),
    st.tuples(st.sampled_from(["hours", "fire"]), st.booleans()),
    st.tuples(st.just("prop"), SECONDS),
)
TIMINGS = st.builds(
    Timing,
    open_for=st.sampled_from([1.0, 5.0]),
    relock_on_open=st.booleans(),
    held_warning=st.sampled_from([0.0, 30.0]),
    held_after=st.sampled_from([0.0, 60.0]),
    exit_unlocks=st.booleans(),
    fire_unlocks=st.booleans(),
)


DO: dict[str, Callable[[Story, Any], object]] = {
    "wait": Story.wait,
    "scan": Story.scan,
    "exit": lambda door, _: door.exit(),
    "open": lambda door, _: door.open(),
    "found": lambda door, _: door.open(found=True),
    "close": lambda door, _: door.close(),
    "mode": lambda door, what: door.set(*what),
    "hours": lambda door, on: door.hours(unlocked=on),
    "fire": lambda door, on: door.fire(on=on),
    "prop": Story.prop,
}


def causes(door: Story, name: str, value: object) -> float:
    """Until when (monotonic) this, done now, is a reason to be released."""
    now = door.at.monotonic
    if name == "scan" and door.state.mode_at(door.at.wall) is not Mode.LOCKDOWN:
        assert isinstance(value, float)
        return now + value
    return now + door.timing.open_for if name == "exit" and door.timing.exit_unlocks else 0.0


@given(TIMINGS, st.lists(DOINGS, max_size=25))
def test_whatever_happens_it_is_released_only_for_a_cause_and_locks_again(
    timing: Timing, doings: list[tuple[str, object]]
) -> None:
    door, let = Story(timing), 0.0
    for name, value in doings:
        let = max(let, causes(door, name, value))
        DO[name](door, value)
        free = door.state.free_at(door.at.wall, timing)
        assert not door.released or free or door.at.monotonic < let
        assert (door.phase is Phase.FREE) == free
        assert door.phase is not Phase.GRANTED or door.released
        assert door.phase is not Phase.LOCKED or not door.released
        assert door.phase not in (Phase.OPEN, Phase.HELD, Phase.FORCED) or door.state.open
    door.set(Mode.NORMAL).hours(unlocked=False).fire(on=False).wait(61)
    assert not door.released


@given(TIMINGS, st.lists(DOINGS, max_size=15), st.lists(DOINGS, max_size=15))
def test_a_lockdown_lets_nobody_in(
    timing: Timing, before: list[tuple[str, object]], during: list[tuple[str, object]]
) -> None:
    door = Story(timing)
    for name, value in before:
        DO[name](door, value)
    door.set(Mode.LOCKDOWN)
    for name, value in during:
        if name not in ("mode", "exit", "fire"):
            DO[name](door, value)
    burning = door.state.fire and timing.fire_unlocks
    assert not door.released or burning or door.at.monotonic < door.state.exit_until


@given(TIMINGS, st.lists(DOINGS, max_size=25))
def test_an_opening_is_forced_only_if_nothing_explains_it(
    timing: Timing, doings: list[tuple[str, object]]
) -> None:
    door = Story(timing)
    for name, value in doings:
        explained = door.released or door.state.fire or door.state.open
        door.told.clear()
        DO[name](door, value)
        assert not (name == "open" and explained and Kind.FORCED in door.told)


def test_a_state_is_a_value() -> None:
    state = DoorState()
    assert replace(state) == state
    doorstate.let_in(state, At(WALL, 0.0), 5, HELD)
    assert state == DoorState()
