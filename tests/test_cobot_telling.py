"""Telling Cobot who came: read first, once each, and never charged twice for one visit."""

from collections.abc import Iterator

import pytest

from controller.errors import BadReply, Unauthorized, Unavailable
from controller.model import Duration
from sync.platform import State
from sync.simulator.cobot import PassType
from sync.simulator.server import Fault, Request, Response
from tests.fakes import MONDAY
from tests.spaces import DAY, HOUR, Loft, asked, cobot_at, entry, fetched, posts
from tests.worlds import at

START = "/work_sessions$"


@pytest.fixture
def loft() -> Iterator[Loft]:
    with Loft() as space:
        yield space


# Telling


def test_an_entry_becomes_a_check_in_at_the_time_it_is_told(loft: Loft) -> None:
    ada = loft.add_member("Ada")
    outcome = cobot_at(loft).check_in(entry(ada))
    assert (outcome.state, outcome.message) == (State.SENT, "checked in until 2026-01-06 03:59 CET")
    assert [(s.member, s.valid_from) for s in loft.check_ins] == [(ada.id, MONDAY)]
    assert posts(loft) == [f"/api/memberships/{ada.id}/work_sessions"]
    assert loft.requests[-1].body == b""


def test_a_check_in_uses_the_pass_that_expires_first(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=1)
    soon = loft.add_pass(ben, expires_at=MONDAY + DAY)
    cobot_at(loft).check_in(entry(ben))
    assert loft.check_ins[0].time_pass == soon.id


def test_someone_already_checked_in_is_not_charged_again(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    loft.check_in(ben)
    loft.clock.advance(HOUR)
    outcome = cobot_at(loft).check_in(entry(ben))
    assert outcome.state is State.SENT
    assert outcome.message == "already checked in until 2026-01-06 03:59 CET"
    assert posts(loft) == []


def test_a_check_in_that_is_over_does_not_count(loft: Loft) -> None:
    plan = loft.add_plan("plan-hours", PassType("Two hours", (Duration(120),)))
    ben = loft.add_member("Ben", plan)
    for _ in range(2):
        loft.add_pass(ben, hours=plan.types[0].hours)
    loft.check_in(ben)
    loft.clock.advance(3 * HOUR)
    assert cobot_at(loft).check_in(entry(ben)).state is State.SENT
    assert len(loft.check_ins) == 2


def test_a_check_in_of_yesterday_that_still_runs_is_not_doubled(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    loft.clock.advance(11 * HOUR)  # 22:00
    loft.check_in(ben)
    loft.clock.advance(4 * HOUR)  # 2:00, and it is not among today's
    assert "already" in cobot_at(loft).check_in(entry(ben)).message
    assert posts(loft) == []


def test_a_day_that_begins_at_noon_is_one_check_in(loft: Loft) -> None:
    """A pass of 24 hours runs into the next day."""
    plan = loft.add_plan("plan-24h", PassType("24 h", (Duration(1440),)))
    ben = loft.add_member("Ben", plan)
    for _ in range(2):
        loft.add_pass(ben, hours=plan.types[0].hours)
    cobot = cobot_at(loft)
    cobot.check_in(entry(ben))
    loft.clock.advance(22 * HOUR)
    fetched(cobot)
    assert "already" in cobot.check_in(entry(ben)).message
    assert len(loft.check_ins) == 1


def test_clocks_that_differ_a_little_do_not_double_a_check_in(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    loft.check_in(ben)
    loft.clock.step(-60)  # ours is a minute behind Cobot's, which stamped this just now
    assert "already" in cobot_at(loft).check_in(entry(ben)).message


@pytest.mark.parametrize(
    ("passes", "words"), [(0, "No time passes left."), (1, "not valid at this time")]
)
def test_a_refusal_comes_with_the_words_of_the_platform(
    loft: Loft, passes: int, words: str
) -> None:
    ben = loft.add_member("Ben", "plan-mornings")
    loft.space.catch_up()
    for one in loft.space.passes[passes:]:
        one.used_at = MONDAY
    loft.clock.advance(5 * HOUR)
    outcome = cobot_at(loft).check_in(entry(ben))
    assert outcome.state is State.REFUSED
    assert words in outcome.message


def test_a_membership_that_is_gone_is_refused(loft: Loft) -> None:
    outcome = cobot_at(loft).check_in(entry("m-gone"))
    assert outcome.state is State.REFUSED
    assert "no such membership" in outcome.message


def test_an_id_is_not_a_way_through_the_address(loft: Loft) -> None:
    cobot_at(loft).check_in(entry("../../x?y=1"))
    assert posts(loft) == ["/api/memberships/..%2F..%2Fx%3Fy%3D1/work_sessions"]


def test_visitors_are_not_told(loft: Loft) -> None:
    assert cobot_at(loft).check_in(entry("visitor:eb-1")).state is State.REFUSED
    assert loft.served == 0


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, {"id": "ci-1"}, State.SENT),
        (201, {"valid_until": "2026/01/06 02:59:59 +0000"}, State.SENT),
        (201, {"id": 7, "valid_until": "late"}, State.SENT),
        (204, b"", State.REFUSED),
        (200, b"", State.REFUSED),
        (201, b" \n", State.REFUSED),
        (422, b"", State.REFUSED),
        (422, b"<html>no</html>", State.REFUSED),
        (404, {"error": "gone"}, State.REFUSED),
    ],
)
def test_only_a_check_in_that_is_shown_is_a_success(
    status: int, body: object, state: State
) -> None:
    with Blunt(status, body) as loft:
        ada = loft.add_member("Ada")
        outcome = cobot_at(loft).check_in(entry(ada))
        assert outcome.state is state
        assert outcome.message


@pytest.mark.parametrize("body", [{}, [], {"ok": True}, "fine", b"<html>welcome</html>"])
def test_a_success_that_shows_no_check_in_is_in_doubt(body: object) -> None:
    with Blunt(201, body) as loft:
        ada = loft.add_member("Ada")
        with pytest.raises(BadReply) as caught:
            cobot_at(loft).check_in(entry(ada))
        assert caught.value.maybe_sent


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", START, status=401), Unauthorized),
        (Fault("status", START, status=403), Unauthorized),
        (Fault("status", START, status=429, retry_after=5), Unavailable),
        (Fault("status", "/api/check_ins", status=500), Unavailable),
        (Fault("html", "/api/check_ins"), BadReply),
    ],
)
def test_what_was_surely_not_carried_out_is_not_in_doubt(
    loft: Loft, fault: Fault, error: type[Exception]
) -> None:
    ada = loft.add_member("Ada")
    loft.fault = fault
    with pytest.raises(error) as caught:
        cobot_at(loft).check_in(entry(ada))
    assert not getattr(caught.value, "maybe_sent", False)
    assert loft.check_ins == []


# A burst of entries


def test_one_reading_serves_a_burst(loft: Loft) -> None:
    members = [loft.add_member(f"Member {n}") for n in range(5)]
    cobot = cobot_at(loft)
    fetched(cobot)
    before = asked(loft).count("/api/check_ins")
    for member in members:
        assert cobot.check_in(entry(member)).state is State.SENT
        loft.clock.advance(2)
    assert asked(loft).count("/api/check_ins") == before + 1
    loft.clock.advance(2)
    cobot.check_in(entry(members[0]))
    assert asked(loft).count("/api/check_ins") == before + 2


def test_our_own_successes_count_within_a_burst(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    cobot = cobot_at(loft)
    cobot.check_in(entry(ben))
    loft.clock.advance(1)
    assert "already" in cobot.check_in(entry(ben, MONDAY + 1)).message
    assert len(loft.check_ins) == 1


def test_a_reading_is_dropped_after_an_ambiguous_answer(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    cobot = cobot_at(loft)
    loft.fault = Fault("lose_answer", START, method="POST", times=1)
    with pytest.raises(Unavailable):
        cobot.check_in(entry(ben))
    assert "already" in cobot.check_in(entry(ben)).message
    assert len(loft.check_ins) == 1


# Doubt


def test_a_lost_answer_is_found_by_reading(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    cobot = cobot_at(loft)
    loft.fault = Fault("lose_answer", START, method="POST", times=1)
    told = entry(ben, MONDAY - 5, at("2026-01-06 04:00"))
    with pytest.raises(Unavailable) as caught:
        cobot.check_in(told)
    assert caught.value.maybe_sent
    assert cobot.was_told(told)
    assert posts(loft) == [f"/api/memberships/{ben.id}/work_sessions"]


def test_a_request_that_was_not_carried_out_is_not_found(loft: Loft) -> None:
    ada, ben = loft.add_member("Ada"), loft.add_member("Ben")
    loft.check_in(ada)
    cobot = cobot_at(loft)
    loft.fault = Fault("status", START, status=500, method="POST")
    told = entry(ben, MONDAY, at("2026-01-06 04:00"))
    with pytest.raises(Unavailable):
        cobot.check_in(told)
    assert not cobot.was_told(told)


def test_a_check_in_of_another_time_of_the_day_is_not_this_one(loft: Loft) -> None:
    plan = loft.add_plan("plan-hours", PassType("Two hours", (Duration(120),)))
    ben = loft.add_member("Ben", plan)
    loft.add_pass(ben, hours=plan.types[0].hours)
    loft.check_in(ben)
    loft.clock.advance(4 * HOUR)
    assert not cobot_at(loft).was_told(entry(ben, MONDAY + 4 * HOUR, MONDAY + 6 * HOUR))
    assert cobot_at(loft).was_told(entry(ben, MONDAY + HOUR, MONDAY + 3 * HOUR))


def test_an_older_entry_is_looked_for_where_it_was(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-days", passes=2)
    loft.check_in(ben)
    loft.clock.advance(2 * DAY)
    loft.check_in(ben)
    cobot = cobot_at(loft)
    assert cobot.was_told(entry(ben, MONDAY - 5, at("2026-01-06 04:00")))
    assert cobot.was_told(entry(ben, MONDAY + 2 * HOUR, at("2026-01-06 04:00")))
    assert not cobot.was_told(entry(ben, MONDAY + DAY, MONDAY + DAY + HOUR))
    asked_for = loft.requests[-1].first("from")
    assert asked_for.endswith(" +0000"), "the plus arrives as a plus"


def test_an_entry_told_days_late_is_found_where_it_was_told(loft: Loft) -> None:
    """Cobot stamps the time of the telling, and that check-in may be over when we look."""
    ben = loft.add_member("Ben", "plan-days", passes=2)
    loft.clock.advance(2 * DAY)
    cobot = cobot_at(loft)
    late = entry(ben, MONDAY, at("2026-01-06 04:00"))
    loft.fault = Fault("lose_answer", START, method="POST", times=1)
    with pytest.raises(Unavailable):
        cobot.check_in(late)
    loft.clock.advance(2 * DAY)
    assert cobot.was_told(late)


def test_doubt_is_not_settled_by_a_list_that_cannot_be_read(loft: Loft) -> None:
    ada = loft.add_member("Ada")
    loft.fault = Fault("status", "/api/check_ins", status=500)
    with pytest.raises(Unavailable):
        cobot_at(loft).was_told(entry(ada, MONDAY, MONDAY + HOUR))


def test_check_ins_without_a_member_are_passed_over() -> None:
    with Blunt(201, {"id": "ci"}) as loft:
        loft.strangers = [{"id": "ci-9", "valid_from": None, "membership": None}]
        ada = loft.add_member("Ada")
        assert cobot_at(loft).check_in(entry(ada)).state is State.SENT


class Blunt(Loft):
    """Answers every check-in alike, and lists `strangers` besides."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__()
        self.bluntly = Response(status, body)
        self.strangers: list[dict[str, object]] = []

    def handle(self, request: Request) -> Response:
        if request.method == "POST":
            return self.bluntly
        answer = super().handle(request)
        if request.path == "/api/check_ins":
            return Response(body=[*answer.body, *self.strangers])
        return answer
