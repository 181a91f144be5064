"""The console over HTTP: what its pages show, and what can be done there."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from controller.config import load
from controller.config_shown import effective
from controller.model import Kind
from sync.desk_users import Role
from tests.desks import Browser, Desk, desk

ADA, SCRIPT, NOBODY = "04A1B2C3", "04A1B2C4", "0BADBEEF"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


# At the doors


def test_staff_open_unlock_and_lock_and_the_journal_says_who(site: Desk) -> None:
    mira = site.browser("Mira")
    assert "Studio is open for 5 seconds" in mira.do("/doors/studio/open").text
    assert site.released("studio")
    told = mira.do("/doors/front/unlock", until="18:30").text
    assert "Front door is unlocked for everybody until 18:30" in told
    assert site.events(Kind.MODE)
    shown = re.sub(r"<[^>]*>", "", mira.get("/doors").text)
    assert "Mira unlocked it until 18:30" in shown
    assert site.mode("front") == "unlocked"
    assert "Front door is locked" in mira.do("/doors/front/lock").text
    assert site.mode("front") == "normal"
    authors = {each.event.author for each in site.events(Kind.UNLOCKED, Kind.MODE)}
    assert len(authors) == 1
    assert authors.pop().startswith("Mira (console), through ")


def test_from_the_page_now_one_comes_back_to_it(site: Desk) -> None:
    mira = site.browser("Mira")
    assert mira.do("/doors/studio/open", back="/").url.path == "/"
    assert mira.do("/doors/studio/open", back="//evil.example").url.path == "/doors"


@pytest.mark.parametrize("until", ["", "25:00", "tea time"])
def test_a_time_that_is_none_is_refused_in_words(site: Desk, until: str) -> None:
    answer = site.browser("Mira").do("/doors/front/unlock", until=until)
    assert "is no time of day" in answer.text
    assert site.mode("front") == "normal"


def test_a_lockdown_is_confirmed_and_lifted(site: Desk) -> None:
    mira = site.browser("Mira")
    asked = mira.get("/doors/lockdown").text
    assert "Lock down?" in asked
    assert site.mode("front") == site.mode("studio") == "normal", "only asked"
    assert "are in lockdown" in mira.do("/doors/lockdown").text
    assert site.mode("front") == site.mode("studio") == "lockdown"
    assert site.scan("front", ADA) == "denied_deny_all"
    for deed, form in (("open", {}), ("unlock", {"until": "18:00"}), ("lock", {})):
        refused = mira.do(f"/doors/front/{deed}", **form)
        assert "is in lockdown" in refused.text, deed
    assert site.mode("front") == "lockdown"
    assert "Lift the lockdown?" in mira.get("/doors/lockdown?lift=yes&door=studio").text
    assert "Studio is back to normal" in mira.do("/doors/lockdown", lift="yes", door="studio").text
    assert (site.mode("front"), site.mode("studio")) == ("lockdown", "normal")
    mira.do("/doors/lockdown", lift="yes")
    assert site.mode("front") == "normal"
    assert "nothing was changed" in mira.do("/doors/lockdown", lift="yes").text


def test_two_at_the_desk_one_opens_while_the_other_locks_down(site: Desk) -> None:
    mira, jo = site.browser("Mira"), site.browser("Jo")
    for browser in (mira, jo):
        browser.get("/doors")
    tokens = {browser: browser.form_token() for browser in (mira, jo)}

    def send(browser: Browser, path: str) -> httpx.Response:
        form = {"token": tokens[browser]}
        return browser.post(path, data=form, headers={"Origin": browser.origin})

    with ThreadPoolExecutor(2) as both:
        locking = both.submit(send, jo, "/doors/lockdown")
        opening = [both.submit(send, mira, "/doors/front/open") for _ in range(5)]
        assert {each.result().status_code for each in (locking, *opening)} == {303}
    assert site.mode("front") == "lockdown"
    assert not site.released("front"), "whoever opens, lockdown wins"
    told = mira.do("/doors/front/open").text
    assert "Front door is in lockdown, so it was not opened" in told
    assert site.mode("front") == "lockdown"
    assert any(each.event.author.startswith("Jo (console)") for each in site.events(Kind.MODE))


def test_a_dead_controller_gives_a_page_that_says_what_to_do(site: Desk) -> None:
    mira = site.browser("Mira")
    token = mira.form_token()
    site.stop_controller()
    site.clock.advance(2)
    for page in ("/", "/doors"):
        shown = mira.get(page)
        assert shown.status_code == 200
        assert "systemctl start doorward-controller" in shown.text
    for path in ("/doors/front/open", "/doors/lockdown"):
        form, own = {"token": token}, {"Origin": mira.origin}
        answer = mira.post(path, data=form, headers=own, follow_redirects=True)
        assert "nothing was done" in answer.text
    assert "does not answer" in mira.get("/settings").text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(
            ("GET", "/doors/front/open"),
            ("POST", "/"),
            ("GET", "/doors/front"),
            ("GET", "/static/"),
        ),
        *(("DELETE", "/doors"), ("GET", "/static/../app.py"), ("GET", "/doors/")),
    ],
)
def test_there_is_nothing_else(site: Desk, method: str, path: str) -> None:
    answer = site.browser("Mira").request(method, path)
    assert answer.status_code == 404
    assert "Nothing here" in answer.text


def test_a_door_that_is_not_there_is_told(site: Desk) -> None:
    mira = site.browser("Mira")
    assert mira.do("/doors/cellar/open").status_code == 404
    assert mira.get("/doors/lockdown?door=cellar").status_code == 404


# What is to be seen


def test_what_happens_is_told_to_those_who_look(site: Desk) -> None:
    mira = site.browser("Mira")
    with mira.stream("GET", "/stream") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        news = (line for line in lines if line == "event: changed")
        next(news)
        assert site.scan("front", NOBODY) == "denied_unknown_credential"
        next(news)
        part = mira.get("/", headers={"X-Part": "events nonsense", "X-Live": "1"}).text
        assert part.startswith('  <section class="card" id="events"')
        assert "An unknown card" in part
        assert NOBODY not in part
        assert "<html" not in part


def test_too_many_windows_are_refused_and_a_closed_one_makes_room(site: Desk) -> None:
    from sync.console.news import MOST_OF_ONE

    mira = site.browser("Mira")
    streams = []
    for _ in range(MOST_OF_ONE):
        request = mira.build_request("GET", "/stream")
        streams.append(mira.send(request, stream=True))
        assert streams[-1].status_code == 200
    assert mira.get("/stream").status_code == 503
    streams.pop().close()
    site.until(lambda: _listens(mira))
    for stream in streams:
        stream.close()


def _listens(browser: Browser) -> bool:
    with browser.stream("GET", "/stream") as stream:
        return stream.status_code == 200


def test_streams_end_with_the_server(site: Desk) -> None:
    mira = site.browser("Mira")
    with mira.stream("GET", "/stream") as stream:
        lines = stream.iter_lines()
        next(lines)
        site.office.stopping.set()
        assert "event: over" in list(lines)


def test_what_was_done_is_told_once(site: Desk) -> None:
    mira = site.browser("Mira")
    assert "Studio is open" in mira.do("/doors/studio/open").text
    assert "Studio is open" not in mira.get("/doors").text


def test_settings_show_what_is_in_force_and_users_to_admins_alone(site: Desk) -> None:
    staff = site.browser("Jo").get("/settings").text
    admin = site.browser("Mira", Role.ADMIN).get("/settings").text
    for shown in (staff, admin):
        assert "Door front" in shown
        assert "<code>lock.driver</code>" in shown
        assert str(site.folder / "doorward.toml") in shown
        assert site.server.url in shown
    assert "Who can log in" in admin
    assert "Who can log in" not in staff


def test_what_may_be_a_secret_is_not_shown(tmp_path: Path) -> None:
    """The settings of drivers stand unchecked in `sync`: people write all sorts of things there."""
    file = tmp_path / "doorward.toml"
    file.write_text(
        '[doors.front]\nadmits = ["*"]\nlock = { driver = "gpio-relay", pin = 17 }\n'
        '[doors.front.readers.main]\ndriver = "osdp"\nkey = "00FF00FF"\n'
        'port = "socket://me:pa55word@reader:1"\ncard = { format = "hex" }\n'
    )
    shown = repr(effective(load(file)))
    assert "00FF00FF" not in shown
    assert "pa55word" not in shown
    assert "'pin': 17" in shown
