"""Stories about Hive, told against a simulated one over real HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from controller.errors import BadReply, DoorwardError
from controller.model import Grant, Person
from sync.platforms.hive import Hive
from sync.platforms.hive_settings import HiveSettings
from sync.simulator.hive import PAGE, Door, SimulatedHive
from sync.simulator.server import Fault
from tests.fakes import FakeClock
from tests.hives import (
    ADA,
    BEN,
    CLEO,
    DOORS,
    KEY,
    SOON,
    Vague,
    asked,
    fetched,
    hive_at,
    member,
    oddly,
    settings,
    small_gym,
)
from tests.lines import Waiting
from tests.rosters import Recorded


@pytest.fixture
def gym() -> Iterator[SimulatedHive]:
    with small_gym() as simulated:
        yield simulated


@pytest.fixture
def hive(gym: SimulatedHive) -> Iterator[Hive]:
    made = hive_at(gym)
    yield made
    made.close()


# The roster


def test_who_may_enter_and_by_what_right(gym: SimulatedHive, hive: Hive) -> None:
    roster = fetched(hive)
    assert roster.zones == ["Europe/Berlin"]
    assert roster.persons == [
        Person("gym", "201", "Amina Abara"),
        Person("gym", "202", "Bjørn Brook"),
        Person("gym", "203", "Chloé"),
    ]
    assert roster.cards == {"201": ["32:04A1B2C3"], "202": ["32:DEADBEEF"]}
    assert roster.grants == {
        "201": [
            Grant("door:front-01", until=SOON, renews=True),
            Grant("type:1", until=SOON, renews=True),
        ],
        "202": [Grant("instructor"), Grant("door:front-01")],
        "203": [
            Grant("door:front-01", until=SOON, renews=True),
            Grant("door:studio-02", until=SOON, renews=True),
            Grant("type:3", until=SOON, renews=True),
            Grant("door:front-01", until=SOON + 60, renews=True),
            Grant("type:1", until=SOON + 60, renews=True),
        ],
    }
    assert asked(gym) == ["GET /doors", "GET /users"]
    assert {r.headers["X-DOOR-API-KEY"] for r in gym.requests} == {KEY}


def test_a_door_switched_off_at_hive_grants_nobody(gym: SimulatedHive, hive: Hive) -> None:
    """Neither to members, nor to instructors, nor by a type that opens nothing else."""
    roster = fetched(hive)
    assert not any("cellar" in grant.label for each in roster.grants.values() for grant in each)
    assert roster.warnings == ["door cellar: Hive has switched off 'cellar-03'; it grants nobody"]
    for door in DOORS[:2]:
        gym.put_door(replace(door, active=False))
    gym.put_door(Door("other-04"))
    gym.put(oddly(ADA, memberships=[{**ADA.memberships[0].said(DOORS)}]), replace(BEN, id=204))
    assert fetched(hive).grants == {}


def test_a_membership_may_open_what_hive_does_not_list(gym: SimulatedHive, hive: Hive) -> None:
    gym.put(member(door_ids=["attic-99", "front-01"]))
    roster = fetched(hive)
    assert roster.labels("201") == ["door:front-01", "type:1"]
    assert "memberships open doors that Hive does not list: attic-99" in roster.warnings


def test_a_mapped_door_that_hive_does_not_know_is_mentioned(gym: SimulatedHive) -> None:
    hive = hive_at(gym, doors={"front": "frnot-01"})
    assert fetched(hive).warnings == [
        "door front is 'frnot-01' at Hive, which lists no such door",
    ]
    hive.close()


def test_a_thousand_users_come_page_by_page(gym: SimulatedHive, hive: Hive) -> None:
    gym.populate(1, 997)
    seen: list[tuple[str, int, int | None]] = []
    roster = Recorded()
    hive.fetch(roster, lambda *step: seen.append(step))
    assert len(roster.persons) == 1000
    assert seen == [("users", n * PAGE, None) for n in range(1, 11)]
    assert [r.first("p") for r in gym.requests[1:]] == [str(n) for n in range(1, 11)]


def test_a_user_listed_on_two_pages_is_one_user(gym: SimulatedHive, hive: Hive) -> None:
    """Someone left while the pages were read, and everybody moved up."""
    gym.populate(1, 147)
    twice = replace(ADA, id=900)
    gym.put(twice, replace(twice, id=901, oddities={"id": 202}))
    roster = fetched(hive)
    assert len({person.key for person in roster.persons}) == 151
    assert len(roster.cards["202"]) == 2, "the roster sorts it out"


def test_cards_from_two_fields_in_two_forms(gym: SimulatedHive) -> None:
    two = [
        {"source": "door_access_id", "format": "hex", "byte_order": "reversed"},
        {"source": "barcode_id", "format": "text"},
    ]
    hive = hive_at(gym, cards=two)
    assert fetched(hive).cards["201"] == ["32:C3B2A104", "text:B-1"]
    hive.close()


def test_two_users_with_one_card_are_both_poured(gym: SimulatedHive, hive: Hive) -> None:
    """So that the door can tell that the card is ambiguous, however each is written."""
    gym.put(replace(CLEO, door_access_id=" 04-A1-B2-C3 "))
    roster = fetched(hive)
    assert roster.cards["201"] == roster.cards["203"] == ["32:04A1B2C3"]


def test_a_card_that_does_not_fit_costs_one_card_only(gym: SimulatedHive, hive: Hive) -> None:
    gym.put(oddly(ADA, door_access_id="no-card-at-all-123456"))
    for user_id in range(300, 320):
        gym.put(replace(ADA, id=user_id, door_access_id="wrong99"[: 3 + user_id % 3]))
    roster = fetched(hive)
    assert len(roster.persons) == 23
    assert roster.cards == {"202": ["32:DEADBEEF"]}
    assert (
        "Amina Abara (user 201): door_access_id …3456 is not written in hex digits; "
        "this card opens nothing" in roster.warnings
    )
    assert "11 more cards do not fit their format" in roster.warnings
    assert not any("123456" in warning for warning in roster.warnings)


def test_names_in_any_script_and_none_at_all(gym: SimulatedHive, hive: Hive) -> None:
    names = [("さくら", "山田"), ("ליאור", ""), ("", "O’Dell"), ("  ", ""), ("👩‍🚀", "Ž\u0301")]
    for user_id, (first, last) in enumerate(names, 301):
        gym.put(replace(ADA, id=user_id, first_name=first, last_name=last))
    roster = fetched(hive)
    assert [roster.known(str(n)).name for n in range(301, 306)] == [
        "さくら 山田",
        "ליאור",
        "O’Dell",
        "user 304",
        "👩‍🚀 Ž\u0301",
    ]


def test_contact_details_are_left_where_they_are(gym: SimulatedHive, hive: Hive) -> None:
    gym.put(oddly(ADA, email="amina@mail.example", phone="+4930123456"))
    roster = fetched(hive)
    assert "amina@" not in repr(vars(roster))
    assert "4930" not in repr(vars(roster))


def test_a_hive_without_users_is_an_empty_roster(gym: SimulatedHive, hive: Hive) -> None:
    """It is for the believability guard to doubt it."""
    gym.remove(201, 202, 203)
    assert fetched(hive).persons == []


# Someone is missing from the list


def test_who_vanished_but_may_still_enter_is_poured_again(gym: SimulatedHive, hive: Hive) -> None:
    fetched(hive)
    roster = Recorded()
    assert hive.still_admitted("203", roster)
    assert roster.known("203").name == "Chloé"
    assert roster.labels("203")[0] == "door:front-01"
    assert gym.requests[-1].form() == {"id": "203", "door_id": "front-01", "check_only": "1"}
    assert gym.entries == [], "asking is not entering"


def test_every_door_of_ours_is_asked_and_no_other(gym: SimulatedHive) -> None:
    hive = hive_at(gym, doors={"studio": "studio-02", "cellar": "cellar-03"})
    roster = Recorded()
    assert not hive.still_admitted("201", roster)
    assert roster.persons == []
    assert [r.form()["door_id"] for r in gym.requests if r.method == "POST"] == ["studio-02"]
    hive.close()


def test_without_doors_of_ours_all_that_are_in_use_are_asked(gym: SimulatedHive) -> None:
    gym.put(replace(ADA, memberships=()))
    hive = hive_at(gym, doors={})
    assert not hive.still_admitted("201", Recorded())
    doors = [r.form()["door_id"] for r in gym.requests if r.method == "POST"]
    assert doors == ["front-01", "studio-02"]
    hive.close()


def test_a_doubtful_answer_is_no_confirmation(gym: SimulatedHive, hive: Hive) -> None:
    for kind in ("reset", "html", "status"):
        gym.fault = Fault(kind, path="/access")
        with pytest.raises(DoorwardError):
            hive.still_admitted("201", Recorded())


def test_a_yes_about_somebody_else_is_not_believed(gym: SimulatedHive, hive: Hive) -> None:
    gym.put(oddly(ADA, id=202))
    with pytest.raises(BadReply, match="was asked for user 201, told of 202"):
        hive.still_admitted("201", Recorded())
    with Vague(FakeClock(), KEY, DOORS) as vague:
        vague.vaguely = (200, {"success": True})
        other = hive_at(vague)
        with pytest.raises(BadReply, match="lets user 201 in and does not show them"):
            other.still_admitted("201", Recorded())
        other.close()


# What is configured


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"zone": None}, "zone"),
        ({"url": "http://harbour.example/api"}, "must start with https://"),
        ({"url": "harbour.example/api"}, "is no web address"),
        ({"url": "https://harbour.example/api?x=1"}, "must be a plain address"),
        ({"key": "plain"}, "never stands in the configuration"),
        ({"cards": []}, "is empty, so nobody could be known by a card"),
        ({"cards": [{"source": "email", "format": "hex"}]}, "'door_access_id' or 'barcode_id'"),
        ({"cards": [{"source": "barcode_id", "format": "hexx"}]}, "is no way to write cards"),
        ({"confirm_at_most": -1}, "confirm_at_most"),
        ({"door": {}}, "Extra inputs"),
    ],
)
def test_a_configuration_that_cannot_work(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as raised:
        settings("https://harbour.example/api", **change)
    assert len(raised.value.errors()) == 1
    assert expected in str(raised.value)


def test_the_defaults(gym: SimulatedHive) -> None:
    made = settings("https://harbour.example/door-api/1/")
    assert made.url == "https://harbour.example/door-api/1"
    assert (made.day_ends, made.renewal_grace, made.confirm_at_most) == (0, 72 * 3600, 100)
    table = made.model_dump(exclude={"zone"})
    with pytest.raises(ValidationError) as raised:
        HiveSettings.model_validate(table)
    (error,) = raised.value.errors()
    assert (error["type"], error["loc"]) == ("missing", ("zone",))


# The simulated Hive itself


def test_the_simulated_hive_reads_forms_as_php_does(gym: SimulatedHive, hive: Hive) -> None:
    from sync.http import Line

    clock = FakeClock()
    line = Line(gym.url, clock=clock, wait=Waiting(clock), headers={"X-DOOR-API-KEY": KEY})
    for text, records in [("0", 1), ("", 1), ("1", 0), ("false", 0), ("true", 0)]:
        gym.entries.clear()
        form = {"door_access_id": "04A1B2C3 ", "door_id": "front-01", "check_only": text}
        reply = line.request("POST", "/access", form=form).json()
        assert (reply["success"], reply["user"]["id"]) == (True, 201)
        assert len(gym.entries) == records, text
    both = {"id": "202", "door_access_id": "04a1b2c3", "door_id": "front-01"}
    assert line.request("POST", "/access", form=both).json()["success"] is False
    line.close()


def test_the_same_seed_invents_the_same_people() -> None:
    one, other, third = (SimulatedHive(FakeClock()) for _ in range(3))
    one.populate(7, 150)
    other.populate(7, 150)
    third.populate(8, 150)
    assert one.users == other.users != third.users
    assert len({user.door_access_id for user in one.users.values()}) == 150


def test_a_membership_that_ends_leaves_the_list_by_itself() -> None:
    clock = FakeClock()
    with SimulatedHive(clock, KEY, DOORS) as gym:
        gym.put(ADA, BEN)
        hive = hive_at(gym)
        assert {p.key for p in fetched(hive).persons} == {"201", "202"}
        clock.advance(31 * 86_400)
        assert {p.key for p in fetched(hive).persons} == {"202"}
        hive.close()
