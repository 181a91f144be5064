"""Stories of asking Nexudus' REST API: what it says, and what passes for no answer."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cards import visitor_pin
from controller.errors import BadReply, Unavailable
from controller.model import Grant, Person
from sync.platforms.nexudus import Nexudus
from sync.simulator.nexudus_rest import Booking, Contract, Problem, SimulatedNexudusRest, Visitor
from sync.simulator.server import Fault
from tests.contract_platform import PlatformContract, World
from tests.fakes import MONDAY, FakeClock
from tests.lofts import coworkers
from tests.rest_lofts import (
    CARD,
    DAY,
    DEVICE_KEY,
    EVERYTHING,
    HOUR,
    JANE,
    Lying,
    account,
    asked,
    fetched,
    hashed,
    platform_at,
    settings,
)

ROOM = Booking(71, 12, MONDAY + HOUR, MONDAY + 3 * HOUR, 9001, room="Room 12")
HERE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"


@pytest.fixture
def rest() -> Iterator[SimulatedNexudusRest]:
    with account() as made:
        yield made


@pytest.fixture
def platform(rest: SimulatedNexudusRest, tmp_path: Path) -> Iterator[Nexudus]:
    made = platform_at(rest, tmp_path, **EVERYTHING)
    yield made
    made.close()


class TestContract(PlatformContract):
    @pytest.fixture
    def world(self, rest: SimulatedNexudusRest, platform: Nexudus) -> World:
        rest.account.contracts[1] = Contract(1, 9001, 8)
        rest.account.bookings[71] = ROOM
        rest.account.visitors[1] = Visitor(1, 71, "Vera", MONDAY - DAY)
        spaces = ("coworkers", "bookings", "bookingvisitors")
        paths = (*(f"/api/spaces/{each}" for each in spaces), "/api/billing/coworkercontracts")
        return World(platform, rest, paths)

    @pytest.mark.parametrize("path", ["/api/spaces/coworkers/", "/api/sys/.*audits"])
    @pytest.mark.parametrize("kind", ["garbage", "truncate", "redirect", "lose_answer"])
    def test_nor_does_it_without_what_lists_leave_out(
        self, world: World, path: str, kind: Any
    ) -> None:
        world.simulated.fault = Fault(kind, f"^{path}$")
        with pytest.raises((BadReply, Unavailable)):
            fetched(world.platform)  # type: ignore[arg-type]


# What is read


def test_who_is_there_and_with_what(platform: Nexudus) -> None:
    roster = fetched(platform)
    assert roster.persons == [
        Person("loft", JANE, "Jane Smith"),
        Person("loft", "otto", "Otto Kern"),
    ]
    assert roster.cards[JANE] == [hashed(CARD), hashed("pin:0471")]
    assert roster.grants == {JANE: [Grant("team:31")]}


def test_plans_of_active_contracts(rest: SimulatedNexudusRest, platform: Nexudus) -> None:
    rest.account.contracts.update(
        {
            1: Contract(1, 9001, 8, since=MONDAY - DAY),
            2: Contract(2, 9001, 9, cancelled=MONDAY + DAY),
            3: Contract(3, 9002, 8, active=False),
            4: Contract(4, 4711, 8),
        }
    )
    roster = fetched(platform)
    assert roster.grants[JANE][1:] == [
        Grant("plan:8", MONDAY - DAY),
        Grant("plan:9", until=MONDAY + 2 * DAY),
    ]
    assert "otto" not in roster.grants


def test_a_booked_room_ahead_of_time(rest: SimulatedNexudusRest, platform: Nexudus) -> None:
    """Which Nexudus itself would tell a quarter of an hour before."""
    rest.account.bookings.update(
        {
            71: ROOM,
            72: ROOM._replace(id=72, resource=13, tentative=True),
            73: ROOM._replace(id=73, resource=14, coworker=None),
            74: ROOM._replace(id=74, resource=15, since=MONDAY + 20 * DAY, until=MONDAY + 21 * DAY),
            75: ROOM._replace(id=75, resource=16, since=MONDAY - 2 * DAY, until=MONDAY - DAY),
            76: ROOM._replace(id=76, resource=17, since=MONDAY - 2 * DAY, until=MONDAY + 60),
        }
    )
    roster = fetched(platform)
    grants = {grant.label: grant for grant in roster.grants[JANE]}
    assert set(grants) == {"team:31", "resource:12", "resource:17"}
    assert grants["resource:12"] == Grant(
        "resource:12", MONDAY + HOUR - 600, MONDAY + 3 * HOUR + 600, attends=False
    )


def test_a_visitor_gets_a_pin_for_the_room(rest: SimulatedNexudusRest, platform: Nexudus) -> None:
    rest.account.bookings[71] = ROOM
    rest.account.visitors.update(
        {1: Visitor(1, 71, "Vera Gast", MONDAY), 2: Visitor(2, 99, "Nobody", MONDAY)}
    )
    roster = fetched(platform)
    assert roster.persons[-1] == Person(
        "loft",
        "visitor:nexudus-1",
        "Vera Gast",
        checks_in=False,
        note="visitor: Room 12, 2026-01-05 12:00 to 14:00 CET",
    )
    (pin,) = roster.cards["visitor:nexudus-1"]
    shown = visitor_pin(DEVICE_KEY, "nexudus-1")
    assert pin == hashed(f"pin:{shown}"), "the one that doorward people --visitors shows"
    assert roster.labels("visitor:nexudus-1") == ["resource:12"]
    assert fetched(platform).cards["visitor:nexudus-1"] == [pin], "the same each time"
    del rest.account.bookings[71]
    assert "visitor:nexudus-1" not in fetched(platform).cards, "a cancelled booking, a dead PIN"


def test_nothing_is_asked_that_is_not_wanted(rest: SimulatedNexudusRest, tmp_path: Path) -> None:
    platform = platform_at(rest, tmp_path)
    fetched(platform)
    platform.close()
    assert set(asked(rest)) == {
        "/api/spaces/coworkers",
        "/api/spaces/coworkers/",
        "/api/sys/coworkeraccesscontrolaudits",
    }
    assert not platform.capabilities.bookings_ahead


@pytest.mark.parametrize("largest", [1, 7, 100])
def test_many_come_page_by_page_and_slowly(
    rest: SimulatedNexudusRest, tmp_path: Path, largest: int
) -> None:
    rest.put(*coworkers(121)[1:])
    rest.largest = largest
    clock = FakeClock()
    platform = platform_at(rest, tmp_path, clock=clock)
    began = clock.monotonic()
    assert len(fetched(platform).persons) == 122
    platform.close()
    assert clock.monotonic() - began >= len(rest.requests) - 1, "one request a second at most"


def test_who_is_inactive_holds_nothing(rest: SimulatedNexudusRest, platform: Nexudus) -> None:
    rest.account.contracts.update({1: Contract(1, 9001, 8), 2: Contract(2, 9002, 8)})
    rest.account.coworkers[9001].active = False
    rest.account.coworkers[9002].archived = True
    assert fetched(platform).persons == []


def test_only_customers_of_the_locations_that_count(
    rest: SimulatedNexudusRest, tmp_path: Path
) -> None:
    rest.account.coworkers[9002].businesses = (502,)
    platform = platform_at(rest, tmp_path, locations=("501",))
    assert [person.key for person in fetched(platform).persons] == [JANE]
    platform.close()
    with pytest.raises(ValueError, match="by their numbers"):
        settings(rest.url, locations=(HERE,))


# Pages that lie


def _cut_short(page: Any) -> None:
    page["Records"] = page["Records"][:1]


def _no_more(page: Any) -> None:
    page["HasNextPage"] = False


def _same_again(page: Any) -> None:
    page["Records"] = [{"Id": 1, "UniqueId": "x"}]


def _empty(page: Any) -> None:
    page.update(Records=[], HasNextPage=True)


def _named(field: str, value: object) -> Callable[[Any], None]:
    return lambda page: page.update({field: value})


def _without(field: str) -> Callable[[Any], None]:
    return lambda page: page.pop(field)


@pytest.mark.parametrize(
    "lie",
    [
        _cut_short,
        _no_more,
        _same_again,
        _empty,
        _named("CurrentPage", 9),
        _named("Records", None),
        _named("Records", {"Id": 1}),
        _named("Records", ["x"]),
        _named("Records", [{"Id": "1"}]),
        _named("HasNextPage", "no"),
        _named("TotalItems", None),
        _named("TotalItems", 0),
        _without("HasNextPage"),
        _without("Records"),
    ],
)
def test_half_a_list_never_passes_for_a_whole_one(tmp_path: Path, lie: Any) -> None:
    with account(kind=Lying) as rest:
        assert isinstance(rest, Lying)
        rest.put(*coworkers(5)[1:])
        rest.largest = 2
        platform = platform_at(rest, tmp_path)
        fetched(platform)
        type(rest).lie = staticmethod(lie)
        try:
            with pytest.raises(BadReply):
                fetched(platform)
        finally:
            type(rest).lie = staticmethod(lambda _: None)
            platform.close()


def _row(field: str, value: object) -> Callable[[Any], None]:
    return lambda rows: rows[0].update({field: value})


def _row_without(field: str) -> Callable[[Any], None]:
    return lambda rows: rows[0].pop(field)


@pytest.mark.parametrize(
    "lie",
    [
        lambda rows: rows.pop(),
        lambda rows: rows.append(dict(rows[0])) or rows[0].update(Id=77),
        _row("Active", "true"),
        _row("Active", None),
        _row("Archived", 1),
        _row("AccessCardId", {"x": 1}),
        _row("AccessCardId", "x" * 300),
        _row("UniqueId", []),
        _row("Teams", "31"),
        _row("Teams", ["31"]),
        _row_without("Active"),
        _row_without("AccessCardId"),
        _row_without("AccessPincode"),
    ],
)
def test_an_odd_customer_is_an_error_and_says_no_value(tmp_path: Path, lie: Any) -> None:
    with account(kind=Lying) as rest:
        assert isinstance(rest, Lying)
        rest.path = "/api/spaces/coworkers/"
        platform = platform_at(rest, tmp_path)
        type(rest).lie = staticmethod(lie)
        try:
            with pytest.raises(BadReply) as raised:
                fetched(platform)
        finally:
            type(rest).lie = staticmethod(lambda _: None)
            platform.close()
    assert "04A1B2C3" not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("bookings", "FromTime", None),
        ("bookings", "ToTime", "2020-01-01T00:00:00Z"),
        ("bookings", "ToTime", 7),
        ("bookings", "ResourceId", None),
        ("bookings", "Tentative", "no"),
        ("bookingvisitors", "BookingId", None),
        ("coworkercontracts", "TariffId", None),
        ("coworkercontracts", "CancellationDate", "soon"),
        ("coworkeraccesscontrolaudits", "CreatedOn", ""),
    ],
)
def test_an_odd_field_that_matters_is_an_error(
    tmp_path: Path, path: str, field: str, value: object
) -> None:
    with account(kind=Lying) as rest:
        assert isinstance(rest, Lying)
        rest.account.bookings[71] = ROOM
        rest.account.visitors[1] = Visitor(1, 71, "Vera", MONDAY)
        rest.account.contracts[1] = Contract(1, 9001, 8)
        rest.account.problems.append(Problem(1, 9001, MONDAY))
        (rest.path,) = (each for each in rest._lists() if each.endswith(f"/{path}"))
        platform = platform_at(rest, tmp_path, **EVERYTHING)
        fetched(platform)
        type(rest).lie = staticmethod(lambda page: page["Records"][0].update({field: value}))
        try:
            with pytest.raises(BadReply, match=field):
                fetched(platform)
        finally:
            type(rest).lie = staticmethod(lambda _: None)
            platform.close()


def test_times_without_a_zone_and_times_that_are_none(tmp_path: Path) -> None:
    with account(kind=Lying) as rest:
        assert isinstance(rest, Lying)
        rest.account.contracts[1] = Contract(1, 9001, 8)
        rest.path = "/api/billing/coworkercontracts"
        odd = {
            "StartDate": "2026-01-04T10:00:00.1234567",
            "CancellationDate": "0001-01-01T00:00:00",
        }
        type(rest).lie = staticmethod(lambda page: page["Records"][0].update(odd))
        platform = platform_at(rest, tmp_path, **EVERYTHING)
        try:
            (plan,) = fetched(platform).grants[JANE][1:]
        finally:
            type(rest).lie = staticmethod(lambda _: None)
            platform.close()
    assert plan.since == pytest.approx(MONDAY - DAY, abs=1)
    assert plan.until is None
