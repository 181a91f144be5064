"""A sluice: of two doors only one is open or unlocked at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from controller.door import Settings
from controller.doorstate import Timing
from controller.interlock import Interlock
from controller.model import DoorRules, Kind, Labels, Mode
from controller.ports import Signal
from tests.rigs import Member, Rig, members, rig

ADA = Member("Ada", ("32:04A1B2C3",))
CARD = "04A1B2C3"


class Sluice(NamedTuple):
    outer: Rig
    inner: Rig

    def settle(self) -> None:
        for door in self:
            door.settle()

    def wait(self, seconds: float) -> None:
        self.outer.clock.advance(seconds)
        self.settle()


@pytest.fixture
def sluice(tmp_path: Path) -> Iterator[Sluice]:
    with built(tmp_path, Timing()) as made:
        yield made


class built:  # noqa: N801 - used as a function
    """Both doors, shut, and Ada who may enter by both."""

    def __init__(self, data: Path, timing: Timing) -> None:
        self.data, self.timing = data, timing

    def __enter__(self) -> Sluice:
        outer, inner = (
            (DoorRules(name, Labels(["plan:*"])), Settings(name, self.timing, partners=(partner,)))
            for name, partner in (("outer", "inner"), ("inner", "outer"))
        )
        self._outer = rig(self.data, *outer)
        first = self._outer.__enter__()
        self._inner = rig(self.data, *inner, beside=first)
        made = Sluice(first, self._inner.__enter__())
        members(self.data, first.clock, ADA)
        made.settle()
        return made

    def __exit__(self, *error: object) -> None:
        self._inner.__exit__(None, None, None)
        self._outer.__exit__(None, None, None)


def test_through_one_after_the_other(sluice: Sluice) -> None:
    for door in sluice:
        door.scan(CARD)
        assert door.lock.released
        door.go_through()
        sluice.wait(6)
    assert [door.reasons() for door in sluice] == [["granted"], ["granted"]]


def test_while_one_is_released_the_other_denies(sluice: Sluice) -> None:
    sluice.outer.scan(CARD)
    sluice.inner.scan(CARD)
    assert sluice.inner.reasons() == ["denied_interlocked"]
    assert sluice.inner.lock.releases == 0
    assert sluice.inner.indicator.shown == (Signal.DENIED, "denied_interlocked")


def test_while_one_stands_open_the_other_denies(sluice: Sluice) -> None:
    sluice.outer.scan(CARD)
    sluice.outer.open()
    sluice.wait(60)
    assert not sluice.outer.lock.released
    sluice.inner.scan(CARD)
    assert sluice.inner.reasons() == ["denied_interlocked"]
    sluice.outer.close()
    sluice.wait(3)
    sluice.inner.scan(CARD)
    assert sluice.inner.lock.released


def test_a_forced_door_keeps_the_other_shut(sluice: Sluice) -> None:
    sluice.outer.open()
    sluice.inner.scan(CARD)
    assert sluice.inner.reasons() == ["denied_interlocked"]


def test_who_leaves_waits_for_the_other_door(sluice: Sluice) -> None:
    sluice.outer.scan(CARD)
    sluice.inner.exit()
    assert not sluice.inner.lock.released
    assert sluice.inner.indicator.shown == (Signal.WAIT, "other door")
    (pressed,) = sluice.inner.events(Kind.EXIT)
    assert pressed.event.detail == {"barred_by": "outer"}
    sluice.wait(6)
    sluice.inner.exit()
    assert sluice.inner.lock.released


def test_a_door_that_nobody_sees_may_be_open(sluice: Sluice) -> None:
    sluice.outer.contact.set_plugged(False)
    sluice.settle()
    sluice.inner.scan(CARD)
    assert sluice.inner.reasons() == ["denied_interlocked"]
    sluice.outer.scan(CARD)  # the one itself still opens: the other is shut for sure
    assert sluice.outer.lock.released


def test_a_lock_that_may_stand_open_keeps_the_other_shut(sluice: Sluice) -> None:
    sluice.outer.lock.jam()
    sluice.wait(6)
    sluice.inner.scan(CARD)
    assert sluice.inner.reasons() == ["denied_interlocked"]


def test_unlocked_by_hand_it_waits_until_the_other_is_shut(sluice: Sluice) -> None:
    sluice.outer.scan(CARD)
    sluice.inner.door.set_mode(Mode.UNLOCKED, None, "ida")
    sluice.settle()
    assert not sluice.inner.lock.released
    sluice.wait(6)
    sluice.wait(1)
    assert sluice.inner.lock.released
    assert not sluice.outer.lock.released


def test_staff_who_let_somebody_in_wait_as_well(sluice: Sluice) -> None:
    sluice.outer.scan(CARD)
    assert sluice.inner.door.barred_by == "outer"
    sluice.inner.door.unlock("ida", 5)
    sluice.settle()
    assert sluice.inner.lock.releases == 0
    assert sluice.inner.events(Kind.UNLOCKED) == []


def test_in_a_fire_that_unlocks_both_are_free(tmp_path: Path) -> None:
    with built(tmp_path, Timing(fire_unlocks=True)) as sluice:
        for door in sluice:
            door.fire.set(active=True)
        sluice.settle()
        assert all(door.lock.released for door in sluice)


class TestClaim:
    def test_a_door_that_never_told_is_not_shut_for_sure(self) -> None:
        assert Interlock().claim("a", ["b"]) == "b"

    def test_one_claim_at_a_time(self) -> None:
        interlock = Interlock()
        for door in ("a", "b", "c"):
            interlock.set_shut(door, True)
        assert interlock.claim("a", ["b", "c"]) == ""
        assert interlock.claim("a", ["b", "c"]) == ""
        assert interlock.claim("b", ["a", "c"]) == "a"
        assert interlock.barring(["c", "a"]) == "a"
        interlock.set_shut("a", True)
        assert interlock.barring(["c", "a"]) == ""
        assert interlock.claim("b", ["a", "c"]) == ""
