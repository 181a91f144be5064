"""From answers to a configuration, and to parts of one that can be tried before it is in force."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli.config import checked
from controller.cli.provision_file import ETC, INLINE, put
from controller.errors import ConfigError
from controller.secrets import read_secret
from controller.toml_written import toml

if TYPE_CHECKING:
    from controller.cli.setup_answers import Answers
    from controller.config import Config

_TRIAL = ".doorward-setup.toml"
_LIFELESS: Mapping[str, Any] = {
    "admits": ["*"],
    "lock": {"driver": "sim"},
    "readers": {"main": {"driver": "sim", "card": {"format": "hex"}}},
}
_HEAD = """\
# Written by doorward setup. Every key: docs/configuration.md, or doorward config example.
# After a change: doorward config check, then restart doorward-controller and doorward-sync.

"""
_NOTES = {
    "admits": "who may enter: labels, as doorward people NAME shows them",
    "lock": "energize: what current does to the lock",
}


def data(answers: "Answers", folder: Path) -> dict[str, Any]:
    """What the answers make, as the tables of the file."""
    door, platforms = answers.get("door"), answers.get("platforms") or {}
    site = {"name": answers.get("site")["name"], "zone": answers.get("site")["zone"]}
    if folder != ETC:
        site |= {"data": "data", "run": "run"}
    front = {
        "name": door["name"],
        "admits": answers.get("admits"),
        "lock": answers.get("lock"),
        "readers": {"main": answers.get("reader")},
    }
    made: dict[str, Any] = {"site": site, "doors": {door["id"]: front}}
    return {**made, "platforms": platforms} if platforms else made


def written(made: Mapping[str, Any]) -> str:
    """The text of the file."""
    notes = {f"doors.{door}.{key}": text for door in made["doors"] for key, text in _NOTES.items()}
    return _HEAD + toml(made, notes, INLINE) + "\n"


@contextmanager
def trial(
    folder: Path, door: Mapping[str, Any], platforms: Mapping[str, Any] | None = None
) -> Iterator["Config"]:
    """A configuration of one door `trial`, for as long as something is tried; ConfigError."""
    made = {
        "site": {"data": str(folder / "data"), "run": str(folder / "run")},
        "doors": {"trial": {**_LIFELESS, **door}},
        "platforms": platforms or {},
    }
    path = folder / _TRIAL
    try:
        put(path, toml(made, inline=INLINE), 0o600)
        try:
            yield checked(path, read_secret if platforms else None)
        except ConfigError as error:
            lines = [each.removeprefix(f"{path}: ") for each in error.problems]
            raise ConfigError(lines) from None
    finally:
        path.unlink(missing_ok=True)


def secret_kept(path: Path, secret: str) -> None:
    """For root and the services alone."""
    put(path, f"{secret}\n", 0o640)
    for_services(path)


def for_services(path: Path) -> None:
    """The group of the folder it lies in may read it."""
    if os.geteuid() == 0:
        os.chown(path, -1, path.parent.stat().st_gid)
