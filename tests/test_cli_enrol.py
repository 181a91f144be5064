"""Staff at a terminal: `doorward enroll`, `cards block`, `unblock` and `list`."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from controller.cli.reach import own_name
from controller.model import Kind
from sync.simulator.server import Fault
from tests.halls import Hall, hall, in_berlin
from tests.houses import UNLIMITED

ADA, NEW = "1234567001", "0000000042"
BLOCKED = "denied_credential_disabled"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Hall]:
    with in_berlin(), hall(tmp_path) as built:
        built.member("Ada Ruiz", ADA)
        built.cobot.add_member("Ben Ode", UNLIMITED)
        built.cobot.add_member("Ben Oder", UNLIMITED)
        built.sync()
        yield built


class TestEnrol:
    def test_the_card_just_shown_becomes_a_persons(self, place: Hall) -> None:
        place.scan("front", NEW)
        told = place.do("enroll", "ben ode", "--door", "front")
        assert told.code == 0
        assert told.out.startswith("Card …002A is now Ben Ode (loft/m-2)'s, at the platform in ")
        assert told.err.splitlines() == ["Card …002A.", "Registering it at loft …"]
        assert place.scan("front", NEW) == "granted"
        assert NEW not in told.all

    def test_without_syncd_too(self, place: Hall) -> None:
        place.scan("front", NEW)
        with place.without_syncd():
            told = place.do("enroll", "loft/m-2", "--door", "front", "--json")
        assert told.json["card"] == "…002A"
        assert told.json["to_do"] == []
        assert place.scan("front", NEW) == "granted"
        (event,) = place.events(Kind.CARD_ENROLLED)
        assert event.event.author == own_name()

    def test_a_replaced_card_is_dead_at_once(self, place: Hall) -> None:
        place.scan("front", NEW)
        told = place.do("enroll", "Ada", "--door", "front", "--replaces", "…FF59")
        assert told.code == 0
        assert "Their card …FF59 is blocked here." in told.out
        assert "To do: take the old card away at the platform" in told.out
        assert f"remove the token {ADA}" in told.err
        assert place.scan("front", ADA) == BLOCKED
        assert place.scan("front", NEW) == "granted"

    def test_whom_is_said_clearly(self, place: Hall) -> None:
        several = place.do("enroll", "Ben", "--door", "front")
        assert several.code == 2
        assert "'Ben' could be Ben Ode (loft/m-2), Ben Oder (loft/m-3)" in several.err
        assert place.do("enroll", "Ben Ode", "--door", "frond").code == 2
        assert "nobody is known as 'Zoe'" in place.do("enroll", "Zoe", "--door", "front").err
        other = place.do("enroll", "Ben Ode", "--door", "front", "--platform", "gym")
        assert "nobody is known as 'Ben Ode'" in other.err
        unknown = place.do("enroll", "Ben Ode", "--door", "front", "--platform", "gim")
        assert "did you mean 'gym'?" in unknown.err

    def test_no_card_in_time(self, place: Hall) -> None:
        told = place.do("enroll", "Ben Ode", "--door", "front", "--seconds", "121")
        assert told.code == 3
        assert "at most 120" in told.err

    def test_a_platform_that_is_down(self, place: Hall) -> None:
        place.scan("front", NEW)
        place.cobot.cut()
        told = place.do("enroll", "Ben Ode", "--door", "front")
        assert told.code == 9
        assert "cannot be reached" in told.err
        place.cobot.mend()

    def test_what_to_enter_by_hand_is_shown_once_and_here_alone(self, place: Hall) -> None:
        place.scan("front", NEW)
        place.cobot.fault = Fault("status", "check_in_tokens", method="POST", status=403)
        told = place.do("enroll", "Ben Ode", "--door", "front")
        assert told.code == 1
        assert told.err.count(NEW) == 1
        assert f"add the token {NEW}" in told.err
        assert "then: doorward sync --platform loft" in told.err

    def test_into_a_list_that_is_kept_by_hand(self, place: Hall) -> None:
        place.scan("front", NEW)
        told = place.do("enroll", "Ida Keys", "--door", "front")
        assert told.code == 1
        assert "keys.csv: in column card of k1: 0000002A" in told.err

    def test_without_the_controller(self, place: Hall) -> None:
        path = place.config.run / "door.sock"
        path.rename(path.with_suffix(".away"))
        told = place.do("enroll", "Ben Ode", "--door", "front")
        assert told.code == 5
        assert "doorward controller" in told.err
        path.with_suffix(".away").rename(path)


class TestBlocking:
    def test_by_number_listed_and_taken_back(self, place: Hall) -> None:
        told = place.do("cards", "block", ADA, "--reason", "stolen")
        assert told.out.splitlines() == [
            "Card …FF59 of Ada Ruiz (loft/m-1) is blocked and opens nothing here.",
            "At loft it is registered as before.",
        ]
        assert place.scan("front", ADA) == BLOCKED
        (row,) = place.do("cards", "list", "--blocked", "--json").json
        assert (row["card"], row["name"], row["why"]) == ("…FF59", "Ada Ruiz", "stolen")
        assert "stolen" in place.do("cards", "list", "--blocked").out
        assert place.do("cards", "unblock", "…FF59").out.startswith("Card …FF59 of Ada Ruiz")
        assert place.scan("front", ADA) == "granted"
        assert place.do("cards", "list", "--blocked").out == "no card is blocked here\n"

    def test_by_whose_it_is_without_syncd_and_without_a_line(self, place: Hall) -> None:
        place.cobot.cut()
        with place.without_syncd():
            assert place.do("cards", "block", "--person", "Ada").code == 0
            assert place.scan("front", ADA) == BLOCKED
        assert place.do("cards", "block", "…FF59", "--person", "Ada").code == 0
        place.cobot.mend()
        place.sync()
        assert place.scan("front", ADA) == BLOCKED
        (event,) = place.events(Kind.CARD_BLOCKED)
        assert event.event.detail == {"why": "lost"}
        assert place.do("cards", "unblock", "--person", "Ada").code == 0

    def test_a_masked_card_is_enough(self, place: Hall) -> None:
        assert "Ada Ruiz" in place.do("cards", "block", "…FF59").out

    def test_one_that_nobody_has_needs_a_door(self, place: Hall) -> None:
        told = place.do("cards", "block", "0123456789")
        assert told.code == 3
        assert "can stand for more than one card" in told.err
        assert "0123456789" not in told.all
        done = place.do("cards", "block", "0123456789", "--door", "front")
        assert done.out == "Card …CD15 is blocked and opens nothing here.\n"
        assert place.do("cards", "unblock", "…BEEF").code == 3
        assert place.do("cards", "unblock", "…CD15").code == 0

    def test_a_pin_is_blocked_by_whose_it_is(self, place: Hall) -> None:
        assert "Card PIN of Pim Pin" in place.do("cards", "block", "--person", "Pim").out
        front = place.controller.doors.working["front"]
        reader = front.parts.readers["keypad"].reader
        reader.present("8264")  # type: ignore[attr-defined]
        assert front.catch_up(5)
        assert front.last
        assert front.last[1].reason.value == BLOCKED

    def test_a_number_can_be_kept_out_of_the_shells_history(
        self, place: Hall, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", StringIO(f"{ADA}\n"))
        assert "Ada Ruiz" in place.do("cards", "block", "-").out

    def test_something_must_be_said(self, place: Hall) -> None:
        assert place.do("cards", "block").code == 2
        assert place.do("cards", "unblock", ADA).code == 3
        assert "Ada Ruiz" in place.do("cards", "list").out
        assert place.do("cards", "list", "ada", "--json").json[0]["card"] == "…FF59"
