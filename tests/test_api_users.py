"""Stories of users whom a program registers, over real HTTP and at real doors."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
