"""Somebody guesses PINs at real doors: how long nobody is heard, and what does not help them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.config import load
from controller.daemon import Controller
from controller.model import Demand, DoorRules, Kind, Labels
from controller.tries import FIRST_PAUSE, TRIES
from hw import TABLES
from hw.sim import SimReader
from sync.platforms import PLATFORMS
from tests.fakes import FakeClock
from tests.rigs import Member, Rig, members, rig

ADA = Member("Ada", ("32:04A1B2C3", "pin:4711"))
BEN = Member("Ben", ("32:0B0B0B0B", "pin:8264"))
CARD = {"Ada": "04A1B2C3", "Ben": "0B0B0B0B"}
DOOR = Labels(["plan:*"])


def asking(door: str) -> DoorRules:
    """A door that asks for the PIN after the card."""
    return DoorRules(door, DOOR, demands=(Demand(pin=True),))


def guess(door: Rig, times: int = TRIES) -> None:
    for number in range(times):
        door.press(f"{1000 + number}#")


def guess_after(door: Rig, card: str, times: int) -> None:
    for number in range(times):
        door.clock.advance(3)
        door.scan(card)
        door.press(f"{1000 + number}#")


def shown(door: Rig, card: str, pin: str) -> str:
    """The reason for a card and the PIN after it."""
    door.clock.advance(3)
    door.scan(card)
    door.press(f"{pin}#")
    return door.reasons()[-1]


class TestAfterACard:
    @contextmanager
    def two(self, data: Path) -> Iterator[tuple[Rig, Rig]]:
        with rig(data, asking("front")) as front, rig(data, asking("lab"), beside=front) as lab:
            members(data, front.clock, ADA, BEN)
            yield front, lab

    def test_wrong_pins_count_for_its_owner_at_all_doors_together(self, tmp_path: Path) -> None:
        with self.two(tmp_path) as (front, lab):
            guess_after(front, CARD["Ada"], 3)
            guess_after(lab, CARD["Ada"], 2)
            assert shown(front, CARD["Ada"], "4711") == "denied_max_attempts"
            assert shown(lab, CARD["Ada"], "4711") == "denied_max_attempts"
            assert front.lock.releases == lab.lock.releases == 0

    def test_others_come_in_meanwhile(self, tmp_path: Path) -> None:
        with self.two(tmp_path) as (front, lab):
            guess_after(front, CARD["Ada"], 3)
            guess_after(lab, CARD["Ada"], 2)
            assert shown(front, CARD["Ben"], "8264") == "granted"
            assert shown(lab, CARD["Ben"], "8264") == "granted"

    def test_it_is_on_record_whose_card_it_was(self, tmp_path: Path) -> None:
        with self.two(tmp_path) as (front, lab):
            guess_after(front, CARD["Ada"], 3)
            guess_after(lab, CARD["Ada"], 2)
            (told,) = lab.events(Kind.LOCKOUT)
            assert (told.event.name, told.event.card) == ("Ada", "…B2C3")
            assert told.event.reason == ""
            detail = told.event.detail or {}
            assert (detail["counted"], detail["times"]) == ("person", TRIES)
            assert detail["seconds"] == FIRST_PAUSE
            assert front.events(Kind.LOCKOUT) == []

    def test_when_the_pause_is_over_the_right_one_opens(self, tmp_path: Path) -> None:
        with self.two(tmp_path) as (front, lab):
            guess_after(front, CARD["Ada"], 3)
            guess_after(lab, CARD["Ada"], 2)
            front.wait(FIRST_PAUSE)
            assert shown(front, CARD["Ada"], "4711") == "granted"


def test_a_pin_that_is_too_short_opens_nothing_whoever_has_it(tmp_path: Path) -> None:
    with rig(tmp_path, replace(asking("front"), pin_digits=6, duress=True)) as front:
        members(tmp_path, front.clock, ADA, BEN._replace(cards=("32:0B0B0B0B", "pin:826400")))
        assert shown(front, CARD["Ada"], "4711") == "denied_incorrect_authentication_factor"
        assert shown(front, CARD["Ben"], "826400") == "granted"
    plain = replace(DoorRules("front", DOOR), pin_digits=6, duress=True)
    with rig(tmp_path, plain, clock=front.clock) as front:
        for pin in ("4711#", "4712#"):
            front.press(pin)
        front.keypad.present("4711")
        front.settle()
        assert front.reasons()[-3:] == ["denied_unknown_credential"] * 3
        assert front.events(Kind.DURESS) == []


class TestTime:
    @pytest.mark.parametrize("step", [-86_400.0, 86_400.0, 365 * 86_400.0])
    def test_a_step_of_the_clock_shortens_nothing(self, step: float, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            guess(front)
            front.clock.step(step)
            front.press("4711#")
            assert front.reasons()[-1] == "denied_max_attempts"
            front.wait(FIRST_PAUSE)
            front.press("4711#")
            assert front.reasons()[-1] == "granted"

    def test_a_machine_that_sleeps_waits_too(self, tmp_path: Path) -> None:
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            guess(front)
            front.clock.suspend(FIRST_PAUSE)
            front.press("4711#")
            assert front.reasons()[-1] == "granted"

    def test_whoever_goes_on_meanwhile_makes_it_no_longer(self, tmp_path: Path) -> None:
        """One guesser keeps nobody out for good."""
        with rig(tmp_path) as front:
            members(tmp_path, front.clock, ADA)
            guess(front)
            for _ in range(10):
                front.wait(FIRST_PAUSE / 10)
                front.press("1000#" if front.clock.boottime() < 1000 + FIRST_PAUSE else "4711#")
            assert front.reasons()[-1] == "granted"
            assert len(front.events(Kind.LOCKOUT)) == 1


WRONG = "denied_authentication_unavailable"  # only the keyholders' list is here
SITE = """
[site]
data = "data"
run = "run"
[clock]
trust = "always"
[doors.front]
admits = ["keyholder"]
lock = { driver = "sim" }
[doors.front.readers.main]
driver = "sim"
card = { format = "hex" }
[[doors.front.demands]]
strength = "pin"
pin = true
begin = "20:00"
end = "21:00"
[platforms.keys]
kind = "file"
path = "keys.csv"
keyholders = true
zone = "Europe/Berlin"
card = { format = "hex" }
"""


class Site:
    """A controller that is started again and again over the same files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FakeClock()
        site = SITE.replace('run = "run"', 'run = "run"\nzone = "Europe/Berlin"')
        (folder / "doorward.toml").write_text(site)
        (folder / "keys.csv").write_text(
            "id,name,card,pin,labels\nk1,Ida Keys,04A1B2C3,8264,keyholder\n"
        )

    @contextmanager
    def started(self, boot: str) -> Iterator[Controller]:
        config = load(self.folder / "doorward.toml", TABLES, PLATFORMS)
        with Controller(config, self.clock, boot) as controller:
            yield controller
            assert controller.journal.flush(5)

    def press(self, controller: Controller, keys: str) -> str:
        door = controller.doors.working["front"]
        reader = door.parts.readers["main"].reader
        assert isinstance(reader, SimReader)
        reader.press(keys)
        assert door.catch_up(5)
        assert door.last
        return door.last[1].reason.value

    def guess(self, controller: Controller) -> None:
        for number in range(TRIES):
            self.press(controller, f"{1000 + number}#")


class TestRestarts:
    def test_of_the_program_the_pause_goes_on(self, tmp_path: Path) -> None:
        site = Site(tmp_path)
        with site.started("boot-1") as controller:
            site.guess(controller)
        site.clock.advance(FIRST_PAUSE / 2)
        with site.started("boot-1") as controller:
            assert site.press(controller, "8264#") == "denied_max_attempts"
            site.clock.advance(FIRST_PAUSE / 2)
            assert site.press(controller, "8264#") == "granted"

    @pytest.mark.parametrize("step", [0.0, -1e6, 1e6])
    @pytest.mark.parametrize("up", [3.0, 50_000.0])
    def test_of_the_machine_it_begins_anew(self, step: float, up: float, tmp_path: Path) -> None:
        site = Site(tmp_path)
        with site.started("boot-1") as controller:
            site.guess(controller)
        site.clock.monotonic_time = site.clock.boottime_time = up
        site.clock.step(step)
        with site.started("boot-2") as controller:
            assert site.press(controller, "8264#") == "denied_max_attempts"
            site.clock.advance(FIRST_PAUSE)
            assert site.press(controller, "1234#") == WRONG
            site.clock.advance(FIRST_PAUSE)
            assert site.press(controller, "8264#") == "denied_max_attempts", "it has grown"

    def test_who_came_in_since_has_a_clean_sheet(self, tmp_path: Path) -> None:
        site = Site(tmp_path)
        with site.started("boot-1") as controller:
            site.guess(controller)
            site.clock.advance(FIRST_PAUSE)
            assert site.press(controller, "8264#") == "granted"
        with site.started("boot-1") as controller:
            assert site.press(controller, "1234#") == WRONG
            assert site.press(controller, "8264#") == "granted"
