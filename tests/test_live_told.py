"""What staff see of questions at the door: `explain --live`, and how each line stands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.words import PLATFORMS_SAID
from sync.platform import Word
from sync.simulator.server import Fault
from tests.halls import Said, doorward
from tests.houses import TEN_DAYS
from tests.lives import LiveHouse, live_house

ADA, BEN = "1234567001", "1234567002"
GUEST = "0BADCAFE"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveHouse]:
    with live_house(tmp_path) as made:
        yield made


def do(place: LiveHouse, *words: str) -> Said:
    assert place.controller.journal.flush(5)
    return doorward(place.config.path, *words)


def test_every_word_has_a_meaning() -> None:
    assert set(PLATFORMS_SAID) == {word.value for word in Word}


def test_who_joined_a_minute_ago_is_explained_as_the_door_will_find_them(place: LiveHouse) -> None:
    place.member("Ada Ruiz", ADA)
    before = do(place, "explain", ADA, "front")
    assert before.code == 1
    told = do(place, "explain", ADA, "front", "--live")
    assert told.code == 0
    assert "loft says known (this is the person; they are known as they are there now)" in told.out
    assert "GRANTED" in told.out
    assert "Ada Ruiz" in told.out
    assert ADA not in told.all
    assert place.events()[-1].event.detail is None, "nobody held a card to anything"
    assert place.scan("front", ADA) == "granted"


def test_who_bought_a_pass_a_minute_ago(place: LiveHouse) -> None:
    ben = place.member("Ben Oduya", BEN, TEN_DAYS)
    place.sync()
    place.cobot.add_pass(ben)
    told = do(place, "explain", "Ben", "front", "--live", "--json")
    assert told.code == 0
    assert told.json["opens"]
    (said,) = told.json["asked"]
    assert (said["platform"], said["word"], said["door_asks"]) == ("loft", "known", True)


def test_what_a_platform_has_against_somebody_is_shown(place: LiveHouse) -> None:
    told = do(place, "explain", GUEST, "gym", "--live")
    assert told.code == 1
    assert "gym says refused: " in told.out
    assert "(it says no)" in told.out
    assert GUEST not in told.all


def test_nobody_is_asked_about_who_is_known_or_about_a_pin(place: LiveHouse) -> None:
    place.member("Ada Ruiz", ADA)
    place.sync()
    before = len(place.cobot.requests)
    told = do(place, "explain", "Ada", "front", "--live")
    assert told.code == 0
    assert "nobody was asked: a door asks about a card that nobody is known to hold" in told.out
    assert do(place, "explain", "Ada", "front", "--live", "--json").json["asked"] == []
    assert "asked" not in do(place, "explain", "Ada", "front", "--json").json
    assert len(place.cobot.requests) == before


def test_a_door_that_would_not_ask_is_named_as_such(tmp_path: Path) -> None:
    with live_house(tmp_path, live="no_pass") as place:
        told = do(place, "explain", ADA, "front", "--live")
        assert "loft says unknown" in told.out
        assert 'this door would not have asked: its live is "no_pass"' in told.out


def test_it_needs_syncd_and_asks_about_now(place: LiveHouse) -> None:
    assert do(place, "explain", ADA, "front", "--live", "--at", "18:30").code == 2
    place.unserve()
    told = do(place, "explain", ADA, "front", "--live")
    assert (told.code, told.out) == (5, "")
    assert "is `doorward syncd` running" in told.err


def test_status_says_how_questions_go(place: LiveHouse) -> None:
    assert "loft: asked at the door: never since syncd started" in do(place, "status").out
    place.scan("front", ADA)
    assert "loft: asked at the door: answered 0 s ago (unknown)" in do(place, "status").out
    place.cobot.fault = Fault("status", "/api/check_in_tokens", status=500)
    place.clock.advance(60)
    place.scan("front", BEN)
    shown = do(place, "status").out
    assert "loft: asked at the door: answered 1 min" in shown
    assert "no answer 0 s ago (" in shown
    assert "not asked now, until it has worked again" in shown
    place.cobot.fault = None
    place.clock.advance(600)
    place.sync()
    assert "not asked now" not in do(place, "status").out
    listed = do(place, "status", "--json").json["platforms"]
    live = {each["platform"]: each["live"] for each in listed}
    assert (live["loft"]["answer"], live["loft"]["rests"]) == ("unknown", False)
    assert live["loft"]["answered_at"].startswith("2026-01-05T")
    assert "500" in live["loft"]["trouble"]


def test_without_a_door_that_asks_status_does_not_speak_of_it(tmp_path: Path) -> None:
    with live_house(tmp_path, live="never") as place:
        assert "asked at the door" not in do(place, "status").out
