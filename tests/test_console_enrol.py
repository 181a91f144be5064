"""Enrolling a card from the page of a person: over HTTP, with scans at simulated readers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.model import Kind, Reason
from sync.simulator.server import Fault
from tests.desks import Browser
from tests.receptions import ADA, NEW, Reception, plain, reception, shown

UNKNOWN = Reason.UNKNOWN.value


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Reception]:
    with reception(tmp_path) as opened:
        yield opened


@pytest.fixture
def staff(site: Reception) -> Browser:
    return site.browser("Ida")


def test_a_new_card_is_enrolled_and_opens_the_door(site: Reception, staff: Browser) -> None:
    staff.do("/people/enrol", **site.whom(site.cleo), door="front")
    assert "Hold the new card to the reader at Front door now" in _enrolling(site, staff)
    site.until(lambda: site.waits("front"))
    assert site.scan("front", ADA) == "granted"
    site.until(lambda: "…0011 is not it: it belongs to Ada Quill" in _enrolling(site, staff))
    assert site.scan("front", NEW) == UNKNOWN
    site.until(lambda: "is theirs now" in _enrolling(site, staff))
    page = shown(staff, site.url(site.cleo))
    assert "Card …002A is theirs now and works at the doors" in page
    assert "Front door Opens" in page
    assert site.scan("front", NEW) == "granted"
    (event,) = site.events(Kind.CARD_ENROLLED)
    assert event.event.author.startswith("Ida (console)")
    assert NEW not in page


def test_a_card_shown_a_moment_ago_is_offered(site: Reception, staff: Browser) -> None:
    site.scan("studio", NEW)
    page = shown(staff, site.url(site.cleo), "enrolling")
    assert "The unknown card …002A was shown at Studio a moment ago" in page
    staff.do("/people/enrol", **site.whom(site.cleo), door="studio")
    site.until(lambda: "is theirs now" in _enrolling(site, staff))


def test_a_replaced_card_is_blocked(site: Reception, staff: Browser) -> None:
    site.scan("front", NEW)
    staff.do("/people/enrol", **site.whom(site.ada), door="front", replaces="…0011")
    site.until(
        lambda: "The old card …0011 is blocked" in shown(staff, site.url(site.ada), "enrolling"),
    )
    assert site.scan("front", ADA) in (Reason.BLOCKED.value, UNKNOWN)
    assert site.scan("front", NEW) == "granted"


def test_waiting_can_be_stopped_and_is_once_at_a_time(site: Reception, staff: Browser) -> None:
    whom = site.whom(site.cleo)
    staff.do("/people/enrol", **whom, door="front")
    other = staff.do("/people/enrol", **site.whom(site.ben), door="front")
    assert "somebody is enrolling a card at this door" in plain(other.text)
    again = staff.do("/people/enrol", **whom, door="studio")
    assert "being enrolled for this person already" in plain(again.text)
    staff.do("/people/stop", **whom)
    site.until(lambda: "It was stopped before a card was taken" in _enrolling(site, staff))
    assert site.scan("front", NEW) == UNKNOWN


def test_a_door_that_is_not_there_is_refused(site: Reception, staff: Browser) -> None:
    told = plain(staff.do("/people/enrol", **site.whom(site.cleo), door="gate").text)
    assert "Choose the door" in told
    site.stop_controller()
    staff.do("/people/enrol", **site.whom(site.cleo), door="front")
    site.until(lambda: "door.sock does not answer" in _enrolling(site, staff))


def _enrolling(site: Reception, browser: Browser) -> str:
    return shown(browser, site.url(site.cleo), "enrolling")


def test_what_is_to_be_entered_by_hand_is_shown_to_whoever_began_it_alone(
    site: Reception, staff: Browser
) -> None:
    site.cobot.fault = Fault("status", "/api/check_in_tokens", method="POST", status=403)
    site.scan("front", NEW)
    staff.do("/people/enrol", **site.whom(site.cleo), door="front")
    site.until(lambda: "was registered nowhere" in _enrolling(site, staff))
    assert f"add the token {NEW}" in _enrolling(site, staff)
    other = site.browser("Joe")
    assert "was registered nowhere" in _enrolling(site, other)
    assert NEW not in other.get(site.url(site.cleo)).text
