"""The unknown card a door remembers for a minute: which, for how long, and for whom."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model import Decision, DoorRules, Labels, Person, Reason
from controller.strangers import HELD_FOR, Strangers
from tests.rigs import Member, Rig, members, rig

UNKNOWN = Decision(Reason.UNKNOWN)
CARD = "32:DEADBEEF"


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as built:
        members(tmp_path, built.clock, Member("Ada", ("32:04A1B2C3", "pin:4711")))
        yield built


def held(front: Rig) -> str:
    shown = front.door.strangers.last(front.clock.monotonic())
    return shown.canonical if shown else ""


def test_a_card_nobody_knows_is_held_for_a_minute(front: Rig) -> None:
    front.scan("DEADBEEF")
    assert held(front) == CARD
    front.wait(HELD_FOR - 0.1)
    assert held(front) == CARD
    front.wait(0.2)
    assert held(front) == ""


def test_and_is_gone_from_memory_then_though_nobody_asks(front: Rig) -> None:
    front.scan("DEADBEEF")
    front.wait(HELD_FOR)
    assert front.door.strangers._last is None


def test_the_last_one_counts_and_a_known_card_does_not_displace_it(front: Rig) -> None:
    front.scan("0000AAAA")
    front.scan("DEADBEEF")
    front.scan("04A1B2C3")
    assert held(front) == CARD


def test_no_pin_is_held_whoever_types_it(front: Rig) -> None:
    front.press("471108#")
    front.keypad.present("998877")
    front.settle()
    assert front.reasons() == ["denied_unknown_credential"] * 2
    assert held(front) == ""


def test_each_door_holds_its_own(tmp_path: Path, front: Rig) -> None:
    back = DoorRules("back", Labels(["plan:*"]))
    with rig(front.data, back, beside=front) as other:
        front.scan("DEADBEEF")
        assert held(other) == ""


def test_who_waits_sees_every_card_and_sees_none_afterwards() -> None:
    strangers = Strangers()
    shown, end = strangers.wait()
    known = Decision(Reason.GRANTED, Person("loft", "ada", "Ada"))
    strangers.note("32:04A1B2C3", known, 1.0)
    strangers.note(CARD, UNKNOWN, 2.0)
    strangers.note("pin:471108", UNKNOWN, 3.0)
    end()
    strangers.note("32:0000AAAA", UNKNOWN, 4.0)
    seen = [shown.get_nowait(), shown.get_nowait()]
    assert [each.unknown for each in seen] == [False, True]
    with pytest.raises(queue.Empty):
        shown.get_nowait()


@given(st.integers(0, 2**32 - 1))
def test_nothing_that_prints_it_shows_its_number(value: int) -> None:
    number = f"{value:08X}"
    strangers = Strangers()
    strangers.note(f"32:{number}", UNKNOWN, 0.0)
    shown = strangers.last(1.0)
    assert shown
    assert shown.masked == f"…{number[4:]}"
    assert number not in f"{shown!r} {shown} {[shown]}"
