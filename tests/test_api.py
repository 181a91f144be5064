"""Stories of a program that has Doorward as its lock system, over real HTTP and at real doors."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.control import ask
from controller.model import Kind
from sync.api.description import described
from sync.api.models import Event as EventModel
from sync.api.operations import operations
from tests.fakes import MONDAY
from tests.locks import LockSystem, ada, call, lock_system
from tests.lofts import wait_for

GRANTED, UNKNOWN = "granted", "denied_unknown_credential"
HOUR = 3600.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LockSystem]:
    with lock_system(tmp_path) as built:
        yield built


def becomes(site: LockSystem, reason: str, card: str = "04A1B2C3", door: str = "front") -> None:
    wait_for(lambda: site.scan(card, door) == reason)


# Users


def test_a_registered_user_gets_in_and_a_deactivated_one_does_not(site: LockSystem) -> None:
    said = site.ask("PUT", "/users/m-7", ada())
    assert (said.status, said.headers["Location"]) == (201, "/api/v1/users/m-7")
    assert said.body == {
        "id": "m-7",
        "name": "Ada Ruiz",
        "active": True,
        "valid_from": None,
        "valid_until": None,
        "groups": ["main"],
        "hours": [],
        "cards": [{"last4": "B2C3"}],
        "pin": False,
        "doors": ["front"],
    }
    becomes(site, GRANTED)
    assert site.ask("PATCH", "/users/m-7", {"active": False}).body["active"] is False
    becomes(site, "denied_credential_disabled")
    assert site.ask("PATCH", "/users/m-7", {"active": True}).status == 200
    becomes(site, GRANTED)
    assert site.ask("DELETE", "/users/m-7").status == 204
    becomes(site, UNKNOWN)
    assert site.ask("GET", "/users/m-7").status == 404
    assert site.ask("DELETE", "/users/m-7").status == 404
    assert site.ask("PATCH", "/users/m-7", {"active": True}).status == 404
    assert site.ask("PUT", "/users/m-7", ada()).status == 201, "an id may come back"
    becomes(site, GRANTED)


def test_the_same_again_changes_nothing(site: LockSystem) -> None:
    first = site.ask("PUT", "/users/m-7", ada())
    again = site.ask("PUT", "/users/m-7", ada())
    assert (again.status, again.body) == (200, first.body)
    assert site.ask("GET", "/users/m-7").body == first.body


def test_an_id_of_ours_where_the_caller_has_none(site: LockSystem) -> None:
    one, two = (site.ask("POST", "/users", ada(cards=[])) for _ in range(2))
    assert one.status == two.status == 201
    assert one.body["id"] != two.body["id"]
    assert site.ask("GET", f"/users/{one.body['id']}").body == one.body


def test_put_replaces_and_patch_changes(site: LockSystem) -> None:
    site.ask("PUT", "/users/m-7", ada(pin="4711", hours=[{"begin": "09:00", "end": "17:59"}]))
    said = site.ask("PATCH", "/users/m-7", {"groups": ["lab"]}).body
    assert (said["groups"], said["pin"], len(said["cards"]), len(said["hours"])) == (
        *(["lab"], True, 1, 1),
    )
    becomes(site, GRANTED, "4711", "lab")
    said = site.ask("PUT", "/users/m-7", {"name": "Ada"}).body
    assert (said["groups"], said["pin"], said["cards"], said["hours"]) == ([], False, [], [])
    becomes(site, UNKNOWN)
    assert site.ask("PATCH", "/users/m-7", {"pin": "0815"}).body["pin"] is True
    assert site.ask("PATCH", "/users/m-7", {"pin": None}).body["pin"] is False


def test_validity_and_hours_hold_at_the_door(site: LockSystem) -> None:
    """It is Monday, eleven o'clock in Berlin."""
    site.ask("PUT", "/users/m-7", ada(valid_from="2026-01-06T00:00:00+01:00"))
    becomes(site, "denied_credential_not_yet_active")
    site.ask("PUT", "/users/m-7", ada(valid_until="2026-01-05T10:00:00Z"))
    becomes(site, "denied_credential_expired")
    site.ask("PATCH", "/users/m-7", {"valid_until": None})
    becomes(site, GRANTED)
    hours = [{"begin": "12:00", "end": "17:59", "weekdays": [1, 2]}]
    site.ask("PATCH", "/users/m-7", {"hours": hours})
    becomes(site, "denied_out_of_time_range")
    site.clock.advance(2 * HOUR)
    assert site.scan("04A1B2C3") == GRANTED
    assert site.ask("GET", "/users/m-7").body["hours"] == hours


def test_a_card_that_is_taken_is_refused_with_its_holder(site: LockSystem) -> None:
    site.ask("PUT", "/users/m-7", ada(pin="4711"))
    said = site.ask("PUT", "/users/m-8", ada(name="Otto"))
    assert said.status == 409
    assert "card …B2C3 is held by user m-7" in said.body["error"]
    said = site.ask("PUT", "/users/m-8", {"name": "Otto", "pin": "4711"})
    assert (said.status, "PIN is held by user m-7" in said.body["error"]) == (409, True)
    assert site.ask("GET", "/users/m-8").status == 404
    site.ask("PATCH", "/users/m-7", {"cards": []})
    assert site.ask("PUT", "/users/m-8", ada(name="Otto")).status == 201, "handed over"
    wait_for(lambda: (site.scan("04A1B2C3"), site.events()[-1].event.person) == (GRANTED, "m-8"))


def test_registered_users_survive_a_restart_and_a_lost_cache(tmp_path: Path) -> None:
    with lock_system(tmp_path) as site:
        site.ask("PUT", "/users/m-7", ada())
        site.ask("PUT", "/users/m-8", ada(name="Otto", cards=["32:0BADCAFE"]))
        site.ask("DELETE", "/users/m-8")
        site.close_syncd()
        for path in (tmp_path / "data").glob("cache.db*"):
            path.unlink()
        site.open_syncd()
        becomes(site, GRANTED)
        assert site.person("m-8") is None
        site.office.replace_cache()
        site.sync("sync", platforms=["smartlock"])
        becomes(site, GRANTED)
        assert site.ask("GET", "/users/m-7").status == 200, "its token survived as well"
        said = site.ask("PUT", "/users/m-9", ada())
        assert said.status == 409, "and so has whose card it is"


def test_who_was_deactivated_while_nothing_was_in_force_stays_out(tmp_path: Path) -> None:
    """Killed between the answer and the cache: what is on the disk is put in force at the start."""
    with lock_system(tmp_path) as site:
        site.ask("PUT", "/users/m-7", ada())
        becomes(site, GRANTED)
        platform: Any = site.office.lines["smartlock"].platform
        with site.office.place.turn:  # nothing can be put in force meanwhile
            assert site.ask("DELETE", "/users/m-7").status == 204
            assert site.scan("04A1B2C3") == GRANTED
            assert platform.read("m-7") is None
        becomes(site, UNKNOWN)


def test_no_number_lies_on_the_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with lock_system(tmp_path) as site:
        site.ask("PUT", "/users/m-7", ada(cards=["40:04A1B2C3D4"], pin="864213"))
        site.ask("PUT", "/users/m-8", ada(cards=["04A1B2C3D4"], pin="864213"))
        site.ask("PUT", "/users/m-8", {"name": "x", "pin": "864213x"})
        token = site.token
    written = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    assert b"Ada Ruiz" in written
    said = capfd.readouterr()
    for secret in ("04A1B2C3D4", "864213", token):
        assert secret.encode() not in written
        assert secret not in said.out + said.err


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"cards": ["04A1B2C3"]}, "cards.0"),
        ({"cards": ["32:04a1b2c3"]}, "cards.0"),
        ({"cards": ["31:84A1B2C3"]}, "cards.0"),
        ({"cards": ["text:"]}, "cards.0"),
        ({"cards": ["pin:4711"]}, "cards.0"),
        ({"cards": [7]}, "cards.0"),
        ({"cards": ["32:04A1B2C3"] * 21}, "cards"),
        ({"pin": "12"}, "pin"),
        ({"pin": "12ab"}, "pin"),
        ({"pin": 4711}, "pin"),
        ({"groups": ["a b"]}, "groups.0"),
        ({"groups": ["*"]}, "groups.0"),
        ({"active": "yes"}, "active"),
        ({"valid_from": "2026-01-05"}, "valid_from"),
        ({"valid_from": "2026-01-05T10:00:00"}, "valid_from"),
        ({"valid_from": "2026-02-30T10:00:00Z"}, "valid_from"),
        ({"valid_until": "0001-01-01T00:00:00Z"}, "valid_until"),
        (
            {"valid_from": "2026-01-05T10:00:00Z", "valid_until": "2026-01-05T10:00:00Z"},
            "valid_until",
        ),
        ({"hours": [{"begin": "9:00", "end": "17:00"}]}, "hours.0.begin"),
        ({"hours": [{"begin": "09:00", "end": "24:00"}]}, "hours.0.end"),
        ({"hours": [{"begin": "09:00", "end": "10:00", "weekdays": [8]}]}, "hours.0.weekdays.0"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(
    site: LockSystem, change: dict[str, Any], field: str
) -> None:
    said = site.ask("PUT", "/users/m-7", {**ada(), **change})
    assert said.status == 400
    assert [each["field"] for each in said.body["problems"]] == [field]
    assert all(each["error"] for each in said.body["problems"])
    assert site.ask("GET", "/users/m-7").status == 404, "nothing has changed"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b"\xff", b"[" * 60_000, b'{"name": "\\ud800"}', b'{"name": NaN}'],
)
def test_what_is_no_user_at_all_is_refused(site: LockSystem, body: bytes) -> None:
    assert site.ask("PUT", "/users/m-7", body).status == 400
    assert site.ask("PATCH", "/users/m-7", body).status == 400


def test_bodies_are_bounded(site: LockSystem) -> None:
    assert site.ask("PUT", "/users/m-7", b" " * (64 * 1024 + 1)).status == 413
    assert site.ask("PUT", f"/users/{'x' * 65}", ada()).status == 400
    assert site.ask("PUT", "/users/a%20b", ada()).status == 400
    assert site.ask("PATCH", "/users/m-7", {}).status == 400
    assert site.ask("PATCH", "/users/m-7", {"name": ""}).status == 400


def test_cards_as_the_platform_writes_them(tmp_path: Path) -> None:
    with lock_system(tmp_path, 'card = { format = "dec10" }') as site:
        assert site.ask("PUT", "/users/m-7", ada(cards=["0077705923"])).status == 201
        becomes(site, GRANTED)
        assert site.ask("PUT", "/users/m-8", ada(cards=["32:04A1B2C3"])).status == 400


def test_two_programs_write_the_same_user_at_once(site: LockSystem) -> None:
    """One of them is the last, wholly; and nothing of the other stays."""
    tokens = [site.token, site.new_token("other", "users:write")]
    statuses: list[int] = []

    def write(number: int) -> None:
        for n in range(8):
            user = ada(
                name=f"By {number}", groups=[f"g{number}-{n}"], cards=[f"32:0000000{number}"]
            )
            said = call(site.url, "PUT", "/users/m-7", tokens[number], user)
            statuses.append(said.status)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 15 + [201]
    last = site.ask("GET", "/users/m-7").body
    (number,) = {last["name"][-1], last["cards"][0]["last4"][-1], last["groups"][0][1]}
    wait_for(lambda: (found := site.person("m-7")) and list(found.labels) == [f"group:g{number}-7"])
    (taken,) = {"0", "1"} - {number}
    assert site.scan(f"0000000{taken}") == UNKNOWN


# Doors


def test_doors_and_groups_are_told(site: LockSystem) -> None:
    (front, lab) = site.ask("GET", "/doors").body["doors"]
    assert (front["id"], front["name"], front["works"]) == ("front", "Front door", True)
    assert (front["mode"], front["released"], front["open"]) == ("normal", False, False)
    assert (lab["open"], lab["trouble"]) == (None, [])
    assert site.ask("GET", "/groups").body == {
        "groups": [{"id": "main", "doors": ["front"]}, {"id": "lab", "doors": ["lab"]}],
        "any_group": [],
    }


def test_a_door_is_opened_and_the_journal_says_by_whom(site: LockSystem) -> None:
    assert site.ask("POST", "/doors/front/open", {"seconds": 7}).body == {
        "door": "front",
        "seconds": 7,
    }
    assert site.ask("GET", "/doors").body["doors"][0]["released"] is True
    assert site.ask("POST", "/doors/lab/open", {}).body == {"door": "lab", "seconds": 5}
    (event, _) = site.events(Kind.UNLOCKED)
    assert event.event.author.startswith("api token cobot, through ")
    assert site.ask("POST", "/doors/attic/open", {}).status == 404
    for body in ({"seconds": 0}, {"seconds": -1}, {"seconds": 3601}, {"seconds": "7"}, {"s": 1}):
        assert site.ask("POST", "/doors/front/open", body).status == 400, body


def test_a_door_in_lockdown_stays_shut(site: LockSystem) -> None:
    ask(site.config.run / "door.sock", {"do": "mode", "mode": "lockdown"})
    said = site.ask("POST", "/doors/front/open", {})
    assert (said.status, "lockdown" in said.body["error"]) == (409, True)
    assert site.ask("GET", "/doors").body["doors"][0]["mode"] == "lockdown"


def test_without_a_controller_it_says_so(site: LockSystem) -> None:
    site.controller.close()
    said = site.ask("POST", "/doors/front/open", {})
    assert (said.status, said.headers["Retry-After"]) == (503, "10")
    assert site.ask("PUT", "/users/m-7", ada()).status == 201, "and all else goes on"


# Events


def test_events_are_read_on_from_a_cursor(site: LockSystem) -> None:
    site.ask("PUT", "/users/m-7", ada())
    becomes(site, GRANTED)
    start = site.ask("GET", "/events?after=newest").body
    assert (start["events"], start["more"], start["lost"]) == ([], False, False)
    site.scan("0BADCAFE")
    site.scan("04A1B2C3")
    site.happens(kind="door_forced")
    site.settle()
    found = site.ask("GET", f"/events?after={start['next']}").body
    assert [each["kind"] for each in found["events"]] == [
        *("access_denied", "lock_opened", "door_forced"),
    ]
    denied, opened, forced = found["events"]
    assert opened["user"] == {"id": "m-7", "name": "Ada Ruiz", "platform": "smartlock"}
    assert opened["door"] == {"id": "front", "name": "Front door"}
    assert (denied["user"], denied["reason"], denied["card"]) == (None, UNKNOWN, "…CAFE")
    assert forced["user"] is None
    for each in found["events"]:
        EventModel.model_validate(each)
    assert site.ask("GET", f"/events?after={found['next']}").body["events"] == []
    first = site.ask("GET", f"/events?after={start['next']}&limit=1").body
    assert ([each["kind"] for each in first["events"]], first["more"]) == (["access_denied"], True)
    rest = site.ask("GET", f"/events?after={first['next']}").body
    assert [each["id"] for each in rest["events"]] == [opened["id"], forced["id"]]


def test_events_are_chosen_by_door_kind_person_and_time(site: LockSystem) -> None:
    site.clock.wall_time = MONDAY
    site.happens(reason="granted", platform="smartlock", person="m-7", name="Ada")
    site.happens(reason=UNKNOWN, card="…CAFE")
    site.clock.advance(HOUR)
    site.happens(reason="granted", platform="smartlock", person="m-8", name="Otto")
    site.happens(kind="unlocked_by_hand", author="staff")

    def kinds(query: str) -> list[str]:
        return [each["kind"] for each in site.ask("GET", f"/events?{query}").body["events"]]

    assert kinds("kind=lock_opened") == ["lock_opened"] * 2
    assert kinds("kind=access_denied&kind=lock_opened_by_hand") == [
        *("access_denied", "lock_opened_by_hand"),
    ]
    assert kinds("person=m-7") == ["lock_opened"]
    assert kinds("door=lab&kind=lock_opened") == []
    assert kinds("since=2026-01-05T11:00:00Z&kind=lock_opened") == ["lock_opened"]
    assert kinds("until=2026-01-05T12:00:00%2B01:00&kind=lock_opened") == ["lock_opened"]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=1001", "limit=x", "after=x", "after=zz.1", "kind=access", "door=A"),
        *("since=yesterday", "unknown=1", "limit=1&limit=2", "person=", "after=00.9" + "9" * 20),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(site: LockSystem, query: str) -> None:
    said = site.ask("GET", f"/events?{query}")
    assert (said.status, len(said.body["problems"])) == (400, 1)


def test_a_cursor_whose_events_are_gone_says_so(site: LockSystem) -> None:
    start = site.ask("GET", "/events").body["next"]
    site.clock.advance(500 * 24 * HOUR)
    site.happens(kind="door_opened")
    before = site.ask("GET", f"/events?after={start}").body
    assert before["lost"] is False
    site.happens(kind="door_closed")
    site.clock.advance(500 * 24 * HOUR)
    site.happens(kind="door_opened")
    while site.controller.journal.prune(site.clock.wall() - HOUR, 1 << 40):
        pass
    found = site.ask("GET", f"/events?after={start}").body
    assert (found["lost"], [each["kind"] for each in found["events"]]) == (True, ["door_opened"])
    assert site.ask("GET", f"/events?after={found['next']}").body["lost"] is False
    assert site.ask("GET", "/events?after=abcdef.7").body["lost"] is True, "of another journal"
    assert site.ask("GET", f"/events?after={start.split('.')[0]}.99999").body["lost"] is True


# The roster


def test_the_roster_is_sent_only_if_it_changed(site: LockSystem) -> None:
    hours = [{"begin": "09:00", "end": "17:59", "weekdays": [1]}]
    site.ask("PUT", "/users/m-7", ada(hours=hours, valid_until="2027-01-01T00:00:00Z"))
    site.ask("PUT", "/users/m-8", {"name": "Otto", "active": False})
    wait_for(lambda: site.person("m-7") and site.person("m-8"))
    said = site.ask("GET", "/roster")
    (one, two) = said.body["people"]
    assert one == {
        "platform": "smartlock",
        "id": "m-7",
        "name": "Ada Ruiz",
        "blocked": False,
        "valid_from": None,
        "valid_until": "2027-01-01T00:00:00.000Z",
        "cards": [{"last4": "B2C3"}],
        "grants": [
            {
                "label": "group:main",
                "since": None,
                "until": None,
                "hours": hours,
                "uses_pass": False,
            }
        ],
    }
    assert (two["id"], two["blocked"], said.body["next"]) == ("m-8", True, None)
    tag = said.headers["ETag"]
    unchanged = site.ask("GET", "/roster", If_None_Match=f'"other", W/{tag}')
    assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, None, tag)
    site.ask("PATCH", "/users/m-8", {"active": True})
    wait_for(lambda: site.ask("GET", "/roster", If_None_Match=tag).status == 200)
    first = site.ask("GET", "/roster?limit=1").body
    rest = site.ask("GET", f"/roster?limit=1&after={first['next']}").body
    assert [each["id"] for each in first["people"] + rest["people"]] == ["m-7", "m-8"]


# The description


def test_the_description_is_of_what_is_there(site: LockSystem) -> None:
    said = site.ask("GET", "/openapi.json").body
    assert call(site.url, "GET", "/openapi.json").body == said, "it needs no token"
    table = operations(site.office)
    assert said == described(table)
    listed = {(m.upper(), path) for path, of in said["paths"].items() for m in of}
    assert listed == {(each.method, each.path) for each in table}
    for each in table:
        assert each.path == "/openapi.json" or each.scope
    for method, path in listed - {("GET", "/openapi.json")}:
        where = path.replace("{id}", "front")
        assert call(site.url, method, where, body=b"{}").status == 401, (method, path)
        for other in {"GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"} - {
            m for m, p in listed if p == path
        }:
            refused = call(site.url, other, where)
            assert refused.status == 405, (other, path)
            assert method in refused.headers["Allow"]
    assert site.ask("GET", "/attic").body == {
        "error": "there is nothing here; see openapi.json",
        "problems": [],
    }


def test_the_document_names_every_operation(site: LockSystem) -> None:
    text = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
    for each in operations(site.office):
        assert f"`{each.method} {each.path}`" in text, each.path


def test_without_a_platform_of_its_kind_there_are_no_users(tmp_path: Path) -> None:
    from controller.config import load
    from sync.office import Office
    from sync.platforms import PLATFORMS
    from sync.sites import sites
    from tests.sites import small_site

    small_site(tmp_path)
    path = tmp_path / "doorward.toml"
    office = Office(load(path, platforms=PLATFORMS), threading.Event())
    assert sites(office) == []
    office.close()
    path.write_text(path.read_text() + "\n[http]\napi = true\n")
    office = Office(load(path, platforms=PLATFORMS), threading.Event())
    assert [each.prefix for each in sites(office)] == ["/api/v1"]
    assert {each.path for each in operations(office)} == {
        *("/doors", "/groups", "/doors/{id}/open", "/events", "/roster", "/openapi.json"),
    }
    office.close()
