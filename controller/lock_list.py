"""Which locks a controller drives, for the program that shuts them when the controller is gone.

`write` is the controller's. `read` is for `doorward lock-all` and imports next to nothing.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from controller.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from controller.config import Config

NAME = "locks.json"
RUN = "/run/doorward"  # of a site that names no other


class ListedLock(NamedTuple):
    """A door's lock: its driver and its stanza. `driver` is "" where the stanza cannot be read."""

    door: str
    driver: str
    settings: Mapping[str, Any]


class Listed(NamedTuple):
    """The locks, and what is to be said about where they were found."""

    locks: Sequence[ListedLock]
    remarks: Sequence[str]


def write(config: "Config") -> None:
    """Put `<run>/locks.json` in place, whole or not at all: before any lock is touched.

    Where that fails the old list is taken away as well, for it would name the wrong locks.
    Raises `StoreError`.
    """
    locks = [
        {
            "door": door,
            "driver": each.lock.kind,
            "settings": each.lock.settings.model_dump(mode="json"),
        }
        for door, each in config.doors.items()
    ]
    path = config.run / NAME
    try:
        _replace(path, json.dumps({"config": str(config.path), "locks": locks}, indent=1))
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise StoreError(
            f"{path} cannot be written ({error.strerror}); "
            "doorward lock-all reads the configuration instead. Make room on that file system"
        ) from error


def read(config: Path) -> Listed:
    """What the controller of this configuration drives, or drove last.

    From its list, wherever that may lie; without one from the configuration itself, door by door.
    Raises `ConfigError` if neither can be read.
    """
    remarks: list[str] = []
    raw, wrong = _configured(config)
    for run in dict.fromkeys(_runs(raw, config)):
        try:
            if locks := _listed(run / NAME, config):
                return Listed(locks, remarks)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            remarks.append(f"{run / NAME} cannot be read ({_words(error)}); looking elsewhere")
    if wrong:
        raise ConfigError([*remarks, wrong])
    locks = _from_stanzas(raw.get("doors"))
    if not locks:
        raise ConfigError([*remarks, f"{config}: doors: there is no door, and so no lock"])
    return Listed(locks, remarks)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
        file.write(text)
    new.replace(path)


def _configured(path: Path) -> tuple[dict[str, Any], str]:
    """The file as it stands, or why it cannot be read."""
    import tomllib  # noqa: PLC0415 - the controller has no need of it here

    try:
        return tomllib.loads(path.read_text("utf-8")), ""
    except (OSError, ValueError) as error:
        return {}, f"{path}: cannot be read ({_words(error)}), so its locks are not known"


def _runs(raw: Mapping[str, Any], config: Path) -> list[Path]:
    """Where the list may be: the site's own folder, systemd's, and the usual one."""
    site = raw.get("site")
    named = site.get("run") if isinstance(site, dict) else None
    named = os.path.expanduser(named) if isinstance(named, str) else RUN  # noqa: PTH111 - never raises
    return [config.parent / named, Path(os.environ.get("RUNTIME_DIRECTORY") or RUN), Path(RUN)]


def _listed(path: Path, config: Path) -> list[ListedLock]:
    """The locks in that list; none if it is another configuration's."""
    found = json.loads(path.read_bytes())
    if os.path.realpath(found["config"]) != os.path.realpath(config):
        return []
    return [_checked(each["door"], each["driver"], each["settings"]) for each in found["locks"]]


def _checked(door: object, driver: object, settings: object) -> ListedLock:
    if isinstance(door, str) and isinstance(driver, str) and isinstance(settings, dict):
        return ListedLock(door, driver, settings)
    raise ValueError("it is not of the form that the controller writes")


def _from_stanzas(doors: object) -> list[ListedLock]:
    """Every lock of `[doors]`; a stanza that is nonsense is no reason to leave out another."""
    found = []
    for door, raw in doors.items() if isinstance(doors, dict) else ():
        stanza = raw.get("lock") if isinstance(raw, dict) else None
        stanza = stanza if isinstance(stanza, dict) else {}
        driver = stanza.get("driver")
        found.append(ListedLock(door, driver if isinstance(driver, str) else "", stanza))
    return found


def _words(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or f"{type(error).__name__}: {error}"
