"""Time passes of a Cobot space: whose they are, when they are good, and how many come anew."""

from collections.abc import Iterator
from typing import Any

import pytest

from controller.errors import BadReply
from controller.model import Allowance, Duration, Pass, Span
from sync.simulator.cobot import WHOLE_DAY, PassType
from sync.simulator.server import Fault, Request, Response
from tests.fakes import MONDAY
from tests.spaces import DAY, HOUR, Loft, asked, cobot_at, fetched
from tests.worlds import at

MORNING = (Span(480, 720, frozenset({1, 2, 3, 4, 5})),)


@pytest.fixture
def loft() -> Iterator[Loft]:
    with Loft() as space:
        yield space


def test_bought_passes_come_with_their_hours_and_ends(loft: Loft) -> None:
    ben = loft.add_member("Ben", loft.add_plan("plan-10", PassType("Day")))
    one = loft.add_pass(ben)
    two = loft.add_pass(ben, expires_at=MONDAY + DAY, hours=(Duration(150),))
    roster = fetched(cobot_at(loft))
    assert roster.passes[ben.id] == [
        Pass(one.id, None, WHOLE_DAY),
        Pass(two.id, MONDAY + DAY, (Duration(150),)),
    ]
    assert ben.id not in roster.allowances


def test_included_passes_come_with_the_rule_by_which_they_renew(loft: Loft) -> None:
    cleo = loft.add_member("Cleo", "plan-mornings")
    roster = fetched(cobot_at(loft))
    assert roster.allowances[cleo.id] == [Allowance("0", 2, "week", MORNING)]
    assert [(p.expires, p.hours) for p in roster.passes[cleo.id]] == [
        (at("2026-01-12 00:00"), MORNING)
    ] * 2


def test_someone_without_passes_has_a_grant_that_needs_one(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days")
    roster = fetched(cobot_at(loft))
    assert ben.id not in roster.passes
    assert [grant.uses_pass for grant in roster.grants[ben.id]] == [True]


def test_passes_are_not_asked_for_if_nobody_needs_one(loft: Loft) -> None:
    loft.add_member("Ada", "plan-resident", passes=1)
    paused = loft.add_member("Ben", "plan-days", passes=1)
    roster = fetched(cobot_at(loft, no_access_plans=[paused.plan.id]))
    assert roster.passes == {}
    assert "/api/time_passes/unused" not in asked(loft)


def test_passes_are_asked_for_if_somebody_will_need_one(loft: Loft) -> None:
    ada = loft.add_member("Ada", "plan-resident", passes=1)
    ada.upcoming, ada.plan_ends = loft.space.plans["plan-flex"], loft.space.today().replace(day=9)
    assert len(fetched(cobot_at(loft)).passes[ada.id]) == 1


def test_used_passes_do_not_count(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    loft.check_in(ben)
    assert len(fetched(cobot_at(loft)).passes[ben.id]) == 1


def test_a_pass_that_is_listed_though_it_was_used_does_not_count() -> None:
    with Odd() as loft:
        ben = loft.add_member("Ben", "plan-days", passes=1)
        loft.change = {"membership_id": ben.id, "used_at": "2026/01/04 10:00:00 +0000"}
        assert fetched(cobot_at(loft)).passes == {}


# Whose they are


@pytest.mark.parametrize("shape", ["membership", "membership_url", "address"])
def test_a_pass_names_its_member_in_several_ways(shape: str) -> None:
    with Odd() as loft:
        ben = loft.add_member("Ben", "plan-days", passes=1)
        url = f"https://co.cobot.me/api/memberships/{ben.id}"
        shapes: dict[str, dict[str, object]] = {
            "membership": {"membership": {"id": ben.id}},
            "membership_url": {"membership_url": url},
            "address": {"membership": {"url": url}},
        }
        loft.change = shapes[shape]
        assert len(fetched(cobot_at(loft)).passes[ben.id]) == 1
        assert f"/api/memberships/{ben.id}/time_passes/unused" not in asked(loft)


def test_a_list_that_names_nobody_is_replaced_by_one_for_each(loft: Loft) -> None:
    loft.names_pass_holders = False
    loft.add_member("Ada", "plan-resident")
    members = [loft.add_member(name, "plan-days", passes=2) for name in ("Ben", "Cleo")]
    roster = fetched(cobot_at(loft))
    assert {key: len(passes) for key, passes in roster.passes.items()} == {
        member.id: 2 for member in members
    }
    assert "/api/memberships/m-1/time_passes/unused" not in asked(loft), "Ada needs none"


def test_asking_for_each_stays_below_fifty_a_minute() -> None:
    with Loft(limits=True) as loft:
        loft.names_pass_holders = False
        for number in range(101):
            loft.add_member(f"Member {number}", "plan-days", passes=1)
        roster = fetched(cobot_at(loft))
        assert len(roster.passes) == 101
        assert loft.clock.monotonic() >= 1000 + 2 * 60


def test_a_member_who_vanishes_meanwhile_has_no_passes(loft: Loft) -> None:
    loft.names_pass_holders = False
    ben = loft.add_member("Ben", "plan-days", passes=1)
    loft.fault = Fault("status", f"/memberships/{ben.id}/", status=404)
    assert fetched(cobot_at(loft)).passes == {}


def test_passes_may_be_shared_in_a_team(loft: Loft) -> None:
    payer = loft.add_member("Payer", "plan-days", passes=3, team="t-1")
    mate = loft.add_member("Mate", "plan-days", team="t-1")
    loft.add_member("Loner", "plan-days")
    roster = fetched(cobot_at(loft))
    assert roster.passes[mate.id] == roster.passes[payer.id]
    each = [path for path in asked(loft) if path.startswith("/api/memberships/")]
    assert each == [f"/api/memberships/{mate.id}/time_passes/unused"]


# What cannot be understood


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expires_at": "tomorrow"}, "time pass tp-1: expires_at should be a time"),
        ({"id": ""}, "id should be an id"),
        ({"parsed_timespans": None, "timespans": "9-17"}, "parsed_timespans should be"),
        ({"parsed_timespans": "9-17"}, "parsed_timespans should be a list"),
        ({"parsed_timespans": [{"weekdays": []}]}, "from_hour is missing"),
        ({"parsed_timespans": [{"from_hour": 25, "to_hour": 3}]}, "from_hour should be a time"),
        ({"parsed_timespans": [{"duration_hours": 0}]}, "duration_hours should be a length"),
        ({"parsed_timespans": [{"duration_hours": 1, "weekdays": [8]}]}, "weekdays should be"),
        ({"membership_id": True}, "membership_id should be an id"),
    ],
)
def test_a_pass_that_cannot_be_read_spoils_the_roster(change: dict[str, Any], words: str) -> None:
    with Odd() as loft:
        loft.add_member("Ben", "plan-days", id="m-ben", passes=1)
        loft.change = {"membership_id": "m-ben", **change}
        with pytest.raises(BadReply) as caught:
            fetched(cobot_at(loft))
        assert words in str(caught.value)


def test_passes_that_renew_otherwise_are_told(loft: Loft) -> None:
    kind = {"id": "0", "included_per_timespan": 3, "included_timespan": "year"}
    plan = {"parent_plan": {"id": "p"}, "time_passes": [{**kind, "parsed_timespans": []}]}
    ben = loft.add_member("Ben", oddities={"plan": plan})
    roster = fetched(cobot_at(loft))
    assert ben.id not in roster.allowances
    assert roster.warnings == [
        "1 × passes come anew in a period that is neither week nor month: Ben"
    ]


# Visits


def test_running_check_ins_are_visits_of_members(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=1)
    gone = loft.add_member("Gone")
    stay = loft.check_in(ben)
    loft.check_in(gone)
    loft.remove_member(gone)
    loft.clock.advance(HOUR)
    (visit,) = fetched(cobot_at(loft)).visits[ben.id]
    assert (visit.since, visit.until) == (MONDAY, at("2026-01-06 03:59") + 59)
    assert visit.until == stay.valid_until


def test_a_check_in_of_yesterday_evening_still_runs_after_midnight(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=1)
    loft.clock.advance(11 * HOUR)  # 22:00
    loft.check_in(ben)
    loft.clock.advance(4 * HOUR)  # 2:00, and it is not among today's
    (visit,) = fetched(cobot_at(loft)).visits[ben.id]
    assert visit.until == at("2026-01-06 03:59") + 59


def test_a_check_in_for_days_still_runs_the_day_after(loft: Loft) -> None:
    week = loft.add_plan("plan-week", PassType("Week", (Duration(7 * 1440),)))
    ben = loft.add_member("Ben", week)
    loft.add_pass(ben, hours=week.types[0].hours)
    loft.check_in(ben)
    loft.clock.advance(3 * DAY)
    (visit,) = fetched(cobot_at(loft)).visits[ben.id]
    assert visit.until == MONDAY + 7 * DAY - 1


class Odd(Loft):
    """Says something else of each pass in its list."""

    change: dict[str, object] = {}  # noqa: RUF012 - set as a whole

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        if request.path != "/api/time_passes/unused":
            return answer
        rows = [{k: v for k, v in row.items() if k != "membership_id"} for row in answer.body]
        return Response(body=[{**row, **self.change} for row in rows])
