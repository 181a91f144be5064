"""The console over HTTP: who gets in, for how long, and what may come from where."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from controller.model import Kind
from sync.console.app import HEADERS
from sync.console.gate import IDLE, WHOLE
from sync.desk_users import Role
from tests.desks import HASHED, PASSWORD, Desk, desk

ADA, SCRIPT, NOBODY = "04A1B2C3", "04A1B2C4", "0BADBEEF"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def opened_by(site: Desk) -> list[str]:
    """Authors of releases by hand, as the journal has them."""
    return [each.event.author for each in site.events(Kind.UNLOCKED)]


# Getting in


def test_nobody_sees_or_does_anything_without_logging_in(site: Desk) -> None:
    stranger = site.browser()
    assert stranger.get("/").headers["Location"] == "/login"
    assert stranger.get("/doors").headers["Location"] == "/login?next=/doors"
    for path in ("/doors/front/open", "/doors/lockdown"):
        assert stranger.post(path, headers={"Origin": stranger.origin}).status_code == 303
    assert stranger.get("/stream").status_code == 401
    assert stranger.get("/", headers={"X-Part": "doors"}).status_code == 401
    assert not site.events(Kind.UNLOCKED, Kind.MODE)


def test_there_is_no_account_to_begin_with_and_the_page_says_what_to_type(site: Desk) -> None:
    stranger = site.browser()
    assert "doorward users add NAME --role admin" in stranger.get("/login").text
    assert stranger.login("admin", "admin").status_code == 401
    site.user("Mira", Role.ADMIN)
    assert "doorward users add" not in stranger.get("/login").text


def test_whoever_has_a_password_gets_to_the_page_they_wanted(site: Desk) -> None:
    site.user("Mira Holt", Role.STAFF)
    mira = site.browser()
    answer = mira.login("mira holt", next="/doors")
    assert answer.headers["Location"] == "/doors"
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie, "it would never come back over http"
    assert "Front door" in mira.get("/doors").text
    assert mira.get("/login").headers["Location"] == "/"


@pytest.mark.parametrize("following", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_nobody_is_sent_elsewhere_by_a_link(site: Desk, following: str) -> None:
    site.user("Mira", Role.STAFF)
    assert site.browser().login("Mira", next=following).headers["Location"] == "/"


def test_only_the_hash_of_what_a_browser_holds_is_on_the_disk(site: Desk) -> None:
    mira = site.browser("Mira")
    held = mira.cookies["doorward"].encode()
    files = [path.read_bytes() for path in (site.folder / "data").iterdir() if path.is_file()]
    assert any(b"Mira" in each for each in files)
    assert not any(held in each or PASSWORD.encode() in each for each in files)


def test_wrong_passwords_and_unknown_names_are_answered_alike(site: Desk) -> None:
    site.user("Mira", Role.STAFF)
    stranger = site.browser()
    wrong, unknown = stranger.login("Mira", "not it"), stranger.login("Nobody", "not it")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("Mira", "") == unknown.text.replace("Nobody", "")


def test_what_is_typed_at_the_login_stands_in_no_log(
    site: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A reader that types may be plugged in at the desk."""
    site.user("Mira", Role.STAFF)
    site.browser().login(ADA, "a guess 123")
    site.browser().login("Mira", "a guess 123")
    assert "Mira" in caplog.text
    assert ADA not in caplog.text
    assert "a guess" not in caplog.text


def test_guessing_takes_longer_and_longer_and_knowing_does_not_help_meanwhile(site: Desk) -> None:
    site.user("Mira", Role.STAFF)
    stranger = site.browser()
    for _ in range(3):
        assert stranger.login("Mira", "a guess").status_code == 401
    waits = []
    for _ in range(5):
        refused = stranger.login("MIRA", PASSWORD)
        assert refused.status_code == 429
        waits.append(int(refused.headers["Retry-After"]))
        site.clock.advance(waits[-1])
        assert stranger.login("Mira", "a guess").status_code == 401
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    site.clock.advance(600)
    assert stranger.login("Mira").status_code == 303
    assert site.browser().login("Mira", "a slip").status_code == 401, "and all is forgotten"


def test_a_login_from_elsewhere_is_not_taken(site: Desk) -> None:
    site.user("Mira", Role.STAFF)
    stranger = site.browser()
    for origin in ("https://evil.example", "null", ""):
        form = {"name": "Mira", "password": PASSWORD}
        headers = {"Origin": origin} if origin else {}
        assert stranger.post("/login", data=form, headers=headers).status_code == 403
    assert (
        stranger.post(
            "/login", data={"name": "x" * 5000}, headers={"Origin": stranger.origin}
        ).status_code
        == 403
    )


# Staying in


def test_logging_out_ends_the_session_wherever_its_cookie_is(site: Desk) -> None:
    mira, copy = site.browser("Mira"), site.browser()
    copy.cookies = mira.cookies
    assert copy.get("/").status_code == 200
    assert mira.post("/logout", headers={"Origin": mira.origin}).status_code == 403
    assert mira.get("/").status_code == 200, "without the token nobody is logged out"
    kept = httpx.Cookies(mira.cookies)
    assert mira.do("/logout").url.path == "/login"
    copy.cookies = kept
    assert copy.get("/").status_code == 303


@pytest.mark.parametrize("deed", ["removed", "password", "role"])
def test_a_session_ends_with_what_it_stands_on(site: Desk, deed: str) -> None:
    mira, other = site.browser("Mira"), site.browser("Jo")
    with mira.stream("GET", "/stream") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: changed"
        if deed == "removed":
            site.ask("user_remove", name="mira")
        elif deed == "password":
            site.ask("user_password", name="Mira", hash=HASHED)
        else:
            site.ask("user_role", name="Mira", role="viewer")
        assert mira.get("/").status_code == 303
        assert "event: over" in list(lines), "and so does what it listens to"
    assert other.get("/").status_code == 200


def test_a_session_ends_by_itself(site: Desk) -> None:
    mira = site.browser("Mira")
    site.clock.advance(IDLE - 60)
    assert mira.get("/").status_code == 200
    site.clock.advance(IDLE - 60)
    live = {"X-Live": "1", "X-Part": "doors"}
    assert mira.get("/", headers=live).status_code == 200
    site.clock.advance(120)
    assert mira.get("/").status_code == 303, "what a page asks by itself is nobody who is there"

    mira.login("Mira")
    for _ in range(int(WHOLE / IDLE) + 1):
        site.clock.advance(IDLE - 60)
        last = mira.get("/")
    assert last.status_code == 303, "not for ever, however busy"


def test_setting_the_clock_back_makes_no_session_longer(site: Desk) -> None:
    mira = site.browser("Mira")
    site.clock.step(-2 * IDLE)
    assert mira.get("/").status_code == 303


def test_without_its_file_the_console_says_so(site: Desk) -> None:
    mira = site.browser("Mira")
    assert site.office.desk
    site.office.desk.close()
    answer = mira.get("/")
    assert answer.status_code == 503
    assert "desk.db cannot be read" in answer.text


@pytest.mark.parametrize("host", ["[", "a b", "", "x" * 300, "127.0.0.1:notaport"])
def test_a_host_that_is_none_harms_nothing(site: Desk, host: str) -> None:
    mira = site.browser("Mira")
    request = mira.build_request("GET", "/", headers={"Host": host})
    assert mira.send(request).status_code in (200, 303, 400)


# What may be done, by whom, from where


def test_forms_of_other_places_do_nothing(site: Desk) -> None:
    mira, jo = site.browser("Mira"), site.browser("Jo")
    good = {"token": mira.form_token()}
    own = {"Origin": mira.origin}
    tries: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, own),
        ({"token": ""}, own),
        ({"token": "0" * 64}, own),
        ({"token": jo.form_token()}, own),
        (good, {}),
        (good, {"Origin": "https://evil.example"}),
        (good, {"Origin": "null"}),
        (good, {"Origin": mira.origin + "0"}),
    ]
    for form, headers in tries:
        answer = mira.post("/doors/front/open", data=form, headers=headers)
        assert answer.status_code == 403, (form, headers)
        assert "Nothing was done" in answer.text
    assert not opened_by(site)
    assert mira.post("/doors/front/open", data=good, headers=own).status_code == 303
    assert len(opened_by(site)) == 1


def test_a_viewer_looks_and_does_nothing(site: Desk) -> None:
    viewer = site.browser("Vic", Role.VIEWER)
    for page in ("/", "/doors"):
        shown = viewer.get(page)
        assert shown.status_code == 200
        assert "/open" not in shown.text
        assert "/doors/lockdown" not in shown.text
    assert "/settings" not in viewer.get("/").text
    assert viewer.get("/settings").status_code == 403
    assert viewer.get("/doors/lockdown").status_code == 403
    for path, form in (
        ("/doors/front/open", {}),
        ("/doors/front/unlock", {"until": "23:00"}),
        ("/doors/front/lock", {}),
        ("/doors/lockdown", {"door": "front"}),
    ):
        refused = viewer.do(path, **form)
        assert refused.status_code == 403
        assert "Your role is viewer" in refused.text
    assert not site.events(Kind.UNLOCKED, Kind.MODE)


def test_everything_carries_the_headers_that_keep_it_to_itself(site: Desk) -> None:
    mira = site.browser("Mira")
    answers = [
        *(
            mira.get(path)
            for path in ("/", "/login", "/nothing", "/static/console.css", "/static/x")
        ),
        mira.post("/doors/front/open"),
        site.browser().get("/"),
    ]
    for answer in answers:
        for name, text in HEADERS.items():
            if name != "Cache-Control" or "static" not in answer.url.path:
                assert answer.headers[name] == text, answer.url
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    for page in ("/", "/doors", "/settings", "/doors/lockdown"):
        text = mira.get(page).text
        assert not re.search(r"<style|\sstyle=|<script(?! src=\"/static/)|\son\w+=", text), page


def test_hostile_names_are_only_text(site: Desk) -> None:
    assert site.scan("front", SCRIPT) == "granted"
    mira = site.browser("Mira")
    shown = mira.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script>alert" not in shown
    refused = site.browser().login('"><script>alert(2)</script>', "x")
    assert "<script>alert" not in refused.text
    answer = mira.get("/nothing/<script>alert(3)</script>")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


# Behind a proxy


def test_behind_a_trusted_proxy_the_way_is_as_safe_as_it_says(tmp_path: Path) -> None:
    with desk(tmp_path, 'trusted_proxies = ["127.0.0.0/8"]') as site:
        site.user("Mira", Role.STAFF)
        mira = site.browser()
        mira.headers.update({"X-Forwarded-Proto": "https", "Host": "doors.example"})
        assert mira.login("Mira").status_code == 403, "the page was not http"
        mira.origin = "https://doors.example"
        cookie = mira.login("Mira").headers["Set-Cookie"]
        assert cookie.startswith("__Host-doorward=")
        assert "Secure" in cookie.split("; ")


def test_nobody_else_can_say_that_the_way_is_safe(site: Desk) -> None:
    site.user("Mira", Role.STAFF)
    mira = site.browser()
    mira.headers["X-Forwarded-Proto"] = "https"
    assert "Secure" not in mira.login("Mira").headers["Set-Cookie"]
