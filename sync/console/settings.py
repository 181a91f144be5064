"""The page Settings: what is configured, where things are, who can log in. It changes nothing."""

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

from controller.config_shown import effective
from sync.console.page import Answer, Asked, Page, Shown
from sync.desk_users import Role, Users

_TITLES = {
    "site": "Site",
    "clock": "Clock",
    "journal": "Journal",
    "sync": "Fetching",
    "live": "Questions at the door",
    "http": "Web server",
    "staleness": "Old lists",
    "doors": "Door",
    "platforms": "Platform",
}


class Section(NamedTuple):
    """A table of the configuration: keys as they are written, values in TOML."""

    title: str
    values: list[tuple[str, str]]


def settings(asked: Asked) -> Answer:
    """Everything in force, with secrets hidden."""
    office = asked.office
    found = asked.lookout.look()
    desk = office.desk
    data = {
        "about": list(_about(asked, found)),
        "sections": list(sections(effective(office.config))),
        "users": Users(desk).all() if desk and asked.may("admin") else [],
    }
    return Shown("settings.html", data)


def sections(data: Mapping[str, Any]) -> Iterator[Section]:
    """One for each table of the first level, one for each door and each platform."""
    for name, table in data.items():
        title = _TITLES.get(name, name.replace("_", " ").capitalize())
        if isinstance(table, list):
            for number, each in enumerate(table, 1):
                yield Section(f"{title} {number}", list(_flat("", each)))
        elif table and all(isinstance(each, dict) for each in table.values()):
            for of, each in table.items():
                yield Section(f"{title} {of}", list(_flat("", each)))
        else:
            yield Section(title, list(_flat("", table)))


def _about(asked: Asked, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    config = asked.office.config
    yield ("Version", version("doorward"))
    yield ("Configuration", str(config.path))
    yield ("Databases and the device key", str(config.data))
    yield ("Sockets", str(config.run))
    http = found["syncd"].get("http", {})
    yield ("This console", http.get("failure") or http.get("url") or "–")
    for process, pid in (("Doors’ program", found["controller"]), ("sync", found["syncd"])):
        yield (process, f"runs, process {pid['pid']}" if pid["running"] else "does not answer")


def _flat(path: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`lock.driver`, `"gpio-relay"`, and so on."""
    for name, value in table.items():
        where = f"{path}.{name}".lstrip(".")
        if isinstance(value, dict):
            yield from _flat(where, value)
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            for number, each in enumerate(value, 1):
                yield from _flat(f"{where}[{number}]", each)
        else:
            yield (where, json.dumps(value, ensure_ascii=False, default=str))


PAGES = (Page("GET", "/settings", settings, Role.STAFF),)
