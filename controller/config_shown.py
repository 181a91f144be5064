"""The configuration in force as plain data, without anything that could be a secret."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from controller.config import PARTS, Config, Door, Stanza, Strict

# Of tables that no driver has checked here: what may have been written into them by mistake.
_SECRET_KEY = re.compile(r"token|secret|password|key|pin|bearer")


def effective(found: Config) -> dict[str, Any]:
    """Everything in force, laid out as in the file, defaults included."""
    parts = {each.name: getattr(found, each.name) for each in fields(found)}
    return {name: _shown(value) for name, value in parts.items() if name != "path"}


def _shown(value: Any) -> Any:
    if isinstance(value, Door):
        return _door(value)
    if isinstance(value, Stanza):
        return _settings(value.settings)
    if isinstance(value, Strict):
        return _plain(value)
    if isinstance(value, Mapping):
        return {str(name): _shown(each) for name, each in value.items()}
    return [_shown(each) for each in value]


def _door(door: Door) -> dict[str, Any]:
    parts = {name: stanza for name in PARTS if (stanza := getattr(door, name))}
    readers = {
        name: _settings(reader.settings) | {"card": _plain(reader.card)}
        for name, reader in door.readers.items()
    }
    own = _masked(door.model_dump(mode="json", exclude={*PARTS, "readers"}))
    devices = {name: _settings(stanza.settings) for name, stanza in parts.items()}
    return {**own, **devices, "readers": readers}


def _settings(settings: Any) -> Any:
    """Those of a driver or a platform; as they stand in the file where this process has none."""
    return _plain(settings) if isinstance(settings, Strict) else _unchecked(settings)


def _plain(settings: Strict) -> Any:
    return _masked(settings.model_dump(mode="json", exclude_none=True))


def _unchecked(table: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {n for n, v in table.items() if isinstance(v, str) and _SECRET_KEY.search(n)}
    return {name: "****" if name in hidden else _masked(each) for name, each in table.items()}


def _masked(value: Any) -> Any:
    """The same without what could be a secret: hidden texts, and logins in addresses."""
    if isinstance(value, dict):
        return {str(name): _masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, str):
        return "****" if re.fullmatch(r"\*+", value) and len(value) > 1 else _no_login(value)
    return value


def _no_login(text: str) -> str:
    return re.sub(r"(?<=://)[^/@\s]+@", "****@", text)
