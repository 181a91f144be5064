"""Who may use the API: tokens, what each may do and how often, and the commands for them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sync.api.limits import Allowance, Rate
from sync.desk_tokens import SCOPES
from tests.halls import Said, doorward
from tests.locks import LockSystem, ada, call, lock_system, write_site

WRONG = "dw_" + "x" * 43


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LockSystem]:
    with lock_system(tmp_path) as built:
        yield built


def do(site: LockSystem, *words: str) -> Said:
    return doorward(site.config.path, *words)


def test_a_token_is_shown_by_either_header(site: LockSystem) -> None:
    for headers in (
        {"X_Api_Token": site.token},
        {"Authorization": f"Bearer {site.token}"},
        {"Authorization": f"bearer {site.token}"},
    ):
        assert call(site.url, "GET", "/doors", **headers).status == 200, headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Api_Token": WRONG},
        {"X_Api_Token": ""},
        {"X_Api_Token": "x" * 10_000},
        {"X_Api_Token": "\xff"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {WRONG}"},
        {"Authorization": f"Bearer {WRONG}"},
    ],
)
def test_without_one_nothing_is_told(site: LockSystem, headers: dict[str, str]) -> None:
    """Whatever is asked, and whether it is there."""
    said = [call(site.url, "GET", path, **headers) for path in ("/doors", "/users/m-7")]
    assert {each.status for each in said} == {401}
    assert said[0].body == said[1].body
    assert said[0].headers["WWW-Authenticate"] == "Bearer"
    assert call(site.url, "PUT", "/users/m-7", body=ada(), **headers).status == 401
    assert site.ask("GET", "/users/m-7").status == 404


def test_each_operation_needs_its_scope(site: LockSystem) -> None:
    asked = {
        "users:read": ("GET", "/users/m-7"),
        "users:write": ("PUT", "/users/m-7"),
        "doors:read": ("GET", "/doors"),
        "doors:open": ("POST", "/doors/front/open"),
        "events:read": ("GET", "/events"),
        "roster:read": ("GET", "/roster"),
    }
    assert set(asked) == set(SCOPES)
    for scope in SCOPES:
        token = site.new_token(f"only-{scope.replace(':', '-')}", scope)
        for needed, (method, path) in asked.items():
            body = ada() if method == "PUT" else {}
            said = call(site.url, method, path, token, body if method != "GET" else None)
            assert (said.status == 403) is (needed != scope), (scope, needed)
            if needed != scope:
                assert said.body["error"] == f"this token lacks the scope {needed}"


def test_a_revoked_token_is_refused_at_once(site: LockSystem) -> None:
    other = site.new_token("other", "doors:read")
    assert call(site.url, "GET", "/doors", other).status == 200
    told = do(site, "tokens", "remove", "other")
    assert (told.code, told.out) == (0, "other is refused from now on\n")
    assert call(site.url, "GET", "/doors", other).status == 401
    assert site.ask("GET", "/doors").status == 200
    wrong = do(site, "tokens", "remove", "other")
    assert wrong.code == 3
    assert "there is no token 'other'; there are: cobot" in wrong.err


def test_a_token_is_shown_once_and_kept_nowhere(site: LockSystem) -> None:
    told = do(site, "tokens", "add", "desk", "--scope", "doors:read", "--scope", "doors:open")
    token = told.out.strip()
    assert told.code == 0
    assert "shown once" in told.err
    assert call(site.url, "GET", "/doors", token).status == 200
    listed = do(site, "tokens", "list")
    assert "doors:open, doors:read" in listed.out
    assert token not in listed.out
    (_, desk) = do(site, "tokens", "list", "--json").json
    assert (desk["name"], desk["scopes"]) == ("desk", ["doors:open", "doors:read"])
    assert desk["used"].startswith("2026-01-05T")
    for path in (site.folder / "data").iterdir():
        assert token.encode() not in path.read_bytes()


def test_what_is_no_token_is_refused(site: LockSystem) -> None:
    again = do(site, "tokens", "add", "cobot", "--scope", "doors:read")
    assert (again.code, "there is a token 'cobot' already" in again.err) == (3, True)
    assert site.ask("GET", "/doors").status == 200
    assert do(site, "tokens", "add", "x y", "--scope", "doors:read").code == 3
    assert do(site, "tokens", "add", "x", "--scope", "everything").code == 2
    assert do(site, "tokens", "add", "x").code == 2


def test_tokens_can_be_made_before_syncd_runs(tmp_path: Path) -> None:
    path = write_site(tmp_path)
    told = doorward(path, "tokens", "add", "early", "--scope", "doors:read", "--json")
    assert told.code == 0
    with lock_system(tmp_path) as site:
        assert call(site.url, "GET", "/doors", told.json["token"]).status == 200
        listed = [each["name"] for each in do(site, "tokens", "list", "--json").json]
        assert listed == ["cobot", "early"]


def test_who_asks_too_often_has_to_wait_and_nobody_else(site: LockSystem) -> None:
    other = site.new_token("other", "doors:read")
    for _ in range(400):
        if (said := site.ask("GET", "/events?after=newest")).status == 429:
            break
    assert (said.status, said.headers["Retry-After"]) == (429, "1")
    assert call(site.url, "GET", "/doors", other).status == 200
    site.clock.advance(60)
    assert site.ask("GET", "/doors").status == 200


def test_doors_are_opened_only_so_often(site: LockSystem) -> None:
    statuses = [site.ask("POST", "/doors/front/open", {}).status for _ in range(20)]
    assert set(statuses[:10]) == {200}
    assert statuses[-1] == 429
    assert site.ask("GET", "/doors").status == 200


def test_wrong_tokens_are_answered_only_so_often_and_right_ones_always(site: LockSystem) -> None:
    statuses = [call(site.url, "GET", "/doors", WRONG).status for _ in range(60)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert site.ask("GET", "/doors").status == 200, "from the same address"


def test_a_damaged_desk_takes_the_api_away_and_nothing_else(tmp_path: Path) -> None:
    with lock_system(tmp_path) as site:
        site.ask("PUT", "/users/m-7", ada())
    (tmp_path / "data" / "desk.db").write_bytes(b"no database at all" * 100)
    from controller.config import load
    from sync.office import Office
    from sync.platforms import PLATFORMS
    from sync.sites import sites

    config = load(site.config.path, platforms=PLATFORMS)
    with closing(Office(config, site.office.stopping, site.clock)) as office:
        assert sites(office) == []
        office.lines["smartlock"].pull(lambda *_: None)
    told = do(site, "tokens", "list")
    assert (told.code, "its backup in its place" in told.err) == (8, True)


def test_an_allowance_fills_up_again() -> None:
    allowance = Allowance(Rate(2, 0.5))
    assert [allowance.take("a", now) for now in (0.0, 0.0, 0.0, 1.0)] == [0, 0, 2, 1]
    assert allowance.take("a", 2.0) == 0
    assert allowance.take("a", 2.0) == 2
    assert allowance.take("b", 2.0) == 0
    assert [allowance.take("a", 1000.0) for _ in range(3)] == [0, 0, 2], "never more than a burst"


def test_an_allowance_remembers_a_bounded_number() -> None:
    allowance = Allowance(Rate(1, 0.001))
    assert allowance.take("first", 0.0) == 0
    assert allowance.take("first", 0.0) > 0
    for n in range(5000):
        allowance.take(str(n), 0.0)
    assert allowance.take("first", 0.0) == 0, "forgotten, to its advantage"
