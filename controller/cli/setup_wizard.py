"""The steps of `doorward setup`, one after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from controller.cli.setup_answers import Answers
from controller.cli.setup_ask import ID_RULE, Asking, id_problem
from controller.cli.setup_card import SIMULATED
from controller.cli.setup_devices import Devices
from controller.cli.setup_platforms import Platforms
from controller.errors import ConfigError

_WELCOME = (
    "Every question has an answer to begin with: press Enter to take it. Ctrl-C leaves; what was",
    "answered is kept, and doorward setup goes on from there.",
)


@dataclass
class Wizard:
    """One person's way through the questions."""

    ask: Asking
    path: Path
    answers: Answers
    patience: float
    release: float

    def run(self) -> None:
        """Ask, write, start; what was answered is kept until all is done."""
        for line in _WELCOME:
            self.ask.say(line)
        self._begin()
        devices = Devices(self.ask, self.path.parent, self.patience, self.release)
        self._step("site", "1. The site", self._site)
        self._step("door", "2. The door", self._door)
        self._step("reader", "3. The reader", devices.reader)
        self._step("lock", "4. The lock", lambda: devices.lock(self.answers.get("reader")))
        self._platforms(devices)
        self._write()
        self._start()
        self.answers.forget()

    def _begin(self) -> None:
        """Take up what was left, or say what would be replaced."""
        if not self.path.parent.is_dir():
            raise ConfigError(f"{self.path.parent} is missing; type: sudo mkdir {self.path.parent}")
        if self.answers.there:
            help_ = "n begins anew; keys of platforms that were entered stay where they are."
            if self.ask.yes(
                "A setup was left before its end. Go on from there?", help_, default=True
            ):
                self.answers.take_up()
                return
            self.answers.forget()
        if self.path.exists():
            help_ = "It would be kept under another name, and what is written now would replace it."
            question = f"{self.path} is there already. Set up anew all the same?"
            if not self.ask.yes(question, help_, default=False):
                raise click.Abort

    def _step(self, key: str, title: str, asked: Callable[[], Any]) -> None:
        self.ask.title(title)
        if self.answers.get(key) is not None:
            self.ask.say("  as answered before")
            return
        self.answers.put(key, asked())

    def _site(self) -> dict[str, str]:
        name = self.ask.words("Its name", "Shown on reports and in mail.", "Doorward")
        help_ = "In which the hours of your people are meant."
        return {"name": name, "zone": self.ask.words("Time zone", help_, _own_zone(), _no_zone)}

    def _door(self) -> dict[str, str]:
        door = self.ask.words("A short name for it", ID_RULE, "front", id_problem)
        name = self.ask.words("Its name in full", "Shown in reports.", f"{door} door".capitalize())
        return {"id": door, "name": name}

    def _platforms(self, devices: Devices) -> None:
        self.ask.title("5. Who may enter")
        if self.answers.get("admits"):
            self.ask.say("  as answered before")
            return
        door, zone = self.answers.get("door")["id"], self.answers.get("site")["zone"]
        shown = SIMULATED if self._simulated() else devices.shown
        asked = Platforms(self.ask, self.path.parent, door, zone, shown)
        known, admits = dict(self.answers.get("platforms") or {}), self.answers.get("so far") or []
        while another := asked.another(known):
            labels, table = asked.admitted(*another)
            known[another[0]] = table
            admits = [*admits, *labels]
            self.answers.put("platforms", known)
            self.answers.put("so far", admits)
        self.answers.put("admits", admits or ["*"])

    def _write(self) -> None:
        from controller.cli.config import checked
        from controller.cli.hw_screen import machine_clock
        from controller.cli.provision_apply import keep_aside
        from controller.cli.provision_file import put
        from controller.cli.setup_data import data, for_services, written
        from controller.secrets import read_secret

        self.ask.title("6. The configuration")
        fresh = self.path.with_name(f".{self.path.name}.fresh")
        try:
            put(fresh, written(data(self.answers, self.path.parent)), 0o640)
            found = checked(fresh, read_secret)
            for_services(fresh)
            if old := keep_aside(self.path, machine_clock().wall()):
                self.ask.say(f"What was in force is kept as {old}")
            fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)
        for warning in found.warnings():
            self.ask.say(f"to know: {warning}")
        self.ask.say(f"Checked, and written to {self.path}")

    def _start(self) -> None:
        from controller.cli.setup_start import First

        self.ask.title("7. The first scan")
        door = self.answers.get("door")["id"]
        First(self.ask, self.path, door, self.patience, simulated=self._simulated()).run()

    def _simulated(self) -> bool:
        return bool(self.answers.get("reader")["driver"] == "sim")


def _own_zone() -> str:
    """The machine's."""
    try:
        name = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    except OSError:
        name = ""
    return name if name and not _no_zone(name) else "Europe/Berlin"


def _no_zone(name: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{name!r} is no time zone; write one like Europe/Berlin"
    return ""
