"""Stories of asking Nexudus' REST API: what it says, together with what Nexudus told by calling."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.errors import BadReply, StoreError, SuspiciousRoster, Unavailable
from controller.model import Grant, Person
from sync.inbox import Inbox, Listed, Told
from sync.platforms.nexudus import Nexudus
from sync.simulator.nexudus_rest import Booking, Contract, Problem, SimulatedNexudusRest, Visitor
from sync.simulator.server import Fault
from tests.contract_platform import PlatformContract, World
from tests.fakes import MONDAY, FakeClock
from tests.lofts import HARBOUR, Loft, coworkers, jane, wait_for
from tests.rest_lofts import (
    CARD,
    DAY,
    EVERYTHING,
    HOUR,
    JANE,
    PASSWORD,
    Lying,
    account,
    asked,
    fetched,
    hashed,
    otto,
    platform_at,
    rest_loft,
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
        "visitor:1",
        "Vera Gast",
        checks_in=False,
        note="visitor: Room 12, 2026-01-05 12:00 to 14:00 CET",
    )
    (pin,) = roster.cards["visitor:1"]
    assert pin.startswith("hash:")
    assert roster.labels("visitor:1") == ["resource:12"]
    assert fetched(platform).cards["visitor:1"] == [pin], "the same each time"
    del rest.account.bookings[71]
    assert "visitor:1" not in fetched(platform).cards, "a cancelled booking, a dead PIN"


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


# Together with what was told


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def told(clock: FakeClock, tmp_path: Path) -> Iterator[tuple[Loft, SimulatedNexudusRest]]:
    api = "bookings = true\ncontracts = true\nvisitors = true\n"
    with account(clock) as rest, rest_loft(tmp_path, rest, clock, api) as space:
        wait_for(lambda: space.person("Otto"))
        yield space, rest


def test_the_first_fill_is_read(told: tuple[Loft, SimulatedNexudusRest]) -> None:
    """Nobody has told anything yet."""
    space, _ = told
    assert space.labels() == ["team:31"]
    assert space.holds(CARD).holders


def test_both_speak_of_the_same_person(told: tuple[Loft, SimulatedNexudusRest]) -> None:
    space, rest = told
    rest.account.bookings[71] = ROOM
    space.fetch()
    assert space.tell(jane(card="04A1B2C3", groups={501: {"main": None}})) == 200
    assert space.labels() == ["group:main", "resource:12", "team:31"]
    assert [found.person.key for found in space.cache.people("Jane")] == [JANE]
    space.fetch()
    assert space.labels() == ["group:main", "resource:12", "team:31"]


def test_told_by_number_alone_is_still_the_same_person(
    told: tuple[Loft, SimulatedNexudusRest],
) -> None:
    space, rest = told
    rest.put(otto(id=9003, unique_id="new", name="Nina Neu", card="00000017", teams=(5,)))
    message = space.nexudus.message(otto(id=9003, name="Nina Neu", card="00000017"), HARBOUR)
    del message["coworker"]["uniqueId"]
    message["groups"] = ["main"]
    space.deliver(message)
    space.fetch()
    (found,) = space.cache.people("Nina")
    assert found.person.key == "id:9003"
    assert space.labels("Nina") == ["group:main", "team:5"]


def test_a_card_changed_while_nobody_could_call_us(
    told: tuple[Loft, SimulatedNexudusRest],
) -> None:
    space, rest = told
    space.tell(jane(card="04A1B2C3", groups={501: {"main": None}}))
    rest.account.coworkers[9001].card = "0000CAFE"
    space.fetch()
    assert not space.holds(CARD).holders, "the lost card"
    assert space.holds("32:0000CAFE").holders
    space.tell(jane(card="00000099", groups={501: {"main": None}}))
    assert space.holds("32:00000099").holders, "told later than it was read"


def test_a_deactivation_that_nobody_told(told: tuple[Loft, SimulatedNexudusRest]) -> None:
    space, rest = told
    space.tell(jane(card="04A1B2C3", groups={501: {"main": None}}))
    rest.account.coworkers[9001].active = False
    space.fetch()
    assert space.labels() == []
    space.tell(jane(card="04A1B2C3", groups={501: {"lab": None}}))
    assert space.labels() == ["group:lab"], "told later than it was read"


def test_whom_the_list_leaves_out_keeps_only_what_ends(
    told: tuple[Loft, SimulatedNexudusRest],
) -> None:
    """A guest perhaps, whom Nexudus tells of and does not list."""
    space, _ = told
    guest = otto(id=9100, unique_id="guest", name="Guest", card="00000077")
    guest.groups = {501: {"main": MONDAY + DAY, "lab": None}}
    space.tell(guest)
    assert space.labels("Guest") == ["group:lab", "group:main"]
    space.fetch()
    assert space.labels("Guest") == ["group:main"]


def test_what_is_told_while_everybody_is_read_wins(tmp_path: Path, clock: FakeClock) -> None:
    with account(clock) as rest, rest_loft(tmp_path, rest, clock, "bookings = true") as space:
        wait_for(lambda: space.person("Otto"))
        space.tell(jane(card="04A1B2C3", groups={501: {"main": None}}))
        rest.account.coworkers[9001].active = False
        rest.account.bookings[71] = ROOM._replace(coworker=9002)

        def meanwhile(what: str, *_: object) -> None:
            if what == "customers":
                assert space.tell(jane(card="00000042", groups={501: {"lab": None}})) == 200

        space.office.lines["loft"].pull(meanwhile)
        wait_for(lambda: space.labels() == ["group:lab"])
        assert space.holds("32:00000042").holders
        assert space.labels("Otto") == ["resource:12"]


def test_without_a_line_what_was_read_stays_in_force(
    told: tuple[Loft, SimulatedNexudusRest],
) -> None:
    space, rest = told
    rest.account.bookings[71] = ROOM
    space.fetch()
    rest.cut()
    with pytest.raises(Unavailable):
        space.fetch()
    space.tell(jane(card="04A1B2C3", groups={501: {"main": None}}))
    assert space.labels() == ["group:main", "resource:12", "team:31"]


def test_after_a_restart_without_a_line_too(tmp_path: Path, clock: FakeClock) -> None:
    with account(clock) as rest:
        with rest_loft(tmp_path, rest, clock, "contracts = true") as space:
            rest.account.contracts[1] = Contract(1, 9002, 8)
            space.tell(jane(card="04A1B2C3", groups={501: {"main": None}}))
            space.fetch()
        rest.cut()
        for path in (tmp_path / "data").glob("cache.db*"):
            path.unlink()
        with rest_loft(tmp_path, rest, clock, "contracts = true") as space:
            wait_for(lambda: space.labels() == ["group:main", "team:31"])
            assert space.labels("Otto") == ["plan:8"]


def test_a_reading_that_is_not_believed_is_not_kept(tmp_path: Path, clock: FakeClock) -> None:
    with account(clock) as rest:
        rest.put(*coworkers(60)[1:])
        for each in rest.account.coworkers.values():
            each.teams = (31,)
        with rest_loft(tmp_path, rest, clock) as space:
            wait_for(lambda: space.labels("Member 59") == ["team:31"])
            for each in rest.account.coworkers.values():
                each.active = each.id > 9000
            with pytest.raises(SuspiciousRoster):
                space.fetch()
            space.settle()
            assert space.labels("Member 59") == ["team:31"]
            space.fetch(dry_run=True)
            space.settle()
            assert space.labels("Member 59") == ["team:31"], "nor is one that was only tried"
            space.fetch(accept=True)
            space.settle()
            assert space.labels("Member 59") == []


def test_whom_nexudus_could_not_tell_us_of(told: tuple[Loft, SimulatedNexudusRest]) -> None:
    space, rest = told
    her = jane(card="04A1B2C3", groups={501: {"main": None}})
    assert rest.tell(her, HARBOUR).status == 200
    assert space.fetch() == []
    space.clock.advance(60)
    space.nexudus._webhook_token = "wrong-for-a-moment-000"
    assert rest.tell(her, HARBOUR).status == 401
    rest.account.coworkers[9001].card = "0000CAFE"
    (warning,) = space.fetch()
    assert "could not tell us of 1 people (Jane Smith)" in warning
    assert space.holds("32:0000CAFE").holders, "who she is was read again"
    space.nexudus._webhook_token = "a-bearer-for-the-webhook-7f3a"
    space.clock.advance(60)
    rest.tell(jane(card="0000CAFE", groups={501: {"main": None}}), HARBOUR)
    assert space.fetch() == [], "told since"


def test_without_the_right_to_see_what_went_wrong(
    told: tuple[Loft, SimulatedNexudusRest],
) -> None:
    space, rest = told
    rest.rights.remove("CoworkerAccessControlAudit")
    (warning,) = space.fetch()
    assert "CoworkerAccessControlAudit-List" in warning


def test_an_api_that_is_configured_no_more_is_forgotten(tmp_path: Path, clock: FakeClock) -> None:
    from tests.lofts import loft

    with account(clock) as rest:
        with rest_loft(tmp_path, rest, clock) as space:
            wait_for(lambda: space.person("Otto"))
            space.tell(jane(card="04A1B2C3", groups={501: {"main": None}}))
        with loft(tmp_path, clock=clock) as space:
            wait_for(lambda: space.labels() == ["group:main"])
            space.fetch(accept=True)
            assert space.person("Otto") is None


def test_no_number_and_no_password_lies_on_the_disk(
    told: tuple[Loft, SimulatedNexudusRest], tmp_path: Path
) -> None:
    space, rest = told
    rest.put(otto(card="04A1B2C3D4", fob="F0B0F0B0F0", pin="864213"))
    space.fetch()
    written = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    assert b"Otto Kern" in written
    for secret in ("04A1B2C3D4", "F0B0F0B0F0", "864213", PASSWORD):
        assert secret.encode() not in written


# The inbox


def test_an_inbox_of_before_goes_on(tmp_path: Path) -> None:
    import sqlite3

    from sync.inbox import MIGRATIONS

    old = sqlite3.connect(tmp_path / "inbox.db")
    for statement in MIGRATIONS[0]:
        old.execute(statement)
    row = ("loft", JANE, HERE, 1.0, 1.0, '{"number": "9001"}')
    old.execute("INSERT INTO told VALUES (?, ?, ?, ?, ?, ?)", row)
    old.execute("PRAGMA user_version=1")
    old.commit()
    old.close()
    inbox = Inbox(tmp_path / "inbox.db")
    assert inbox.numbers("loft") == {"9001": JANE}
    turn = inbox.turn()
    inbox.tell(Told("loft", JANE, HERE, 2.0, 2.0, {"number": "9001"}))
    ((row_now,),) = inbox.told("loft", [JANE])
    assert row_now.turn > turn
    inbox.close()


def test_a_later_word_on_one_is_not_undone_by_an_earlier_reading(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox.db")
    early, late = inbox.turn(), inbox.turn()
    inbox.keep_listed("loft", "a", Listed(late, {"n": 2}))
    inbox.keep_reading("loft", early, {"a": {"n": 1}, "b": {"n": 1}})
    assert inbox.listed("loft") == {"a": Listed(late, {"n": 2}), "b": Listed(early, {"n": 1})}
    inbox.keep_reading("loft", early, {})
    assert set(inbox.listed("loft")) == {"a"}
    inbox.keep_reading("loft", inbox.turn(), {})
    assert inbox.listed("loft") == {}
    inbox.close()
    with pytest.raises(StoreError):
        inbox.keep_reading("loft", 9, {"a": {}})
