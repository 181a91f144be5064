"""What `doorward osdp pair` does: a fresh key, first on disk, then in the device, then in force."""

import os
import pwd
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from controller.config import extra_needed
from controller.config_errors import meant, problem_lines
from controller.config_model import Stanza
from controller.config_types import Around
from controller.errors import ConfigError, HardwareError

if TYPE_CHECKING:
    from controller.config import Config
    from hw.osdp_settings import OsdpPlace

PARTS = ("lock", "contact", "exit_button", "tamper", "fire", "indicator")
PLACE = ("port", "baud", "address", "key")


def place_of(config: "Config", part: str) -> "OsdpPlace":
    """Where that part's device is. UsageError if there is none; ConfigError if its table is bad."""
    from hw.osdp_settings import OsdpPlace

    parts = dict(_parts(config))
    if part not in parts:
        raise click.UsageError(f"{part!r} is no part with an OSDP driver{meant(part, parts)}")
    table = {key: value for key, value in parts[part].items() if key in PLACE}
    try:
        return OsdpPlace.model_validate(table, context=Around(config.path.parent))
    except ValidationError as error:
        raise ConfigError(problem_lines(OsdpPlace, error, part)) from error


def paired(
    config: "Config", part: str, place: "OsdpPlace", *, again: bool, seconds: float
) -> Iterator[str]:
    """Do it, with a line to print for each step. ConfigError or HardwareError."""
    path = _key_file(part, place)
    known = _known(part, path, again=again)
    try:
        from hw.osdp_pairing import Pairing
    except ImportError as error:
        raise HardwareError(f"OSDP cannot be used ({error}); {extra_needed(error)}") from error
    with closing(Pairing(place)) as pairing:
        fresh, new = _fresh(config, path)
        yield (
            f"Looking for the device of address {place.address} at {place.port}, for "
            f"{seconds:g} s. Put it into install mode now, if it is not new."
        )
        try:
            pairing.give(fresh, known, seconds)
        except HardwareError as error:
            raise HardwareError(
                f"{part} is not paired: {error}. Its key stays in {new} and is tried first then"
            ) from error
        new.replace(path)
        _on_disk(path.parent)
    owner = pwd.getpwuid(path.stat().st_uid).pw_name
    yield f"{part} is paired: it has proven that it has the key in {path} (readable by {owner})."
    yield "Keep a copy of that file in a safe place. Then: systemctl start doorward-controller"


def _parts(config: "Config") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, door in config.doors.items():
        stanzas: dict[str, Stanza | None] = {each: getattr(door, each) for each in PARTS}
        for part, stanza in {**stanzas, **door.readers}.items():
            if stanza is not None and stanza.kind.startswith("osdp"):
                yield f"{name}/{part}", stanza.settings


def _key_file(part: str, place: "OsdpPlace") -> Path:
    path = place.key.file
    if path is None:
        raise ConfigError(
            f"{part}: its key is {place.key}, which cannot be written; name a file instead: "
            'key = { file = "/etc/doorward/keys/…" }'
        )
    if not path.parent.is_dir():
        raise ConfigError(
            f"{path.parent}: there is no such directory for the key of {part}; make it: "
            f"install -d -m 0700 -o doorward -g doorward {path.parent}"
        )
    return path


def _known(part: str, path: Path, *, again: bool) -> bytes | None:
    """The key that the device has, as far as we know."""
    from hw.osdp_settings import as_key

    if not path.exists():
        return None
    if not again:
        raise ConfigError(
            f"{path}: {part} has a key already. Nothing is to be done after a restart or an "
            "outage; to give it a new key, or to give a new reader one, add --again"
        )
    try:
        return as_key(path.read_text("utf-8").strip(), str(path))
    except (ConfigError, ValueError):
        return None  # it is of no use to anybody
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); run this as root") from error


def _fresh(config: "Config", path: Path) -> tuple[bytes, Path]:
    """A key that lies beside `path` before any device has it.

    One from an attempt that was cut off is taken again, for the device may have it.
    """
    from hw.osdp_settings import KEY_BYTES, as_key

    new = path.with_name(f"{path.name}.new")
    try:
        if new.exists():
            return as_key(new.read_text("utf-8").strip(), str(new)), new
        key = secrets.token_bytes(KEY_BYTES)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            _give_to_service(config, path, file.fileno())
            file.write(f"{key.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(
            f"{new}: cannot be written ({error.strerror}); run this as root, or as the owner of "
            f"{path.parent}"
        ) from error
    _on_disk(path.parent)
    return key, new


def _give_to_service(config: "Config", path: Path, descriptor: int) -> None:
    """A key that root makes is for the user whose the old key, or else the data, is."""
    if os.geteuid() == 0:
        whose = next((each for each in (path, config.data) if each.exists()), path.parent).stat()
        os.fchown(descriptor, whose.st_uid, whose.st_gid)


def _on_disk(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
