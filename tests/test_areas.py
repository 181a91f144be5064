"""Who is where by the record: the rule, the hour of forgiveness, and the journal's own table."""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.areas import EVERYWHERE, after, at_reader, last_at, out_of_place
from controller.decide import decide
from controller.journal import Journal
from controller.journal_read import JournalReader
from controller.model import Demand, Event, Facts, Kind, Mode, Now, Reason
from controller.passage import Passage, Passback, Place
from tests.fakes import MONDAY, FakeClock
from tests.worlds import BERLIN, HOUR, at, entry, holder, keep, rules

IN = Passage("", "lab", Passback.HARD)
OUT = Passage("lab", "", Passback.HARD)


def moved(person: str, area: str | None) -> Event:
    return Event(Kind.MOVED, "lab", "", "cobot", person, detail={"area": area})


def unsure(*areas: str) -> Event:
    return Event(Kind.UNSURE, "lab", detail={"unsure": list(areas)})


def forgiven(person: str) -> Event:
    return Event(Kind.FORGIVEN, "", "", "cobot", person, author="ida")


EVERYBODY = Event(Kind.FORGIVEN, author="ida", detail={"unsure": [EVERYWHERE]})


@pytest.mark.parametrize(
    ("passage", "place", "wrong"),
    [
        (IN, None, False),
        (IN, "", False),
        (IN, "lab", True),
        (IN, "hall", True),
        (OUT, "lab", False),
        (OUT, "", True),
        (OUT, None, False),
        (replace(IN, passback=Passback.OFF), "lab", False),
        (replace(IN, passback=Passback.SOFT), "lab", True),
    ],
)
def test_who_can_come_this_way(passage: Passage, place: str | None, *, wrong: bool) -> None:
    known = None if place is None else Place(place, MONDAY)
    assert out_of_place(passage, known, MONDAY + 60, None) == (known if wrong else None)


@pytest.mark.parametrize(
    ("passback", "there", "reason", "notes"),
    [
        (Passback.HARD, "lab", Reason.PASSBACK, ()),
        (Passback.SOFT, "lab", Reason.GRANTED, ("passed_back",)),
        (Passback.OFF, "lab", Reason.GRANTED, ()),
        (Passback.HARD, "", Reason.GRANTED, ("passed_back",)),  # into the street all may go
    ],
)
def test_what_becomes_of_who_cannot(
    passback: Passback, there: str, reason: Reason, notes: tuple[str, ...]
) -> None:
    door = replace(rules(), passage=Passage("hall", there, passback))
    one = holder("plan:1")._replace(place=Place("attic", MONDAY))
    decision = decide(door, Mode.NORMAL, Facts((one,)), Now(MONDAY + 60))
    assert (decision.reason, decision.notes) == (reason, notes)
    at_home = one._replace(place=Place("hall", MONDAY))
    assert decide(door, Mode.NORMAL, Facts((at_home,)), Now(MONDAY + 60)).notes == ()


def test_the_way_out_costs_nothing_and_demands_nothing() -> None:
    door = replace(
        rules(anti_passback=600.0),
        passage=Passage("hall", "lab", Passback.SOFT),
        inside=frozenset({"out"}),
        demands=(Demand(pin=True),),
    )
    assert at_reader(door, "main") is door
    way = at_reader(door, "out")
    assert way.passage == Passage("lab", "hall", Passback.SOFT)
    assert (way.check_in, way.admit_without_pass, way.anti_passback, way.demands) == (
        False,
        True,
        0.0,
        (),
    )


NEW_YORK, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("zone", "minute", "now", "was"),
    [
        (BERLIN, 240, "2026-01-05 11:00", "2026-01-05 04:00"),
        (BERLIN, 240, "2026-01-05 04:00", "2026-01-05 04:00"),
        (BERLIN, 240, "2026-01-05 03:59", "2026-01-04 04:00"),
        (BERLIN, 0, "2026-01-05 00:00", "2026-01-05 00:00"),
        (BERLIN, 240, "2026-03-29 05:00", "2026-03-29 04:00"),  # 23 hours after the one before
        (BERLIN, 240, "2026-03-29 01:59", "2026-03-28 04:00"),
        (BERLIN, 150, "2026-03-29 03:45", "2026-03-29 03:30"),  # 02:30 is skipped
        (BERLIN, 240, "2026-10-25 05:00", "2026-10-25 04:00"),
        (NEW_YORK, 240, "2026-11-01 12:00", "2026-11-01 04:00"),
        (NEW_YORK, 240, "2026-03-08 03:30", "2026-03-07 04:00"),
        (LORD_HOWE, 240, "2026-04-05 04:00", "2026-04-05 04:00"),
    ],
)
def test_the_last_time_the_clock_on_the_wall_showed_it(
    zone: ZoneInfo, minute: int, now: str, was: str
) -> None:
    assert last_at(at(now, zone), minute, zone) == at(was, zone)


def test_in_the_hour_that_comes_twice_the_second_one_counts() -> None:
    second = at("2026-10-25 02:30", fold=1)
    assert last_at(second, 150, BERLIN) == second
    assert last_at(second - 1, 150, BERLIN) == at("2026-10-24 02:30")


@given(
    st.floats(0, 4e9),
    st.integers(0, 1439),
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")]),
)
def test_it_is_past_and_no_more_than_two_days(wall: float, minute: int, zone: ZoneInfo) -> None:
    then = last_at(wall, minute, zone)
    assert then <= wall < then + 49.5 * HOUR
    assert last_at(then, minute, zone) == then


def test_a_place_of_before_the_hour_is_forgotten() -> None:
    way = replace(IN, forgive_at=240)
    four = at("2026-03-29 04:00")
    for since, wrong in ((four - 1, False), (four, True), (four + 1, True)):
        found = out_of_place(way, Place("lab", since), four + HOUR, BERLIN)
        assert (found is not None) is wrong
    assert out_of_place(way, Place("lab", four - 1), four - 0.5, BERLIN)


# The journal


WHO = st.sampled_from(["ada", "ben"])
AREAS = st.sampled_from(["", "hall", "lab"])
EVENTS = st.one_of(
    st.builds(moved, WHO, AREAS | st.none()),
    st.builds(moved, WHO, AREAS),
    st.builds(unsure, AREAS),
    st.builds(unsure, AREAS, AREAS),
    st.builds(forgiven, WHO),
    st.just(EVERYBODY),
    st.just(unsure(EVERYWHERE)),
    st.just(entry("ada")),
)


@settings(deadline=None, max_examples=15)
@given(st.lists(EVENTS, max_size=25), st.integers(0, 25))
def test_the_table_says_what_the_events_say_and_so_does_what_waits(
    events: list[Event], on_disk: int
) -> None:
    """Folded one by one; written; and half written while the disk is held up."""
    clock = FakeClock()
    expected: dict[str, Place | None] = {"ada": None, "ben": None}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        with closing(Journal(path, clock, "boot-1")) as journal:
            for number, event in enumerate(events):
                clock.advance(1)
                if number == on_disk:
                    assert journal.flush(10)
                    hold = sqlite3.connect(path, isolation_level=None)
                    hold.execute("BEGIN IMMEDIATE")
                journal.append(event)
                expected = {
                    who: after(place, event, clock.wall(), "cobot", who)
                    for who, place in expected.items()
                }
                assert {who: journal.place("cobot", who) for who in expected} == expected
            if on_disk < len(events):
                hold.execute("ROLLBACK")
                hold.close()
            assert journal.flush(10)
            assert {who: journal.place("cobot", who) for who in expected} == expected
        with closing(JournalReader(path)) as reader:
            assert {who: reader.place("cobot", who) for who in expected} == expected
            assert reader.verify().broken_at is None


def test_forgiveness_covers_the_seconds_of_anti_passback(tmp_path: Path) -> None:
    clock = FakeClock()
    with closing(Journal(tmp_path / "journal.db", clock, "boot-1")) as journal:
        for pardon, forgets in (
            (forgiven("ada"), True),
            (forgiven("ben"), False),
            (EVERYBODY, True),
        ):
            keep(journal, entry("ada"))
            assert journal.last_entry("cobot", "ada", "front") == clock.wall()
            with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as hold:
                hold.execute("BEGIN IMMEDIATE")
                ticket = journal.append(pardon)
                waiting = journal.last_entry("cobot", "ada", "front")
                hold.execute("ROLLBACK")
            assert ticket.wait(10)
            assert journal.last_entry("cobot", "ada", "front") == waiting
            assert (waiting is None) is forgets
            clock.advance(1)


def test_a_journal_of_before_gets_its_tables(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal.db", FakeClock()
    with closing(Journal(path, clock, "boot-1")) as journal:
        keep(journal, entry("ada"))
    with closing(sqlite3.connect(path)) as db:
        db.executescript("DROP TABLE place; DROP TABLE forgotten; PRAGMA user_version=1")
    with closing(Journal(path, clock, "boot-2")) as journal:
        assert journal.place("cobot", "ada") is None
        keep(journal, moved("ada", "lab"))
        assert journal.place("cobot", "ada") == Place("lab", MONDAY)
    with closing(JournalReader(path)) as reader:
        assert reader.verify().broken_at is None
