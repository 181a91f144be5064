"""The wizard and platforms: address and key tried live, what people hold mapped to the door."""

import csv
import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cards import FORMS, CardFormat
from controller.cli.hw_screen import machine_clock
from controller.cli.hw_words import card_settings
from controller.cli.output import counted
from controller.cli.provision_file import put
from controller.cli.setup_ask import ID_RULE, Asking, id_problem
from controller.cli.setup_card import Shown
from controller.cli.setup_data import for_services, secret_kept, trial
from controller.cli.setup_labels import Label, Labels
from controller.errors import ConfigError, DoorwardError, Unavailable
from controller.secrets import read_secret
from sync.platform import Platform, Surroundings

Table = dict[str, Any]
KINDS = (
    "Cobot",
    "Hive (Door Access API)",
    "a list of people in a file on this machine (CSV)",
    "none, or no other",
)
_WHERE = {
    "cobot": ("https://NAME.cobot.me", "The address under which you open the space's admin pages."),
    "hive": ("https://…", "Hive admin, Settings → External Door API: the base endpoint."),
}
_KEY = {
    "cobot": ("Access token", "Cobot admin, Integrations: a token of the space. It is not shown."),
    "hive": ("API key", "Hive admin, Settings → External Door API. It is not shown."),
}
_LATER = (
    "Nexudus and other programs call this machine: see docs/configuration.md, once this door works."
)


@dataclass
class Platforms:
    """`door`: our door's id."""

    ask: Asking
    folder: Path
    door: str
    zone: str
    shown: Shown = Shown()  # noqa: RUF009 - immutable

    def another(self, known: Mapping[str, Table]) -> tuple[str, Table] | None:
        """Name and table of one more that works, or that is kept all the same."""
        self.ask.say(_LATER)
        default = len(KINDS) if known else 1
        help_ = "Where people, cards and memberships are kept."
        match self.ask.choice("Which platform?", help_, KINDS, default):
            case 1:
                return self._online("cobot", known)
            case 2:
                return self._online("hive", known)
            case 3:
                return self._listed(known)
        return None

    def admitted(self, name: str, table: Table) -> tuple[list[str], Table]:
        """The scoped labels that open the door; the table with the platform's id of the door."""
        try:
            labels = self._labels(name, table)
        except DoorwardError as error:
            self.ask.say(f"  → {error}")
            self.ask.say(f"  So everybody of {name} is let in until you narrow it.")
            return [f"{name}/*"], table
        if not labels:
            self.ask.say(f"  Nobody of {name} holds anything yet: all of {name} will be let in.")
            return [f"{name}/*"], table
        chosen = self._chosen(name, labels)
        doors = [each for each in chosen if each.startswith("door:")]
        if table["kind"] == "hive" and len(doors) == 1:
            table = {**table, "doors": {self.door: doors[0].removeprefix("door:")}}
        return [f"{name}/{each}" for each in chosen], table

    # Cobot and Hive

    def _online(self, kind: str, known: Mapping[str, Table]) -> tuple[str, Table] | None:
        name = self._name(kind, known)
        table: Table = {"kind": kind, "url": _WHERE[kind][0]}
        while True:
            table = self._asked(name, table)
            try:
                said = self._proved(name, table)
            except DoorwardError as error:
                self.ask.say(f"  → {error}")
                options = ("enter it again", "keep it as it is", "leave this platform out")
                later = 2 if isinstance(error, Unavailable) else 1
                help_ = (
                    "Without a line to it now, keep it: it is tried again for as long as needed."
                )
                chosen = self.ask.choice("What now?", help_, options, later)
                if chosen == 1:
                    continue
                return (name, table) if chosen == 2 else None
            self.ask.say(f"  ✓ {said}")
            return name, table

    def _asked(self, name: str, table: Table) -> Table:
        kind, file = table["kind"], f"{name}-key"
        url = self.ask.words("Its address", _WHERE[kind][1], table["url"], _address)
        words, help_ = _KEY[kind]
        there = (self.folder / file).exists()
        secret = self.ask.secret(words, help_ + (" Enter: the one of before." if there else ""))
        if secret:
            secret_kept(self.folder / file, secret)
        source = "tokens" if kind == "cobot" else "door_access_id"
        made: Table = {**table, "url": url, "cards": [{"source": source, "format": self._form()}]}
        made["token" if kind == "cobot" else "key"] = {"file": file}
        if kind == "hive" or not url.rstrip("/").endswith(".cobot.me"):
            made["zone"] = self.zone
        return made

    def _form(self) -> str:
        return self.ask.words(
            "How it writes cards",
            f"dec10 is ten digits, as printed on most cards; there are {', '.join(FORMS)}.",
            self.shown.stored().form,
            lambda given: "" if given in FORMS else f"write one of {', '.join(FORMS)}",
        )

    def _proved(self, name: str, table: Table) -> str:
        with self._platform(name, table) as platform:
            return platform.test()

    def _labels(self, name: str, table: Table) -> list[Label]:
        roster = Labels()
        with self._platform(name, table) as platform:
            platform.fetch(roster, lambda *_: None)
        self.ask.say(f"  {name} knows {counted(roster.people, 'person', 'people')}.")
        for warning in roster.warnings:
            self.ask.say(f"  to know: {warning}")
        return roster.found()

    @contextmanager
    def _platform(self, name: str, table: Table) -> Iterator[Platform]:
        with trial(self.folder, {}, {name: table}) as config:
            around = Surroundings(machine_clock(), threading.Event().wait, read_secret, str)
            stanza = config.platforms[name]
            platform: Platform = stanza.factory(name, stanza.settings, around)
            try:
                yield platform
            finally:
                platform.close()

    def _chosen(self, name: str, labels: list[Label]) -> list[str]:
        """The labels that are to open the door."""
        self.ask.say(f"What people of {name} hold:")
        for number, label in enumerate(labels, 1):
            who = ", ".join(label.some) + (" …" if label.people > len(label.some) else "")
            count = counted(label.people, "person", "people")
            self.ask.say(f"  {number}. {label.name}  {count}: {who}")
        given = self.ask.words(
            f"Who of them may enter at {self.door}?",
            "Numbers with commas between; * is everybody, also with what is added later.",
            "*",
            lambda words: _unknown(words, len(labels)),
        )
        if given == "*":
            return ["*"]
        return [labels[int(each) - 1].name for each in _numbers(given)]

    # A list

    def _listed(self, known: Mapping[str, Table]) -> tuple[str, Table]:
        name = self._name("keyholders", known)
        path = self.folder / f"{name}.csv"
        if path.exists():
            self.ask.say(f"  {path} is there and is taken as it is.")
            card: Table = {"format": self._form()}
        else:
            card = self._begun(path)
        keyholders = self.ask.yes(
            "Do they get in even when everything else is lost?",
            "Keyholders do, during a lockdown too.",
            default=True,
        )
        table = {"kind": "file", "path": path.name, "card": card}
        return name, {**table, "zone": self.zone, "keyholders": keyholders}

    def _begun(self, path: Path) -> Table:
        """A list with one person; how it writes cards."""
        form, known = self.shown.listed()
        who = self.ask.words("Name of one person", "More can be added to the file.", "Keyholder")
        here = "the card you held to the reader" if self.shown.sent else "none yet"
        number = self.ask.words(
            "Their card's number",
            f"It is written as {FORMS[form.form].what}. Enter: {here}.",
            known,
            lambda given: _no_number(form, given),
        )
        put(path, _csv(who, number), 0o640)
        for_services(path)
        return card_settings(form)

    def _name(self, kind: str, known: Mapping[str, Table]) -> str:
        def free(given: str) -> str:
            return f"there is a {given} already" if given in known else id_problem(given)

        return self.ask.words("A short name for it", ID_RULE, kind, free)


def _csv(name: str, card: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("id", "name", "card"), (1, name, card)])
    return text.getvalue()


def _no_number(form: CardFormat, given: str) -> str:
    try:
        if given:
            form.canonical(given)
    except ValueError as error:
        return f"it {error}"
    return ""


def _numbers(text: str) -> list[str]:
    return [each for each in text.replace(",", " ").split() if each]


def _unknown(text: str, most: int) -> str:
    if text == "*":
        return ""
    fits = [each.isdecimal() and 1 <= int(each) <= most for each in _numbers(text)]
    return "" if fits and all(fits) else f"write * or numbers from 1 to {most}, such as 1,2"


def _address(text: str) -> str:
    if "NAME" in text or "…" in text:
        return "put the name of your own into it"
    try:
        from sync.http import web_address

        web_address(text)
    except (ValueError, ConfigError) as error:
        return str(error)
    return ""
