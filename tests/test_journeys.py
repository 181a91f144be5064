"""A card at two doors faster than anybody is: told, or refused, whatever the clock does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.journeys import Elsewhere, Journey, Journeys
from controller.model import DoorRules, Kind, Labels
from tests.rigs import Member, members, rig

A_MINUTE = Journey(60.0)
LONG = Journey(600.0, frozenset({"front", "island"}))


@pytest.mark.parametrize(
    ("journeys", "door", "after", "found"),
    [
        ([], "lab", 1.0, None),
        ([A_MINUTE], "front", 1.0, None),
        ([A_MINUTE], "lab", 0.0, Elsewhere("front", 0.0, A_MINUTE)),
        ([A_MINUTE], "lab", 59.0, Elsewhere("front", 59.0, A_MINUTE)),
        ([A_MINUTE], "lab", 60.0, None),
        ([LONG], "lab", 1.0, None),
        ([LONG, A_MINUTE], "island", 61.0, Elsewhere("front", 61.0, LONG)),
        ([A_MINUTE, LONG], "island", 61.0, None),  # the first that fits rules
        ([LONG, A_MINUTE], "lab", 59.0, Elsewhere("front", 59.0, A_MINUTE)),
    ],
)
def test_from_the_front_door(
    journeys: list[Journey], door: str, after: float, found: Elsewhere | None
) -> None:
    known = Journeys(journeys)
    assert known.presented("card", "front", 100.0) is None
    assert known.presented("another", door, 100.0 + after) is None
    assert known.presented("card", door, 100.0 + after) == found


def test_whoever_is_refused_has_gone_nowhere() -> None:
    known = Journeys([Journey(60.0, refuses=True)])
    known.presented("card", "front", 0.0)
    assert known.presented("card", "lab", 30.0)
    assert known.presented("card", "front", 31.0) is None
    assert known.presented("card", "lab", 91.0) is None


STEPS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["front", "lab", "gate"]), st.integers(0, 200)),
    max_size=60,
)


@given(STEPS)
def test_forgetting_changes_no_answer_and_bounds_what_is_kept(
    steps: list[tuple[int, str, int]],
) -> None:
    known, now = Journeys([A_MINUTE]), 0.0
    last: dict[int, tuple[str, float]] = {}
    for card, door, pause in steps:
        now += pause
        before, when = last.get(card, (door, now))
        found = known.presented(card, door, now)
        assert (found is not None) == (before != door and now - when < 60)
        last[card] = (door, now)
    for card in range(200):
        known.presented(card, "front", now + 100 + card)
    assert len(known._seen) <= 62


ADA = Member("Ada", ("32:04A1B2C3",))
BEN = Member("Ben", ("32:0B0B0B0B",))
DOOR = Labels(["plan:*"])


@pytest.mark.parametrize("step", [0.0, 86_400.0, -86_400.0])
@pytest.mark.parametrize("refuses", [False, True])
def test_a_copy_is_told_at_the_second_door(step: float, refuses: bool, tmp_path: Path) -> None:
    with (
        rig(tmp_path) as front,
        rig(tmp_path, DoorRules("lab", DOOR), beside=front) as lab,
    ):
        front.knowledge.journeys = Journeys([Journey(60.0, refuses=refuses)])
        members(tmp_path, front.clock, ADA, BEN)
        front.scan("04A1B2C3")
        front.clock.step(step)
        front.clock.advance(20)
        lab.scan("0B0B0B0B")
        lab.scan("04A1B2C3")
        (told,) = lab.events(Kind.ELSEWHERE)
        assert (told.event.name, told.event.card) == ("Ada", "…B2C3")
        detail = told.event.detail or {}
        assert (detail["other"], detail["after"], detail["takes"]) == ("front", 20.0, 60.0)
        second = "denied_unexpected_location_usage" if refuses else "granted"
        assert lab.reasons() == ["granted", second]


@pytest.mark.parametrize("step", [-61.0, -86_400.0, 3600.0])
def test_who_takes_the_time_is_no_copy_whatever_the_clock_does(step: float, tmp_path: Path) -> None:
    with (
        rig(tmp_path) as front,
        rig(tmp_path, DoorRules("lab", DOOR), beside=front) as lab,
    ):
        front.knowledge.journeys = Journeys([Journey(60.0, refuses=True)])
        members(tmp_path, front.clock, ADA)
        front.scan("04A1B2C3")
        front.clock.step(step)
        front.clock.suspend(60)
        lab.scan("04A1B2C3")
        assert lab.events(Kind.ELSEWHERE) == []
        assert lab.reasons() == ["granted"]


def test_a_stranger_is_nobody_and_nowhere(tmp_path: Path) -> None:
    with (
        rig(tmp_path) as front,
        rig(tmp_path, DoorRules("lab", DOOR), beside=front) as lab,
    ):
        front.knowledge.journeys = Journeys([Journey(60.0)])
        members(tmp_path, front.clock, ADA)
        front.scan("DEADBEEF")
        lab.scan("DEADBEEF")
        assert lab.events(Kind.ELSEWHERE) == []
