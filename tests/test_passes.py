"""What is left of a member's passes, and how long a visit lasts."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model import Allowance, Duration, Holder, Pass, RosterState, Visit
from controller.passes import current_visit, remaining, renewed, visit_end
from tests.fakes import MONDAY
from tests.worlds import BERLIN, DAY, HOUR, at, holder, roster_state, span

DAYS_A_MONTH = Allowance("0", 2, "month", (span("4:00-3:59"),))
DAYS_A_WEEK = Allowance("1", 1, "week")


def keys(member: Holder, now: str | float) -> list[str]:
    """Keys of what is left, in the order in which it will be used."""
    wall = at(now) if isinstance(now, str) else now
    return [one.key for one in remaining(member, wall)]


def synced(moment: str) -> RosterState:
    return roster_state(at(moment))


def test_the_first_to_expire_is_used_first_and_those_without_an_end_last() -> None:
    member = holder(
        passes=[
            Pass("bought"),
            Pass("march", at("2026-04-01 00:00")),
            Pass("january", at("2026-02-01 00:00")),
            Pass("also january", at("2026-02-01 00:00")),
        ]
    )
    assert keys(member, MONDAY) == ["also january", "january", "march", "bought"]


def test_used_passes_are_gone_whatever_the_roster_says() -> None:
    member = holder(passes=[Pass("a"), Pass("b")], used=["a", "never heard of"])
    assert keys(member, MONDAY) == ["b"]


def test_a_pass_is_good_until_the_moment_it_expires() -> None:
    member = holder(passes=[Pass("one", MONDAY)])
    assert keys(member, MONDAY - 0.001) == ["one"]
    assert keys(member, MONDAY) == []


class TestRenewalDuringAnOutage:
    """The last sync was in January; since then the platform has given new passes unseen."""

    def test_not_before_the_month_turns(self) -> None:
        member = holder(roster=synced("2026-01-20 10:00"), allowances=[DAYS_A_MONTH])
        assert keys(member, "2026-01-31 23:59:59") == []

    def test_when_the_month_turns_the_plans_own_number(self) -> None:
        member = holder(roster=synced("2026-01-20 10:00"), allowances=[DAYS_A_MONTH])
        new = remaining(member, at("2026-02-01 00:00"))
        assert [one.key for one in new] == ["renewed:0:2026-02-01:0", "renewed:0:2026-02-01:1"]
        assert {one.expires for one in new} == {at("2026-03-01 00:00")}
        assert {one.hours for one in new} == {DAYS_A_MONTH.hours}

    def test_and_when_the_week_turns(self) -> None:
        member = holder(roster=synced("2026-01-20 10:00"), allowances=[DAYS_A_WEEK])
        assert keys(member, "2026-01-25 23:59:59") == []
        assert keys(member, "2026-01-26 00:00") == ["renewed:1:2026-01-26:0"]

    def test_the_platforms_own_midnight_counts(self) -> None:
        berlin = roster_state(at("2026-01-20 10:00"))
        just_after = at("2026-02-01 00:30")  # still January in UTC
        assert len(renewed(DAYS_A_MONTH, berlin, just_after)) == 2

    def test_never_twice_in_one_month(self) -> None:
        used = [f"renewed:0:2026-02-01:{n}" for n in (0, 1)]
        member = holder(roster=synced("2026-01-20 10:00"), allowances=[DAYS_A_MONTH], used=used)
        assert keys(member, "2026-02-01 12:00") == []
        assert keys(member, "2026-02-28 23:59:59") == []

    def test_but_anew_in_the_next_and_without_the_rest_of_the_last(self) -> None:
        member = holder(
            roster=synced("2026-01-20 10:00"),
            allowances=[DAYS_A_MONTH],
            used=["renewed:0:2026-02-01:0"],
        )
        assert keys(member, "2026-03-01 00:00") == [f"renewed:0:2026-03-01:{n}" for n in (0, 1)]

    def test_a_roster_fetched_since_names_them_itself(self) -> None:
        member = holder(roster=synced("2026-02-01 00:00"), allowances=[DAYS_A_MONTH])
        assert keys(member, "2026-02-28 12:00") == []

    def test_two_kinds_of_pass_renew_each_by_its_own_rule(self) -> None:
        both = [DAYS_A_MONTH, DAYS_A_WEEK]
        member = holder(roster=synced("2026-01-20 10:00"), allowances=both, passes=[Pass("own")])
        assert keys(member, "2026-01-28 12:00") == ["renewed:1:2026-01-26:0", "own"]
        assert keys(member, "2026-02-03 12:00") == [
            "renewed:1:2026-02-02:0",
            "renewed:0:2026-02-01:0",
            "renewed:0:2026-02-01:1",
            "own",
        ]

    def test_a_wrong_number_from_the_platform_does_not_stall_the_door(self) -> None:
        wrong = Allowance("0", 10**12, "month")
        member = holder(roster=synced("2026-01-20 10:00"), allowances=[wrong])
        assert len(keys(member, "2026-02-01 00:00")) == 500

    @given(
        st.floats(-400 * DAY, 0),
        st.lists(st.floats(0, 100 * DAY), min_size=1),
        st.builds(
            Allowance,
            st.just("x"),
            st.integers(0, 3),
            st.sampled_from(("week", "month")),
            st.just(()),
        ),
    )
    def test_no_period_ever_gives_more_than_its_number(
        self, fetched: float, later: list[float], allowance: Allowance
    ) -> None:
        state = roster_state(MONDAY + fetched)
        given_out: dict[str, set[str]] = {}
        for seconds in later:
            for one in renewed(allowance, state, MONDAY + seconds):
                assert one.expires is not None
                assert MONDAY + seconds < one.expires
                given_out.setdefault(one.key.rsplit(":", 1)[0], set()).add(one.key)
        assert all(len(new) == allowance.count for new in given_out.values())


def test_the_visit_that_lasts_longest_counts() -> None:
    short, long = Visit(MONDAY, MONDAY + HOUR), Visit(MONDAY - HOUR, MONDAY + 2 * HOUR)
    assert current_visit(holder(visits=[short, long]), MONDAY) == long


@pytest.mark.parametrize(
    ("seconds", "inside"), [(-0.001, False), (0, True), (3599.999, True), (3600, False)]
)
def test_a_visit_covers_its_beginning_but_not_its_end(seconds: float, inside: bool) -> None:
    member = holder(visits=[Visit(MONDAY, MONDAY + HOUR)])
    assert (current_visit(member, MONDAY + seconds) is not None) is inside


@pytest.mark.parametrize(
    ("one", "came", "left"),
    [
        (None, "2026-01-05 11:00", "2026-01-06 04:00"),
        (None, "2026-01-05 03:00", "2026-01-05 04:00"),
        (Pass("any time"), "2026-01-05 11:00", "2026-01-06 04:00"),
        (Pass("office hours", hours=(span("9:00-17:59"),)), "2026-01-05 11:00", "2026-01-05 18:00"),
        (Pass("two hours", hours=(Duration(120),)), "2026-01-05 11:00", "2026-01-05 13:00"),
        (Pass("a week", hours=(Duration(10_080),)), "2026-01-05 11:00", "2026-01-12 11:00"),
        # Outside its hours a pass cannot have been used: the day counts.
        (Pass("nights", hours=(span("22:00-5:59"),)), "2026-01-05 11:00", "2026-01-06 04:00"),
        # The night on which the clocks are changed.
        (None, "2026-03-28 23:00", "2026-03-29 04:00"),
        (None, "2026-10-24 23:00", "2026-10-25 04:00"),
    ],
)
def test_a_visit_ends_with_the_hours_of_its_pass_or_with_the_day(
    one: Pass | None, came: str, left: str
) -> None:
    end = visit_end(one, roster_state(), at(came))
    assert f"{datetime.fromtimestamp(end, BERLIN):%Y-%m-%d %H:%M}" == left


def test_the_day_may_roll_over_when_the_platform_says_so() -> None:
    state = roster_state()._replace(day_ends=0)
    assert visit_end(None, state, at("2026-01-05 11:00")) == at("2026-01-06 00:00")
