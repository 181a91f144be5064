"""Stories of Nexudus calling us, told over real HTTP: what it says is in force at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.errors import BadReply, ConfigError
from controller.model import Grant
from sync.inbox import Inbox, Told
from sync.platform import Surroundings
from sync.platforms.nexudus import Nexudus
from sync.platforms.nexudus_said import read_message
from sync.platforms.nexudus_settings import NexudusSettings
from sync.simulator.nexudus import Coworker, SimulatedNexudus
from tests.fakes import MONDAY, FakeClock
from tests.lofts import GROUPS_TOKEN, HARBOUR, MARKET, WEBHOOK_TOKEN, Loft, jane, loft, wait_for

CARD = "04A1B2C3"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Loft]:
    with loft(tmp_path) as built:
        yield built


def test_an_operator_maps_our_groups(space: Loft) -> None:
    assert space.nexudus.ask_groups(HARBOUR) == (
        200,
        [{"Id": "main", "Name": "Main entrance"}, {"Id": "lab", "Name": "Laboratory"}],
    )
    other = SimulatedNexudus(space.clock, f"{space.url}/nexudus/loft", webhook_token="x")
    assert other.ask_groups(HARBOUR)[0] == 401


def test_what_is_told_is_in_force_by_itself(space: Loft) -> None:
    assert space.person() is None
    space.nexudus.tell(jane(card=CARD, groups={501: {"main": None}}), HARBOUR)
    wait_for(lambda: space.labels() == ["group:main"])


def test_each_message_replaces_the_groups_of_its_person(space: Loft) -> None:
    assert space.tell(jane(card=CARD, groups={501: {"main": None, "lab": None}})) == 200
    assert space.labels() == ["group:lab", "group:main"]
    assert space.tell(jane(card=CARD, groups={501: {"lab": None}})) == 200
    assert space.labels() == ["group:lab"]
    assert space.tell(jane(card=CARD)) == 200
    assert space.labels() == [], "no groups are no access"
    assert space.person(), "she is still known, so that the door can say why"


def test_nobody_else_is_touched(space: Loft) -> None:
    other = Coworker(9002, "Otto Kern", "otto", "0BADCAFE", groups={501: {"main": None}})
    space.tell(other)
    space.tell(jane(card=CARD, groups={501: {"main": None}}))
    space.tell(jane())
    assert space.labels("Otto") == ["group:main"]


def test_the_latest_end_counts_and_seven_digits_are_read(space: Loft) -> None:
    space.nexudus.sevens = True
    until = MONDAY + 7200.5
    space.tell(jane(card=CARD, groups={501: {"main": until, "lab": None}}))
    assert space.ends() == {"group:main": MONDAY + 7200, "group:lab": None}


def test_told_twice_is_told_once(space: Loft) -> None:
    message = space.nexudus.message(jane(card=CARD, groups={501: {"main": None}}), HARBOUR)
    before = [space.deliver(message), space.person()]
    assert [space.deliver(message), space.person()] == before


def test_a_message_that_was_overtaken_changes_nothing(space: Loft) -> None:
    granted = space.nexudus.message(jane(card=CARD, groups={501: {"main": None}}), HARBOUR)
    space.tell(jane(card=CARD))
    assert space.deliver(granted) == 200
    assert space.labels() == []


def test_of_two_with_the_same_time_the_later_counts(space: Loft) -> None:
    for groups in ({"main": None}, {"lab": None}):
        space.deliver(space.nexudus.message(jane(card=CARD, groups={501: groups}), HARBOUR))
    assert space.labels() == ["group:lab"]


def test_a_location_speaks_for_itself_only(space: Loft) -> None:
    groups: dict[int, dict[str, float | None]] = {501: {"main": None}, 502: {"lab": None}}
    space.tell(jane(card=CARD, groups=groups), HARBOUR)
    space.tell(jane(card=CARD, groups=groups), MARKET)
    assert space.labels() == ["group:lab", "group:main"]
    space.tell(jane(card=CARD), MARKET)
    assert space.labels() == ["group:main"]
    ends: dict[int, dict[str, float | None]] = {501: {"main": MONDAY + 60}, 502: {"main": None}}
    space.tell(jane(card=CARD, groups=ends), HARBOUR)
    space.tell(jane(card=CARD, groups=ends), MARKET)
    assert space.ends() == {"group:main": None}, "until the latest that any of them says"


@pytest.mark.parametrize("location", ["501", HARBOUR.unique_id, HARBOUR.unique_id.lower()])
def test_only_the_locations_that_count_here(tmp_path: Path, location: str) -> None:
    with loft(tmp_path, f'locations = ["{location}"]') as space:
        space.tell(jane(card=CARD, groups={502: {"main": None}}), MARKET)
        assert space.person() is None
        assert "people of locations that do not count here: 1" in space.fetch()
        space.tell(jane(card=CARD, groups={501: {"lab": None}, 502: {"main": None}}))
        assert space.labels() == ["group:lab"]


def test_three_kinds_of_credential_and_several_cards(space: Loft) -> None:
    her = jane(card=f"{CARD}, 0BADCAFE;\n00000017", fob="F0B00001", pin="0471")
    her.groups = {501: {"main": None}}
    space.tell(her)
    for canonical in ("32:04A1B2C3", "32:0BADCAFE", "32:00000017", "32:F0B00001", "pin:0471"):
        assert space.holds(canonical).holders, canonical
    space.tell(jane(fob="F0B00001", groups={501: {"main": None}}))
    assert not space.holds("32:04A1B2C3").holders, "a lost card is gone at once"
    assert space.holds("32:F0B00001").holders


def test_a_card_that_does_not_fit_costs_one_card_only(space: Loft) -> None:
    space.tell(jane(card=f"none-such, {CARD}", pin="12ab", groups={501: {"main": None}}))
    assert space.holds("32:04A1B2C3").holders
    assert space.fetch() == [
        "Jane Smith: accessCardId does not fit its format and opens nothing",
        "Jane Smith: accessPincode does not fit its format and opens nothing",
    ]


def test_fields_without_a_value_may_be_left_out(space: Loft) -> None:
    space.nexudus.sparse = True
    space.tell(jane(fob="F0B00001", groups={501: {"main": None}}))
    assert space.holds("32:F0B00001").holders
    message = space.nexudus.message(jane(), HARBOUR)
    for field in ("time", "access_signature", "groups", "schedule"):
        del message[field]
    del message["coworker"]["full_name"]
    space.clock.advance(60)
    assert space.deliver(message) == 200
    assert space.labels("customer 9001") == []


def test_a_group_that_is_not_configured_is_kept_and_mentioned(space: Loft) -> None:
    space.tell(jane(card=CARD, groups={501: {"attic": None}}))
    assert space.labels() == ["group:attic"]
    (warning,) = space.fetch()
    assert "groups that are not configured: attic" in warning


def test_a_schedule_that_does_not_fit_the_groups(space: Loft) -> None:
    message = space.nexudus.message(jane(card=CARD, groups={501: {"main": None}}), HARBOUR)
    message["groups"] = ["main", "lab", "main"]
    message["schedule"] = [
        {"group": "attic", "expires_on": None},
        {"group": "lab", "expires_on": "soon"},
    ]
    space.deliver(message)
    assert space.ends() == {"group:main": None, "group:lab": 0.0}, "an unreadable end is no end"
    assert len(space.fetch()) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"coworker": {"id": 1}}',
        b'{"coworker": {}, "business": {"id": 1}}',
        b'{"coworker": {"id": true}, "business": {"id": 1}}',
        b'{"coworker": {"id": 1}, "business": {"id": 1}, "groups": "main"}',
        b'{"coworker": {"id": 1}, "business": {"id": 1}, "groups": [["main"]]}',
        b'{"coworker": {"id": 1}, "business": {"id": 1}, "schedule": 7}',
        b'{"coworker": {"id": 1}, "business": {"id": 1}, "time": "soon"}',
        b'{"coworker": {"id": 1, "accessCardId": {}}, "business": {"id": 1}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_understood_is_taken_and_reported(space: Loft, body: bytes) -> None:
    """Nexudus might stop calling those who refuse; nobody loses or gains by it."""
    space.tell(jane(card=CARD, groups={501: {"main": None}}))
    bearer = {"Authorization": f"Bearer {WEBHOOK_TOKEN}"}
    status, answer = space.nexudus.send("POST", "/webhook", body, bearer)
    assert (status, answer["understood"]) == (200, False)
    assert space.labels() == ["group:main"]
    assert "that were not understood: 1" in space.fetch()[-1]
    with pytest.raises(BadReply):
        read_message(body)


def test_a_fetch_changes_nothing_of_what_was_told(space: Loft) -> None:
    space.tell(jane(card=CARD, groups={501: {"main": MONDAY + 60}}))
    before = space.person(), space.ends()
    assert space.fetch() == []
    assert (space.person(), space.ends()) == before


def test_what_is_told_while_the_roster_is_fetched_stays(tmp_path: Path) -> None:
    """It is read before her message, and put in force after it."""
    with loft(tmp_path) as space:
        space.tell(jane(card=CARD, groups={501: {"main": None}}))
        line = space.office.lines["loft"]

        def meanwhile(*_: object) -> None:
            assert space.tell(jane(card=CARD)) == 200

        line.pull(meanwhile)
        assert space.labels() == []


def test_a_message_in_force_does_not_make_the_roster_look_fresh(space: Loft) -> None:
    wait_for(lambda: space.cache.rosters() and space.cache.rosters()[0]["synced_at"])
    before = space.cache.rosters()[0]["synced_at"]
    space.tell(jane(card=CARD))
    assert space.cache.rosters()[0]["synced_at"] == before


def test_a_lost_cache_is_made_anew_from_what_was_told(tmp_path: Path) -> None:
    with loft(tmp_path) as space:
        space.tell(jane(card=CARD, groups={501: {"main": None}}))
    for path in (tmp_path / "data").glob("cache.db*"):
        path.unlink()
    with loft(tmp_path) as space:
        wait_for(lambda: space.labels() == ["group:main"])


def test_a_cache_lost_at_work_is_made_anew_and_goes_on_hearing(space: Loft) -> None:
    space.tell(jane(card=CARD, groups={501: {"main": None}}))
    space.office.replace_cache()
    space.nexudus.tell(Coworker(9002, "Otto Kern", "otto", groups={501: {"lab": None}}), HARBOUR)
    wait_for(lambda: space.labels("Otto") == ["group:lab"])
    space.fetch()
    assert space.labels() == ["group:main"]


def test_a_damaged_inbox_is_left_alone_and_the_doors_go_on(tmp_path: Path) -> None:
    with loft(tmp_path) as space:
        space.tell(jane(card=CARD, groups={501: {"main": None}}))
    inbox = tmp_path / "data" / "inbox.db"
    inbox.write_bytes(b"no database at all" * 100)
    from sync.office import Office

    office = Office(space.config, space.office.stopping, space.clock)
    try:
        assert "left as it is" in office.broken["loft"]
        office.forget_unconfigured()
        assert space.labels() == ["group:main"]
    finally:
        office.close()
        space.cache.close()
    assert inbox.read_bytes().startswith(b"no database")


def test_no_number_lies_on_the_disk(tmp_path: Path) -> None:
    with loft(tmp_path) as space:
        space.tell(jane(card="04A1B2C3D4", fob="F0B0F0B0F0", pin="864213"))
    written = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    assert b"Jane Smith" in written
    for secret in ("04A1B2C3D4", "F0B0F0B0F0", "864213", WEBHOOK_TOKEN, GROUPS_TOKEN):
        assert secret.encode() not in written


def test_it_cannot_be_told_of_check_ins_yet(space: Loft) -> None:
    space.tell(jane(card=CARD, groups={501: {"main": None}}))
    (holder,) = space.holds("32:04A1B2C3").holders
    assert not holder.person.checks_in
    assert holder.grants == (Grant("group:main"),)


# The inbox


def test_those_who_come_together_share_a_transaction(tmp_path: Path) -> None:
    import threading

    inbox = Inbox(tmp_path / "inbox.db")
    told = [Told("loft", f"c{n}", "here", MONDAY, MONDAY, {"n": n}) for n in range(60)]
    threads = [threading.Thread(target=inbox.tell, args=(each,)) for each in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row[0].state["n"] for row in inbox.told("loft", inbox.customers("loft"))) == [
        *range(60)
    ]
    inbox.close()


# Settings

TABLE = {
    "kind": "nexudus",
    "zone": "Europe/Berlin",
    "webhook_token": {"file": "/etc/doorward/nexudus"},
    "groups": {"main": "Main"},
    "cards": [{"source": "accessCardId", "format": "hex"}],
}


@pytest.mark.parametrize(
    "change", [{"groups": {}}, {"groups": {"": "x"}}, {"cards": []}, {"webhook_token": None}]
)
def test_what_cannot_work_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NexudusSettings.model_validate({**TABLE, **change})


@pytest.mark.parametrize("token", ["", "short", "with a blank in the middle", "ü" * 20])
def test_a_bearer_must_withstand_the_internet(token: str, tmp_path: Path) -> None:
    settings = NexudusSettings.model_validate(TABLE)
    around = Surroundings(FakeClock(), lambda _: False, lambda _: token, str, str, tmp_path)
    with pytest.raises(ConfigError, match="openssl rand"):
        Nexudus("loft", settings, around)
