"""`doorward setup` on a real terminal, with simulated devices and platforms at its other ends."""

import json
import os
import pty
import time
import tomllib
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli.setup_labels import Labels
from controller.model import Grant, Person
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import SimulatedHive
from tests.hives import KEY, small_gym
from tests.relay_boards import LcusBoard, lcus_board
from tests.spaces import TOKEN
from tests.terminals import Terminal
from tests.wizards import (
    begin,
    list_of_one,
    no_hardware,
    number_of,
    running,
    serial_reader,
    simulated,
    site_and_door,
)

CARD = "6F007B3972"
PRINTED = "0008075634"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doorward.toml"


@pytest.fixture
def cobot() -> Iterator[SimulatedCobot]:
    space = SimulatedCobot(time.time, token=TOKEN)
    with space:
        space.add_member("Ada Quill", "plan-resident", cards=[PRINTED])
        space.add_member("Ben Otter", "plan-resident", cards=["0000000017"])
        space.add_member("Cleo Marsh", "plan-night", cards=["0000000018"])
        yield space


@pytest.fixture
def gym() -> Iterator[SimulatedHive]:
    with small_gym() as made:
        yield made


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """The far end of a reader's line, and the path of the near one."""
    far, near = pty.openpty()
    tty.setraw(near)
    link = tmp_path / "reader"
    link.symlink_to(os.ttyname(near))
    yield far, str(link)
    os.close(far)
    os.close(near)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LcusBoard]:
    with lcus_board(tmp_path / "board") as made:
        yield made


def second_relay(terminal: Terminal, board: LcusBoard) -> None:
    terminal.until("Plug the relay in now")
    terminal.type("")
    number_of(terminal, "at a serial port by its path", "Which is the relay?")
    terminal.answer("Its path", str(board.path))
    terminal.answer("Relay of the board", "2")
    terminal.answer("Does current unlock the door?")
    terminal.answer("The door will be unlocked for", "y")
    terminal.answer("Did the lock release, and lock again?", "y")


def cobot_with_a_wrong_key_first(terminal: Terminal, url: str) -> None:
    terminal.answer("Which platform?", "1")
    terminal.answer("A short name for it", "harbour")
    terminal.answer("Its address", url)
    terminal.answer("Access token", "a-wrong-one")
    terminal.until("How it writes cards")
    terminal.answer("[dec10]")
    terminal.until("401 Unauthorized")
    terminal.answer("What now?")
    terminal.answer("Its address")
    terminal.answer("Access token", TOKEN)
    terminal.answer("How it writes cards")
    terminal.until("✓ ")
    held = terminal.until("Who of them may enter at front?")
    assert "harbour knows 3 people" in held
    assert "1. plan:plan-resident  2 people: Ada Quill, Ben Otter" in held
    assert "2. plan:plan-night  1 person: Cleo Marsh" in held
    terminal.until(": ")
    terminal.type("1,9")
    terminal.until("That will not do: write * or numbers from 1 to 2")
    terminal.answer("Who of them may enter at front?", "1")
    terminal.answer("Which platform?")


def test_from_nothing_to_a_first_scan_with_a_reader_a_relay_and_a_cobot(
    path: Path, cobot: SimulatedCobot, reader: tuple[int, str], board: LcusBoard
) -> None:
    far, port = reader
    with begin(path) as terminal:
        terminal.until("Ctrl-C leaves")
        site_and_door(terminal)
        serial_reader(terminal, port)
        terminal.answer("Number printed on a card", PRINTED)
        terminal.until("Hold the card to the reader")
        os.write(far, f"\x02{CARD}5F\x03".encode())
        terminal.until(f"it sent: {CARD}")

        second_relay(terminal, board)
        assert (2, True) in board.history()
        assert not board.is_on(2)

        cobot_with_a_wrong_key_first(terminal, cobot.url)
        terminal.until("Checked, and written to")
        terminal.until("Do both run now?")
        with running(path):
            terminal.type("y")
            terminal.until("harbour: ")
            terminal.until("Hold a card that is to open")
            os.write(far, f"\x02{CARD}5F\x03".encode())
            terminal.until("granted, Ada Quill")
            terminal.until("Done.")
            assert terminal.end() == 0
    assert TOKEN not in terminal.said
    made = tomllib.loads(path.read_text())
    assert made["doors"]["front"]["admits"] == ["harbour/plan:plan-resident"]
    assert made["doors"]["front"]["lock"]["channel"] == 2
    assert made["doors"]["front"]["readers"]["main"]["card"] == {"format": "hex", "keep_bits": 32}
    assert path.stat().st_mode & 0o777 == 0o640
    assert (path.parent / "harbour-key").stat().st_mode & 0o777 == 0o640
    left = {each.name for each in path.parent.iterdir() if each.name.startswith(".")}
    assert not left, "neither answers nor trials"


def test_left_in_the_middle_it_goes_on_from_there(
    path: Path, gym: SimulatedHive, reader: tuple[int, str]
) -> None:
    _, port = reader
    state = path.parent / ".doorward-setup.json"
    with begin(path) as terminal:
        site_and_door(terminal)
        serial_reader(terminal, port)
        terminal.answer("Number printed on a card")
        terminal.until("Hold the card")
        assert terminal.interrupt() == 130
        assert "What was answered is kept" in terminal.said
    assert state.stat().st_mode & 0o777 == 0o600
    assert not path.exists()

    with begin(path) as terminal:
        terminal.answer("Go on from there?")
        terminal.until("as answered before")
        terminal.until("as answered before")
        no_hardware(terminal)
        terminal.answer("Which platform?", "2")
        terminal.answer("A short name for it", "gym")
        terminal.answer("Its address", gym.url)
        terminal.answer("API key", KEY)
        terminal.answer("How it writes cards", "hex")
        number_of(terminal, "door:front-01", "Who of them may enter at front?")
        terminal.until("Which platform?")
        assert terminal.interrupt() == 130
    assert KEY not in state.read_text()
    assert json.loads(state.read_text())["platforms"]["gym"]["doors"] == {"front": "front-01"}

    with begin(path) as terminal:
        terminal.answer("Go on from there?")
        terminal.answer("Which platform?")
        terminal.answer("Do both run now?", "n")
        assert terminal.end() == 0
    assert not state.exists()
    assert tomllib.loads(path.read_text())["doors"]["front"]["admits"] == ["gym/door:front-01"]
    assert KEY not in path.read_text()


def test_without_any_hardware_or_platform_it_can_be_tried(path: Path) -> None:
    path.write_text("# what was in force\n")
    with begin(path) as terminal:
        terminal.answer("Set up anew all the same?", "y")
        site_and_door(terminal)
        no_hardware(terminal)
        list_of_one(terminal)
        terminal.answer("Their card's number", "12AB")
        terminal.until("it is not written in digits")
        terminal.answer("Their card's number")
        terminal.answer("Do they get in even")
        terminal.answer("Who of them may enter")
        terminal.answer("Which platform?")
        terminal.until("What was in force is kept as")
        terminal.until("Do both run now?")
        with running(path):
            terminal.type("y")
            terminal.answer("A card's number", "DEADBEEF")
            terminal.until("denied_unknown_credential")
            terminal.answer("Once more?", "y")
            terminal.answer("A card's number")
            terminal.until("granted, Ruth Amsel")
            assert terminal.end() == 0
    (old,) = path.parent.glob("doorward.toml.*Z")
    assert old.read_text() == "# what was in force\n"


@pytest.mark.parametrize(
    ("printed", "listed", "form"),
    [
        ("", CARD, {"format": "hex"}),
        ("123,14706", '"123,14706"', {"format": "3-5"}),
        ("0000000017", CARD, {"format": "hex"}),  # of another card
    ],
)
def test_whatever_is_printed_on_the_card_that_was_shown_it_opens_from_a_list(
    path: Path, reader: tuple[int, str], printed: str, listed: str, form: dict[str, str]
) -> None:
    far, port = reader
    with begin(path) as terminal:
        site_and_door(terminal)
        serial_reader(terminal, port)
        terminal.answer("Number printed on a card", printed)
        terminal.until("Hold the card to the reader")
        os.write(far, f"\x02{CARD}5F\x03".encode())
        simulated(terminal, "relay")
        list_of_one(terminal)
        terminal.until("Enter: the card you held to the reader")
        terminal.answer("Their card's number")
        terminal.answer("Do they get in even")
        terminal.answer("Who of them may enter")
        terminal.answer("Which platform?")
        terminal.until("Do both run now?")
        with running(path):
            terminal.type("y")
            terminal.until("Hold a card that is to open")
            os.write(far, f"\x02{CARD}5F\x03".encode())
            terminal.until("granted, Ruth Amsel")
            assert terminal.end() == 0
    assert tomllib.loads(path.read_text())["platforms"]["keyholders"]["card"] == form
    assert listed in (path.parent / "keyholders.csv").read_text()


def relay_that_does_nothing(terminal: Terminal, board: LcusBoard) -> None:
    terminal.until("Plug the relay in now")
    terminal.type("")
    number_of(terminal, "at a serial port by its path", "Which is the relay?")
    terminal.answer("Its path", str(board.path))
    terminal.answer("Relay of the board")
    terminal.answer("Does current unlock the door?", "n")
    terminal.answer("The door will be unlocked for", "y")
    terminal.answer("Did the lock release, and lock again?", "n")
    terminal.until("check the lock's supply")


def test_a_reader_that_stays_silent_and_a_relay_that_does_nothing(
    path: Path, reader: tuple[int, str], board: LcusBoard
) -> None:
    _, port = reader
    with begin(path, wait="300ms") as terminal:
        site_and_door(terminal)
        serial_reader(terminal, "ttyUSB0")
        terminal.until("That will not do: write it from the root on")
        terminal.answer("Its path", str(path.parent / "none"))
        terminal.answer("Number printed on a card")
        terminal.until("none is not there")
        terminal.answer("What now?", "3")
        serial_reader(terminal, port)
        terminal.answer("Number printed on a card")
        terminal.until("no card within")
        terminal.answer("What now?", "2")
        terminal.answer("Speed in baud", "fast")
        terminal.until("write a number")
        terminal.answer("Speed in baud", "19200")
        terminal.until("no card within")
        terminal.answer("What now?", "4")
        relay_that_does_nothing(terminal, board)
        terminal.answer("What now?", "3")
        terminal.until("Which platform?")
        assert terminal.interrupt() == 130
    kept = json.loads((path.parent / ".doorward-setup.json").read_text())
    assert kept["reader"] == {
        "driver": "serial",
        "port": port,
        "baud": 19200,
        "card": {"format": "hex"},
    }
    assert kept["lock"]["energize"] == "lock"
    assert board.is_on(1), "current locks it"


def test_a_platform_out_of_reach_can_be_kept(path: Path, cobot: SimulatedCobot) -> None:
    url = cobot.url
    cobot.cut()
    with begin(path) as terminal:
        site_and_door(terminal)
        no_hardware(terminal)
        terminal.answer("Which platform?")
        terminal.answer("A short name for it", "harbour")
        terminal.answer("Its address")
        terminal.until("That will not do: put the name of your own into it")
        terminal.answer("Its address", url)
        terminal.answer("Access token", TOKEN)
        terminal.answer("How it writes cards", "dec99")
        terminal.until("That will not do")
        terminal.answer("How it writes cards")
        terminal.until("cannot be reached")
        terminal.answer("What now?")
        terminal.until("So everybody of harbour is let in")
        terminal.answer("Which platform?")
        terminal.answer("Do both run now?", "n")
        assert terminal.end() == 0
    assert tomllib.loads(path.read_text())["doors"]["front"]["admits"] == ["harbour/*"]


def test_a_folder_that_is_not_there_and_answers_that_cannot_be_read(path: Path) -> None:
    with begin(path.parent / "none" / "doorward.toml") as terminal:
        assert terminal.end() == 3
    assert "is missing; type: sudo mkdir" in terminal.said
    (path.parent / ".doorward-setup.json").write_text("{")
    with begin(path) as terminal:
        terminal.answer("Go on from there?")
        assert terminal.end() == 3
    assert "begin again: rm " in terminal.said


def test_labels_are_counted_by_person() -> None:
    labels = Labels()
    for key, name in (("1", "Ada"), ("2", "Ben"), ("3", "Cleo")):
        labels.person(Person("harbour", key, name))
        labels.grant(key, Grant("plan:42"))
        labels.grant(key, Grant("plan:42", since=5.0))
    labels.grant("3", Grant("extra:desk"))
    labels.forget("2")
    assert [(each.name, each.people, each.some) for each in labels.found()] == [
        ("plan:42", 2, ("Ada", "Cleo")),
        ("extra:desk", 1, ("Cleo",)),
    ]
