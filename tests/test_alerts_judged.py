"""When an alert is told, and when its end: tables and stories of troubles that come and go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.alerts import (
    AT_DOORS,
    Alert,
    AlertKind,
    Fact,
    Judgement,
    Phase,
    calm_after,
    judge,
)

LATEST = 1_000_000.0
MINUTE, HOUR = 60.0, 3600.0
FORCED = Fact(AlertKind.FORCED, "front", "door front was opened")
READER = Fact(AlertKind.DEVICE, "front/main", "no answer")
QUEUE = Fact(AlertKind.QUEUE, "loft", "waits")


class Story:
    """One judgement after the other."""

    def __init__(self) -> None:
        self.now = LATEST
        self.alerts: dict[str, Alert] = {}
        self.told: list[str] = []

    def go(self, seconds: float, *facts: Fact, unknown: frozenset[AlertKind] = frozenset()) -> str:
        """Time goes by, then these stand; what was told of it."""
        self.now += seconds
        judged: Judgement = judge(self.alerts, facts, self.now, unknown)
        self.alerts = dict(judged.alerts)
        new = [f"+{a.fact.kind.value}" for a in judged.raised]
        new += [f"-{a.fact.kind.value}" for a in judged.cleared]
        self.told += new
        return " ".join(new)


def test_a_forced_door_is_told_at_once_and_its_end_once_it_is_calm() -> None:
    story = Story()
    assert story.go(0, FORCED) == "+door_forced"
    assert story.go(5, FORCED) == ""
    assert story.go(5) == ""
    assert story.go(4 * MINUTE) == ""
    assert story.go(MINUTE) == "-door_forced"
    assert story.go(HOUR) == ""


def test_what_comes_back_before_its_end_was_told_is_counted_not_told() -> None:
    story = Story()
    story.go(0, FORCED)
    for _ in range(3):
        assert story.go(MINUTE) == story.go(MINUTE, FORCED) == ""
    story.go(1)
    assert story.alerts[FORCED.key].returns == 3
    assert story.go(5 * MINUTE) == "-door_forced"


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        (AlertKind.DEVICE, MINUTE),
        (AlertKind.CONTROLLER, MINUTE),
        (AlertKind.CLOCK, 5 * MINUTE),
        (AlertKind.TARGET, HOUR),
        (AlertKind.DAMAGED, MINUTE),
        (AlertKind.FORCED, 0.0),
        (AlertKind.DISK, 0.0),
    ],
)
def test_some_must_stand_before_they_are_told(kind: AlertKind, seconds: float) -> None:
    story, fact = Story(), Fact(kind, "x", "")
    if seconds:
        assert story.go(0, fact) == ""
        assert story.go(seconds - 1, fact) == ""
        assert story.go(1, fact) == f"+{kind.value}"
    else:
        assert story.go(0, fact) == f"+{kind.value}"


def test_a_moments_trouble_with_a_device_is_nobodys_business() -> None:
    story = Story()
    for _ in range(100):
        story.go(50, READER)
        story.go(5)
    assert story.told == []


def test_a_line_that_comes_and_goes_for_a_day_is_told_a_few_times() -> None:
    story = Story()
    for _ in range(24 * 60 // 35):  # ten minutes lost, then 25 minutes well, all day
        for _ in range(10):
            story.go(MINUTE, READER)
        for _ in range(25):
            story.go(MINUTE)
    assert story.told == ["+device_lost", "-device_lost"] * 3 + ["+device_lost"]


def test_a_day_after_its_end_it_is_forgotten_and_told_anew_as_at_first() -> None:
    story = Story()
    story.go(0, QUEUE)
    story.go(1)
    assert story.go(5 * MINUTE) == "-queue_old"
    assert calm_after(story.alerts[QUEUE.key]) == 10 * MINUTE
    story.go(24 * HOUR)
    assert story.alerts == {}
    assert story.go(1, QUEUE) == "+queue_old"
    assert calm_after(story.alerts[QUEUE.key]) == 5 * MINUTE


def test_what_nobody_can_tell_neither_comes_nor_goes() -> None:
    story = Story()
    story.go(0, FORCED, QUEUE)
    assert story.go(1, unknown=AT_DOORS) == ""
    assert story.go(HOUR, unknown=AT_DOORS) == "-queue_old"
    assert story.alerts[FORCED.key].phase is Phase.RAISED
    assert story.go(1) == ""
    assert story.go(5 * MINUTE) == "-door_forced"


def test_a_clock_that_is_set_back_a_year_holds_nothing_up() -> None:
    story = Story()
    story.go(0, FORCED)
    story.go(0)
    assert story.go(-365 * 24 * HOUR) == ""
    assert story.go(5 * MINUTE) == "-door_forced"
    story.go(0, READER)
    story.go(-365 * 24 * HOUR, READER)
    assert story.go(MINUTE, READER) == "+device_lost"


@given(st.lists(st.tuples(st.floats(0, 4 * HOUR), st.booleans()), max_size=60))
def test_beginnings_and_ends_alternate_whatever_happens(steps: list[tuple[float, bool]]) -> None:
    story = Story()
    for seconds, stands in steps:
        story.go(seconds, *[FORCED] * stands)
    story.go(1)
    story.go(7 * HOUR)
    signs = [each[0] for each in story.told]
    assert signs == ["+", "-"] * (len(signs) // 2)
    assert bool(signs) == any(stands for _, stands in steps)
