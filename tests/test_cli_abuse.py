"""Staff and abuse: who is inside and who forgives it, silent keypads, PINs that are too short."""

import os
import pwd
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from controller.config import Config, load
from controller.model import Kind
from hw import TABLES
from hw.sim import SimInput, SimReader
from sync.platforms import PLATFORMS
from tests.halls import Hall, in_berlin

ADA, BEN = "1234567001", "1234567002"
AREA = """
[areas.loft]
passback = "hard"
[[journeys]]
takes = "20s"
"""
LEADS = 'inside = "loft"\nfire = { driver = "sim" }\n'
OUT = """
[doors.front.readers.out]
driver = "sim"
side = "inside"
card = { format = "dec10" }
"""


class Guarded(Hall):
    """The hall with an area behind its front door."""

    def _configured(self) -> Config:
        path = super()._configured().path
        front = 'name = "Front door"\n'
        written = path.read_text().replace(front, f"{front}{LEADS}")
        written = written.replace("[site]\n", '[site]\nzone = "Europe/Berlin"\n')
        written = written.replace('run = "run"', 'run = "run"\nforgive_at = "04:00"')
        path.write_text(f"{written}{OUT}{AREA}")
        return load(path, TABLES, PLATFORMS)

    def goes_in(self, card: str) -> str:
        reason = self.scan("front", card)
        if reason == "granted":
            self.do("sim", "open", "front")
            self.do("sim", "close", "front")
            self.clock.advance(20)
            assert self.controller.doors.working["front"].catch_up(5)
        return reason

    def press(self, keys: str) -> None:
        door = self.controller.doors.working["front"]
        reader = door.parts.readers["keypad"].reader
        assert isinstance(reader, SimReader)
        reader.press(keys)
        assert door.catch_up(5)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Guarded]:
    with in_berlin(), ExitStack() as ends:
        built = Guarded(tmp_path)
        built.open(ends)
        built.member("Ada Ruiz", ADA)
        built.member("Ben Oduya", BEN)
        built.sync()
        yield built


def test_a_fire_alarm_forgets_where_people_are(place: Guarded) -> None:
    place.goes_in(ADA)
    assert "in area loft" in place.do("explain", "Ada", "front").out
    fire = place.controller.doors.working["front"].parts.fire
    assert isinstance(fire, SimInput)
    fire.set(active=True)
    assert place.controller.doors.working["front"].catch_up(5)
    (event,) = place.events(Kind.UNSURE)[-1:]
    assert event.event.detail == {"unsure": ["*"]}
    assert place.do("explain", "Ada", "front").code == 0


def test_staff_forgive_one_person_and_are_on_record(place: Guarded) -> None:
    assert place.goes_in(ADA) == "granted"
    assert place.goes_in(BEN) == "granted"
    assert place.goes_in(ADA) == "denied_passback"
    said = place.do("forgive", "ada")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("forgiven: Ada Ruiz (loft/")
    assert place.goes_in(BEN) == "denied_passback"
    assert place.goes_in(ADA) == "granted"
    (event,) = place.events(Kind.FORGIVEN)
    assert event.event.name == "Ada Ruiz"
    assert event.event.author == pwd.getpwuid(os.getuid()).pw_name


def test_or_everybody(place: Guarded) -> None:
    place.goes_in(ADA)
    assert place.do("forgive", "--everybody", "--json").json == {"forgiven": "everybody"}
    assert place.goes_in(ADA) == "granted"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "name one person, or say --everybody"),
        (("Ada", "--everybody"), "name one person, or say --everybody"),
        (("Zoe",), "nobody is known as 'Zoe'"),
        (("loft/99999",), "nobody is known as"),
        (("a",), "could be"),
    ],
)
def test_whom_must_be_clear(words: tuple[str, ...], why: str, place: Guarded) -> None:
    said = place.do("forgive", *words)
    assert said.code == 2
    assert why in said.err
    assert place.events(Kind.FORGIVEN) == []


def test_explain_shows_where_somebody_is(place: Guarded) -> None:
    before = place.do("explain", "Ada", "front")
    assert before.code == 0
    assert "the door leads from the street to area loft: hard passback" in before.out
    assert "where the person is, nobody knows; that never refuses" in before.out
    place.goes_in(ADA)
    said = place.do("explain", "Ada", "front")
    assert said.code == 1
    assert "✗ no passback" in said.out
    assert "by the record the person is in area loft, since 2026-01-05 11:00" in said.out
    assert "that is forgotten every day at 04:00" in said.out
    assert "doorward forgive PERSON" in said.out
    assert place.do("explain", "Ada", "front", "--at", "2026-01-06 04:00").code == 0


def test_status_says_which_keypad_is_silent_and_for_how_long(place: Guarded) -> None:
    assert "wrong PINs" not in place.do("status").out
    for number in range(5):
        place.press(f"{1000 + number}#")
    said = place.do("status")
    assert said.code == 1
    assert (
        "too many wrong PINs at keypad front/keypad: none is looked at for 1 min more" in said.out
    )
    assert "doorward events --kind lockout_max_attempts" in said.out
    assert "1000" not in place.do("events", "--kind", "lockout_max_attempts").out
    place.clock.advance(60)
    assert "wrong PINs" not in place.do("status").out


def with_pins(place: Guarded, number: int) -> None:
    rows = (f"p{n},Person {n},,{7000 + n},keyholder" for n in range(number))
    (place.folder / "keys.csv").write_text("\n".join(["id,name,card,pin,labels", *rows, ""]))
    place.sync()


def test_more_pins_than_their_digits_can_hide_are_an_error_and_a_line_of_status(
    place: Guarded,
) -> None:
    with_pins(place, 10)
    assert place.do("config", "check").code == 0
    with_pins(place, 11)
    checked, status = place.do("config", "check"), place.do("status")
    assert (checked.code, status.code) == (3, 1)
    for said in (checked.err, status.out):
        assert "11 PINs known, and PINs of 4 digits open doors (front, gym)" in said
        assert "then say [site] pin_digits = 5" in said


def test_longer_ones_or_a_card_before_them_will_do(place: Guarded) -> None:
    with_pins(place, 11)
    path, text = place.config.path, place.config.path.read_text()
    path.write_text(text.replace("[site]\n", "[site]\npin_digits = 5\n"))
    assert place.do("config", "check").code == 0
    demands = "".join(f"[[doors.{door}.demands]]\npin = true\n" for door in ("front", "gym"))
    path.write_text(text + demands)
    assert place.do("config", "check").code == 0


def test_duress_doubles_what_opens(place: Guarded) -> None:
    with_pins(place, 6)
    assert place.do("config", "check").code == 0
    path = place.config.path
    path.write_text(path.read_text().replace("[doors.gym]\n", "[doors.gym]\nduress = true\n"))
    said = place.do("config", "check")
    assert said.code == 3
    assert "6 PINs known, each with a second one for help (duress)" in said.err


def test_a_card_at_two_doors_at_once_is_in_the_journal(place: Guarded) -> None:
    place.scan("front", ADA)
    place.do("sim", "scan", "gym", f"{int(ADA):08X}")
    said = place.do("events", "--kind", "card_elsewhere").out
    assert "gym" in said
    assert "Ada Ruiz" in said
    assert "other front" in said
