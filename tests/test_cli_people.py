"""Who is known, and why a door opens to them or not: `people` and `explain`."""

from collections.abc import Iterator
from typing import Any

import pytest

from controller.decide import CHECKS
from controller.explained import FACTS
from controller.model import Reason, Trust
from controller.words import CHECK_INS, GUESSED, NOTES, REASONS, TRUST
from sync.platform import State
from tests.fakes import MONDAY
from tests.halls import Hall, doorward, hall, in_berlin
from tests.houses import TEN_DAYS
from tests.worlds import DAY, HOUR, span

ADA, BEN, CLEO, DAN, EVA = (f"{number:010}" for number in range(1234567001, 1234567006))
OFFICE_HOURS = (span("9:00-17:00", 1, 2, 3),)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    with in_berlin(), hall(tmp_path_factory.mktemp("h")) as built:
        built.member("Ada Ruiz", ADA)
        built.member("Ben Oduya", BEN, TEN_DAYS, passes=1)
        benno = built.member("Benno Frei", CLEO, TEN_DAYS, passes=1)
        built.cobot.add_pass(benno, hours=OFFICE_HOURS, expires_at=MONDAY + DAY)
        built.member("Dan One", DAN)
        built.member("Dan Two", DAN)
        built.cobot.add_member("Eva Bare")
        built.cobot.add_member("\x1b[31mRed\x1b[0m", cards=[EVA])
        built.cobot.book("room-1", MONDAY + HOUR, MONDAY + 2 * HOUR, visitor="Vera Visit")
        built.sync()
        yield built


# People


def test_people_are_found_by_a_part_of_their_name(place: Hall) -> None:
    shown = place.do("people", "ben")
    assert shown.code == 0
    assert "Ben Oduya" in shown.out
    assert "Benno Frei" in shown.out
    assert "Ada" not in shown.out


def test_cards_are_masked_and_of_pins_nothing_is_shown(place: Hall) -> None:
    (ida,) = place.do("people", "Ida", "--json").json
    assert ida["cards"] == ["…B2C3"]
    assert ida["labels"] == ["keyholder"]
    (pim,) = place.do("people", "Pim", "--json").json
    assert pim["cards"] == ["PIN"]
    assert place.do("people", "8264").out == "nobody was found\n"
    assert [each["name"] for each in place.do("people", "…B2C3", "--json").json] == ["Ida Keys"]


def test_a_name_cannot_steer_the_terminal(place: Hall) -> None:
    shown = place.do("people", "Red").out
    assert "\\x1b[31mRed" in shown
    assert "\x1b" not in shown
    assert "\x1b" not in place.do("explain", "Red", "front").out


def test_a_long_list_says_that_it_is_not_all(place: Hall) -> None:
    shown = place.do("people", "--limit", "2").out.splitlines()
    assert len(shown) == 4
    assert shown[-1].startswith("Only 2 people are shown")


def test_a_visitor_is_handed_the_pin_that_opens_the_door(place: Hall) -> None:
    (visitor,) = place.do("people", "--visitors", "--json").json
    assert visitor["name"] == "Vera Visit"
    assert "room-1, 2026-01-05 12:00 to 13:00 CET" in visitor["note"]
    assert visitor["pin"] in place.do("people", "vera", "--visitors").out
    assert visitor["pin"] not in place.do("people", "vera").all
    explained = place.do("explain", visitor["pin"], "front", "--at", "12:30")
    assert explained.code == 0
    assert "Vera Visit" in explained.out
    assert visitor["pin"] not in explained.out
    assert place.do("explain", visitor["pin"], "front", "--at", "16:30").code == 1


def test_without_the_device_key_no_pin_is_shown(place: Hall) -> None:
    key = place.config.data / "device.key"
    away = key.rename(key.with_name("away"))
    try:
        told = place.do("people", "--visitors")
        assert (told.code, told.out) == (3, "")
        assert "device.key is missing" in told.err
        assert not key.exists()
        assert place.do("explain", "Ada", "front").code == 0
        assert "device.key is missing" in place.do("explain", ADA, "front").err
    finally:
        away.rename(key)


# Explain


def answers(place: Hall, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = place.do("explain", *words, "--json").json["answers"]
    return found


def test_an_open_door_is_explained_rule_by_rule(place: Hall) -> None:
    shown = place.do("explain", "ada", "front", "--at", "2026-01-05 18:30")
    assert shown.code == 0
    assert shown.out.startswith("Ada Ruiz (loft/m-")
    assert "at Front door, 2026-01-05 18:30:00 CET" in shown.out
    assert "✗" not in shown.out
    assert shown.out.count("✓") == len(CHECKS)
    assert "holds plan:plan-always" in shown.out
    assert "GRANTED (granted): the door opens" in shown.out
    assert "begins a visit until 2026-01-06 04:00:00 CET; the platform is told" in shown.out


def test_a_shut_door_is_explained_with_what_to_do(place: Hall) -> None:
    shown = place.do("explain", "ada", "gym")
    assert shown.code == 1
    assert "✗ holds a label this door admits" in shown.out
    assert "the door admits door:front-01" in shown.out
    assert "DENIED (denied_point_no_access_rights)" in shown.out
    assert "What to do: " in shown.out


def test_passes_and_hours_are_told(place: Hall) -> None:
    (now,) = answers(place, "Benno Frei", "front")
    assert now["opens"]
    assert now["pass_key"]
    passes = next(rule for rule in now["rules"] if rule["rule"].startswith("a pass"))
    assert passes["facts"][0] == "2 passes left"
    assert passes["facts"][1:] == [
        "until 2026-01-06 11:00:00 CET, Mon–Wed 09:00–17:00",
        "without end, all day from 04:00",
        "there it is Mon 11:00 (Europe/Berlin)",
    ]
    (night,) = answers(place, "Benno Frei", "front", "--at", "2026-01-05T22:00:00+01:00")
    assert night["pass_key"] != now["pass_key"]


def test_a_pass_used_at_the_door_counts_though_no_platform_knows(place: Hall) -> None:
    place.clock.wall_time = MONDAY
    assert place.scan("front", BEN) == "granted"
    (back,) = answers(place, "Ben Oduya", "front")
    assert (back["visit"], back["pass_key"]) == ("again", "")
    (tomorrow,) = answers(place, "Ben Oduya", "front", "--at", "2026-01-06 12:00")
    assert tomorrow["reason"] == "denied_credential_max_uses"
    assert "0 passes left, 1 used since the roster" in tomorrow["rules"][-1]["facts"]


def test_a_card_is_tried_at_every_reader_of_the_door(place: Hall) -> None:
    first, second = answers(place, ADA, "front")
    assert (first["opens"], second["opens"]) == (True, False)
    assert first["whom"].endswith("at reader main (dec10)")
    assert second["whom"] == "PIN at reader keypad (pin)"
    pin, card = answers(place, "8264", "front")
    assert pin["person"]["name"] == "Pim Pin"
    assert card["whom"] == "card … at reader main (dec10)"
    assert [each["reason"] for each in answers(place, "9999999", "front")] == [
        "denied_unknown_credential"
    ] * 2


def test_a_card_of_two_people_is_found_out_by_card_and_by_person(place: Hall) -> None:
    for who in (DAN, "Dan One"):
        shown = place.do("explain", who, "front")
        assert shown.code == 1
        assert "DENIED (denied_credential_ambiguous)" in shown.out
        assert "Dan Two (loft/" in shown.out


def test_who_has_no_card_does_not_get_in_whatever_they_hold(place: Hall) -> None:
    shown = place.do("explain", "Eva Bare", "front")
    assert shown.code == 1
    assert "But: no card and no PIN is known of them" in shown.out


def test_a_person_may_be_named_in_every_way(place: Hall) -> None:
    key = place.do("people", "Ada", "--json").json[0]["key"]
    for who in (f"loft/{key}", key, "ADA RUIZ", "…B2C3", "...b2c3"):
        assert place.do("explain", who, "front").code == 0, who
    for who in ("loft/nobody", "…ZZZZ", "zzz", "", "d"):
        told = place.do("explain", who, "front")
        assert (told.code, told.out) == (2, ""), who
    several = place.do("explain", "Dan", "front").err
    assert "'Dan' could be Dan One (loft/" in several
    assert "say which: platform/key" in several
    assert "'d' could be" in place.do("explain", "d", "front").err
    assert "is no time" in place.do("explain", "Ada", "front", "--at", "noonish").err
    assert "did you mean 'front'" in place.do("explain", "Ada", "fronnt").err


def test_the_doors_mode_counts_until_it_ends(place: Hall) -> None:
    place.do("mode", "front", "lockdown", "--until", "2026-01-06 08:00")
    try:
        assert answers(place, "Ada", "front")[0]["reason"] == "denied_deny_all"
        assert answers(place, "Ada", "front", "--at", "2026-01-06 07:59")[0]["opens"] is False
        assert answers(place, "Ada", "front", "--at", "2026-01-06 08:00")[0]["opens"] is True
    finally:
        place.do("lockdown", "off")
    place.do("mode", "front", "unlocked")
    assert "open for everybody at present" in place.do("explain", "Ada", "front").out
    place.do("lock", "front")


def test_the_explanation_is_what_the_door_then_does(place: Hall) -> None:
    for number, who in enumerate((ADA, CLEO, DAN, "0555555555", EVA)):
        place.clock.wall_time = MONDAY + DAY + number * HOUR
        told = answers(place, who, "front")[0]["reason"]
        assert place.scan("front", who) == told


def test_nothing_has_to_run(place: Hall, tmp_path_factory: pytest.TempPathFactory) -> None:
    with in_berlin(), hall(tmp_path_factory.mktemp("h")) as built:
        built.member("Ada Ruiz", ADA)
        built.sync()
        built.do("lockdown", "on", "front")
        assert built.scan("gym", ADA)
    path = built.config.path
    shown = doorward(path, "explain", ADA, "front")
    assert shown.code == 1
    assert "DENIED (denied_deny_all)" in shown.out
    assert "Ada Ruiz" in doorward(path, "people").out
    assert doorward(path, "status").code == 1


# Words


def test_there_are_words_for_everything() -> None:
    assert set(FACTS) == {name for name, _ in CHECKS}
    assert set(REASONS) == set(Reason)
    assert all(remedy for reason, (_, remedy) in REASONS.items() if reason is not Reason.GRANTED)
    assert set(TRUST) == set(Trust)
    assert set(GUESSED) == {"deny", "allow"}
    assert set(CHECK_INS) == {State.LATE, State.REFUSED, State.UNKNOWN}
    notes = {"renewal_grace", "without_pass", "stale_roster", "clock_guessed", "passed_back"}
    assert set(NOTES) == notes
