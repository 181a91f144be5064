"""The pages People over HTTP: who is found, why a door stays shut, cards, and a visitor's PIN."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from controller.cards import visitor_pin
from controller.decide import CHECKS
from controller.model import Kind, Reason
from controller.words import BRIEF, DESK, RULES
from sync.desk_users import Role
from tests.desks import Browser
from tests.receptions import ADA, BEN, EVIL, Reception, plain, reception, shown
from tests.worlds import HOUR

UNKNOWN = Reason.UNKNOWN.value


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Reception]:
    with reception(tmp_path) as opened:
        yield opened


@pytest.fixture
def staff(site: Reception) -> Browser:
    return site.browser("Ida")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    """One at which nothing is changed."""
    with reception(tmp_path_factory.mktemp("calm")) as opened:
        yield opened


@pytest.fixture(scope="module")
def looker(calm: Reception) -> Browser:
    return calm.browser("Ida")


# Finding people


def test_people_are_found_by_name_key_and_card(calm: Reception, looker: Browser) -> None:
    everybody = shown(looker, "/people")
    assert "Ada Quill" in everybody
    assert "Cleo Bare No card" in everybody
    for text in ("qUiL", calm.ada.id, "0011"):
        found = shown(looker, f"/people?q={text}", "found")
        assert "Ada Quill" in found
        assert "Ben Ode" not in found
    assert "Nobody is found for “nobody”" in shown(looker, "/people?q=nobody")


def test_only_visitors_are_listed_if_so_asked(calm: Reception, looker: Browser) -> None:
    found = shown(looker, "/people?visitors=1", "found")
    assert "Vera Visit" in found
    assert "Ada" not in found
    assert "Vera" not in shown(looker, "/people?visitors=1&q=ada", "found")


def test_a_long_list_says_that_it_is_not_all(site: Reception, staff: Browser) -> None:
    for number in range(60):
        site.cobot.add_member(f"Member {number}")
    site.sync()
    found = shown(staff, "/people?q=member", "found")
    assert "These are the first 50" in found


def test_an_evil_name_is_shown_and_does_nothing(calm: Reception, looker: Browser) -> None:
    for url in ("/people", calm.url(calm.evil)):
        html = looker.get(url).text
        assert "<script>alert" not in html
        assert EVIL in unescape(html)
    html = looker.get("/people", params={"q": EVIL}).text
    assert "<script>alert" not in html
    assert f'value="{EVIL[:5]}' not in html


def test_nobody_is_found_who_is_not_there(calm: Reception, looker: Browser) -> None:
    answer = looker.get("/people/person?platform=loft&key=nobody")
    assert answer.status_code == 404
    assert "Nobody is known by this name any more" in plain(answer.text)
    assert looker.get("/people/person").status_code == 404


# Why can they not get in?


def test_every_rule_has_its_words() -> None:
    assert set(RULES) == {name for name, _ in CHECKS}
    assert set(BRIEF) == set(Reason) - {Reason.GRANTED}
    assert set(DESK) <= set(Reason)


def test_each_door_says_whether_it_opens_and_why_not(calm: Reception, looker: Browser) -> None:
    page = shown(looker, calm.url(calm.ada), "doors")
    assert "Front door Opens" in page
    assert "Studio Stays shut The person holds no label that this door admits" in page
    assert "Nothing that they hold counts at this door" in page
    assert "They hold nothing that this door admits : fails" in page
    assert "The door is not in lockdown : holds" in page
    assert "With …0011" in page


def test_a_used_up_pass_shuts_both_doors_the_next_day(site: Reception, staff: Browser) -> None:
    assert "1 pass is left" in shown(staff, site.url(site.ben))
    assert site.scan("front", BEN) == "granted"
    site.clock.advance(30 * HOUR)
    staff.login("Ida")
    page = shown(staff, site.url(site.ben))
    assert "Front door, Studio Stays shut No pass is left." in page
    assert "0 passes left, 1 used since the roster" in page
    assert "0 passes are left" in page


def test_without_a_card_no_door_opens(calm: Reception, looker: Browser) -> None:
    page = shown(looker, calm.url(calm.cleo))
    assert "They have no card. Enrol a card on this page" in page
    assert "No card and no PIN is known of them" in page
    assert "They have no card and no PIN; with one, it would be so" in page


def test_of_two_cards_the_one_that_opens_is_named(site: Reception, staff: Browser) -> None:
    with site.cobot.lock:
        site.cobot.space.tokens.append(("0000000099", site.ada.id))
    site.sync()
    assert "only with" not in shown(staff, site.url(site.ada), "doors")
    staff.do("/people/block", **card(site, why="lost"))
    page = shown(staff, site.url(site.ada), "doors")
    assert "Front door Opens Front door: only with …0063." in page
    assert "With …0011: the person or the credential is blocked" in page


def test_a_lockdown_is_why(site: Reception, staff: Browser) -> None:
    staff.do("/doors/lockdown")
    assert "The door is in lockdown" in shown(staff, site.url(site.ada), "doors")


def test_visits_and_refusals_are_listed(site: Reception, staff: Browser) -> None:
    assert "They have not been at a door yet" in shown(staff, site.url(site.ada))
    site.scan("front", ADA)
    site.scan("studio", ADA)
    page = shown(staff, site.url(site.ada))
    assert "Studio · not for this door Refused" in page
    assert "Front door Came in" in page


def test_it_is_explained_while_the_controller_does_not_run(site: Reception, staff: Browser) -> None:
    site.stop_controller()
    assert "Front door Opens" in shown(staff, site.url(site.ada), "doors")


# Asking anew


def test_a_pass_bought_a_moment_ago_is_known_once_the_platform_is_asked(
    site: Reception, staff: Browser
) -> None:
    assert site.scan("front", BEN) == "granted"
    site.clock.advance(30 * HOUR)
    staff.login("Ida")
    assert "No pass is left" in shown(staff, site.url(site.ben), "doors")
    with site.cobot.lock:
        site.cobot.add_pass(site.ben)
    told = plain(staff.do("/people/ask", **site.whom(site.ben)).text)
    assert "loft was asked just now: so Ben Ode stands there" in told
    assert "Front door, Studio Opens" in told
    assert site.scan("front", BEN) == "granted"


def test_a_dead_line_is_told_and_what_was_known_stays(site: Reception, staff: Browser) -> None:
    site.cobot.cut()
    told = plain(staff.do("/people/ask", **site.whom(site.ada)).text)
    assert "loft could not be asked, and what was known stays in force" in told
    assert "Front door Opens" in told


def test_who_left_is_not_known_once_the_platform_is_asked(site: Reception, staff: Browser) -> None:
    site.cobot.remove_member(site.ada)
    answer = staff.do("/people/ask", **site.whom(site.ada))
    assert "loft does not know Ada Quill any more" in plain(answer.text)
    assert answer.url.path == "/people"
    assert site.scan("front", ADA) == UNKNOWN


def test_platforms_are_fetched_soon_if_staff_say_so(site: Reception, staff: Browser) -> None:
    line = site.office.lines["loft"]
    viewer = site.browser("Vic", Role.VIEWER)
    assert "Fetch the platforms" not in viewer.get("/people").text
    assert viewer.do("/people/fetch").status_code == 403
    assert not line.retry
    assert "Being fetched: loft" in plain(staff.do("/people/fetch").text)
    assert line.retry


# Cards


def card(site: Reception, **more: str) -> dict[str, str]:
    return {**site.whom(site.ada), "card": "…0011", "place": "0", **more}


def test_a_lost_card_is_blocked_at_once_and_unblocked_again(
    site: Reception, staff: Browser
) -> None:
    told = plain(staff.do("/people/block", **card(site, why="left on the tram")).text)
    assert "Card …0011 of Ada Quill is blocked" in told
    assert "left on the tram, 11:00 , by Ida (console)" in told
    assert "The person or the card is blocked" in told
    assert site.scan("front", ADA) == Reason.BLOCKED.value
    (event,) = site.events(Kind.CARD_BLOCKED)
    assert event.event.author.startswith("Ida (console)")
    told = plain(staff.do("/people/unblock", **card(site)).text)
    assert "is no longer blocked here" in told
    assert site.scan("front", ADA) == "granted"
    assert site.events(Kind.CARD_UNBLOCKED)


def test_a_block_needs_a_reason_and_the_card_that_was_shown(
    calm: Reception, looker: Browser
) -> None:
    assert "say why" in plain(looker.do("/people/block", **card(calm, why=" ")).text)
    for wrong in ({"card": "…0012"}, {"place": "7"}, {"place": "-1"}, {"place": "²"}):
        told = looker.do("/people/block", **card(calm, why="lost", **wrong))
        assert "their cards have changed meanwhile" in plain(told.text)
    assert "no such card is blocked here" in plain(looker.do("/people/unblock", **card(calm)).text)
    assert not calm.events(Kind.CARD_BLOCKED)


def test_a_blocked_card_that_the_platform_took_back_is_still_shown(
    site: Reception, staff: Browser
) -> None:
    staff.do("/people/block", **card(site, why="lost"))
    with site.cobot.lock:
        site.cobot.space.tokens.clear()
    site.sync()
    page = shown(staff, site.url(site.ada), "cards")
    assert "…0011 Blocked here lost" in page
    assert "The platform does not list it any more" in page


ACTS = ("block", "unblock", "enrol", "stop", "pin", "ask")


def test_who_may_only_look_does_nothing_to_anybody(calm: Reception) -> None:
    viewer = calm.browser("Vic", Role.VIEWER)
    page = viewer.get(calm.url(calm.ada)).text
    assert "/people/" not in page.replace("/people/person", "")
    assert shown(viewer, calm.url(calm.ada), "enrolling") == ""
    for act in ACTS:
        answer = viewer.do(f"/people/{act}", **card(calm, why="x", door="front"))
        assert answer.status_code == 403, act
    assert not calm.events(Kind.CARD_BLOCKED)


def test_a_form_from_elsewhere_does_nothing(calm: Reception, looker: Browser) -> None:
    data = card(calm, why="x", door="front")
    with_token = {**data, "token": looker.form_token()}
    ours, theirs = {"Origin": looker.origin}, {"Origin": "https://evil.example"}
    for act in ACTS:
        assert looker.post(f"/people/{act}", data=data, headers=ours).status_code == 403
        assert looker.post(f"/people/{act}", data=with_token, headers=theirs).status_code == 403
    assert not calm.events(Kind.CARD_BLOCKED)


def test_nothing_is_done_to_who_is_not_there(calm: Reception, looker: Browser) -> None:
    for act in ACTS:
        answer = looker.do(f"/people/{act}", platform="loft", key="nobody")
        assert answer.status_code == 404, act


# A visitor's PIN


def test_a_visitors_pin_is_shown_once_to_staff_and_on_record(
    site: Reception, staff: Browser
) -> None:
    key = site.visitor()
    pin = visitor_pin(site.office.place.key, key.removeprefix("visitor:"))
    url = f"/people/person?platform=loft&key={key}"
    assert pin not in staff.get(url).text
    told = staff.do("/people/pin", platform="loft", key=key).text
    assert f"The PIN of Vera Visit is {pin}" in plain(told)
    assert pin not in staff.get(url).text
    (event,) = site.events(Kind.PINS_SHOWN)
    assert (event.event.name, event.event.person) == ("Vera Visit", key)
    assert event.event.author.startswith("Ida (console)")
    assert pin not in str(event)
    viewer = site.browser("Vic", Role.VIEWER)
    assert "Show the PIN" not in viewer.get(url).text


def test_a_member_has_no_pin_from_here(calm: Reception, looker: Browser) -> None:
    told = plain(looker.do("/people/pin", **calm.whom(calm.ada)).text)
    assert "is no visitor with a booking" in told
    assert not calm.events(Kind.PINS_SHOWN)


# When little is there


def test_before_the_first_fetch_nobody_is_known(tmp_path: Path) -> None:
    with reception(tmp_path, fetched=False) as site:
        staff = site.browser("Ida")
        assert "Nobody is known yet" in shown(staff, "/people")
        assert staff.get(site.url(site.ada)).status_code == 404


def test_a_broken_cache_is_told_and_takes_nothing_else_along(
    site: Reception, staff: Browser
) -> None:
    site.break_cache()
    for url in ("/people", site.url(site.ada)):
        answer = staff.get(url)
        assert answer.status_code == 503
        assert "cache.db cannot be read" in plain(answer.text)
    assert "cache.db" in plain(staff.do("/people/block", **card(site, why="lost")).text)
    assert staff.get("/doors").status_code == 200


def test_a_broken_journal_hides_the_visits_alone(site: Reception, staff: Browser) -> None:
    site.stop_controller()
    path = site.config.data / "journal.db"
    path.write_bytes(b"no database " * 1000)
    for more in ("-wal", "-shm"):
        path.with_name(path.name + more).unlink(missing_ok=True)
    page = shown(staff, site.url(site.ada))
    assert "Front door Opens" in page
    assert "journal.db cannot be read" in page
