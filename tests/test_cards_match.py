"""Finding the settings under which a reader and a platform mean the same card; the commands."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from controller.cards import CardFormat, hash_card
from controller.cards_match import Meeting, match, match_all
from controller.cli.cards import cards
from controller.secrets import device_key


def best(read: str, stored: str) -> tuple[CardFormat, CardFormat]:
    found = match(read, stored)[0]
    return found.reader, found.stored


@pytest.mark.parametrize(
    ("read", "stored", "reader", "platform"),
    [
        ("6F007B3972", "0008075634", CardFormat("hex", 32), CardFormat("dec10")),
        ("6F007B3972", "123,14706", CardFormat("hex", 24), CardFormat("3-5")),
        ("6F007B3972", "00123,14706", CardFormat("hex", 32), CardFormat("5-5")),
        ("6F007B3972", "08075634", CardFormat("hex", 24), CardFormat("dec8")),
        ("6F007B3972", "0476749445490", CardFormat("hex"), CardFormat("dec13")),
        ("0008075634", "0008075634", CardFormat("dec10"), CardFormat("dec10")),
        ("A35F1C2B", "0723279779", CardFormat("hex", reverse=True), CardFormat("dec10")),
        ("A35F1C2B", "2b:1c:5f:a3", CardFormat("hex", reverse=True), CardFormat("hex")),
        ("A35F1C2B", "28,24483", CardFormat("hex", 24, reverse=True), CardFormat("3-5")),
        (
            "A35F1C2B",
            "163,24348",
            CardFormat("hex", 24, reverse=True),
            CardFormat("3-5", reverse=True),
        ),
        ("TICKET-77", "TICKET-77", CardFormat("text"), CardFormat("text")),
    ],
)
def test_the_settings_come_first_that_a_technician_would_choose(
    read: str, stored: str, reader: CardFormat, platform: CardFormat
) -> None:
    assert best(read, stored) == (reader, platform)


def test_every_meeting_holds() -> None:
    found = match("6F007B3972", "8075634")
    assert {each.stored.form for each in found if not each.weak} == {"dec8", "dec10", "dec13"}
    for each in found:
        assert each.reader.canonical("6F007B3972") == each.stored.canonical("8075634")


def test_sixteen_bits_are_a_weak_meeting_and_come_last() -> None:
    assert all(each.weak for each in match("6F007B3972", "14706"))
    weak = [each.weak for each in match("6F007B3972", "123,14706")]
    assert weak == sorted(weak)
    assert any(weak)


@pytest.mark.parametrize(
    ("read", "stored"), [("12AB", "12"), ("6F007B3972", "0008075635"), ("", ""), ("ABC", "abc-1")]
)
def test_different_cards_never_meet(read: str, stored: str) -> None:
    assert match(read, stored) == []


def test_a_second_card_leaves_fewer_answers() -> None:
    one, other = ("6F007B3972", "8075634"), ("6F107B3973", "276511091")
    both = match_all([one, other])
    assert {(each.reader, each.stored) for each in both} < {
        (each.reader, each.stored) for each in match(*one)
    }
    assert Meeting(CardFormat("hex", 32), CardFormat("dec10"), 32) in [
        Meeting(each.reader, each.stored, each.bits) for each in both
    ]


@given(st.text(), st.text())
def test_matching_never_fails(read: str, stored: str) -> None:
    for each in match(read, stored):
        assert each.reader.canonical(read) == each.stored.canonical(stored)


# The commands


def run(*words: str, path: object = None, given: str | None = None) -> Result:
    return CliRunner().invoke(
        cards, list(words), obj=SimpleNamespace(path=path, json=False), input=given
    )


def test_the_technician_gets_lines_to_paste() -> None:
    shown = run("match", "--read", "6F007B3972", "--stored", "0008075634")
    assert shown.exit_code == 0
    assert 'card = { format = "hex", keep_bits = 32 }' in shown.stdout
    assert 'format = "dec10"' in shown.stdout
    assert "6F007B3972" not in shown.stdout


def test_the_technician_is_told_plainly_that_there_is_no_meeting() -> None:
    shown = run("match", "--read", "12AB", "--stored", "12")
    assert shown.exit_code == 1
    assert "do not meet under any settings" in shown.stdout


def test_a_weak_meeting_is_called_weak_and_shown_only_for_want_of_a_better() -> None:
    assert "many cards share" in run("match", "--read", "6F007B3972", "--stored", "14706").stdout
    assert "weak" not in run("match", "--read", "A35F1C2B", "--stored", "95,7211", "--all").stdout


def test_meetings_are_given_as_json() -> None:
    shown = run("match", "--read", "A35F1C2B", "--stored", "0723279779", "--json")
    assert json.loads(shown.stdout)[0] == {
        "reader": {"format": "hex", "byte_order": "reversed"},
        "stored": {"format": "dec10"},
        "bits": 32,
        "weak": False,
    }


def test_each_read_needs_its_stored() -> None:
    assert run("match", "--read", "1", "--read", "2", "--stored", "1").exit_code == 2


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "doorward.toml"
    path.write_text(
        f"""
        [site]
        data = "{tmp_path}"
        [doors.front]
        admits = ["*"]
        lock = {{ driver = "sim" }}
        [doors.front.readers.main]
        driver = "sim"
        card = {{ format = "hex" }}
        """
    )
    return path


def test_a_card_is_hashed_with_this_machines_key(site: Path) -> None:
    shown = run("hash", "--format", "hex", "04A1B2C3", path=site)
    assert shown.stdout.strip() == hash_card(device_key(site.parent), "32:04A1B2C3")


def test_many_numbers_come_from_standard_input(site: Path) -> None:
    shown = run("hash", "--format", "dec10", "-", path=site, given="0008075634\n\n42\n")
    key = device_key(site.parent)
    assert shown.stdout.split() == [hash_card(key, "32:007B3972"), hash_card(key, "32:0000002A")]


def test_a_number_that_does_not_fit_is_named_by_line_and_masked(site: Path) -> None:
    shown = run("hash", "--format", "dec10", "-", path=site, given="42\n99990008075634\n")
    assert shown.exit_code == 2
    assert "number 2 (…5634) has 14 digits" in shown.stderr
    assert "hash:" not in shown.stdout


def test_hash_settings_that_cannot_be_are_refused(site: Path) -> None:
    assert run("hash", "--format", "pin", "--reversed", "4711", path=site).exit_code == 2
