"""Staff and technicians at a door with everything: `prop`, `sim type`, alarms in `status`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.commands import DoorCommands
from controller.config import load
from controller.control import Answer
from controller.daemon import Controller
from controller.model import Kind
from hw import TABLES
from hw.sim import SimReader
from hw.sim_play import play
from sync.platforms import PLATFORMS
from tests.fakes import MONDAY, FakeClock
from tests.halls import Said, doorward, in_berlin

SITE = """
[site]
data = "data"
run = "run"
zone = "Europe/Berlin"
[clock]
trust = "always"
[doors.front]
admits = ["keyholder"]
duress = true
contact = { driver = "sim" }
exit_button = { driver = "sim" }
tamper = { driver = "sim" }
fire = { driver = "sim" }
lock = { driver = "sim" }
indicator = { driver = "sim" }
[doors.front.readers.main]
driver = "sim"
card = { format = "hex" }
[doors.front.readers.keypad]
driver = "sim"
card = { format = "pin" }
[[doors.front.demands]]
begin = "20:00"
end = "06:59"
pin = true
[[doors.front.demands]]
weekdays = [6]
begin = "07:00"
end = "07:59"
strength = "secure"
[[doors.front.unlocked]]
begin = "14:00"
end = "14:59"
[doors.inner]
admits = ["*"]
interlock = ["outer"]
lock = { driver = "sim" }
contact = { driver = "sim" }
[doors.inner.readers.main]
driver = "sim"
card = { format = "hex" }
[doors.outer]
admits = ["*"]
lock = { driver = "sim" }
contact = { driver = "sim" }
[doors.outer.readers.main]
driver = "sim"
card = { format = "hex" }
[doors.store]
admits = ["*"]
lock = { driver = "sim" }
[doors.store.readers.main]
driver = "sim"
card = { format = "hex" }
[platforms.keys]
kind = "file"
path = "keys.csv"
keyholders = true
card = { format = "hex" }
"""
KEYS = """\
id,name,card,pin,labels
k1,Ida Keys,04A1B2C3,8264,keyholder
"""


class Place:
    """A running controller, and what is typed at it."""

    def __init__(self, controller: Controller, clock: FakeClock) -> None:
        self.controller, self.clock = controller, clock

    def do(self, *words: str) -> Said:
        assert self.controller.journal.flush(5)
        return doorward(self.controller.config.path, *words)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for door in self.controller.doors.working.values():
            assert door.catch_up(5)
            assert door.catch_up(5)

    def events(self) -> list[str]:
        lines = self.do("events", "--json", "--last", "100").out.splitlines()
        return [json.loads(line)["kind"] for line in lines]

    def contact(self, door: str) -> str:
        rows = self.do("doors").out.splitlines()
        return next(row for row in rows if row.startswith(door))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "doorward.toml").write_text(SITE)
    (tmp_path / "keys.csv").write_text(
        "id,name,card,pin,labels\nk1,Ida Keys,04A1B2C3,8264,keyholder\n"
    )
    clock = FakeClock(MONDAY)
    config = load(tmp_path / "doorward.toml", TABLES, PLATFORMS)
    with in_berlin(), Controller(config, clock) as controller:
        made = Place(controller, clock)
        made.wait(1)
        yield made


def test_a_door_may_stand_open_for_a_while(place: Place) -> None:
    place.do("sim", "scan", "front", "04A1B2C3")
    place.do("sim", "open", "front")
    place.wait(60)
    assert "held open" in place.contact("front")
    assert "open for too long; shut it, or allow it: doorward prop" in place.do("status").all
    assert place.do("prop", "front", "--for", "15m").out == "front may stand open for 15 min\n"
    assert "held open" not in place.contact("front")
    told = place.do("prop", "front", "--for", "15m", "--json")
    assert told.json == {"door": "front", "seconds": 900.0}
    assert place.events()[-1] == Kind.PROPPED


def test_nobody_allows_what_was_forced(place: Place) -> None:
    place.do("sim", "open", "front")
    said = place.do("prop", "front", "--for", "15m")
    assert (said.code, said.out) == (1, "")
    assert "front was forced open" in said.err
    assert "forced open" in place.contact("front")
    place.controller.doors.working["front"].prop("ida", 900)  # asked for a moment before
    place.wait(1)
    assert Kind.PROPPED not in place.events()


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("prop store --for 5m", 3, "store has no contact"),
        ("prop front --for 2d", 3, "at most a day"),
        ("prop front", 2, "Missing option '--for'"),
        ("prop cellar --for 5m", 2, "there is no door 'cellar'"),
        ("unlock front --for 2d", 3, "doorward mode front unlocked"),
    ],
)
def test_what_cannot_be_allowed_is_said(place: Place, words: str, code: int, why: str) -> None:
    said = place.do(*words.split())
    assert said.code == code
    assert why in said.err


def test_a_forced_door_is_seen_also_in_lockdown(place: Place) -> None:
    place.do("lockdown", "on", "front")
    place.do("sim", "open", "front")
    assert "forced open" in place.contact("front")
    place.do("lockdown", "off")
    assert "opened though nobody was let in" in place.do("status").all


def test_a_keypad_is_typed_at(place: Place) -> None:
    assert "granted, Ida Keys" in place.do("sim", "type", "front", "8264#").out
    place.wait(60)
    said = place.do("sim", "type", "front", "8265#", "--reader", "keypad")
    assert "granted, Ida Keys" in said.out
    assert "8265" not in said.out
    events = place.do("events", "--last", "100")
    assert "8264" not in events.out + place.do("sim", "state", "front").out
    assert Kind.DURESS in place.events()


def test_at_night_the_pin_follows_the_card_and_explain_says_so(place: Place) -> None:
    place.wait(12 * 3600)
    assert "it waits for the PIN" in place.do("sim", "scan", "front", "04A1B2C3").out
    assert "wait" in place.do("sim", "state", "front").out
    assert "it waits for the PIN" in place.do("sim", "type", "front", "82").out
    assert "granted, Ida Keys" in place.do("sim", "type", "front", "*8264#").out
    explained = place.do("explain", "04A1B2C3", "front")
    assert "now the person's PIN must follow the card" in explained.out
    assert "strength" not in explained.out
    alone = place.do("explain", "8264", "front")
    assert "denied_incorrect_authentication_factor" in alone.out


def test_explain_says_that_strength_hangs_on_the_reader(place: Place) -> None:
    saturday = ("--at", "2026-01-10 07:30")
    card = place.do("explain", "04A1B2C3", "front", *saturday)
    assert "now only a credential of strength secure or more will do" in card.out
    assert "hangs on the reader it is held to; here it is taken for enough" in card.out
    pin = place.do("explain", "8264", "front", *saturday)
    assert "it is of strength pin" in pin.out
    assert pin.code == 1


def test_tamper_and_fire_and_their_ends(place: Place) -> None:
    place.do("sim", "tamper", "front")
    assert "alarm, tamper: somebody opened a housing" in place.do("status").all
    place.do("sim", "untamper", "front")
    assert "alarm, tamper" not in place.do("status").all
    place.do("sim", "fire", "front")
    assert "the fire alarm is on" in place.do("status").all
    place.do("sim", "extinguish", "front")
    assert place.events()[-4:] == [Kind.ALARM, Kind.ALARM_OVER, Kind.FIRE, Kind.FIRE_OVER]


def test_lock_does_not_claim_to_end_the_hours(place: Place) -> None:
    place.wait(3 * 3600)
    assert place.controller.doors.working["front"].released
    said = place.do("lock", "front")
    assert said.out.startswith("front is unlocked by its hours; to shut it all the same")
    assert "normal" in place.contact("front")


def test_a_door_of_a_sluice_says_which_other_keeps_it_shut(place: Place) -> None:
    place.do("sim", "open", "outer")
    said = place.do("unlock", "inner")
    assert said.code != 0
    assert "inner is interlocked with outer, which is not shut" in said.err
    place.do("sim", "close", "outer")
    assert place.do("unlock", "inner").code == 0


def test_who_watches_sees_cards_and_keys_but_no_pin(place: Place) -> None:
    parts = place.controller.doors.working["front"].parts
    main, keypad = parts.readers["main"].reader, parts.readers["keypad"].reader
    assert isinstance(main, SimReader)
    assert isinstance(keypad, SimReader)
    commands = DoorCommands(place.controller.doors, place.controller.knowledge, play)
    said: list[Answer] = []

    def say(answer: Answer) -> None:
        said.append(answer)
        if "watching" in answer:
            main.present("04A1B2C3")
            main.press("8#")
            keypad.present("8264")

    commands.watch({"door": "front", "seconds": 0.1}, "ida", say)
    assert [answer.get("text", answer.get("count")) for answer in said[1:]] == [
        "04A1B2C3",
        1,
        1,
        "…",
    ]
    assert "8264" not in str(said)
    assert Kind.WATCHED in place.events()
