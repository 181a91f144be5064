"""People, check-ins and attendance in a real browser; its pictures lie in `build/console/`."""

import base64
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from controller.model import Event, Kind, Reason
from sync.desk_users import Role
from tests.browsers import PICTURES, Page, browser
from tests.fakes import MONDAY
from tests.receptions import ADA, BEN, CLEO, NEW, Reception, reception
from tests.worlds import DAY, HOUR, entry, keep

pytestmark = pytest.mark.slow

DESK, PHONE = (1280, 860), (360, 740)
_SMALLEST = """
return Math.min(...[...document.querySelectorAll("body *")].flatMap((e) => {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own || !e.checkVisibility() || e.closest("title, desc, .unseen")) return [];
  return [parseFloat(getComputedStyle(e).fontSize) * (e.getScreenCTM ? e.getScreenCTM().a : 1)];
}))"""


_OUTSIDE = """
return [...document.querySelectorAll("main *")].filter((e) => e.checkVisibility()
  && !e.closest(".unseen, .scroll, svg") && e.getBoundingClientRect().right > innerWidth - 8)
  .map((e) => e.outerHTML.slice(0, 80));"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with reception(tmp_path_factory.mktemp("r")) as opened:
        _past(opened)
        for card in (ADA, BEN, CLEO):
            opened.scan("front", card)
        opened.scan("studio", ADA)
        opened.clock.advance(30 * HOUR)
        opened.deliver()
        opened.scan("front", ADA)
        opened.scan("front", BEN)
        yield opened


@pytest.fixture(scope="module")
def window(site: Reception) -> Iterator[Page]:
    """Somebody of the staff has logged in."""
    site.user("Ida", Role.STAFF)
    with browser() as page:
        page.go(site.server.url + "/login")
        page.driver.add_cookie({"name": "doorward", "value": site.session("Ida")})
        yield page


@pytest.fixture
def desk(window: Page) -> Iterator[Page]:
    window.window(*DESK)
    yield window
    assert window.complaints() == []


def go(site: Reception, page: Page, path: str) -> None:
    page.go(site.server.url + path)


def keeps(page: Page, name: str) -> None:
    """A picture of the whole page, and that everybody can read and use it."""
    contrast, text = page.weakest_contrast()
    assert contrast >= 4.5, text
    assert page.nameless() == []
    size = page.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    how = {"captureBeyondViewport": True, "clip": clip}
    made = page.driver.execute_cdp_cmd("Page.captureScreenshot", how)
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{name}.png").write_bytes(base64.b64decode(made["data"]))


def test_somebody_is_found_while_one_types_and_explained(site: Reception, desk: Page) -> None:
    go(site, desk, "/people")
    desk.becomes("document.activeElement.id", "q")
    desk.at("#q").send_keys("ben")
    desk.becomes("document.querySelectorAll('#found li').length", 1)
    desk.says("Ben Ode", "#found")
    desk.becomes("document.activeElement.id", "q")
    keeps(desk, "people")
    desk.at("#q").send_keys(Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER)  # tick, button, who is found
    desk.says("Ben Ode", "h1")
    desk.says("No pass is left", "#doors")
    desk.at("#rules-front").send_keys(Keys.ENTER)
    desk.says("0 passes left, 1 used since the roster", "#doors")
    keeps(desk, "person-explained")


def test_a_card_is_enrolled_with_a_scan_and_the_result_comes_by_itself(
    site: Reception, desk: Page
) -> None:
    go(site, desk, site.url(site.cleo))
    Select(desk.at("#door")).select_by_visible_text("Front door")
    desk.click("#enrolling button.main")
    desk.says("Hold the new card to the reader at Front door now", "#enrolling")
    site.until(lambda: site.waits("front"))
    keeps(desk, "enrol-waiting")
    assert site.scan("front", NEW) == Reason.UNKNOWN.value
    desk.says("Card …002A is theirs now", "#enrolling")
    desk.says("…002A", "#cards")
    desk.says("Front door\nOpens", "#doors")
    keeps(desk, "enrol-done")
    assert site.scan("front", NEW) == "granted"
    assert NEW not in desk.driver.page_source


def test_a_card_is_blocked_without_leaving_the_page(site: Reception, desk: Page) -> None:
    go(site, desk, site.url(site.evil))
    desk.click("#block-0")
    desk.fill("#why-0", "<b>left</b> on the tram")
    desk.click("#cards button.danger")
    desk.says("Blocked here", "#cards")
    desk.says("<b>left</b> on the tram", "#cards")
    desk.says("Stays shut", "#doors")
    desk.says("is blocked: it opens no door here any more", "#told")
    assert site.scan("front", CLEO) == Reason.BLOCKED.value
    keeps(desk, "person-blocked")


def test_a_late_check_in_is_pushed_with_the_keyboard(site: Reception, desk: Page) -> None:
    go(site, desk, "/check-ins")
    desk.says("3 late", "#decide")
    keeps(desk, "check-ins")
    desk.at("#decide input[type=checkbox]").send_keys(Keys.SPACE)
    desk.at("#decide button[value=push]").send_keys(Keys.ENTER)
    desk.says("1 check-in will be told now", "#told")
    desk.says("2 late", "#decide")
    site.deliver()
    desk.says("Told", "#settled")


def test_pictures_are_drawn_in_light_and_dark(site: Reception, desk: Page) -> None:
    for dark, accent in ((False, "rgb(20, 97, 79)"), (True, "rgb(133, 212, 185)")):
        desk.window(*DESK, dark=dark)
        go(site, desk, "/attendance")
        darkest = desk.at("figure.heat rect.mark:not([fill-opacity])")
        assert darkest.value_of_css_property("fill") == accent
        assert "hatch" in desk.at("rect.unsure").value_of_css_property("fill")
        keeps(desk, f"attendance-{'dark' if dark else 'light'}")
    desk.click("figure.heat summary")
    desk.says("09–10", "table")


def test_everything_fits_a_phone(site: Reception, desk: Page) -> None:
    desk.window(*PHONE)
    pages = {
        "people": "/people",
        "person": site.url(site.ben),
        "check-ins": "/check-ins",
        "attendance": "/attendance",
    }
    for name, url in pages.items():
        go(site, desk, url)
        assert desk.script("return document.documentElement.scrollWidth") <= PHONE[0], name
        assert desk.script(_SMALLEST) >= 9, name
        assert desk.script(_OUTSIDE) == [], name
        keeps(desk, f"phone-{name}")


def _past(site: Reception) -> None:
    """Four weeks: people on most days, a few refused, one sure outage and one that is not."""
    now, journal = site.clock.wall_time, site.controller.journal
    for day in range(27, 0, -1):
        begin = MONDAY - 2 * HOUR - day * DAY
        for hour in range(0, 12, 1 if day % 7 < 5 else 4):
            site.clock.wall_time = begin + hour * HOUR
            for number in range((hour * 5 + day * 3) % 7):
                journal.append(entry(f"p{number}", platform="loft", checks_in=False))
        refused = (Reason.UNKNOWN, Reason.NO_PASS, Reason.UNKNOWN, Reason.OUT_OF_HOURS)[day % 4]
        journal.append(Event(Kind.ACCESS, "front", refused.value, detail={"reader": "main"}))
        if day in (10, 20):
            keep(journal, Event(Kind.STOPPED if day == 20 else Kind.EXIT, "front"))
            site.clock.wall_time += 12 * HOUR
            keep(journal, Event(Kind.STARTED))
    site.clock.wall_time = now
