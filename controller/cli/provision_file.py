"""`doorward-setup.toml`: a configuration with one table more, [setup], for what the machine needs.

The whole file is checked before anything of it is used: [setup] by its model, the rest by the
product's own check, with the secrets at hand.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from controller.cli.config import checked
from controller.config import Config, SecretRef, Strict, Zone
from controller.config_errors import problem_lines
from controller.errors import ConfigError
from controller.secrets import read_secret
from controller.toml_written import toml

NAME = "doorward-setup.toml"
ETC = Path("/etc/doorward")
CONFIG = "doorward.toml"
INLINE = ("lock", "contact", "exit_button", "tamper", "fire", "indicator", "card", "cards")
LARGEST = 1 << 20  # bytes
_TYPES = r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2)\S*)"


def _hostname(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ValueError("is no name for a machine: write a-z, 0-9 and -, at most 63")
    return value


Hostname = Annotated[str, AfterValidator(_hostname)]


class Wifi(Strict):
    """A network with WPA2, or an open one."""

    ssid: str = Field(description="its name")
    password: str = Field(default="", repr=False, description="8 to 63 characters; none: open")
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$", description="e.g. DE")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not 1 <= len(self.ssid.encode()) <= 32 or not self.ssid.isprintable():
            raise ValueError("ssid: must have 1 to 32 bytes")
        if self.password and not re.fullmatch(r"[ -~]{8,63}", self.password):
            raise ValueError("password: must have 8 to 63 plain characters (ASCII)")
        return self


class Machine(Strict):
    """[setup]: what the machine itself needs; all of it may be left out."""

    hostname: Hostname | None = None
    timezone: Zone | None = Field(default=None, description="e.g. Europe/Berlin")
    ssh_keys: tuple[str, ...] = Field(default=(), description="public keys that may log in")
    ssh_user: str = Field(default="root", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    wifi: Wifi | None = None
    secrets: dict[str, str] = Field(
        default_factory=dict, repr=False, description="files below /etc/doorward and their content"
    )

    @field_validator("ssh_keys")
    @classmethod
    def _keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, each in enumerate(value, 1):
            if "PRIVATE KEY" in each:
                raise ValueError(f"the {number}. is a private key: take the file that ends in .pub")
            if not re.fullmatch(rf"{_TYPES} [A-Za-z0-9+/=]+( [ -~]*)?", each.strip()):
                raise ValueError(f"the {number}. is no public key: copy the whole line of a .pub")
        return value

    @field_validator("secrets")
    @classmethod
    def _secrets(cls, value: dict[str, str]) -> dict[str, str]:
        for name, content in value.items():
            if name == CONFIG or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
                raise ValueError(f"{name!r} is no name for such a file: letters, digits, . _ and -")
            if not content.strip():
                raise ValueError(f"{name}: is empty; paste the secret between the quotes")
        return value


@dataclass(frozen=True)
class SetupFile:
    """A file that can be read. `config`: what becomes the machine's configuration, as data."""

    path: Path
    machine: Machine
    config: dict[str, Any]

    @property
    def text(self) -> str:
        """The configuration to be."""
        return toml(self.config, inline=INLINE) + "\n"


def read(path: Path) -> SetupFile:
    """Everything but the configuration is checked. ConfigError with all that is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ConfigError(f"is larger than {LARGEST >> 20} MiB; is this the right file?")
        raw = tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not valid TOML: {error}; text stands in quotes") from None
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}); copy it again") from error
    try:
        machine = Machine.model_validate(raw.pop("setup", {}))
    except ValidationError as error:
        problems = problem_lines(Machine, error, "setup")
        raise ConfigError(problems) from None
    return SetupFile(path, machine, raw)


def put(path: Path, content: str, mode: int) -> None:
    """Write a file whole or not at all, never for more eyes than `mode` says."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content.encode())
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    fresh.replace(path)


def checked_in(staged: Path, etc: Path, found: SetupFile) -> Config | None:
    """`staged` gets configuration and secrets; ConfigError if they would not do at `etc`.

    None: there is nothing but [setup] in the file.
    """
    for name, content in found.machine.secrets.items():
        put(staged / name, content if content.endswith("\n") else f"{content}\n", 0o640)
    if not found.config:
        return None
    put(staged / CONFIG, found.text, 0o640)
    try:
        config = checked(staged / CONFIG, lambda ref: _secret(ref, staged, etc))
        _try_lists(config, staged, etc)
    except ConfigError as error:
        raise ConfigError(
            [
                each.removeprefix(f"{staged / CONFIG}: ").replace(str(staged), str(ETC))
                for each in error.problems
            ]
        ) from None
    return config


def _secret(ref: SecretRef, staged: Path, etc: Path) -> str:
    if ref.credential:
        raise ConfigError(
            "a systemd credential cannot come with a setup file; write { file = "
            f'"{ref.credential}" }} and the secret under [setup.secrets]'
        )
    assert ref.file
    for place in _places(ref.file, staged, etc):
        if place.exists():
            return read_secret(ref.model_copy(update={"file": place}))
    raise ConfigError(
        f"{ref.file.name} is neither under [setup.secrets] nor on this machine; write there: "
        f'{ref.file.name} = "…"'
    )


def _places(path: Path, staged: Path, etc: Path) -> Iterator[Path]:
    """Where what the configuration calls `path` is now."""
    for folder in (staged, ETC):
        with suppress(ValueError):
            name = path.relative_to(folder)
            yield from (staged / name, etc / name)
            return
    yield path


def _try_lists(config: Config, staged: Path, etc: Path) -> None:
    """Lists of people are looked through as well."""
    from sync.platforms.file_entries import FileSettings, read_entries

    problems: list[str] = []
    for name, stanza in config.platforms.items():
        if not isinstance(stanza.settings, FileSettings):
            continue
        places = list(_places(stanza.settings.path, staged, etc))
        found = next((place for place in places if place.exists()), places[0])
        try:
            read_entries(name, stanza.settings.model_copy(update={"path": found}))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
