"""The page Check-ins over HTTP: what waits for a word, and what becomes of it."""

import csv
import re
from collections.abc import Iterator
from html import unescape
from io import StringIO
from pathlib import Path

import pytest

from controller.model import Kind
from sync.desk_users import Role
from tests.desks import Browser
from tests.receptions import ADA, BEN, CLEO, EVIL, Reception, plain, reception
from tests.worlds import HOUR


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Reception]:
    """Yesterday Ada and Ben came while the line was cut; today the evil one."""
    with reception(tmp_path) as opened:
        for card in (ADA, BEN, CLEO):
            assert opened.scan("front", card) == "granted"
        opened.clock.advance(30 * HOUR)
        yield opened


@pytest.fixture
def late(site: Reception) -> Reception:
    """The line came back too late for them."""
    site.deliver()
    return site


def shown(browser: Browser, part: str = "") -> str:
    answer = browser.get("/check-ins", headers={"X-Part": part} if part else {})
    assert answer.status_code == 200
    return plain(answer.text)


def uuids(browser: Browser) -> list[str]:
    return re.findall(r'name="uuid" value="([^"]+)"', browser.get("/check-ins").text)


def moved(browser: Browser, do: str, *chosen: str) -> str:
    data = {"token": browser.form_token(), "do": do, "uuid": list(chosen)}
    headers = {"Origin": browser.origin}
    answer = browser.post("/check-ins/move", data=data, headers=headers, follow_redirects=True)
    return plain(answer.text)


def test_what_was_not_taken_over_yet_is_on_the_way(site: Reception) -> None:
    staff = site.browser("Ida")
    assert "Nothing waits for you" in shown(staff, "decide")
    queue = shown(staff, "queue")
    assert "3 check-ins" in queue
    assert "Ada Quill · loft · waits for syncd" in queue


def test_late_ones_wait_for_a_word_and_are_pushed_or_dismissed(late: Reception) -> None:
    staff = late.browser("Ida")
    assert "3 late" in shown(staff, "decide")
    ada, ben, _ = uuids(staff)
    assert "1 check-in will be told now" in moved(staff, "push", ada)
    late.deliver()
    assert [stay.member for stay in late.cobot.check_ins] == [late.ada.id]
    assert "1 check-in will never be told" in moved(staff, "dismiss", ben)
    late.deliver()
    assert len(late.cobot.check_ins) == 1
    settled = shown(staff, "settled")
    assert "Ada Quill Told" in settled
    assert "Ben Ode · dismissed by Ida (console) Dismissed" in settled
    (pushed,) = late.events(Kind.PUSHED)
    assert pushed.event.author.startswith("Ida (console)")
    assert pushed.event.detail == {"check_ins": [ada]}
    told = [each.event.detail or {} for each in late.events(Kind.TOLD)]
    assert "dismissed by Ida (console)" in [each["message"] for each in told]


def test_two_at_the_desk_do_not_tell_one_twice(late: Reception) -> None:
    ida, joe = late.browser("Ida"), late.browser("Joe")
    first = uuids(ida)[0]
    moved(ida, "push", first)
    late.deliver()
    again = moved(joe, "push", first)
    assert "1 other had moved on meanwhile" in again
    late.deliver()
    assert len(late.cobot.check_ins) == 1
    assert len(late.events(Kind.PUSHED)) == 1


def test_without_a_tick_or_a_word_nothing_is_done(late: Reception) -> None:
    staff = late.browser("Ida")
    assert "tick the check-ins that are meant" in moved(staff, "push")
    assert "say what is to be done" in moved(staff, "explode", uuids(staff)[0])
    assert "had moved on meanwhile" in moved(staff, "push", "no-such-uuid")
    assert "3 late" in shown(staff, "decide")


def test_who_may_only_look_and_forms_from_elsewhere_move_nothing(late: Reception) -> None:
    staff, viewer = late.browser("Ida"), late.browser("Vic", Role.VIEWER)
    first = uuids(staff)[0]
    assert uuids(viewer) == []
    assert "3 late" in shown(viewer, "decide")
    assert viewer.do("/check-ins/move", do="push", uuid=first).status_code == 403
    data = {"do": "push", "uuid": first}
    ours = {"Origin": staff.origin}
    assert staff.post("/check-ins/move", data=data, headers=ours).status_code == 403
    assert not late.events(Kind.PUSHED)


def test_the_csv_holds_all_and_no_formula(late: Reception) -> None:
    viewer = late.browser("Vic", Role.VIEWER)
    answer = viewer.get("/check-ins.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "check-ins.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["state"] for row in rows] == ["late"] * 3
    assert [row["name"] for row in rows] == ["Ada Quill", "Ben Ode", f"'{EVIL}"]
    assert viewer.get("/check-ins.csv?state=sent").text.count("\n") == 1
    assert viewer.get("/check-ins.csv?state=odd").status_code == 503


def test_the_csv_holds_what_was_not_taken_over_too(site: Reception) -> None:
    staff = site.browser("Ida")
    site.deliver()
    assert site.scan("front", ADA) == "granted"
    pending = staff.get("/check-ins.csv?state=pending").text
    assert pending.count("Ada Quill") == 1
    assert staff.get("/check-ins.csv").text.count("\n") == 1 + 4


def test_an_evil_name_does_nothing(late: Reception) -> None:
    html = late.browser("Ida").get("/check-ins").text
    assert "<script>alert" not in html
    assert EVIL in unescape(html)


def test_with_nothing_to_tell_it_says_so(tmp_path: Path) -> None:
    with reception(tmp_path, fetched=False) as site:
        page = shown(site.browser("Ida"))
        assert "Nothing waits for you" in page
        assert "Nothing was told yet" in page


def test_a_broken_cache_is_told(late: Reception) -> None:
    staff = late.browser("Ida")
    first = uuids(staff)[0]
    late.break_cache()
    answer = staff.get("/check-ins")
    assert answer.status_code == 503
    assert "cache.db cannot be read" in plain(answer.text)
    assert staff.get("/check-ins.csv").status_code == 503
    assert staff.do("/check-ins/move", do="push", uuid=first).status_code == 503
