"""The simulated Cobot itself: it must be as strict as the real one, or it proves nothing."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from controller.errors import Unauthorized, Unavailable
from controller.model import Duration
from sync.http import Line, Reply
from sync.simulator.cobot import PassType
from sync.simulator.server import Fault, Request, Response, SimulatedPlatform
from tests.fakes import MONDAY
from tests.lines import Waiting
from tests.spaces import DAY, HOUR, TODAY, TOKEN, Loft, cobot_at, fetched
from tests.worlds import at


@pytest.fixture
def loft() -> Iterator[Loft]:
    with Loft() as space:
        yield space


@pytest.fixture
def line(loft: Loft) -> Iterator[Line]:
    with bearing(loft, TOKEN) as made:
        yield made


def bearing(loft: Loft, token: str) -> Line:
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    return Line(loft.url, clock=loft.clock, wait=Waiting(loft.clock), headers=bearer)


def start(line: Line, member: str) -> Reply:
    path = f"/api/memberships/{member}/work_sessions"
    return line.request("POST", path, accept=(201, 404, 422))


def test_an_invented_space_is_the_same_for_the_same_seed() -> None:
    rosters = []
    for seed in (1, 1, 2):
        with Loft() as loft:
            loft.populate(seed, 40)
            cobot = cobot_at(loft, bookings=True, visitors=True, fields=["Doors"])
            rosters.append(fetched(cobot).everything())
    assert rosters[0] == rosters[1] != rosters[2]


def test_an_invented_space_has_all_kinds_of_people(loft: Loft) -> None:
    loft.populate(1, 60)
    cobot = cobot_at(
        loft, bookings=True, visitors=True, fields=["Doors"], no_access_plans=["plan-break"]
    )
    roster = fetched(cobot)
    assert roster.warnings == []
    first, second = roster.persons[:2]
    assert roster.cards[first.key] == ["32:04A1B2C3"]
    assert len(roster.passes[second.key]) == 1
    assert second.key not in roster.allowances
    labels = {label.partition(":")[0] for key in roster.grants for label in roster.labels(key)}
    assert labels == {"plan", "extra", "field", "resource"}
    assert any(person.blocked for person in roster.persons)
    assert any(person.until for person in roster.persons)
    assert any(not person.checks_in for person in roster.persons)
    assert any(not person.name.isascii() for person in roster.persons)
    assert all(len(cards) < 3 for cards in roster.cards.values())


def test_a_wrong_or_missing_token_is_refused(loft: Loft) -> None:
    for token in ("", "another"):
        with bearing(loft, token) as line, pytest.raises(Unauthorized):
            line.request("GET", "/api/memberships")
    with bearing(loft, "") as line:
        assert line.request("GET", "/api/spaces/harbour").json()["time_zone_name"]
        assert line.request("GET", "/health", accept=(204,)).body == b""


def test_more_than_six_lists_of_members_a_minute_are_refused(loft: Loft, line: Line) -> None:
    loft.limits = True
    for _ in range(6):
        line.request("GET", "/api/memberships")
    loft.clock.advance(20)
    reply = line.request("GET", "/api/memberships", accept=(429,))
    assert reply.headers["Retry-After"] == "41"
    loft.clock.advance(41)
    assert line.request("GET", "/api/memberships").json() == []


def test_a_post_is_never_repeated_for_a_limit(loft: Loft, line: Line) -> None:
    loft.limits = True
    ada = loft.add_member("Ada")
    for _ in range(60):
        start(line, ada.id)
    with pytest.raises(Unavailable, match="429"):
        start(line, ada.id)
    assert len(loft.check_ins) == 60


def test_a_second_check_in_is_charged_again(loft: Loft, line: Line) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    assert start(line, ben.id).status == 201
    assert start(line, ben.id).status == 201
    reply = start(line, ben.id)
    assert (reply.status, reply.json()) == (422, {"base": ["No time passes left."]})


def test_check_ins_are_refused_to_those_who_are_not_members_now(loft: Loft, line: Line) -> None:
    new = loft.add_member("New", confirmed=False)
    later = loft.add_member("Later", starts_at=TODAY + timedelta(days=1))
    over = loft.add_member("Over", canceled_to=TODAY)
    for member in (new, later, over):
        assert start(line, member.id).status == 422
    assert start(line, "nobody").status == 404


def test_a_pass_is_good_in_its_hours_only(loft: Loft, line: Line) -> None:
    cleo = loft.add_member("Cleo", "plan-mornings")
    reply = start(line, cleo.id).json()
    assert reply["valid_until"] == "2026/01/05 11:00:59 +0000"
    loft.clock.advance(2 * HOUR)
    assert start(line, cleo.id).status == 422


def test_a_day_rolls_over_at_four(loft: Loft, line: Line) -> None:
    ada = loft.add_member("Ada")
    loft.clock.advance(16 * HOUR)  # 3:00
    assert start(line, ada.id).json()["valid_until"] == "2026/01/06 02:59:59 +0000"
    loft.clock.advance(HOUR)
    assert start(line, ada.id).json()["valid_until"] == "2026/01/07 02:59:59 +0000"


def test_included_passes_come_anew_and_do_not_roll_over(loft: Loft) -> None:
    cleo = loft.add_member("Cleo", "plan-mornings")
    loft.space.catch_up()
    loft.check_in(cleo)
    loft.clock.advance(7 * DAY)
    assert [one.expires_at for one in loft.space.unused_passes()] == [at("2026-01-19 00:00")] * 2


def test_a_plan_changes_on_its_day(loft: Loft) -> None:
    ada = loft.add_member("Ada", upcoming=loft.space.plans["plan-flex"], plan_ends=date(2026, 1, 6))
    loft.clock.advance(DAY)
    loft.space.catch_up()
    assert (ada.plan.id, ada.upcoming) == ("plan-flex", None)


def test_a_card_that_nobody_knows_checks_nobody_in(loft: Loft, line: Line) -> None:
    loft.add_member("Ada", cards=["0000000001"])
    known = {"token": "0000000001"}
    assert line.request("POST", "/api/check_ins", json=known, accept=(201,)).json()["id"]
    reply = line.request("POST", "/api/check_ins", json={"token": "9"}, accept=(204,))
    assert reply.body == b""


def test_todays_check_ins_are_those_that_began_today(loft: Loft, line: Line) -> None:
    plan = loft.add_plan("plan-24h", PassType("24 h", (Duration(1440),)))
    ben = loft.add_member("Ben", plan)
    loft.add_pass(ben, hours=plan.types[0].hours)
    loft.check_in(ben)
    assert len(line.request("GET", "/api/check_ins").json()) == 1
    loft.clock.advance(20 * HOUR)
    assert line.request("GET", "/api/check_ins").json() == []
    stretch = {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}
    assert len(line.request("GET", "/api/work_sessions", params=stretch).json()) == 1


def test_a_plus_that_was_not_encoded_is_a_blank(line: Line) -> None:
    bad = "/api/work_sessions?from=2026/01/05%2000:00:00%20+0000&to=2026/01/06%2000:00:00%20+0000"
    assert line.request("GET", bad, accept=(422,)).status == 422


def test_the_calendar_can_be_moved(loft: Loft) -> None:
    ada = loft.add_member("Ada")
    loft.now = lambda: MONDAY + DAY
    assert loft.check_in(ada).valid_from == MONDAY + DAY


def test_plans_and_single_members_can_be_looked_up(loft: Loft, line: Line) -> None:
    ada = loft.add_member("Ada")
    assert line.request("GET", f"/api/memberships/{ada.id}").json()["name"] == "Ada"
    assert line.request("GET", "/api/memberships/nobody", accept=(404,)).status == 404
    plans = {plan["id"]: plan for plan in line.request("GET", "/api/plans").json()}
    assert plans["plan-resident"]["time_passes"] == []
    assert plans["plan-flex"]["time_passes"][0]["included_per_timespan"] == 8


@pytest.mark.parametrize(
    ("fault", "delivered", "active"),
    [
        (Fault("status", status=204), (204, 1), True),
        (Fault("status", status=410), (410, 1), False),
        (Fault("status", status=500), (500, 11), False),
        (Fault("redirect"), (302, 11), False),
        (Fault("status", status=500, times=3), (204, 4), True),
    ],
)
def test_who_does_not_answer_is_called_no_more(
    loft: Loft, line: Line, fault: Fault, delivered: tuple[int, int], *, active: bool
) -> None:
    with Answering() as other:
        other.fault = fault
        wanted = {"event": "created_booking", "callback_url": f"{other.url}/secret"}
        made = line.request("POST", "/api/subscriptions", json=wanted, accept=(201,)).json()
        assert line.request("POST", "/api/subscriptions", json=wanted, accept=(409,))
        wrong = {**wanted, "event": "updated_membership"}
        assert line.request("POST", "/api/subscriptions", json=wrong, accept=(422,))
        room = loft.book("attic", MONDAY, MONDAY + HOUR)
        assert other.wait_for_requests(delivered[1])
        loft.calls.stop()
        assert loft.calls.delivered == [("created_booking", *delivered)]
        assert {each.path for each in other.requests} == {"/secret"}
        assert other.requests[0].json() == {"url": f"{loft.url}/api/bookings/{room.id}"}
        (listed,) = line.request("GET", "/api/subscriptions").json()
        assert listed == {**made, "active": active}
        path = f"/api/subscriptions/{made['id']}"
        assert line.request("DELETE", path, accept=(204,))
        assert line.request("DELETE", path, accept=(404,))


class Answering(SimulatedPlatform):
    """Somebody who is called, and content with that."""

    def handle(self, request: Request) -> Response:
        return Response(204)
