"""What a new roster would change, whether it is believable, and when to try a line again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.backoff import Backoff
from sync.plan import Changes, believable

SHARE, LEAST = 0.2, 10


def losing(lost: int, had: int, left: int = 1) -> str:
    """What is held against a roster that takes access from `lost` of `had` people."""
    changes = Changes(people_before=had, people_after=left, had=had, lost=lost)
    return believable(changes, SHARE, LEAST)


class TestBelievable:
    @pytest.mark.parametrize(
        ("lost", "had", "believed"),
        [
            (0, 100, True),
            (20, 100, True),  # exactly the share
            (21, 100, False),
            (9, 9, True),  # fewer than so many people happens
            (10, 49, False),
            (10, 50, True),
            (100, 1000, True),
            (201, 1000, False),
        ],
    )
    def test_only_a_share_of_at_least_so_many(self, lost: int, had: int, believed: bool) -> None:
        assert (losing(lost, had) == "") is believed

    def test_it_says_how_many(self) -> None:
        assert losing(30, 100) == "it takes access from 30 of 100 people"

    def test_an_empty_roster_is_never_believed_while_somebody_is_known(self) -> None:
        assert losing(1, 1, left=0) == "it is empty, while 1 person is known"

    def test_the_first_roster_may_be_empty(self) -> None:
        assert losing(0, 0, left=0) == ""

    @given(st.integers(0, 500), st.integers(0, 500))
    def test_what_is_believed_of_many_is_believed_of_fewer(self, lost: int, had: int) -> None:
        if lost and not losing(lost, had + lost):
            assert losing(lost - 1, had + lost) == ""


class TestChanges:
    def test_nothing(self) -> None:
        none = Changes({"person": (0, 0), "held": (0, 0)}, 7, 7, 7)
        assert none.empty
        assert none.summary() == "nothing changed (7 people)"

    def test_something(self) -> None:
        some = Changes({"person": (2, 1), "held": (0, 3), "visit": (0, 0)}, 7, 8, 7, 1)
        assert not some.empty
        assert some.summary() == "8 people; person +2 −1, held +0 −3; 1 lose access"


class TestBackoff:
    """`chance` 0.5 is the middle of the spread."""

    def test_doubles_up_to_the_longest(self) -> None:
        line = Backoff(2.0, 60.0)
        assert [line.failed(0.0, 0.5) for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]

    def test_is_over_when_something_worked(self) -> None:
        line = Backoff(2.0, 60.0)
        line.failed(100.0, 0.5)
        line.failed(100.0, 0.5)
        line.worked()
        assert (line.failures, line.wait(100.0)) == (0, 0.0)
        assert line.failed(100.0, 0.5) == 2

    def test_passes_with_time(self) -> None:
        line = Backoff(2.0, 60.0)
        line.failed(100.0, 0.5)
        assert [line.wait(now) for now in (100.0, 101.5, 102.0, 500.0)] == [2.0, 0.5, 0.0, 0.0]

    def test_heeds_what_the_platform_asks_for(self) -> None:
        line = Backoff(2.0, 60.0)
        assert line.failed(0.0, 0.5, at_least=90.0) == 90.0
        assert line.failed(0.0, 0.5, at_least=1.0) == 4.0

    @given(
        st.integers(1, 2000),
        st.floats(0, 1, exclude_max=True),
        st.floats(0.1, 10),
        st.floats(10, 1000),
    )
    def test_stays_within_an_eighth_of_what_is_meant(
        self, failures: int, chance: float, first: float, longest: float
    ) -> None:
        line = Backoff(first, longest)
        for _ in range(failures):
            waited = line.failed(0.0, chance)
        meant = min(longest, first * 2 ** min(failures - 1, 16))
        assert 0.874 * meant < waited < 1.126 * meant
        assert line.wait(0.0) == waited

    def test_lines_that_failed_together_come_back_apart(self) -> None:
        assert len({Backoff().failed(0.0, n / 10) for n in range(10)}) == 10
