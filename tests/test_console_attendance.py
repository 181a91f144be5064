"""The page Attendance over HTTP, and the shapes of its pictures."""

import csv
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from html import unescape
from io import StringIO
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from controller.model import Event, Kind
from sync.console import attendance_pages, charts
from sync.console.charts import WIDTH, Item, Stretch
from sync.desk_users import Role
from tests.desks import Browser
from tests.fakes import MONDAY
from tests.receptions import ADA, BEN, Reception, plain, reception
from tests.worlds import DAY, HOUR, entry, keep

SVG = re.compile(r"<svg viewBox.*?</svg>", re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    """Two came on Monday and one was refused; at night the controller was stopped for a while."""
    with reception(tmp_path_factory.mktemp("a")) as opened:
        opened.clock.advance(60)
        for card in (ADA, ADA, BEN):
            assert opened.scan("front", card) == "granted"
        opened.scan("studio", ADA)
        journal = opened.controller.journal
        opened.clock.advance(10 * HOUR)
        keep(journal, Event(Kind.STOPPED))
        opened.clock.advance(2 * HOUR)
        keep(journal, Event(Kind.STARTED))
        yield opened


@pytest.fixture(scope="module")
def viewer(site: Reception) -> Browser:
    return site.browser("Vic", Role.VIEWER)


def shown(browser: Browser, url: str = "/attendance") -> str:
    answer = browser.get(url)
    assert answer.status_code == 200
    return plain(answer.text)


def table(browser: Browser, what: str) -> list[list[str]]:
    answer = browser.get(f"/attendance.csv?what={what}")
    assert answer.status_code == 200
    return list(csv.reader(StringIO(answer.text.removeprefix("\ufeff"))))


def test_four_weeks_are_shown_to_whoever_may_look(viewer: Browser) -> None:
    page = shown(viewer)
    assert "9 December 2025 to 5 January 2026, in the time of Europe/Berlin" in page
    assert "Entries 3" in page
    assert "Most persons 2 on Mon 5 Jan" in page
    assert "Monday 11–12: 3 entries" in page
    assert "Mon 5 Jan: 2 persons" in page
    assert "Not for this door" in page
    assert "The controller of the doors away from 2026-01-05 21:01:" in page
    assert "The journal begins on 2026-01-05 11:00:00 CET" in page


def test_pictures_are_sound_and_can_be_read_as_tables(viewer: Browser) -> None:
    html = viewer.get("/attendance").text
    pictures = SVG.findall(html)
    assert len(pictures) == 4
    for picture in pictures:
        assert "style=" not in picture
        root = ElementTree.fromstring(picture)
        assert [child.tag for child in root][:2] == ["title", "desc"]
        ids = {each.get("id") for each in root.iter()}
        assert set((root.get("aria-labelledby") or "").split()) <= ids
        for rect in root.iter("rect"):
            assert float(rect.get("x") or 0) >= 0
            assert float(rect.get("x") or 0) + float(rect.get("width") or 0) <= WIDTH + 0.2
    assert html.count("<summary>As a table</summary>") == 4


def test_days_are_chosen_and_wrong_ones_refused_in_words(viewer: Browser) -> None:
    day = shown(viewer, "/attendance?from=2026-01-05&to=2026-01-05")
    assert "5 January 2026 to 5 January 2026" in day
    before = shown(viewer, "/attendance?from=2025-12-01&to=2025-12-31")
    assert "Nobody came in these days" in before
    assert "after these days: what happened then is not known any more" in before
    weeks = shown(viewer, "/attendance?from=2025-06-01&to=2026-01-05")
    assert "Persons per day, average of each week" in weeks
    for wrong, words in (
        ("from=2026-01-06&to=2026-01-05", "2026-01-06 is after 2026-01-05"),
        ("from=2020-01-01&to=2026-01-05", "more than 400 days"),
        ("from=<b>", "'<b>' is no day; write one like 2026-11-21"),
        ("to=0001-01-01", "is no day that this journal could know"),
        ("to=9999-12-31", "is no day that this journal could know"),
    ):
        answer = viewer.get(f"/attendance?{wrong}")
        assert words in plain(answer.text.replace("&lt;b&gt;", "<b >")) or words in unescape(
            answer.text
        )
        assert answer.status_code == 200
        assert "<b>" not in answer.text


def test_each_picture_can_be_kept_as_csv(viewer: Browser) -> None:
    days = table(viewer, "days")
    assert days[0] == ["day", "persons", "entries"]
    assert days[-1] == ["2026-01-05", "2", "3"]
    assert len(days) == 1 + 28
    assert ["Monday", "11:00", "3"] in table(viewer, "hours")
    assert table(viewer, "refusals")[1] == [
        "denied_point_no_access_rights",
        "not for this door",
        "1",
    ]
    (outage,) = [row for row in table(viewer, "outages") if row[0] == "controller"]
    assert outage[3:] == ["7200", "all the time"]
    assert viewer.get("/attendance.csv?what=secrets").status_code == 503
    assert viewer.get("/attendance.csv").status_code == 503


def test_nobody_looks_without_logging_in(site: Reception) -> None:
    stranger = site.browser()
    for url in ("/attendance", "/attendance.csv?what=days"):
        assert stranger.get(url).headers["Location"].startswith("/login")


def test_an_empty_journal_says_so(tmp_path: Path) -> None:
    with reception(tmp_path, fetched=False) as site:
        staff = site.browser("Ida")
        site.clock.wall_time = MONDAY + 40 * DAY
        staff.login("Ida")
        page = shown(staff)
        assert "Nobody came in these days" in page
        assert "Nobody was refused" in page


def test_a_broken_cache_costs_what_it_knew_alone_and_a_broken_journal_all(tmp_path: Path) -> None:
    with reception(tmp_path) as site:
        staff = site.browser("Ida")
        keep(site.controller.journal, entry("ada"))
        site.break_cache()
        page = shown(staff)
        assert "cache.db cannot be read" in page
        assert "Entries 1" in page
        site.stop_controller()
        (site.config.data / "journal.db").write_bytes(b"no database " * 1000)
        answer = staff.get("/attendance")
        assert answer.status_code == 503
        assert "journal.db cannot be read" in plain(answer.text)
        (site.config.data / "journal.db").unlink()
        assert "Nothing has happened at these doors yet" in shown(staff)


def test_too_many_at_once_are_asked_to_wait(site: Reception, viewer: Browser) -> None:
    with ExitStack() as readers:
        for _ in range(3):
            readers.enter_context(attendance_pages.place_to_read())
        answer = viewer.get("/attendance")
    assert answer.status_code == 503
    assert "others are looking at attendance just now" in plain(answer.text)
    assert viewer.get("/attendance").status_code == 200


# Shapes


def test_the_scale_is_round_and_holds_the_highest() -> None:
    for most in (0, 1, 3, 7, 12, 40, 99, 1234):
        made = charts.columns([Item("", most, "", "")], ("", ""))
        written = [float(text.words) for text in made.texts]
        assert written[-1] >= most
        assert len(written) <= 5
        assert all(box.y >= 0 for box in made.boxes)


def test_darker_is_more() -> None:
    made = charts.heat([[0, 5], [10, 1]], ["a", "b"], ["x", "y"], "entries")
    assert [box.level for box in made.boxes] == [0, 0.5, 1, 0.1]
    assert made.boxes[2].words == "b x: 10 entries"
    assert made.rows == (("x", "0", "10"), ("y", "5", "1"))
    assert {box.level for box in charts.heat([[0]], ["a"], ["x"], "").boxes} == {0}


def test_the_shortest_band_is_seen_and_stays_inside() -> None:
    made = charts.bands([("line", [Stretch(1.0, 1.0, "now", sure=False)])], [], (), [])
    (box,) = made.boxes
    assert box.width >= 1
    assert box.x + box.width <= WIDTH
    assert not box.sure


def test_dates_are_not_written_over_each_other() -> None:
    first = date(2026, 1, 1)
    marks = [(n / 60, str(first + timedelta(days=n))) for n in range(60)]
    made = charts.bands([("line", [])], marks, (), [])
    at = [text.x for text in made.texts if text.words.startswith("2026")]
    assert len(at) > 3
    assert min(b - a for a, b in pairwise(at)) >= 50
    assert len(made.lines) == 60
