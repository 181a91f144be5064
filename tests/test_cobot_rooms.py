"""Booked rooms of a Cobot space: for members by their card, for visitors by a PIN."""

from collections.abc import Iterator
from typing import Any

import pytest

from controller.errors import BadReply, Unauthorized
from controller.model import Grant, Person
from sync.simulator.cobot import SimulatedCobot, Visitor
from sync.simulator.server import Request, Response
from tests.fakes import MONDAY
from tests.rosters import Recorded
from tests.spaces import DAY, HOUR, TOKEN, Loft, asked, cobot_at, fetched

MINUTE = 60.0
NOON = MONDAY + HOUR  # in Berlin
RECORDS = "/spaces/space-harbour/bookings"


@pytest.fixture
def loft() -> Iterator[Loft]:
    with Loft() as space:
        yield space


def of_rooms(roster: Recorded, key: str) -> list[Grant]:
    return [grant for grant in roster.grants.get(key, []) if grant.label.startswith("resource:")]


# Members


def test_a_booked_room_opens_a_while_before_and_after(loft: Loft) -> None:
    ben = loft.add_member("Ben", "plan-flex")
    loft.book("room-1", NOON, NOON + HOUR, ben)
    cobot = cobot_at(loft, bookings=True, booking_before="15m", booking_after="5m")
    assert of_rooms(fetched(cobot), ben.id) == [
        Grant("resource:room-1", NOON - 15 * MINUTE, NOON + 65 * MINUTE, attends=False)
    ]


def test_bookings_are_asked_for_only_if_they_are_wanted(loft: Loft) -> None:
    ben = loft.add_member("Ben")
    loft.book("room-1", NOON, NOON + HOUR, ben)
    assert of_rooms(fetched(cobot_at(loft)), ben.id) == []
    assert "/api/bookings" not in asked(loft)


def test_bookings_are_fetched_so_far_ahead(loft: Loft) -> None:
    ben = loft.add_member("Ben")
    for days in range(-1, 20):
        loft.book(f"room-{days}", NOON + days * DAY, NOON + days * DAY + HOUR, ben)
    roster = fetched(cobot_at(loft, bookings=True, bookings_ahead="2d"))
    rooms = [grant.label for grant in of_rooms(roster, ben.id)]
    assert rooms == ["resource:room-0", "resource:room-1"]
    request = next(r for r in loft.requests if r.path == "/api/bookings")
    assert request.first("from") == "2026/01/05 09:50:00 +0000"
    assert request.first("to") == "2026/01/07 10:10:00 +0000"


def test_a_booking_that_is_over_holds_for_the_time_after_it(loft: Loft) -> None:
    ben = loft.add_member("Ben")
    loft.book("room-1", MONDAY - HOUR, MONDAY - 5 * MINUTE, ben)
    loft.book("room-2", MONDAY - HOUR, MONDAY - 15 * MINUTE, ben)
    roster = fetched(cobot_at(loft, bookings=True))
    assert [grant.label for grant in of_rooms(roster, ben.id)] == ["resource:room-1"]


def test_bookings_of_nobody_and_of_others_are_passed_over(loft: Loft) -> None:
    gone, paused = loft.add_member("Gone"), loft.add_member("Paused", "plan-break")
    new = loft.add_member("New", oddities={"confirmed_at": None})
    for member in (None, gone, paused, new):
        loft.book("room-1", NOON, NOON + HOUR, member)
    loft.remove_member(gone)
    roster = fetched(cobot_at(loft, bookings=True, no_access_plans=["plan-break"]))
    assert roster.grants == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resource": None}, "booking bk-2: resource should be an object"),
        ({"from": None}, "booking bk-2: from should be a time"),
        ({"to": "2026/01/05 13:00:00"}, "booking bk-2: to should be a time with its offset"),
        ({"to": "2025/01/05 13:00:00 +0000"}, "booking bk-2: to should be later than from"),
    ],
)
def test_a_booking_that_cannot_be_read_spoils_the_roster(
    change: dict[str, Any], words: str
) -> None:
    with Odd() as loft:
        loft.book("room-1", NOON, NOON + HOUR, loft.add_member("Ben"))
        loft.change = change
        with pytest.raises(BadReply) as caught:
            fetched(cobot_at(loft, bookings=True))
        assert words in str(caught.value)


# Visitors


def visiting(loft: Loft, **more: Any) -> Recorded:
    return fetched(cobot_at(loft, visitors=True, **more))


def test_a_visitor_gets_in_by_a_pin_while_the_room_is_booked(loft: Loft) -> None:
    loft.space.resources["room-1"] = "Harbour room"
    booking = loft.book("room-1", NOON, NOON + HOUR, visitor="Надя Орел")
    roster = visiting(loft)
    assert booking.visitor
    key = f"visitor:{booking.visitor.id}"
    note = "visitor: Harbour room, 2026-01-05 12:00 to 13:00 CET"
    assert roster.persons == [Person("harbour", key, "Надя Орел", checks_in=False, note=note)]
    assert roster.cards == {key: ["pin:772"]}
    span = NOON - 10 * MINUTE, NOON + 70 * MINUTE
    assert roster.grants == {key: [Grant("resource:room-1", *span, attends=False)]}


def test_the_second_api_is_asked_in_its_own_way(loft: Loft) -> None:
    loft.book("room-1", NOON, NOON + HOUR, visitor="Nadia")
    visiting(loft)
    request = next(r for r in loft.requests if r.path == RECORDS)
    assert request.headers["Accept"] == "application/vnd.api+json"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.first("include") == "externalBooking"
    assert request.first("filter[to]") == "2026-01-19T10:10:00Z"


@pytest.mark.parametrize("status", ["pending", "canceled", "Approved?"])
def test_only_approved_visitors_get_in(loft: Loft, status: str) -> None:
    loft.book("room-1", NOON, NOON + HOUR).visitor = Visitor("eb-1", "Nadia", status)
    assert visiting(loft).persons == []


def test_a_visit_that_has_begun_is_not_lost(loft: Loft) -> None:
    loft.book("room-1", MONDAY - 3 * HOUR, MONDAY + HOUR, visitor="Nadia")
    assert len(visiting(loft).persons) == 1


def test_a_visit_that_is_over_is_not_kept(loft: Loft) -> None:
    loft.book("room-1", MONDAY - 3 * HOUR, MONDAY - 2 * HOUR, visitor="Nadia")
    assert visiting(loft).persons == []


def test_a_visitor_may_book_several_rooms(loft: Loft) -> None:
    for hours, room in enumerate(("room-1", "room-2")):
        start = NOON + hours * HOUR
        loft.book(room, start, start + HOUR).visitor = Visitor("eb-1", "Nadia")
    roster = visiting(loft)
    assert roster.labels("visitor:eb-1") == ["resource:room-1", "resource:room-2"]
    assert "room-1, " in roster.known("visitor:eb-1").note
    assert "room-2, " in roster.known("visitor:eb-1").note


def test_an_evening_that_ends_tomorrow_is_noted_as_such(loft: Loft) -> None:
    loft.book("room-1", MONDAY + 11 * HOUR, MONDAY + 15 * HOUR, visitor="Nadia")
    (person,) = visiting(loft).persons
    assert person.note == "visitor: room-1, 2026-01-05 22:00 to 2026-01-06 02:00 CET"


def test_rooms_without_names_are_called_by_their_ids(loft: Loft) -> None:
    loft.book("room-1", NOON, NOON + HOUR, visitor="Nadia")
    loft.scopes.discard("read_resources")
    roster = visiting(loft)
    assert "resource room-1, " in roster.persons[0].note
    assert "read_resources" in roster.warnings[0]


def test_members_bookings_make_no_visitors(loft: Loft) -> None:
    ben = loft.add_member("Ben")
    loft.book("room-1", NOON, NOON + HOUR, ben)
    loft.book("room-1", NOON + HOUR, NOON + 2 * HOUR)
    assert [person.key for person in visiting(loft).persons] == [ben.id]
    assert "/api/resources" not in asked(loft)


def test_visitors_need_the_add_on(loft: Loft) -> None:
    loft.addon = False
    with pytest.raises(Unauthorized, match=r"402.*add-on"):
        visiting(loft)


# Pages


def test_all_pages_are_read(loft: Loft) -> None:
    loft.page_size = 2
    for hour in range(7):
        loft.book("room-1", NOON + hour * HOUR, NOON + (hour + 1) * HOUR, visitor=f"V{hour}")
    assert [person.name for person in visiting(loft).persons] == [f"V{n}" for n in range(7)]
    assert asked(loft).count(RECORDS) == 4


def test_a_page_that_is_repeated_for_ever_is_noticed() -> None:
    with Paging(lambda page, first: {**first, "meta": {}, "links": {"next": "…"}}) as loft:
        with pytest.raises(BadReply, match="repeats others"):
            visiting(loft)
        assert asked(loft).count(RECORDS) == 2


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (lambda page, first: {**page, "data": []}, "is empty; the list is not whole"),
        (lambda page, first: {**page, "meta": {"currentPage": 1}}, "another page was answered"),
        (lambda page, first: {**page, "data": None}, "data should be a list"),
        (lambda page, first: [page], "should be an object"),
        (lambda page, first: {**page, "included": []}, "externalBooking is not included"),
    ],
)
def test_half_a_list_is_no_list(lie: Any, words: str) -> None:
    with Paging(lie) as loft, pytest.raises(BadReply, match=words):
        visiting(loft)


class Odd(Loft):
    """Says something else of each booking in its first list."""

    change: dict[str, object] = {}  # noqa: RUF012 - set as a whole

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        if request.path != "/api/bookings":
            return answer
        return Response(body=[{**row, **self.change} for row in answer.body])


class Paging(Loft):
    """Three visitors on three pages; `lie` alters every page but the first."""

    def __init__(self, lie: Any) -> None:
        super().__init__()
        self.page_size = 1
        self.lie = lie
        self.first: dict[str, Any] = {}
        for hour in range(3):
            self.book("room-1", NOON + hour * HOUR, NOON + (hour + 1) * HOUR, visitor=f"V{hour}")

    def handle(self, request: Request) -> Response:
        answer: Response = SimulatedCobot.handle(self, request)
        if request.path != RECORDS:
            return answer
        if request.first("page[number]") == "1":
            self.first = answer.body
            return answer
        return Response(body=self.lie(answer.body, self.first))
