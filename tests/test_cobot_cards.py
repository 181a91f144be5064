"""Where a Cobot space keeps cards and doors of its members, and how that is set."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from controller.model import Grant
from tests.spaces import DAY, TODAY, Loft, asked, cobot_at, fetched, settings


@pytest.fixture
def loft() -> Iterator[Loft]:
    with Loft() as space:
        yield space


# Cards


def test_a_member_may_have_several_cards(loft: Loft) -> None:
    ada = loft.add_member("Ada", cards=["1", "0000000002"])
    assert fetched(cobot_at(loft)).cards[ada.id] == ["32:00000001", "32:00000002"]


def test_tokens_of_people_who_left_are_passed_over(loft: Loft) -> None:
    gone = loft.add_member("Gone", cards=["1"])
    gone.canceled_to = TODAY
    roster = fetched(cobot_at(loft))
    assert (roster.cards, roster.persons) == ({}, [])


def test_a_token_that_does_not_fit_is_told_masked_and_spoils_nothing(loft: Loft) -> None:
    ada = loft.add_member("Ada", cards=["AA-BB-CC-DD-11-22", "99999999999999", "3"])
    roster = fetched(cobot_at(loft))
    assert roster.cards[ada.id] == ["32:00000003"]
    (warning,) = roster.warnings
    assert (
        "check-in tokens that do not fit their format and open nothing: 2 (…1122 of Ada" in warning
    )
    assert "BB" not in warning
    assert "99999" not in warning


def test_a_card_of_two_people_is_told(loft: Loft) -> None:
    loft.add_member("Ada", cards=["0077705923"])
    loft.add_member("Ben", cards=["77705923", "5"])
    roster = fetched(cobot_at(loft))
    assert roster.cards == {"m-1": ["32:04A1B2C3"], "m-2": ["32:04A1B2C3", "32:00000005"]}
    (warning,) = roster.warnings
    assert warning.startswith("card …B2C3 opens nothing: Ada, Ben have the same; take it from")


def test_a_field_may_hold_several_numbers(loft: Loft) -> None:
    ada = loft.add_member("Ada", fields={"RFID": " 1, 2;3 ,"})
    ben = loft.add_member("Ben", fields={"RFID": None})
    cards = [{"source": "field:RFID", "format": "dec10"}]
    roster = fetched(cobot_at(loft, cards=cards))
    assert roster.cards[ada.id] == ["32:00000001", "32:00000002", "32:00000003"]
    assert ben.id not in roster.cards
    assert "/api/check_in_tokens" not in asked(loft)


def test_a_comma_within_a_number_does_not_part_it(loft: Loft) -> None:
    ada = loft.add_member("Ada", fields={"RFID": "123,14706; 1,2"})
    cards = [{"source": "field:RFID", "format": "3-5"}]
    assert fetched(cobot_at(loft, cards=cards)).cards[ada.id] == ["24:7B3972", "24:010002"]


def test_a_field_is_found_by_its_id_too(loft: Loft) -> None:
    ada = loft.add_member("Ada", fields={"RFID": "5", "Doors": "attic"})
    cards = [{"source": "field:cf-0", "format": "dec10"}]
    roster = fetched(cobot_at(loft, cards=cards, fields=["cf-1"]))
    assert roster.cards[ada.id] == ["32:00000005"]
    assert "field:Doors=attic" in roster.labels(ada.id)


def test_one_place_may_hold_cards_in_two_forms(loft: Loft) -> None:
    ada = loft.add_member("Ada", cards=["0000000005", "123,14706", "?"])
    cards = [{"source": "tokens", "format": form} for form in ("dec10", "3-5")]
    roster = fetched(cobot_at(loft, cards=cards))
    assert roster.cards[ada.id] == ["32:00000005", "24:7B3972"]
    assert "open nothing: 1 (" in roster.warnings[0]
    assert asked(loft).count("/api/check_in_tokens") == 1


def test_nothing_of_a_pin_is_told(loft: Loft) -> None:
    loft.add_member("Ada", cards=["47x1"])
    roster = fetched(cobot_at(loft, cards=[{"source": "tokens", "format": "pin"}]))
    assert "x1" not in roster.warnings[0]


# Labels from custom fields


def test_values_of_a_field_become_labels(loft: Loft) -> None:
    ada = loft.add_member("Ada", "plan-flex", fields={"Doors": "Attic, workshop,, "})
    roster = fetched(cobot_at(loft, fields=["Doors"]))
    assert roster.grants[ada.id] == [
        Grant("plan:plan-flex", uses_pass=True),
        Grant("field:Doors=Attic", uses_pass=True),
        Grant("field:Doors=workshop", uses_pass=True),
    ]


def test_a_field_that_does_not_exist_is_told(loft: Loft) -> None:
    loft.add_member("Ada", fields={"Doors": "attic"})
    roster = fetched(cobot_at(loft, fields=["Dors"]))
    assert roster.warnings == [
        "custom field 'Dors' does not exist at Cobot; its values cannot be used"
    ]


# Settings


def test_the_subdomain_is_taken_from_the_address() -> None:
    made = settings("https://harbour.cobot.me/", subdomain=None)
    assert (made.space, made.url) == ("harbour", "https://harbour.cobot.me")
    assert made.www_url == "https://harbour.cobot.me"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"subdomain": None}, "add subdomain = '<name at Cobot>' or zone"),
        ({"subdomain": None, "zone": "Europe/Berlin", "visitors": True}, "add subdomain"),
        ({"url": "http://members.example.org"}, "must start with https"),
        ({"api2_url": "nowhere"}, "no web address"),
        ({"cards": []}, "cards: is missing"),
        ({"cards": [{"source": "token", "format": "dec10"}]}, "pattern"),
        ({"cards": [{"source": "field:", "format": "dec10"}]}, "pattern"),
        ({"cards": [{"source": "tokens", "format": "dec99"}]}, "dec99"),
        ({"token": "s3cret"}, "never stands in the configuration"),
        ({"bookings_ahead": "soon"}, "length of time"),
    ],
)
def test_a_wrong_setting_is_told(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings("https://members.example.org", **more)


def test_a_zone_or_a_subdomain_is_enough() -> None:
    assert (
        settings("https://members.example.org", subdomain=None, zone="Europe/Berlin").space is None
    )
    assert settings("https://members.example.org").bookings_ahead == 14 * DAY
    assert settings("https://members.example.org", cards=[], visitors=True).visitors
