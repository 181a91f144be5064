"""`doorward hw`: what a technician sees, with the controller running and without it."""

import json
import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cli.hw_ears import Ears, Seen
from controller.cli.hw_learn import Lesson, found_formats
from controller.cli.hw_list import inventory, stanzas
from controller.cli.hw_words import as_data, hidden, told
from controller.clock import SystemClock
from controller.config import load
from controller.control import Server
from controller.errors import HardwareError, NotRunning
from controller.model import Strength
from controller.ports import Alarm, Card, Health, Keys, Level, Refused, Told
from hw.present import Present
from hw.sim import SimInput
from tests.contract_hw import PATIENCE
from tests.technicians import CARD, Acting, Place, place_at, site, typed


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with place_at(tmp_path) as built:
        yield built


# hw watch


def test_what_the_devices_tell_is_shown_while_the_controller_runs(place: Place) -> None:
    with typed(place.config.path, "hw", "watch", "front") as command:
        command.until("through the controller")
        command.until("contact  ")
        place.main.present(CARD)
        command.until(f"card      {CARD}  (weak)")
        command.until(f"hex      40:{CARD}")
        command.until('here     32:007B3972  (card = { format = "hex", keep_bits = 32 })')
        place.reader("pad").press("4")
        command.until("front/pad             keys      •")
        place.device("contact", SimInput).set(True)
        command.until("front/contact         level     open")
        place.main.unplug()
        command.until("DOES NOT WORK: reader front/main: unplugged")
        assert command.interrupt() == 130
    assert "Traceback" not in command.all


def test_no_pin_is_ever_shown(place: Place) -> None:
    with typed(place.config.path, "hw", "watch", "--json", "--for", "60s") as command:
        command.until('"level"')
        place.reader("pad").present("824657")
        line = command.until('"card"')
        place.reader("pad").press("8246")
        for _ in range(4):
            command.until('"keys"')
        command.interrupt()
    assert json.loads(line) | {"at": ""} == {
        "at": "",
        "door": "front",
        "part": "pad",
        "told": "card",
        "text": "",
        "strength": "weak",
        "raw": "",
        "pin": True,
    }
    assert "8246" not in command.all


def test_whoever_stops_watching_leaves_nobody_waiting(place: Place) -> None:
    hands, _ = place.listening()
    (listener,) = [each for each in threading.enumerate() if each.name == "watch front"]
    hands.close()
    listener.join(PATIENCE)
    assert not listener.is_alive()


def test_a_controller_that_ends_meanwhile_is_said_to_be_gone(place: Place) -> None:
    connected: list[str] = []

    def end(request: object, author: str, say: Any) -> dict[str, object]:
        connected.append(author)
        raise OSError

    place.controller.close()
    status = {"id": "front", "works": True, "unwell": {}}
    run = place.config.run
    server = Server(run / "door.sock", {"status": lambda *_: {"doors": [status]}, "watch": end})
    try:
        with typed(place.config.path, "hw", "watch", "front") as command:
            assert command.end() == NotRunning.exit_code
    finally:
        server.close()
    assert connected
    assert "the controller has gone (it closed the connection)" in command.all


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """The far end of a serial line, and the path of the near one."""
    far, near = pty.openpty()
    tty.setraw(near)
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


def test_without_the_controller_the_devices_are_heard_all_the_same(
    tmp_path: Path, line: tuple[int, str]
) -> None:
    far, port = line
    main = f'{{ driver = "serial", port = "{port}", card = {{ format = "hex" }} }}'
    with typed(site(tmp_path, main), "hw", "watch", "front") as command:
        command.until("while no controller runs")
        command.until("front/main            health    works")
        os.write(far, b"6F007B3972\r\n")
        command.until("card      6F007B3972")
        command.until("36 46 30 30 37 42 33 39 37 32  6F007B3972")
        command.until("here     40:6F007B3972")
        os.write(far, b"\x026F007B39725F\x03\r\n")
        command.until("REFUSED: byte 02 is not printable: a reader that sends this wants framing")
        assert command.interrupt() == 130
    assert "lock" not in command.all


def test_a_line_that_no_door_uses_shows_its_bytes_and_its_framing(
    tmp_path: Path, line: tuple[int, str]
) -> None:
    far, port = line
    with typed(tmp_path / "none.toml", "hw", "watch", "--port", port) as command:
        command.until("Listening at")
        os.write(far, b"\x026F007B39725F\x03")
        command.until("02 36 46 30 30 37 42 33 39 37 32 35 46 03  ·6F007B39725F·")
        command.until("stx      6F007B3972")
        os.write(far, b"\xf8\x00\xe0")
        command.until("REFUSED: neither lines of text nor STX..ETX")
        assert command.interrupt() == 130


def test_a_watch_ends_when_its_time_is_over(tmp_path: Path, line: tuple[int, str]) -> None:
    with typed(site(tmp_path), "hw", "watch", "--for", "10ms") as command:
        assert command.end() == 0
    with typed(tmp_path / "x", "hw", "watch", "--port", line[1], "--for", "1ms") as command:
        assert command.end() == 0
    with typed(tmp_path / "x", "hw", "watch", "--port", "/dev/none") as command:
        assert command.end() == HardwareError.exit_code
    assert "/dev/none is not there" in command.all


# hw list


def test_what_is_plugged_in_is_listed_without_a_configuration(tmp_path: Path) -> None:
    with typed(tmp_path / "none.toml", "hw", "list") as command:
        assert command.end() == 0
    assert "nothing is known of what is in use" in command.all
    with typed(site(tmp_path), "hw", "list", "--json") as command:
        assert command.end() == 0
    assert json.loads(command.all)["missing"] == []


def test_each_device_says_who_uses_it_and_each_missing_one_what_is_there(tmp_path: Path) -> None:
    gone = "/dev/serial/by-id/usb-gone"
    path = site(tmp_path, f'{{ driver = "serial", port = "{gone}", card = {{ format = "hex" }} }}')
    text = path.read_text().replace(
        'lock = { driver = "sim" }', 'lock = { driver = "gpio-relay", pin = 17 }'
    )
    path.write_text(
        text.replace(
            "readers.pad",
            'readers.net = { driver = "serial", port = '
            '"socket://10.0.0.9:4000", card = { format = "hex" } }\nreaders.pad',
        )
    )
    here = Present("serial", "/dev/serial/by-id/usb-here", "/dev/ttyUSB9", "CH340", stanza="s")
    chip = Present("gpio", "pinctrl-rp1", "/dev/gpiochip0", "GPIO of the header")

    found = inventory([here, chip], load(path))

    assert found.used == {"/dev/gpiochip0": ["front/lock"]}
    (lost,) = found.missing
    assert str(lost).startswith(
        f"front/main (serial): {gone} is not there. Here instead: {here.name}"
    )
    assert [row[3] for row in found.rows()] == ["–", "front/lock"]
    assert "gpio-relay" in next(row[2] for row in found.rows() if row[0] == chip.what)
    assert [line for line in found.advice() if "begin" in line] == [f"to begin with {here.name}: s"]


def test_a_device_without_any_of_its_sort_is_missed_too(tmp_path: Path) -> None:
    path = site(tmp_path)
    text = path.read_text()
    path.write_text(
        text.replace('lock = { driver = "sim" }', 'lock = { driver = "gpio-relay", pin = 17 }')
    )
    (lost,) = inventory([], load(path)).missing
    assert "front/lock (gpio-relay): a GPIO chip is not there" in str(lost)


def test_a_missing_bus_is_told_with_the_buses_that_are_there(tmp_path: Path) -> None:
    pn532 = '{ driver = "pn532", i2c = "/dev/i2c-99", card = { format = "hex" } }'
    here = [Present("i2c", "/dev/i2c-1", "/dev/i2c-1", "I²C bus")]
    here.append(Present("serial", "/dev/ttyUSB9", "/dev/ttyUSB9", "CH340"))
    (lost,) = inventory(here, load(site(tmp_path, pn532))).missing
    assert "/dev/i2c-99 is not there. Here instead: /dev/i2c-1. To do:" in str(lost)
    here.append(Present("i2c", "/dev/i2c-99", "/dev/i2c-99", "I²C bus"))
    (tmp_path / "again").mkdir()
    found = inventory(here, load(site(tmp_path / "again", pn532)))
    assert found.used == {"/dev/i2c-99": ["front/main"]}


# hw learn


def lesson(place: Place, person: Acting, patience: float = PATIENCE) -> Lesson:
    _, ears = place.listening()
    tables = {part: table for part, _, table in stanzas(place.config, "front")}
    ears.forget()
    return Lesson("front", tables, place.config.doors["front"].readers, ears, person, patience)


def test_one_scan_and_the_printed_number_give_the_format(place: Place) -> None:
    taught = lesson(place, person := Acting({"Hold the card": lambda: place.main.present(CARD)}))
    taught.read("0008075634")
    assert taught.lines == [
        'readers.main = { driver = "sim", card = { format = "hex", keep_bits = 32 } }'
    ]
    assert "→ 32:007B3972" in person.all


def test_without_the_printed_number_the_likely_format_comes_first() -> None:
    for text, form in ((CARD, "hex"), ("0008075634", "dec10"), ("24:7B3972", "bits")):
        first, *_ = found_formats(text, "", Acting())
        assert first.form == form
    assert found_formats(CARD, "99999", person := Acting())[0].form == "hex"
    assert "meet under no settings" in person.all


def test_one_opening_says_whether_the_contact_is_the_right_way_round(place: Place) -> None:
    contact = place.device("contact", SimInput)
    opens = {
        "Open the door": lambda: contact.set(True),
        "Shut the door a": lambda: contact.set(False),
    }
    taught = lesson(place, person := Acting(opens))
    taught.move("contact")
    assert "The contact is the right way round" in person.all
    assert taught.lines == [], "a simulated contact has no polarity to write down"


@pytest.mark.parametrize("set_to", ["open", "closed"])
@pytest.mark.parametrize(("part", "do"), [("contact", "Open the"), ("exit_button", "Press the")])
@pytest.mark.parametrize("right", [True, False])
def test_one_movement_gives_the_polarity(
    place: Place, part: str, do: str, set_to: str, right: bool
) -> None:
    table = {"driver": "gpio-input", "pin": 27, "normally": set_to}
    ears = Ears(SystemClock(place.config.run).monotonic)
    ears.hear(Seen("front", part, Level(not right)))

    def move(active: bool) -> Callable[[], None]:
        return lambda: ears.hear(Seen("front", part, Level(active)))

    acts = {do: move(right), "Shut the door a": move(not right), "Let go of it": move(not right)}
    taught = Lesson("front", {part: table}, {}, ears, person := Acting(acts), PATIENCE)

    taught.move(part)

    other = {"open": "closed", "closed": "open"}[set_to]
    normally = set_to if right else other
    assert taught.lines == [
        f'{part} = {{ driver = "gpio-input", pin = 27, normally = "{normally}" }}'
    ]
    assert ("right way round" if right else "wrong way round: write") in person.all
    assert "once more" not in person.all


def test_a_door_that_tells_nothing_is_an_error_with_a_remedy(place: Place) -> None:
    taught = lesson(place, Acting(), 0.05)
    with pytest.raises(HardwareError, match=r"readers of front \(main, pad\): no card came"):
        taught.read("")
    with pytest.raises(HardwareError, match="contact of front: it told nothing"):
        taught.move("contact")
    assert taught.lines == []


def test_what_is_refused_is_shown_and_ends_in_a_remedy(place: Place) -> None:
    ears = Ears(SystemClock(place.config.run).monotonic)
    for part in ("main", "pad"):
        ears.hear(Seen("front", part, Refused("wrong parity", "1001 8246")))
    readers = place.config.doors["front"].readers
    taught = Lesson("front", {}, readers, ears, person := Acting(), 0.05)
    with pytest.raises(HardwareError, match=r"was refused: wrong parity\. Correct framing"):
        taught.read("")
    assert "  main: REFUSED: wrong parity\n  raw      1001 8246\n" in person.all
    assert person.all.count("8246") == 1, "what a reader of PINs sent is never shown"


def test_a_pin_is_no_lesson(place: Place) -> None:
    act = {"Hold the card": lambda: place.reader("pad").present("824657")}
    taught = lesson(place, person := Acting(act))
    taught.read("")
    assert taught.lines == []
    assert "824657" not in person.all


def test_a_lesson_at_a_bare_port_gives_the_whole_stanza(
    tmp_path: Path, line: tuple[int, str]
) -> None:
    far, port = line
    words = ("hw", "learn", "--port", port, "--printed", "0008075634")
    with typed(tmp_path / "none.toml", *words) as command:
        command.until("Hold the card")
        os.write(far, b"\x026F007B39725F\x03")
        command.until("To copy into the configuration:")
        assert command.end() == 0
    stanza = f'  driver = "serial"\n  port = "{port}"\n  framing = "stx"\n'
    assert f'{stanza}  card = {{ format = "hex", keep_bits = 32 }}\n' in command.all


def test_a_lesson_without_answers_or_cards_says_so(tmp_path: Path, line: tuple[int, str]) -> None:
    path = site(tmp_path)
    with typed(path, "hw", "learn", "front") as command:
        assert command.end() == 1
    assert "there is no answer to read: do this in a terminal" in command.all
    words = ("hw", "learn", "--port", line[1], "--printed", "", "--wait", "50ms")
    with typed(path, *words) as command:
        assert command.end() == HardwareError.exit_code
    assert f"{line[1]}: no card within" in command.all
    with typed(path, "hw", "learn", "frnt") as command:
        assert command.end() == 2
    assert "did you mean 'front'?" in command.all


# Words


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (Card("8246", Strength.PIN, "38"), "a PIN of 4 digits (never shown)"),
        (Keys("••"), "••  (2 pressed; never shown)"),
        (Refused("wrong parity", "0011"), "REFUSED: wrong parity"),
        (Level(True), "pressed"),
        (Health(True), "works"),
        (Alarm("tamper", True, "opened"), "ALARM: tamper: opened"),
        (Alarm("tamper", False), "alarm over: tamper"),
    ],
)
def test_everything_told_has_its_words(what: Told, said: str) -> None:
    seen = Seen("front", "exit_button", what)
    assert told(seen)[0] == said
    assert "8246" not in json.dumps([told(seen), as_data(seen, None)])


def test_what_is_kept_holds_no_card() -> None:
    assert hidden("byte 6F of 6F007B3972 at /dev/serial/by-id/usb-A50285BI-if00 is odd") == (
        "byte 6F of …3972 at /dev/serial/by-id/usb-A50285BI-if00 is odd"
    )


def test_one_lesson_that_fails_keeps_no_other_from_being_learnt(tmp_path: Path) -> None:
    words = ("hw", "learn", "front", "--printed", "", "--wait", "10ms")
    with typed(site(tmp_path), *words, answers="\n\n") as command:
        assert command.end() == HardwareError.exit_code
    for part in ("readers of front", "contact of front", "exit_button of front"):
        assert f"  → {part}" in command.all
    assert "3 of 3 things were not learnt: see above" in command.all
