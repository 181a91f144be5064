"""Who is a member of a Cobot space, which labels and cards they have, and what spoils the list."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from controller.errors import BadReply, Unauthorized, Unavailable
from controller.model import Grant
from sync.simulator.cobot import Plan
from sync.simulator.server import Fault, Request, Response
from tests.contract_platform import PlatformContract, World
from tests.rosters import Recorded
from tests.spaces import DAY, HOUR, TOKEN, Loft, asked, cobot_at, fetched
from tests.worlds import at


@pytest.fixture
def loft() -> Iterator[Loft]:
    with Loft() as space:
        yield space


def everything(loft: Loft) -> dict[str, Any]:
    """Settings that make use of all that Cobot offers."""
    return {
        "cards": [
            {"source": "tokens", "format": "dec10"},
            {"source": "field:Second card", "format": "dec10"},
        ],
        "fields": ["Doors"],
        "bookings": True,
        "visitors": True,
        "no_access_plans": ["plan-break"],
    }


class TestContract(PlatformContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with Loft() as loft:
            loft.populate(1)
            cobot = cobot_at(loft, **everything(loft))
            lists = (
                "/api/memberships",
                "/api/check_in_tokens",
                "/api/custom_fields",
                "/api/time_passes/unused",
                "/api/check_ins",
                "/api/work_sessions",
                "/api/bookings",
                "/spaces/space-harbour/bookings",
            )
            loft.clock.step(-8 * HOUR)  # 3 at night: yesterday's check-ins may still run
            yield World(cobot, loft, lists, optional=("/api/work_sessions",))


def test_a_space_without_the_list_of_older_check_ins_is_read_all_the_same(loft: Loft) -> None:
    ada = loft.add_member("Ada Ruiz", cards=["0077705923"])
    loft.clock.step(-8 * HOUR)  # 3 at night
    loft.fault = Fault("status", "work_sessions", status=404)
    assert fetched(cobot_at(loft)).cards[ada.id] == ["32:04A1B2C3"]


# A member


def test_a_member_on_an_unlimited_plan_gets_in_by_the_plan(loft: Loft) -> None:
    ada = loft.add_member("Ада Руис", "plan-resident", cards=["0077705923"], extras=("Locker",))
    roster = fetched(cobot_at(loft))
    person = roster.known(ada.id)
    assert (person.platform, person.name, person.blocked) == ("harbour", "Ада Руис", False)
    assert roster.grants[ada.id] == [Grant("plan:plan-resident"), Grant("extra:Locker")]
    assert roster.cards[ada.id] == ["32:04A1B2C3"]
    assert roster.zones == ["Europe/Berlin"]
    assert roster.warnings == []


def test_a_limited_plan_is_one_with_types_of_passes(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-flex")
    (grant,) = fetched(cobot_at(loft)).grants[ben.id]
    assert grant == Grant("plan:plan-flex", uses_pass=True)


def test_the_plan_counts_by_its_parent_and_not_by_its_name(loft: Loft) -> None:
    ada = loft.add_member("Ada", Plan("plan-resident", "Ada's very own plan"))
    assert fetched(cobot_at(loft)).labels(ada.id) == ["plan:plan-resident"]


def test_only_what_is_used_is_asked_for(loft: Loft) -> None:
    loft.add_member("Ada", "plan-resident")
    fetched(cobot_at(loft))
    assert asked(loft) == [
        "/api/spaces/harbour",
        "/api/memberships",
        "/api/check_in_tokens",
        "/api/check_ins",
    ]
    assert "attributes" not in loft.requests[1].query


def test_nobody_is_an_answer(loft: Loft) -> None:
    roster = fetched(cobot_at(loft))
    assert (roster.persons, roster.warnings) == ([], [])


# Dates


def test_a_membership_holds_from_its_first_local_day_to_its_exclusive_last(loft: Loft) -> None:
    ada = loft.add_member("Ada", starts_at=date(2025, 2, 5), canceled_to=date(2026, 3, 29))
    person = fetched(cobot_at(loft)).known(ada.id)
    assert person.since == at("2025-02-05 00:00")
    assert person.until == at("2026-03-29 00:00"), "the day itself is not included"


def test_dates_count_in_the_zone_that_was_set(loft: Loft) -> None:
    ada = loft.add_member("Ada", canceled_to=date(2026, 3, 1))
    roster = fetched(cobot_at(loft, zone="America/New_York"))
    assert roster.zones == ["America/New_York"]
    assert roster.known(ada.id).until == at("2026-03-01 06:00")
    assert "/api/spaces/harbour" not in asked(loft), "a zone that is set is not asked for"


@pytest.mark.parametrize("written", ["2026/03/01", "2026-03-01", "2026-03-01T00:00:00Z"])
def test_dates_come_in_several_forms(loft: Loft, written: str) -> None:
    ada = loft.add_member("Ada", oddities={"canceled_to": written})
    assert fetched(cobot_at(loft)).known(ada.id).until == at("2026-03-01 00:00")


def test_a_sign_up_that_waits_for_approval_opens_nothing(loft: Loft) -> None:
    new = loft.add_member("Nia", cards=["0000000001"], oddities={"confirmed_at": None})
    roster = fetched(cobot_at(loft, fields=["Doors"]))
    assert roster.known(new.id).note == "sign-up not confirmed"
    assert roster.grants == {}


# Plans that change, and plans that open nothing


def test_an_upcoming_plan_takes_over_on_the_day_the_present_one_ends(loft: Loft) -> None:
    ada = loft.add_member("Ada", "plan-resident", fields={"Doors": "attic"})
    ada.upcoming, ada.plan_ends = loft.space.plans["plan-flex"], date(2026, 2, 1)
    switch = at("2026-02-01 00:00")
    roster = fetched(cobot_at(loft, fields=["Doors"]))
    assert roster.grants[ada.id] == [
        Grant("plan:plan-resident", None, switch),
        Grant("field:Doors=attic", None, switch),
        Grant("plan:plan-flex", switch, uses_pass=True),
        Grant("field:Doors=attic", switch, uses_pass=True),
    ]
    assert [one.count for one in roster.allowances[ada.id]] == [8]


def test_a_switch_that_is_past_is_done_even_if_cobot_still_shows_it(loft: Loft) -> None:
    ada = loft.add_member("Ada", oddities=changing("2026/01/05", {"parent_plan": {"id": "new"}}))
    assert fetched(cobot_at(loft)).labels(ada.id) == ["plan:new"]


def test_a_plan_that_would_come_after_the_end_never_comes(loft: Loft) -> None:
    upcoming = changing("2026/03/01", {"parent_plan": {"id": "new"}})
    ada = loft.add_member("Ada", canceled_to=date(2026, 3, 1), oddities=upcoming)
    assert fetched(cobot_at(loft)).labels(ada.id) == ["plan:now"]


@pytest.mark.parametrize(
    ("ends", "upcoming"),
    [
        ("2026/03/01", {"name": "no id, no passes"}),
        ("2026/03/01", {"parent_plan": {"id": "new"}, "time_passes": None}),
        ("2026/03/01", "a text"),
        ("some day", {"parent_plan": {"id": "new"}}),
        (None, {"parent_plan": {"id": "new"}}),
    ],
)
def test_an_upcoming_plan_that_cannot_be_read_leaves_the_present_one(
    loft: Loft, ends: str | None, upcoming: object
) -> None:
    ada = loft.add_member("Ada", oddities=changing(ends, upcoming))
    roster = fetched(cobot_at(loft))
    assert roster.grants[ada.id] == [Grant("plan:now")]
    assert roster.warnings == ["1 × an upcoming plan cannot be read; the present one goes on: Ada"]


def test_a_paused_member_is_blocked_though_the_plan_looks_unlimited(loft: Loft) -> None:
    ada = loft.add_member("Ada", "plan-break", cards=["0000000007"], fields={"Doors": "attic"})
    roster = fetched(cobot_at(loft, no_access_plans=["plan-break"], fields=["Doors"]))
    assert roster.known(ada.id).blocked
    assert roster.known(ada.id).note == "on a plan that opens no door"
    assert ada.id not in roster.grants
    assert roster.cards[ada.id] == ["32:00000007"], "so that the refusal has a name"


def test_a_pause_to_come_ends_access_on_its_day(loft: Loft) -> None:
    ada = loft.add_member("Ada", canceled_to=date(2026, 6, 1))
    ada.upcoming, ada.plan_ends = loft.space.plans["plan-break"], date(2026, 2, 1)
    roster = fetched(cobot_at(loft, no_access_plans=["plan-break"]))
    assert not roster.known(ada.id).blocked
    assert roster.known(ada.id).until == at("2026-02-01 00:00")
    assert roster.labels(ada.id) == ["plan:plan-resident"]


@pytest.mark.parametrize("parent", [None, {}, {"id": None}])
def test_a_plan_of_ones_own_has_no_label_and_is_told(loft: Loft, parent: object) -> None:
    ada = loft.add_member("Ada", oddities=on_plan(parent_plan=parent, extras=[{"name": "24/7"}]))
    roster = fetched(cobot_at(loft))
    assert roster.labels(ada.id) == ["extra:24/7"]
    assert "no plan label: Ada" in roster.warnings[0]


def test_a_membership_without_a_plan_opens_nothing_and_is_told(loft: Loft) -> None:
    ada = loft.add_member("Ada", fields={"Doors": "attic"}, oddities={"plan": None})
    roster = fetched(cobot_at(loft, fields=["Doors"]))
    assert ada.id not in roster.grants
    assert "without a plan opens no door: Ada" in roster.warnings[0]


# Records that cannot be understood


@pytest.mark.parametrize(
    ("oddity", "words"),
    [
        ({"id": None}, "membership number 2: id should be an id"),
        ({"plan": "gold"}, "membership m-odd: plan should be an object"),
        ({"plan": {"parent_plan": {"id": "p"}}}, "m-odd, plan: time_passes is missing"),
        ({"plan": {"time_passes": None}}, "m-odd, plan: time_passes should be a list"),
        ({"plan": {"time_passes": [7]}}, "plan, time_passes: number 1 should be an object"),
        ({"starts_at": 20260101}, "m-odd: starts_at should be a date"),
        ({"canceled_to": "2026/02/30"}, "m-odd: canceled_to should be a date"),
        ({"canceled_to": "0000/00/00"}, "m-odd: canceled_to should be a date"),
        ({"confirmed_at": True}, "m-odd: confirmed_at should be text"),
        ({"name": ["Ada"]}, "m-odd: name should be text"),
    ],
)
def test_a_wrong_type_in_one_record_names_record_and_field(
    loft: Loft, oddity: dict[str, Any], words: str
) -> None:
    loft.add_member("Ada")
    loft.add_member("Odd", id="m-odd", oddities=oddity)
    with pytest.raises(BadReply) as caught:
        fetched(cobot_at(loft))
    assert words in str(caught.value)


def test_keys_that_nobody_knows_do_no_harm(loft: Loft) -> None:
    news = {"loyalty": {"points": [1, 2]}, "first_invoice_at": 7, "user": None, "phone": None}
    ada = loft.add_member("Ada", oddities=news)
    assert fetched(cobot_at(loft)).labels(ada.id) == ["plan:plan-resident"]


def test_a_member_without_a_name_is_called_by_id(loft: Loft) -> None:
    loft.add_member("", id="m-7", oddities={"name": None})
    assert fetched(cobot_at(loft)).known("m-7").name == "member m-7"


# Address and key


def test_a_good_key_is_told_with_the_scopes_it_lacks(loft: Loft) -> None:
    cobot = cobot_at(loft)
    assert "lacks" not in cobot.test()
    loft.scopes -= {"write_check_ins", "read_time_passes"}
    assert cobot.test().endswith("the token lacks the scopes read_time_passes, write_check_ins")
    loft.scopes |= {"read", "checkin"}
    assert "lacks" not in cobot.test()


def test_scopes_that_cannot_be_asked_for_are_no_trouble(loft: Loft) -> None:
    loft.fault = Fault("status", "access_tokens", status=500)
    assert "accepts the token" in cobot_at(loft).test()


def test_a_missing_scope_is_the_operators_business(loft: Loft) -> None:
    loft.scopes.discard("checkin_tokens")
    with pytest.raises(Unauthorized, match=r"lacks the scope checkin_tokens.*stays in force"):
        fetched(cobot_at(loft))


def test_no_error_and_no_warning_shows_the_token(loft: Loft) -> None:
    loft.fault = Fault("status", status=401)
    with pytest.raises(Unauthorized) as caught:
        cobot_at(loft, token="another-token-9c").test()
    assert "another-token-9c" not in str(caught.value)
    loft.fault = Fault("status", "access_tokens", status=401)
    assert TOKEN not in cobot_at(loft).test()


def test_the_token_does_not_go_to_the_public_address(loft: Loft) -> None:
    with Loft() as www:
        fetched(cobot_at(loft, www_url=www.url))
        assert [r.path for r in www.requests] == ["/api/spaces/harbour"]
        assert www.requests[0].headers["Authorization"] is None


def test_the_space_is_asked_for_once_a_day_and_remembered_when_that_fails(loft: Loft) -> None:
    cobot = cobot_at(loft)
    loft.fault = Fault("status", "/api/spaces/", status=500)
    with pytest.raises(Unavailable):
        fetched(cobot)
    loft.fault = None
    fetched(cobot)
    fetched(cobot)
    assert asked(loft).count("/api/spaces/harbour") == 2
    loft.clock.advance(DAY)
    loft.fault = Fault("status", "/api/spaces/", status=500)
    assert fetched(cobot).zones == ["Europe/Berlin"]
    assert asked(loft).count("/api/spaces/harbour") == 3, "and not with every use"


def test_a_zone_that_nobody_knows_is_a_bad_reply() -> None:
    with Martian() as loft, pytest.raises(BadReply, match="time_zone_name"):
        fetched(cobot_at(loft))


def test_members_are_asked_for_six_times_a_minute_at_most() -> None:
    with Loft(limits=True) as loft:
        cobot = cobot_at(loft)
        for _ in range(20):
            fetched(cobot)
        assert loft.clock.monotonic() >= 1000 + 3 * 60


def test_a_vanished_member_is_gone(loft: Loft) -> None:
    roster = Recorded()
    assert not cobot_at(loft).still_admitted("m-1", roster)
    assert roster.persons == []


def on_plan(**more: Any) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "parent_plan": {"id": "now"},
        "canceled_to": None,
        "extras": [],
        "time_passes": [],
    }
    return {"plan": {**plan, **more}}


def changing(ends: str | None, upcoming: object) -> dict[str, Any]:
    """A plan that ends, and the next: without passes unless it says otherwise."""
    if isinstance(upcoming, dict):
        upcoming = {"time_passes": [], **upcoming} if "parent_plan" in upcoming else upcoming
    return {**on_plan(canceled_to=ends), "upcoming_plan": upcoming}


class Martian(Loft):
    def handle(self, request: Request) -> Response:
        if request.path.startswith("/api/spaces/"):
            return Response(body={"id": "space-harbour", "time_zone_name": "Mars/Olympus"})
        return super().handle(request)
