"""Stories of a program that has Doorward as its lock system, over real HTTP and at real doors."""

import threading
from collections.abc import Iterator
from pathlib import Path

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
    assert sites(office) == []  # the small site wants no console
    office.close()
    path.write_text(path.read_text().replace("[http]", "[http]\napi = true"))
    office = Office(load(path, platforms=PLATFORMS), threading.Event())
    assert [each.prefix for each in sites(office)] == ["/api/v1"]
    assert {each.path for each in operations(office)} == {
        *("/doors", "/groups", "/doors/{id}/open", "/events", "/roster", "/openapi.json"),
    }
    office.close()
