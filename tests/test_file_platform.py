"""Stories about lists of people in files: what staff write, and what it comes to."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.cards import CardFormat, card_hash, hash_card
from controller.errors import BadReply
from controller.model import Grant, Person, Span
from sync.platform import CheckIn, LateCheckIn, State
from tests.lists import csv_file, json_file, platform, poured, problems
from tests.rosters import Recorded

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = frozenset({1, 2, 3, 4, 5})


def berlin(*parts: int) -> float:
    return datetime(*parts, tzinfo=BERLIN).timestamp()  # type: ignore[arg-type, misc]


def test_the_whole_of_a_csv_list(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "id,name,card,pin,labels,from,until,hours,blocked",
        "7,Amina Abara,04A1B2C3;0x,,plan:day;extra:locker,2026-01-05,2026-03-31,"
        "mon-fri 08:00-18:00; sat 10:00-14:00,no".replace(";0x", ";DEADBEEF"),
        "8,Bjørn Brook,,04711,,,,,",
        "9,Lost fob,01020304,,,,,,yes",
    )
    roster = poured(path)
    assert roster.zones == ["Europe/Berlin"]
    assert roster.known("7") == Person(
        "crew", "7", "Amina Abara", berlin(2026, 1, 5), berlin(2026, 4, 1), checks_in=False
    )
    assert roster.cards == {
        "7": ["32:04A1B2C3", "32:DEADBEEF"],
        "8": ["pin:04711"],
        "9": ["32:01020304"],
    }
    hours = (Span(480, 1080, WEEK), Span(600, 840, frozenset({6})))
    assert roster.grants["7"] == [
        Grant("plan:day", hours=hours),
        Grant("extra:locker", hours=hours),
    ]
    assert roster.grants["8"] == [Grant("member")]
    assert roster.known("9").blocked
    assert roster.blocked == ["32:01020304"]
    assert roster.warnings == []


def test_the_same_list_in_json(tmp_path: Path) -> None:
    rows = [
        {
            "id": 7,
            "name": "Amina Abara",
            "card": ["04A1B2C3", "DEADBEEF"],
            "labels": ["plan:day", "extra:locker"],
            "until": "2026-03-31",
            "hours": ["mon-fri 08:00-18:00", "sat"],
            "blocked": False,
        },
        {
            "id": "8",
            "name": "Bjørn Brook",
            "card": "00000001;00000002",
            "pin": "0815",
            "from": None,
        },
        {"id": "9", "name": "Lost fob", "card": "01020304", "blocked": True},
    ]
    roster = poured(json_file(tmp_path, rows))
    assert roster.cards["7"] == ["32:04A1B2C3", "32:DEADBEEF"]
    assert roster.cards["8"] == ["32:00000001", "32:00000002", "pin:0815"]
    hours = (Span(480, 1080, WEEK), Span(0, 1439, frozenset({6})))
    assert roster.grants["7"] == [
        Grant("plan:day", hours=hours),
        Grant("extra:locker", hours=hours),
    ]
    assert roster.known("7").until == berlin(2026, 4, 1)
    assert roster.blocked == ["32:01020304"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_csv_as_any_spreadsheet_saves_it(
    tmp_path: Path, encoding: str, end: str, delimiter: str
) -> None:
    rows = [
        ["id", "name", "labels"],
        ["1", '"Žižka, Łucja"', '"a;b"'],
        ["", "", ""],
        ["2", "נועה", ""],
    ]
    path = tmp_path / "crew.csv"
    path.write_bytes((end.join(delimiter.join(row) for row in rows) + end).encode(encoding))
    roster = poured(path)
    assert [p.name for p in roster.persons] == ["Žižka, Łucja", "נועה"]
    assert roster.labels("1") == ["a", "b"]


def test_a_hash_goes_through_as_it_is(tmp_path: Path) -> None:
    key, canonical = bytes(32), CardFormat("hex").canonical("04A1B2C3")
    hidden = hash_card(key, canonical)
    path = csv_file(tmp_path, "id,name,card", f"1,Mei,{hidden}")
    assert "04A1" not in path.read_text()
    (card,) = poured(path).cards["1"]
    assert card == hidden
    assert card_hash(key, card) == card_hash(key, canonical)


def test_keyholders_always_carry_their_label(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,name,card,labels", "1,Mei,01020304,", "2,Kaja,0A0B0C0D,board")
    roster = poured(path, keyholders=True)
    assert roster.labels("1") == ["keyholder"]
    assert roster.labels("2") == ["board", "keyholder"]


def test_a_list_without_times_needs_no_zone(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,name,card,until", "1,Mei,01020304,2026-03-31T18:00+02:00")
    roster = poured(path, zone=None)
    assert roster.zones == ["UTC"]
    assert roster.known("1").until == berlin(2026, 3, 31, 18)


@pytest.mark.parametrize(
    ("column", "text"),
    [("until", "2026-03-31"), ("from", "2026-03-31 18:00"), ("hours", "mon-fri 08:00-18:00")],
)
def test_a_list_with_times_says_where_they_are_meant(
    tmp_path: Path, column: str, text: str
) -> None:
    path = csv_file(tmp_path, f"id,name,{column}", f"1,Mei,{text}", f"2,Kaja,{text}")
    (problem,) = problems(path, zone=None)
    assert problem.startswith("crew.csv: ")
    assert 'zone = "Europe/Berlin" under [platforms.crew]' in problem


@pytest.mark.parametrize(
    ("column", "text", "instant"),
    [
        ("from", "2026-03-29", berlin(2026, 3, 29)),
        ("until", "2026-03-29", berlin(2026, 3, 30)),  # the night that has an hour less
        ("until", "2026-10-25", berlin(2026, 10, 26)),
        ("until", "2026-03-31 18:00", berlin(2026, 3, 31, 18)),
        ("until", "2026-03-31T18:00:30Z", berlin(2026, 3, 31, 20, 0, 30)),
        ("until", "2028-02-29", berlin(2028, 3, 1)),
        ("until", "9999-12-31", None),
    ],
)
def test_dates_and_times(tmp_path: Path, column: str, text: str, instant: float | None) -> None:
    person = poured(csv_file(tmp_path, f"id,name,{column}", f"1,Mei,{text}")).known("1")
    assert (person.since if column == "from" else person.until) == instant


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("mon-fri 08:00-18:00", Span(480, 1080, WEEK)),
        ("MON - FRI 8:00 – 18:00", Span(480, 1080, WEEK)),
        ("Saturday 10:00-14:00", Span(600, 840, frozenset({6}))),
        ("fri-mon 22:00-06:00", Span(1320, 360, frozenset({5, 6, 7, 1}))),
        ('"mon,wed,fri 08:00-12:00"', Span(480, 720, frozenset({1, 3, 5}))),
        ('"mo-we, sa 08:00-12:00"', Span(480, 720, frozenset({1, 2, 3, 6}))),
        ("08:00-24:00", Span(480, 1439)),
        ("sun", Span(0, 1439, frozenset({7}))),
        ("tue-tue 00:00-00:01", Span(0, 1, frozenset({2}))),
    ],
)
def test_hours(tmp_path: Path, text: str, span: Span) -> None:
    (grant,) = poured(csv_file(tmp_path, "id,name,hours", f"1,Mei,{text}")).grants["1"]
    assert grant.hours == (span,)


@pytest.mark.parametrize(
    ("word", "blocked"), [("yes", True), ("TRUE", True), ("1", True), ("no", False), ("", False)]
)
def test_blocked_in_many_words(tmp_path: Path, word: str, blocked: bool) -> None:
    roster = poured(csv_file(tmp_path, "id,name,card,blocked", f"1,Mei,01020304,{word}"))
    assert roster.known("1").blocked is blocked
    assert bool(roster.blocked) is blocked


def test_a_lost_card_may_still_stand_with_its_owner(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, "id,name,card,pin,blocked", "1,Mei,01020304,4711,", "x,lost,01020304,4711,yes"
    )
    roster = poured(path)
    assert roster.blocked == ["32:01020304"], (
        "the card, for everybody; a PIN is not a thing to lose"
    )
    assert roster.cards["1"] == ["32:01020304", "pin:4711"]


def test_whoever_has_neither_card_nor_pin_is_mentioned_once(tmp_path: Path) -> None:
    lines = [f"{n},Person {n},,no" for n in range(1, 8)]
    roster = poured(csv_file(tmp_path, "id,name,card,blocked", *lines, "8,Gone,,yes"))
    (warning,) = roster.warnings
    assert "7 (Person 1, Person 2" in warning
    assert "Gone" not in warning


def test_it_tells_how_many_and_what_it_cannot_do(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,name,card", "1,Mei,01020304", "2,Kaja,0A0B0C0D")
    crew = platform(path)
    assert crew.test() == f"{path}: 2 people"
    seen: list[tuple[str, int, int | None]] = []
    crew.fetch(Recorded(), lambda *step: seen.append(step))
    assert seen == [("people", 2, 2)]
    assert crew.capabilities.late_check_in is LateCheckIn.NONE
    entry = CheckIn("u", "1", "front", 0.0, None)
    assert crew.check_in(entry).state is State.REFUSED
    with pytest.raises(BadReply, match="no check-ins"):
        crew.was_told(entry)
    crew.close()


def test_the_controller_can_read_it_without_the_network_half_of_the_program(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,name,card", "1,Mei,01020304")
    story = f"""
import sys
from pathlib import Path
from controller.config import CardSettings
from sync.platform import Surroundings
from sync.platforms.file import FilePlatform
card = CardSettings(format="hex")
settings = FilePlatform.Settings(kind="file", path=Path({str(path)!r}), card=card)
print(FilePlatform("crew", settings, Surroundings(None, None, None, None)).test())
heavy = {{"httpx", "apscheduler", "rich", "ssl", "http"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", story], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (f"{path}: 1 people", "")
