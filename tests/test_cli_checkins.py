"""Check-ins that platforms could not be told of in time, and what staff say: `checkins`."""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from controller.model import Kind
from tests.halls import Hall, Said, hall, in_berlin
from tests.worlds import DAY

ADA, BEN, CLEO, EQUAL = (f"{number:010}" for number in range(1234567001, 1234567005))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Hall]:
    """Three members came during an outage that lasted until the next day."""
    with in_berlin(), hall(tmp_path) as built:
        for name, card in (("Ada Ruiz", ADA), ("Ben Oduya", BEN), ("=Cleo()", CLEO)):
            built.member(name, card)
        built.sync()
        built.cobot.cut()
        for card in (ADA, BEN, CLEO):
            assert built.scan("front", card) == "granted"
        built.deliver()
        built.clock.advance(DAY)
        built.cobot.mend()
        yield built


@pytest.fixture
def late(place: Hall) -> Hall:
    """And the platform was not told in time."""
    place.deliver()
    assert place.states() == {"late": 3}
    return place


def uuid_of(place: Hall, name: str) -> str:
    found: str = next(row["uuid"] for row in place.deliveries() if row["name"] == name)
    return found


def listed(place: Hall, *words: str) -> dict[str, str]:
    """State of each check-in by name."""
    rows = place.do("checkins", *words, "--json").json
    return {row["name"]: row["state"] for row in rows}


def test_the_list_says_who_waits_and_why(late: Hall) -> None:
    shown = late.do("checkins")
    assert shown.code == 0
    assert "2026-01-05 11:00:03 CET  Ada Ruiz" in shown.out
    assert "late   its visit is over" in shown.out
    assert listed(late) == {"Ada Ruiz": "late", "Ben Oduya": "late", "=Cleo()": "late"}
    assert listed(late, "--state", "late", "--state", "sent") == listed(late)
    assert listed(late, "--state", "sent") == {}
    assert late.do("checkins", "--state", "sent").out == "there is no such check-in\n"


def test_what_is_late_needs_attention(late: Hall) -> None:
    late.sync()
    shown = late.do("status")
    assert shown.code == 1
    assert "check-ins:  3 late" in shown.out
    assert "1. 3 check-ins late: their visit was over before" in shown.out
    assert "doorward checkins --state late" in shown.out


def test_one_is_pushed_and_one_dismissed_by_a_part_of_its_name(late: Hall) -> None:
    first_of_list = late.do("checkins").out.splitlines()[1].split()[0]
    assert uuid_of(late, "Ada Ruiz").startswith(first_of_list)
    pushed = late.do("checkins", "push", first_of_list.upper())
    assert pushed.code == 0
    assert "pending" in pushed.out
    assert "Ada Ruiz" in pushed.out
    late.deliver()
    assert [stay.member for stay in late.cobot.check_ins] == ["m-1"]
    dismissed = late.do("checkins", "dismiss", uuid_of(late, "Ben Oduya"), "--json").json
    assert [row["state"] for row in dismissed] == ["dismissed"]
    assert dismissed[0]["message"].startswith("dismissed by ")
    assert listed(late) == {"Ada Ruiz": "sent", "Ben Oduya": "dismissed", "=Cleo()": "late"}


def test_all_that_are_late_go_at_once(late: Hall) -> None:
    assert len(late.do("checkins", "push", "--all-late", "--json").json) == 3
    late.deliver()
    assert late.states() == {"sent": 3}
    none = late.do("checkins", "dismiss", "--all-late")
    assert (none.code, none.out) == (0, "")
    assert "no check-in is late" in none.err


def test_without_syncd_staff_get_the_same(late: Hall) -> None:
    with late.without_syncd():
        pushed = late.do("checkins", "push", uuid_of(late, "Ada Ruiz"))
        assert pushed.code == 0, pushed.err
        assert "sent" in pushed.out
        assert late.do("checkins", "dismiss", uuid_of(late, "Ben Oduya")).code == 0
    assert listed(late) == {"Ada Ruiz": "sent", "Ben Oduya": "dismissed", "=Cleo()": "late"}
    assert len(late.cobot.check_ins) == 1


def test_entries_that_syncd_has_not_taken_over_are_in_the_list(place: Hall) -> None:
    before = len(place.deliveries())
    with place.without_syncd():
        place.scan("front", ADA)
        shown = place.do("checkins", "--json").json
        assert len(shown) == before + 1
        assert (shown[-1]["state"], shown[-1]["message"]) == ("pending", "waits for syncd")
        assert place.do("status", "--json").json["check_ins"] == {"pending": before + 1}
        refused = place.do("checkins", "dismiss", shown[-1]["uuid"])
        assert refused.code == 1
        assert "syncd has not taken it over" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["push"], "name the check-ins"),
        (["push", "--all-late", "01234567"], "name the check-ins"),
        (["push", "0123"], "too short"),
        (["push", "zzzzzzzz"], "no check-in begins with"),
        (["push", "%%%%%%%%"], "no check-in begins with"),
        (["--state", "gone"], "gone"),
        (["--state", "late", "push", "--all-late"], "--state"),
        (["shove"], "shove"),
    ],
)
def test_what_is_mistyped_moves_nothing(late: Hall, words: list[str], said: str) -> None:
    told = late.do("checkins", *words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert late.states() == {"late": 3}


def test_characters_that_stand_for_several_are_not_enough(late: Hall) -> None:
    told = late.do("checkins", "push", uuid_of(late, "Ada Ruiz")[:8])
    assert told.code == 2
    assert "3 check-ins begin with" in told.err
    assert "type more of it" in told.err


def test_who_had_one_pushed_is_on_record(late: Hall) -> None:
    late.do("checkins", "push", uuid_of(late, "Ada Ruiz"))
    (pushed,) = late.events(Kind.PUSHED)
    assert pushed.event.author
    assert pushed.event.detail == {"check_ins": [uuid_of(late, "Ada Ruiz")]}


def test_what_was_sent_is_not_pushed_again(late: Hall) -> None:
    uuid = uuid_of(late, "Ada Ruiz")
    late.do("checkins", "push", uuid)
    late.deliver()
    again = late.do("checkins", "push", uuid)
    assert again.code == 2
    assert "is sent; push takes what is late, refused, unknown" in again.err


def test_the_export_has_exact_local_times_and_no_formulas(late: Hall, tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    assert late.do("checkins", "export", str(path), "--state", "late") == Said(0, "", "")
    ada, _, cleo = csv.DictReader(StringIO(path.read_text("utf-8")))
    assert ada["time"] == "2026-01-05T11:00:03+01:00"
    assert ada["zone"] == "CET"
    assert (ada["name"], ada["door"], ada["state"]) == ("Ada Ruiz", "front", "late")
    assert ada["message"] == "its visit is over"
    assert cleo["name"] == "'=Cleo()"
    printed = late.do("checkins", "export", "-").out
    assert len(list(csv.DictReader(StringIO(printed)))) == 3


def test_an_export_that_cannot_be_written_says_so(late: Hall, tmp_path: Path) -> None:
    told = late.do("checkins", "export", str(tmp_path / "no" / "late.csv"))
    assert (told.code, told.out) == (1, "")
    assert "cannot be written (No such file or directory)" in told.err
    assert "cannot be written (No space left" in late.do("checkins", "export", "/dev/full").err
