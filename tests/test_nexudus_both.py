"""Stories of a Nexudus that tells by calling and is asked besides: what counts when."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import StoreError, SuspiciousRoster, Unavailable
from sync.inbox import Inbox, Listed, Told
from sync.simulator.nexudus_rest import Booking, Contract, SimulatedNexudusRest
from tests.fakes import MONDAY, FakeClock
from tests.lofts import HARBOUR, Loft, coworkers, jane, wait_for
from tests.rest_lofts import (
    CARD,
    DAY,
    HOUR,
    JANE,
    PASSWORD,
    account,
    otto,
    rest_loft,
)

ROOM = Booking(71, 12, MONDAY + HOUR, MONDAY + 3 * HOUR, 9001, room="Room 12")
HERE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"


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
