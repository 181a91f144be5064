"""The configuration: one TOML file, wholly checked before anything starts.

`load` reports every problem at once. Drivers and platforms bring their own `Settings`; they are
known by the tables handed in, so a process checks and imports only what it drives itself.
"""

import importlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from controller.config_alerts import AlertSettings
from controller.config_areas import Area, JourneySettings, misplaced
from controller.config_errors import clashes, meant, problem_lines, unfit_doors
from controller.config_mail import MailSettings
from controller.config_model import (
    ClockSettings,
    Config,
    Door,
    HttpSettings,
    JournalSettings,
    LiveSettings,
    ReaderStanza,
    Site,
    Staleness,
    Stanza,
    SyncSettings,
    found_in,
)
from controller.config_targets import TargetSettings
from controller.config_types import (
    Around,
    Attached,
    CardSettings,
    Location,
    MinuteOfDay,
    PlatformCommon,
    Seconds,
    SecretRef,
    Strict,
    Zone,
)
from controller.errors import ConfigError
from controller.model import Strength

__all__ = [
    "PARTS",
    "Attached",
    "CardSettings",
    "Config",
    "Door",
    "Location",
    "MinuteOfDay",
    "PlatformCommon",
    "ReaderStanza",
    "Seconds",
    "SecretRef",
    "Stanza",
    "Strict",
    "Zone",
    "default_path",
    "extra_needed",
    "load",
]

Tables = Mapping[str, Mapping[str, str]]  # reader, lock, input, indicator → driver → import path
Raw = dict[str, Any]


def default_path() -> Path:
    return Path(os.environ.get("DOORWARD_CONFIG") or "/etc/doorward/doorward.toml")


def load(
    path: Path | None = None,
    devices: Tables | None = None,
    platforms: Mapping[str, str] | None = None,
    secret: Callable[[SecretRef], str] | None = None,
) -> Config:
    """Read and check the whole file; ConfigError holds every problem found.

    `devices` and `platforms` are the tables of `hw` and `sync.platforms`; what has no table stays
    unchecked and unloaded. `secret`, where given, must be able to read every secret named.
    """
    path = (path or default_path()).absolute()
    intake = _Intake(_read(path), path.parent, devices, platforms)
    config = intake.config(path, secret)
    if intake.problems or config is None:
        raise ConfigError([f"{path}: {problem}" for problem in intake.problems])
    return config


EXTRAS = {
    "gpiod": "gpio",
    "pymodbus": "modbus",
    "osdp": "osdp",
    "osdp_sys": "osdp",
}


def extra_needed(error: ImportError) -> str:
    """What to type so that this can be imported: what was tested, from the folder of the source."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    tested = "pip install --require-hashes -r requirements-hardware.lock"
    return f"it needs the extra doorward[{extra}]; type: {tested}" if extra else "install it"


def _read(path: Path) -> Raw:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; make one with: doorward config example > {path}; "
            "or name another by --config PATH or DOORWARD_CONFIG"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; make it readable for this user"
        ) from error


AnyStrict = TypeVar("AnyStrict", bound=Strict)
PARTS = {
    "lock": "lock",
    **dict.fromkeys(("contact", "exit_button", "tamper", "fire"), "input"),
    "indicator": "indicator",
}
SECTIONS = ("site", "clock", "journal", "sync", "live", "http", "mail", "alerts")
TOP = (*SECTIONS, "staleness", "areas", "journeys", "doors", "platforms", "targets")
ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")
BAD_ID = "is no id: write a-z, 0-9, _ and -, a letter first, at most 32"
UNKNOWN = Stanza("", None, {})  # stands in where a problem was found; no Config is made then
ANY_CARD = CardSettings(format="text")  # likewise


@dataclass
class _Intake:
    """One file on its way to a Config: goes on after a problem, to find the next."""

    raw: Raw
    here: Path
    devices: Tables | None
    kinds: Mapping[str, str] | None
    problems: list[str] = field(default_factory=list)
    stanzas: dict[str, Any] = field(default_factory=dict)  # validated settings by their key

    def config(self, path: Path, secret: Callable[[SecretRef], str] | None) -> Config | None:
        for key in self.raw:
            if key not in TOP:
                self.problems.append(f"{key}: is not known{meant(key, TOP)}")
        sections = {
            "site": self.section(Site, "site"),
            "clock": self.section(ClockSettings, "clock"),
            "journal": self.section(JournalSettings, "journal"),
            "sync": self.section(SyncSettings, "sync"),
            "live": self.section(LiveSettings, "live"),
            "http": self.section(HttpSettings, "http"),
        }
        if sections["http"]:
            self.stanzas["http"] = sections["http"]
        staleness = self.rules(Staleness, "staleness")
        journeys = self.rules(JourneySettings, "journeys")
        areas = {name: self.area(name) for name in self.names("areas")}
        mail = self.mail()
        alerts = self.alerts()
        platforms = {name: self.platform(name) for name in self.names("platforms")}
        targets = {name: self.target(name) for name in self.names("targets")}
        doors = {name: self.door(name) for name in self.names("doors")}
        if not doors and isinstance(self.raw.get("doors", {}), dict):
            self.problems.append("doors: there is no door; add a table [doors.front]")
        self.problems += clashes(self.stanzas, doors)
        self.problems += unfit_doors(doors, sections["site"])
        self.problems += misplaced(doors, areas, journeys, sections["site"])
        if secret:
            self.try_secrets(secret)
        if self.problems:
            return None
        parts: Any = {**sections, "areas": areas, "doors": doors, "platforms": platforms}
        parts.update(staleness=staleness, journeys=journeys, mail=mail, targets=targets)
        parts.update(alerts=alerts)
        return Config(path=path, **parts)

    def try_secrets(self, secret: Callable[[SecretRef], str]) -> None:
        for where, settings in self.stanzas.items():
            for key, ref in found_in(SecretRef, where, settings):
                try:
                    secret(ref)
                except ConfigError as error:
                    self.problems.append(f"{key}: {error}")

    def section(self, model: type[AnyStrict], name: str) -> AnyStrict | None:
        return self.checked(model, self.raw.get(name, {}), name)

    def mail(self) -> MailSettings | None:
        found = self.section(MailSettings, "mail") if "mail" in self.raw else None
        if found:
            self.stanzas["mail"] = found
        return found

    def alerts(self) -> AlertSettings | None:
        found = self.section(AlertSettings, "alerts") if "alerts" in self.raw else None
        if found and found.to and "mail" not in self.raw:
            self.problems.append("alerts.to: needs a mail server; add a table [mail]")
        return found

    def rules(self, model: type[AnyStrict], name: str) -> tuple[AnyStrict, ...]:
        """A list of tables."""
        rules = self.raw.get(name, [])
        if not isinstance(rules, list):
            self.problems.append(f"{name}: must be a list of tables; write [[{name}]]")
            return ()
        made = [self.checked(model, rule, f"{name}[{i}]") for i, rule in enumerate(rules)]
        return tuple(rule for rule in made if rule)

    def names(self, table: str) -> list[str]:
        """The ids in [areas], [doors], [platforms] or [targets]."""
        found = self.raw.get(table, {})
        if not isinstance(found, dict):
            self.problems.append(f"{table}: must hold tables; write [{table}.<id>]")
            return []
        for name in found:
            if not ID.fullmatch(name):
                self.problems.append(f"{table}.{name}: {BAD_ID}")
        return list(found)

    def area(self, name: str) -> Area | None:
        raw = self.raw["areas"][name]
        given = {"name": name, **raw} if isinstance(raw, dict) else raw
        return self.checked(Area, given, f"areas.{name}")

    def platform(self, name: str) -> Stanza:
        where = f"platforms.{name}"
        return self.stanza(self.kinds, self.raw["platforms"][name], where, "kind")

    def target(self, name: str) -> TargetSettings | None:
        where = f"targets.{name}"
        made = self.checked(TargetSettings, self.raw["targets"][name], where)
        if made:
            self.stanzas[where] = made
        return made

    def door(self, name: str) -> Door | None:
        where = f"doors.{name}"
        raw = self.raw["doors"][name]
        if not isinstance(raw, dict):
            self.problems.append(f"{where}: must be a table; write [{where}]")
            return None
        given: Raw = {"name": name, **raw}
        for part, table in PARTS.items():
            if part in raw:
                given[part] = self.stanza(self.table(table), raw[part], f"{where}.{part}", "driver")
        if isinstance(raw.get("readers"), dict):
            given["readers"] = {
                reader: self.reader(reader, settings, where)
                for reader, settings in raw["readers"].items()
            }
        return self.checked(Door, given, where)

    def reader(self, name: str, raw: object, door: str) -> ReaderStanza:
        where = f"{door}.readers.{name}"
        if not ID.fullmatch(name):
            self.problems.append(f"{where}: {BAD_ID}")
        if name in PARTS:
            self.problems.append(f"{where}: a door has a part of this name; take another")
        own = dict(raw) if isinstance(raw, dict) else raw
        card = self.card(own, f"{where}.card") if isinstance(own, dict) else None
        words = own if isinstance(own, dict) else {}
        strength = self.word(words, where, "strength", tuple(Strength))
        side = self.word(words, where, "side", ("outside", "inside")) or "outside"
        made = self.stanza(self.table("reader"), own, where, "driver")
        told = (card or ANY_CARD, Strength(strength) if strength else None, side)
        return ReaderStanza(made.kind, made.factory, made.settings, *told)

    def word(self, own: Raw, where: str, key: str, words: tuple[str, ...]) -> str | None:
        """Take one of these words out of a reader's table; the rest is the driver's."""
        word: str | None = own.pop(key, None)
        if word is None or word in words:
            return word
        self.problems.append(f"{where}.{key}: must be one of {', '.join(words)}")
        return None

    def card(self, own: Raw, where: str) -> CardSettings | None:
        """Take `card` out of a reader's table; the rest is the driver's."""
        if "card" in own:
            return self.checked(CardSettings, own.pop("card"), where)
        self.problems.append(
            f"{where}: is missing; say how this reader writes cards, "
            'e.g. card = { format = "hex" } (doorward cards match finds it)'
        )
        return None

    def table(self, name: str) -> Mapping[str, str] | None:
        return None if self.devices is None else self.devices[name]

    def stanza(self, table: Mapping[str, str] | None, raw: object, where: str, key: str) -> Stanza:
        """`raw` with the class that its driver or kind names, settings checked by that class."""
        if not isinstance(raw, dict):
            self.problems.append(f'{where}: must be a table with {key} = "…"')
            return UNKNOWN
        kind = raw.get(key)
        if not isinstance(kind, str):
            self.problems.append(f"{where}.{key}: is missing, or no text{meant('', table or ())}")
            return UNKNOWN
        if table is None:
            return Stanza(kind, None, raw)
        factory = self.factory(table, kind, f"{where}.{key}")
        settings = self.checked(factory.Settings, raw, where) if factory else None
        if settings:
            self.stanzas[where] = settings
        return Stanza(kind, factory, settings)

    def factory(self, table: Mapping[str, str], kind: str, where: str) -> Any:
        """The class that the table names, or None with a problem."""
        if kind not in table:
            self.problems.append(f"{where}: {kind!r} is not known{meant(kind, table)}")
            return None
        module, _, name = table[kind].partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except ImportError as error:
            self.problems.append(
                f"{where}: {kind!r} cannot be loaded ({error}); {extra_needed(error)}"
            )
            return None

    def checked(self, model: type[AnyStrict], raw: object, where: str) -> AnyStrict | None:
        platforms = self.raw.get("platforms")
        names = frozenset(platforms if isinstance(platforms, dict) else ())
        try:
            return model.model_validate(raw, context=Around(self.here, names))
        except ValidationError as error:
            self.problems += problem_lines(model, error, where)
            return None
