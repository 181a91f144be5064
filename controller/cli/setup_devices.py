"""The wizard finds a reader and a relay, learns how cards are written, and tries the lock."""

import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from controller.cards import CardFormat
from controller.cli.hw_directly import Directly
from controller.cli.hw_learn import Lesson, found_formats
from controller.cli.hw_screen import ears_of, machine_clock
from controller.cli.hw_words import card_settings
from controller.cli.output import lasting
from controller.cli.setup_ask import Asking
from controller.cli.setup_card import Shown
from controller.cli.setup_data import trial
from controller.errors import ConfigError, DoorwardError, HardwareError
from hw.present import Present, present
from hw.serial_tap import judge, tapped

Table = dict[str, Any]
SIMULATED = "none here: a simulated one, to try everything without"
BAUDS = ("9600", "19200", "38400", "57600", "115200")
_PLUG_IN = "Unplug and plug in what you are about to use if you are not sure which of them it is."
_ENERGIZE = (
    "A fail-secure strike unlocks while it has current: y. A magnet holds while it has current: n."
)


@dataclass
class Devices:
    """`folder`: where trials may be written; `patience` and `release` in seconds."""

    ask: Asking
    folder: Path
    patience: float
    release: float
    shown: Shown = Shown()  # noqa: RUF009 - immutable

    def reader(self) -> Table:
        """The reader's table, `card` included."""
        while True:
            made = self._choose("reader", _readers)
            if made["driver"] == "sim":
                return {**made, "card": {"format": "hex"}}
            printed = self.ask.words(
                "Number printed on a card you have at hand",
                "It tells which of the ways to write it is meant. Enter: none is printed.",
                self.shown.printed,
            )
            self.shown = Shown(printed)
            if learnt := self._learnt(made):
                return learnt

    def lock(self, reader: Mapping[str, Any]) -> Table:
        """The lock's table. `reader`: what is taken already."""
        while True:
            made = self._choose("relay", partial(_locks, taken=str(reader.get("port", ""))))
            if made["driver"] == "sim":
                return made
            made = self._where(made)
            if self._tried(made):
                return made

    # Finding

    def _choose(self, what: str, fitting: "Fitting") -> Table:
        before = {each.name for each in present()}
        while True:
            self.ask.ask(f"Plug the {what} in now if it is not, then press Enter.")
            here = present()
            options = list(fitting(here, before))
            default = len(options) if len(options) == 2 else 1
            again = "look again"
            words = [words for words, _ in options]
            chosen = self.ask.choice(f"Which is the {what}?", _PLUG_IN, [*words, again], default)
            if chosen > len(options):
                continue
            made = dict(options[chosen - 1][1])
            return self._by_path(made) if made.get("port") == "" else made

    def _by_path(self, made: Table) -> Table:
        help_ = "As in /dev/serial/by-id, so that it is the same after a restart."
        path = self.ask.words("Its path", help_, "/dev/serial0", _absolute)
        return {**made, "port": path}

    # Learning

    def _learnt(self, made: Table) -> Table | None:
        """With its card format; None: another reader is to be taken."""
        learn = self._from_line if made["driver"] == "serial" else self._from_driver
        while True:
            try:
                return learn(made)
            except (HardwareError, ConfigError) as error:
                self.ask.say(f"  → {error}")
            match self.ask.choice(
                "What now?",
                "Most often it is the speed, or RX and ground; doorward hw watch shows the bytes.",
                (
                    "try again",
                    "try another speed",
                    "take another reader",
                    "go on without: cards are taken as hexadecimal until you correct it",
                ),
            ):
                case 2 if made["driver"] == "serial":
                    made = {**made, "baud": int(self._speed())}
                case 3:
                    return None
                case 4:
                    return {**made, "card": {"format": "hex"}}

    def _speed(self) -> str:
        help_ = f"Its manual says which; common are {', '.join(BAUDS)}."
        return self.ask.words("Speed in baud", help_, BAUDS[1], _number)

    def _from_line(self, made: Table) -> Table:
        clock, why = machine_clock(), "nothing came; check power and wiring"
        with tapped(made["port"], made.get("baud", 9600)) as tap:
            self.ask.say(f"Hold the card to the reader (within {lasting(self.patience)}).")
            end = clock.monotonic() + self.patience
            while clock.monotonic() < end:
                judged = judge(burst) if (burst := tap.burst()) else None
                if judged and judged.texts:
                    settings = tomllib.loads(judged.settings)
                    text = judged.texts[0]
                    self.ask.say(f"  it sent: {text}")
                    formats = found_formats(text, self.shown.printed, self.ask)
                    return {**made, **settings, "card": self._card(text, next(iter(formats), None))}
                why = judged.why if judged else why
        raise HardwareError(f"no card within {lasting(self.patience)}: {why}")

    def _from_driver(self, made: Table) -> Table:
        reader = {**made, "card": {"format": "text"}}
        ears = ears_of(machine_clock())
        with (
            trial(self.folder, {"readers": {"main": reader}}) as config,
            closing(Directly(config, "trial", ears.hear, lock=False)),
        ):
            readers = config.doors["trial"].readers
            tables = {"main": {"driver": made["driver"]}}
            taught = Lesson("trial", tables, readers, ears, self.ask, self.patience)
            taught.read(self.shown.printed)
        return {**made, "card": self._card(taught.sent, taught.form)}

    def _card(self, sent: str, form: CardFormat | None) -> Table:
        if form is None:
            raise HardwareError("what it sent fits no way of writing cards")
        self.shown = Shown(self.shown.printed, sent, form)
        return card_settings(form)

    # The lock

    def _where(self, made: Table) -> Table:
        if made["driver"] == "gpio-relay":
            help_ = "The GPIO number, not the number of the pin on the header."
            made = {**made, "pin": int(self.ask.words("GPIO of the relay", help_, "17", _number))}
        else:
            help_ = "Counted from 1, as printed on the board."
            number = self.ask.words("Relay of the board", help_, "1", _number)
            made = {**made, "channel": int(number)}
        unlocks = self.ask.yes("Does current unlock the door?", _ENERGIZE, default=True)
        return {**made, "energize": "unlock" if unlocks else "lock"}

    def _tried(self, made: Table) -> bool:
        """Is it to be taken?"""
        while True:
            seconds = lasting(self.release)
            if not self.ask.consents(f"Try it? The door will be unlocked for {seconds}."):
                self.ask.say("  → not tried; do it later: doorward hw test")
                return True
            try:
                if self._released(made):
                    return True
                why = "check the lock's supply, the relay's terminals, and which relay it is"
            except DoorwardError as error:
                why = str(error)
            self.ask.say(f"  → {why}")
            options = ("try again", "choose relay and wiring again", "take it as it is")
            chosen = self.ask.choice("What now?", "It is locked while you think.", options, 2)
            if chosen > 1:
                return chosen == 3

    def _released(self, made: Table) -> bool:
        """Did a person see it release and lock again? Locked again however this ends."""
        with (
            trial(self.folder, {"lock": made}) as config,
            closing(Directly(config, "trial", lambda _: None, lock=True)) as hands,
        ):
            hands.release(self.release)
            threading.Event().wait(self.release)
            if why := hands.trouble():
                raise HardwareError(why)
        if not self.ask.saw("Did the lock release, and lock again?"):
            return False
        self.ask.say("  → released and locked again, seen by you")
        return True


Fitting = Callable[[Iterable[Present], set[str]], Iterator[tuple[str, Table]]]


def _readers(here: Iterable[Present], before: set[str]) -> Iterator[tuple[str, Table]]:
    """Words and table; what was plugged in just now comes first."""
    for each in _newest_first(here, before):
        words = f"{each.what}  {each.name}{_new(each, before)}"
        if each.sort == "serial":
            yield words, {"driver": "serial", "port": each.name}
        elif each.sort == "keyboard":
            yield words, {"driver": "wedge", "device": each.name}
        elif each.sort == "i2c":
            yield f"PN532 at {words}", {"driver": "pn532", "i2c": each.name}
        elif each.sort == "gpio":
            yield (
                f"Wiegand at GPIO 22 (D0) and 23 (D1) of {each.name}",
                {"driver": "wiegand", "d0": 22, "d1": 23, **_chip(each)},
            )
    yield "a serial port by its path", {"driver": "serial", "port": ""}
    yield SIMULATED, {"driver": "sim"}


def _locks(here: Iterable[Present], before: set[str], taken: str) -> Iterator[tuple[str, Table]]:
    for each in _newest_first(here, before):
        if each.sort == "serial" and each.name != taken:
            words = f"relay board (LCUS) at {each.what}  {each.name}{_new(each, before)}"
            yield words, {"driver": "serial-relay", "port": each.name}
        elif each.sort == "gpio":
            yield f"relay at a GPIO of {each.name}", {"driver": "gpio-relay", **_chip(each)}
    yield "relay board (LCUS) at a serial port by its path", {"driver": "serial-relay", "port": ""}
    yield SIMULATED, {"driver": "sim"}


def _newest_first(here: Iterable[Present], before: set[str]) -> list[Present]:
    return sorted(here, key=lambda each: each.name in before)


def _new(each: Present, before: set[str]) -> str:
    return "" if each.name in before else "  (just plugged in)"


def _chip(each: Present) -> Table:
    from hw.gpio_chips import HEADERS

    return {} if each.name in HEADERS else {"chip": each.name}


def _absolute(text: str) -> str:
    return "" if text.startswith("/") else "write it from the root on, such as /dev/ttyUSB0"


def _number(text: str) -> str:
    return "" if text.isdecimal() else "write a number"
