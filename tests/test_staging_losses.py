"""Who would lose access by a new roster: what counts as a loss and what is the course of things."""

from contextlib import closing
from pathlib import Path

import pytest

from controller.model import Grant
from sync.plan import Changes
from tests.fakes import MONDAY
from tests.worlds import DAY, Member, member, poured, roll, roster_into

ADA = member("ada", "plan:1", "extra:oven")
BO = member("bo", "plan:1")
ENDS = Grant("plan:1", until=MONDAY + DAY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


def change(path: Path, before: list[Member], after: list[Member], now: float = MONDAY) -> Changes:
    """What the second roster would change, `now`, if the first was in force."""
    roster_into(path, *before)
    with closing(poured(path, *after)) as staging:
        return staging.changes(now)


@pytest.mark.parametrize(
    "after",
    [
        [BO],
        [BO, member("ada", "plan:1", "extra:oven", cards=[])],
        [BO, member("ada", "plan:1")],
        [BO, member("ada", "plan:1", "extra:lathe")],
        [BO, member("ada", "plan:1", Grant("extra:oven", until=MONDAY))],
        [BO, member("ada", "plan:1", "extra:oven", blocked=True)],
        [BO, member("ada", "plan:1", "extra:oven", until=MONDAY)],
        [BO, member("ada")],
        [BO, member("ada", "plan:1", Grant("extra:oven", since=MONDAY + DAY))],
    ],
    ids=[
        "gone",
        "without a card",
        "without a label",
        "one label for another",
        "a label is over",
        "blocked",
        "membership over",
        "no label left",
        "a label is put off",
    ],
)
def test_a_loss(path: Path, after: list[Member]) -> None:
    changes = change(path, [ADA, BO], after)
    assert (changes.had, changes.lost, changes.losers) == (2, 1, ("Ada",))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([ADA], [ADA]),
        ([ADA], [ADA, BO]),
        ([ADA], [member("ada", "plan:1", "extra:oven", "plan:2")]),
        ([ADA], [member("ada", "plan:1", "extra:oven", cards=["text:a new one"])]),
        ([ADA], [member("ada", "plan:1", "extra:oven", until=MONDAY + DAY)]),
        ([member("ada", ENDS)], [member("ada", ENDS._replace(until=MONDAY + 31 * DAY))]),
        ([member("ada", ENDS)], [member("ada", Grant("plan:1", uses_pass=True))]),
        ([member("ada", ENDS, "plan:1")], [member("ada", "plan:1")]),
    ],
    ids=[
        "the same",
        "somebody new",
        "a label more",
        "another card",
        "cancelled for tomorrow",
        "renewed",
        "the same label on other terms",
        "the same label held twice",
    ],
)
def test_no_loss(path: Path, before: list[Member], after: list[Member]) -> None:
    changes = change(path, before, after)
    assert (changes.had, changes.lost) == (len(before), 0)


@pytest.mark.parametrize(
    "had_nothing",
    [
        member("ada", ENDS),
        member("ada", "plan:1", until=MONDAY + DAY),
        member("ada", "plan:1", cards=[]),
        member("ada"),
        member("ada", "plan:1", blocked=True),
    ],
    ids=["label over", "membership over", "no card", "no label", "blocked"],
)
def test_who_could_not_enter_any_more_loses_nothing(path: Path, had_nothing: Member) -> None:
    changes = change(path, [had_nothing, BO], [BO], now=MONDAY + DAY)
    assert (changes.had, changes.lost) == (1, 0)


def test_a_label_that_ended_by_itself_is_no_loss_of_those_that_remain(path: Path) -> None:
    before = [member("ada", ENDS, "extra:oven")]
    changes = change(path, before, [member("ada", "extra:oven")], now=MONDAY + DAY)
    assert (changes.had, changes.lost) == (1, 0)


def test_people_of_other_platforms_are_not_counted(path: Path) -> None:
    roster_into(path, member("zoe", "type:1", platform="hive"), platform="hive")
    changes = change(path, [ADA, BO], [ADA])
    assert (changes.people_before, changes.people_after) == (2, 1)
    assert (changes.had, changes.losers) == (2, ("Bo",))


def test_many_losers_are_counted_but_not_all_named(path: Path) -> None:
    changes = change(path, [member(f"p{n:02}", "plan:1") for n in range(30)], [])
    assert (changes.had, changes.lost, len(changes.losers)) == (30, 30, 20)
    assert changes.losers[:2] == ("P00", "P01")


def test_who_vanished_can_be_asked_after_and_poured_in_again(path: Path) -> None:
    """What platforms are asked about one by one before access is taken."""
    roster_into(path, ADA, BO, member("cy", "plan:1", cards=[]), member("di", "plan:1"))
    with closing(poured(path, member("di", "plan:2"))) as staging:
        assert sorted(staging.vanished(MONDAY)) == ["ada", "bo"], "cy could not enter anyway"
        staging.person(ADA.person)
        assert staging.vanished(MONDAY) == ["bo"]


def test_a_roster_refused_leaves_everything_as_it_was(path: Path) -> None:
    change(path, [ADA, BO], [])
    changes = change(path, [ADA, BO], [ADA, BO])
    assert changes.empty


def test_a_roster_accepted_all_the_same_takes_effect(path: Path) -> None:
    roster_into(path, ADA, BO)
    with closing(poured(path)) as staging:
        changes = staging.changes(MONDAY)
        assert changes.lost == 2
        staging.apply(changes, roll())
    assert change(path, [], []).people_before == 0
