"""A reader gone mad: a thousand reads a second, all the same or all different, noise, PINs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.model import Kind, Strength
from controller.ports import Card, Keys, Refused, Told
from tests.rigs import Member, Rig, members, rig

ADA = Member("Ada", ("32:04A1B2C3", "pin:4711"))
CARD = "04A1B2C3"


def flood(front: Rig, told: Callable[[int], Told], seconds: int) -> None:
    tell = front.reader._listener()
    for number in range(1000 * seconds):
        tell(told(number))
        front.clock.advance(0.001)
        if number % 500 == 499:
            front.settle()  # the clock of the test must not run away from the door


def different(number: int) -> Told:
    return Card(f"{number:08X}", Strength.WEAK)


def two_by_turns(number: int) -> Told:
    return Card(f"DEADBEE{number % 2}", Strength.WEAK)


def noise(number: int) -> Told:
    return Refused(f"bad checksum {number}")


def pins(number: int) -> Told:
    return Keys(f"{number % 10_000:04d}#")


@pytest.mark.parametrize("told", [different, two_by_turns, noise, pins])
def test_nothing_opens_the_journal_stays_small_and_it_recovers(
    told: Callable[[int], Told], tmp_path: Path
) -> None:
    with rig(tmp_path) as front:
        members(tmp_path, front.clock, ADA)
        flood(front, told, 10)
        assert front.lock.releases == 0
        assert len(front.events()) < 150
        assert list(front.door.condition.alarms) == ["main flood"]
        front.wait(6)
        front.scan(CARD)
        assert front.door.condition.alarms == {}
        assert front.lock.released


def test_whoever_tries_again_and_again_after_a_burst_of_noise_is_heard(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        members(tmp_path, front.clock, ADA)
        flood(front, noise, 1)
        for _ in range(4):
            front.scan(CARD)
            front.wait(2.5)
        assert front.reasons()[:1] == ["granted"]


def test_the_door_goes_on_with_everything_else(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        members(tmp_path, front.clock, ADA)
        flood(front, different, 1)
        front.exit()
        assert front.lock.released
        front.wait(3)
        flood(front, different, 1)
        front.keypad.present("4711")  # at another reader
        front.settle()
        assert front.reasons()[-1] == "granted"


def test_the_same_card_for_an_hour_opens_once(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        members(tmp_path, front.clock, ADA)
        for _ in range(3600):
            front.reader.present(CARD)
            front.clock.advance(1)
        front.settle()
        front.wait(6)
        assert front.reasons() == ["granted"]
        assert not front.lock.released
        assert front.door.condition.alarms == {}


def test_a_frame_that_is_repeated_exactly_as_a_stuck_wiegand_reader_does_counts_once(
    tmp_path: Path,
) -> None:
    with rig(tmp_path) as front:
        members(tmp_path, front.clock, ADA)
        flood(front, lambda _: Card(CARD, Strength.WIEGAND), 10)
        assert front.reasons() == ["granted"]
        assert front.door.condition.alarms == {}
        front.wait(3)
        front.scan(CARD)
        assert front.reasons() == ["granted"] * 2, "who lets go and comes back is heard"


def test_a_queue_at_the_door_is_no_flood(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        crowd = [Member(f"M{number}", (f"32:{number:08X}",)) for number in range(100)]
        members(tmp_path, front.clock, *crowd)
        for number in range(100):
            front.scan(f"{number:08X}")
            front.clock.advance(0.25)
        assert front.reasons() == ["granted"] * 100
        assert front.events(Kind.ALARM) == []
