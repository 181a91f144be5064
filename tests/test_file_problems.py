"""Stories about lists of people in files: everything that staff can get wrong."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import ConfigError
from sync.platforms.file_hours import BAD_HOURS
from tests.lists import csv_file, json_file, poured, problems


def test_no_file_no_people_no_content(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.csv") == [
        "none.csv: there is no such file; write it, or correct `path`"
    ]
    for name, text in {
        "empty.csv": "",
        "blank.csv": " \n\n",
        "bom.csv": "\ufeff",
        "header.csv": "id,name,card\n\n,,\n",
        "nobody.json": " [ ] ",
        "blank.json": "\n",
    }.items():
        path = tmp_path / name
        path.write_text(text)
        (problem,) = problems(path)
        assert problem.startswith(f"{name}: "), name
        assert "never taken over" in problem, name


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        (problem,) = problems(path)
        assert problem.endswith("is no file; name the list itself")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,name", "1,Mei")
    path.chmod(0)
    (problem,) = problems(path)
    assert problem == "crew.csv: cannot be read: Permission denied"


def test_a_file_too_large_to_be_a_list(tmp_path: Path) -> None:
    path = tmp_path / "crew.csv"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)  # sparse
    (problem,) = problems(path)
    assert problem == "crew.csv: is larger than 64 MiB; is it the right file?"


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "crew.csv"
    path.write_bytes("id,name\n1,Mei\n2,Jürgen\n".encode("latin-1"))
    assert problems(path) == ["crew.csv line 3: is not UTF-8; save the file as UTF-8"]
    path.write_bytes("id,name\n1,Mei\n".encode("utf-16"))
    assert problems(path) == ["crew.csv line 1: is not UTF-8; save the file as UTF-8"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "id,name,lables",
            "crew.csv line 1, column 3: the name 'lables' is not known; did you mean 'labels'?",
        ),
        ("id,name,name", "crew.csv line 1, column 3: 'name' is there twice"),
        ("id,card", "crew.csv line 1: there is no column 'name'"),
        ("name,card", "crew.csv line 1: there is no column 'id'"),
    ],
)
def test_a_header_that_is_not_right(tmp_path: Path, header: str, expected: str) -> None:
    assert problems(csv_file(tmp_path, header, "a,b,c")) == [expected]


def test_a_list_without_a_header_does_not_give_cards_away(tmp_path: Path) -> None:
    (problem,) = problems(csv_file(tmp_path, "1,Mei,04A1B2C3", "2,Kaja,0A0B0C0D"))
    assert problem.startswith("crew.csv line 1: must name the columns, e.g. id,name,card,")
    (problem,) = problems(csv_file(tmp_path, "id,name,04A1B2C3", "2,Kaja,0A0B0C0D"))
    assert "column 3: the name is not known; there are: id, name, card" in problem


def test_every_problem_at_once_each_with_its_place(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "id,name,card,pin,labels,from,until,hours,blocked",
        "1,Mei,04A1B2C3,,,,,,",
        "1,Kaja,xyz12345,12x4,plan:*,31.3.2026,2026-02-30,mon-fri,maybe",
        "2,Ópal",
        ',"Nobody\nat all",,,,,,,',
        "3,Hana,04a1b2c3,,,2026-05-01,2026-04-30,25:00-26:00,",
    )
    assert problems(path) == [
        "crew.csv line 3, column id: is taken: see crew.csv line 2",
        "crew.csv line 3, column from: is no date; write 2026-03-31, or 2026-03-31 18:00",
        "crew.csv line 3, column until: is no date; write 2026-03-31, or 2026-03-31 18:00",
        "crew.csv line 3, column blocked: must be yes or no",
        "crew.csv line 3, column card: the card …2345 is not written in hex digits",
        "crew.csv line 3, column pin: the pin is not written in digits",
        "crew.csv line 3, column labels: holds a '*'; doors may ask for plan:*, people hold plan:1",
        "crew.csv line 4: has 2 fields where the header has 9",
        "crew.csv line 5, column id: is empty; each person needs an id",
        "crew.csv line 7, column until: is before `from`",
        "crew.csv line 7, column card: the card …B2C3 is somebody else's: see crew.csv line 2",
        f"crew.csv line 7, column hours: {BAD_HOURS}",
    ]


def test_no_message_repeats_what_may_be_a_card(tmp_path: Path) -> None:
    """Columns get shifted; a card number must not reach the log from the wrong one either."""
    card = "0481937265"
    for column in ("pin", "labels", "from", "until", "hours", "blocked", "card"):
        cell = f"*{card}" if column == "labels" else f"{card}z"
        for said in problems(csv_file(tmp_path, f"id,name,{column}", f"1,Mei,{cell}")):
            assert card[:7] not in said, said
        row = {"id": "1", "name": "Mei", column: {card: card}}
        for said in problems(json_file(tmp_path, [row, {card: card}])):
            assert card[:7] not in said, said


def test_a_pin_of_two_people(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,name,pin", "1,Mei,4711", "2,Kaja,4711")
    assert problems(path) == [
        "crew.csv line 3, column pin: the pin … is somebody else's: see crew.csv line 2"
    ]


@pytest.mark.parametrize("card", ["hash:12:B2C3", f"hash:{'g' * 64}:B2C3", f"hash:{'a' * 64}"])
def test_a_hash_that_was_cut(tmp_path: Path, card: str) -> None:
    (problem,) = problems(csv_file(tmp_path, "id,name,card", f"1,Mei,{card}"))
    assert problem.startswith("crew.csv line 2, column card: the card …")
    assert "is no hash:<64 hex digits>" in problem


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,name", "1,Mei", '2,"Kaja', "3,Hana")
    (problem,) = problems(path)
    assert problem.startswith("crew.csv line 3: is no CSV (")


def test_characters_nobody_typed(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,name,card", "1,M\x00ei,01020304", "2,Kaja,0A0B\x1b[2J")
    assert problems(path) == [
        "crew.csv line 2, column name: holds a character that cannot be shown; type it anew",
        "crew.csv line 3, column card: holds a character that cannot be shown; type it anew",
    ]
    (problem,) = problems(json_file(tmp_path, r'[{"id": "1", "name": "half \ud83d"}]'))
    assert problem.startswith("crew.json record 1 (line 1), key name: holds a character")


def test_a_thousand_problems_are_not_all_told(tmp_path: Path) -> None:
    lines = [f"{n},Person {n},zz" for n in range(1000)]
    found = problems(csv_file(tmp_path, "id,name,card", *lines))
    assert len(found) == 101
    assert found[-1] == "… and 900 more"


# What can be wrong with JSON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"id": "1",}]', "crew.json line 1 column "),
        ('[\n{"id": "1"}\n{"id": "2"}]', "crew.json line 3 column 1: is no JSON: Expecting ','"),
        ('[{"id": "1"}', "crew.json line 1 column "),
        ('{"id": "1", "name": "Mei"}', "crew.json line 1: must be a list of objects"),
        ('"id"', "crew.json line 1: must be a list of objects"),
        ("[" * 100_000, "crew.json: holds a number or a depth of brackets that nobody writes"),
        (f'[{{"id": {"9" * 5000}}}]', "crew.json: holds a number or a depth of brackets"),
    ],
)
def test_what_is_no_list_in_json(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = problems(json_file(tmp_path, text))
    assert problem.startswith(expected)


def test_wrong_types_in_json_each_with_record_line_and_key(tmp_path: Path) -> None:
    text = """[
  {"id": "1", "name": "Mei", "card": 4711},
  {"id": true, "name": ["Kaja"],
   "labels": [1], "hours": {"mon": 1}, "blocked": 1},

  "Hana",
  {"id": 2.5, "name": "Óscar", "card": ["01020304", null], "pin": 815},
  {"id": "5", "id": "6", "name": "Priya", "cards": "01020304"}
]"""
    quotes = "must be in quotes: as a number it would lose its leading zeros"
    an_object = 'must be an object, e.g. {"id": "1", "name": "Ada", "card": "…"}'
    assert problems(json_file(tmp_path, text)) == [
        f"crew.json record 1 (line 2), key card: {quotes}",
        "crew.json record 2 (line 3), key id: must be text",
        "crew.json record 2 (line 3), key name: must be text",
        "crew.json record 2 (line 3), key labels: must be text or a list of texts",
        "crew.json record 2 (line 3), key hours: must be text or a list of texts",
        "crew.json record 2 (line 3), key blocked: must be text",
        f"crew.json record 3 (line 6): {an_object}",
        "crew.json record 4 (line 7), key id: must be text",
        "crew.json record 4 (line 7), key card: must be text or a list of texts",
        f"crew.json record 4 (line 7), key pin: {quotes}",
        "crew.json record 5 (line 8), key id: is there twice",
        "crew.json record 5 (line 8): the name 'cards' is not known; did you mean 'card'?",
    ]


@given(st.binary(max_size=200))
def test_no_bytes_at_all_do_anything_but_pour_or_complain(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    for name, start in {
        "crew.csv": b"id,name,card,from,hours\n1,",
        "crew.json": b'[{"id": ',
    }.items():
        path = folder / name
        path.write_bytes(start + data)
        with suppress(ConfigError):
            assert poured(path).persons
