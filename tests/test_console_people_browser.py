"""People, check-ins and attendance in a real browser; its pictures stay below build/ to be seen."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from controller.model import Event, Kind, Reason
from tests.fakes import MONDAY
from tests.receptions import ADA, BEN, CLEO, NEW, Reception, reception
from tests.screens import Screen, screen
from tests.worlds import DAY, HOUR, entry, keep

UNKNOWN = Reason.UNKNOWN.value


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
def desk(site: Reception) -> Iterator[Screen]:
    with screen() as opened:
        opened.enter(site, "Ida")
        yield opened


def test_somebody_is_found_while_one_types_and_explained(site: Reception, desk: Screen) -> None:
    desk.wide()
    desk.go("/people")
    box = desk.by("q")
    assert desk.driver.switch_to.active_element == box
    box.send_keys("ben")
    desk.waits_for(lambda: "Ada" not in desk.text("found") and "Ben Ode" in desk.text("found"))
    assert desk.driver.switch_to.active_element.get_attribute("id") == "q"
    desk.keeps("people")
    box.send_keys(Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER)  # tick, button, the one found
    desk.waits_for(lambda: desk.driver.title.startswith("Ben Ode"))
    assert "No pass is left" in desk.text("doors")
    desk.by("doors").find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert "0 passes left, 1 used since the roster" in desk.text("doors")
    desk.keeps("explain")


def test_a_card_is_enrolled_with_a_scan_and_the_result_comes_by_itself(
    site: Reception, desk: Screen
) -> None:
    desk.wide()
    desk.go(site.url(site.cleo))
    Select(desk.by("door")).select_by_visible_text("Front door")
    desk.by("enrolling").find_element(By.CSS_SELECTOR, "button.main").click()
    desk.waits_for(lambda: "Hold the new card to the reader" in desk.text("enrolling"))
    site.until(lambda: site.waits("front"))
    desk.keeps("enrol-waiting")
    assert site.scan("front", NEW) == UNKNOWN
    desk.waits_for(lambda: "is theirs now" in desk.text("enrolling"))
    desk.waits_for(lambda: "…002A" in desk.text("cards"))
    assert "Front door\nOpens" in desk.text("doors")
    desk.keeps("enrol-done")
    assert site.scan("front", NEW) == "granted"
    assert NEW not in desk.driver.page_source


def test_a_card_is_blocked_without_leaving_the_page(site: Reception, desk: Screen) -> None:
    desk.wide()
    desk.go(site.url(site.evil))
    desk.by("cards").find_element(By.TAG_NAME, "summary").click()
    why = desk.by("why-0")
    why.clear()
    why.send_keys("<b>left</b> on the tram")
    desk.by("cards").find_element(By.CSS_SELECTOR, "button.danger").click()
    desk.waits_for(lambda: "Blocked here" in desk.text("cards"))
    assert "<b>left</b> on the tram" in desk.text("cards")
    assert "Stays shut" in desk.text("doors")
    assert "is blocked" in desk.text("told")
    assert site.scan("front", CLEO) == Reason.BLOCKED.value
    desk.keeps("blocked")


def test_a_late_check_in_is_pushed_with_the_keyboard(site: Reception, desk: Screen) -> None:
    desk.wide()
    desk.go("/check-ins")
    desk.keeps("check-ins")
    first = desk.by("decide").find_element(By.CSS_SELECTOR, "input[type=checkbox]")
    first.send_keys(Keys.SPACE)
    desk.by("decide").find_element(By.CSS_SELECTOR, "button[value=push]").send_keys(Keys.ENTER)
    desk.waits_for(lambda: "1 check-in will be told now" in desk.text("told"))
    assert "2 late" in desk.text("decide")
    site.deliver()
    desk.waits_for(lambda: "Told" in desk.text("settled"))


@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_drawn(site: Reception, desk: Screen, *, dark: bool) -> None:
    desk.wide(dark=dark)
    desk.go("/attendance")
    darkest = desk.driver.find_element(By.CSS_SELECTOR, "figure.heat rect.mark:not([fill-opacity])")
    assert darkest.value_of_css_property("fill") == (
        "rgb(133, 212, 185)" if dark else "rgb(20, 97, 79)"
    )
    hatched = desk.driver.find_element(By.CSS_SELECTOR, "rect.unsure")
    assert "hatch" in hatched.value_of_css_property("fill")
    desk.driver.find_element(By.CSS_SELECTOR, "figure summary").click()
    assert "09–10" in desk.driver.find_element(By.TAG_NAME, "table").text
    desk.go("/attendance")
    desk.keeps(f"attendance-{'dark' if dark else 'light'}")


def test_everything_fits_a_phone(site: Reception, desk: Screen) -> None:
    desk.phone()
    pages = {
        "people": "/people",
        "person": site.url(site.ben),
        "check-ins": "/check-ins",
        "attendance": "/attendance",
    }
    for name, url in pages.items():
        desk.go(url)
        assert desk.overflow() <= 0, name
        assert desk.smallest_writing() >= 9, name
        desk.keeps(f"phone-{name}")


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
