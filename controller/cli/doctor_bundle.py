"""What support needs, in one file: no secret, no card, no PIN, no name.

Names are left out rather than replaced: who it was is for the house to know.
"""

import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from controller.cli.doctor_machine import UNITS
from controller.cli.output import iso
from controller.errors import ConfigError, DoorwardError

if TYPE_CHECKING:
    from controller.config import Config

_EVENTS, _LINES = 300, 500
_PATIENCE = 20.0
_PRIVATE = {
    *("name", "names", "person", "card", "number", "author", "whose", "text", "raw", "pin"),
    *("stranger", "last", "to", "address", "user", "sender", "reply_to", "subject", "holder"),
}
_DETAIL = ("part", "what", "why", "reader", "seconds", "times", "state")
_DEVICES = re.compile(r"usb|tty|mmc|i2c|gpio|ext4|I/O error", re.IGNORECASE)
_LONG = re.compile(r"\b(?=[0-9A-Za-z]*[0-9])[0-9A-Fa-f]{8,}\b|\b[0-9]{4,}\b(?![:.-])")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_BEARER = re.compile(r"(?i)(bearer|basic|token|password|secret|key)([ =:\"']+)\S+")


def write(context: click.Context, path: Path, data: list[Any], text: str) -> None:
    """Make the file, mode 0600; `DoorwardError` if that fails."""
    from controller.cli.doctor_parts import whole

    config, _ = whole(context)
    hidden = _secrets(config) if config else []
    try:
        descriptor = _opened(path)
        with descriptor, tarfile.open(fileobj=descriptor, mode="w:gz") as out:
            for name, make in _contents(config, data, text):
                _add(out, name, _scrubbed(_made(make), hidden))
    except OSError as error:
        raise DoorwardError(f"{path} cannot be written ({error.strerror})") from error


def _opened(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _contents(
    config: "Config | None", data: list[Any], text: str
) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "doctor.txt", lambda: _without(text)
    yield "doctor.json", lambda: json.dumps(_bare(data), indent=1)
    yield "versions.txt", _versions
    yield "log.txt", _log
    yield "dmesg.txt", _dmesg
    if config:
        yield "config.toml", lambda: _config(config)
        yield "status.json", lambda: _status(config)
        yield "events.jsonl", lambda: _events(config)


def _made(make: Callable[[], str]) -> str:
    try:
        return make()
    except (DoorwardError, OSError, subprocess.SubprocessError) as error:
        return f"not to be had: {error}\n"


def _config(config: "Config") -> str:
    """As `doorward config show`; of addresses elsewhere the host alone, as paths can be secrets."""
    from controller.config_shown import effective
    from controller.toml_written import toml

    if any(stanza.factory is None for stanza in config.platforms.values()):
        raise ConfigError("the configuration is wrong, see doctor.txt")
    return toml(_hosts(effective(config))) + "\n"


def _hosts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "****" if name in ("to", "user", "sender", "reply_to") else _hosts(each)
                for name, each in value.items()}  # fmt: skip
    if isinstance(value, list):
        return [_hosts(each) for each in value]
    if isinstance(value, str) and re.match(r"https?://", value):
        parts = urlsplit(value)
        rest = "/****" if parts.path.strip("/") or parts.query else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{rest}"
    return value


def _status(config: "Config") -> str:
    from controller.overview import gather

    return json.dumps(_bare(gather(config)), indent=1, default=str)


def _events(config: "Config") -> str:
    from controller.files import journal_of

    with journal_of(config) as reader:
        found = reader.events(last=_EVENTS)
    return "".join(
        json.dumps(
            {
                "seq": each.seq,
                "time": iso(each.wall, "milliseconds"),
                "trust": each.trust.value,
                "kind": each.event.kind.value,
                "door": each.event.door,
                "reason": each.event.reason,
                "platform": each.event.platform,
                "visit": each.event.visit,
                "detail": _detail(each.event.detail or {}),
            }
        )
        + "\n"
        for each in found
    )


def _detail(detail: dict[str, Any]) -> Any:
    return _bare({key: value for key, value in detail.items() if key in _DETAIL})


def _versions() -> str:
    from controller.store import SQLITE

    installed = sorted(f"{d.name} {d.version}" for d in distributions())
    head = [f"python {sys.version}", f"sqlite {SQLITE}", platform.platform()]
    release = Path("/etc/os-release")
    system = [release.read_text()] if release.exists() else []
    return "\n".join([*head, *installed, *system]) + "\n"


def _log() -> str:
    units = [word for unit in UNITS for word in ("-u", unit)]
    lines = _said("journalctl", *units, "-n", str(_LINES), "-o", "cat", "--no-pager").splitlines()
    return "".join(f"{_line(line)}\n" for line in lines)


def _line(line: str) -> str:
    """One of the log: what is in a field is dropped by the field's name."""
    try:
        return json.dumps(_bare(json.loads(line)), ensure_ascii=False)
    except ValueError:
        return _without(line)


def _dmesg() -> str:
    return device_lines(_said("dmesg"))


def device_lines(text: str) -> str:
    """What the kernel says of devices; not how it was started, where anything may stand."""
    lines = [
        line
        for line in text.splitlines()
        if _DEVICES.search(line) and "command line" not in line.lower()
    ]
    return "\n".join(lines[-200:]) + "\n"


def _said(*command: str) -> str:
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def _bare(value: Any) -> Any:
    """The same without what could tell a person; texts without long numbers and addresses."""
    if isinstance(value, dict):
        return {k: _bare(v) for k, v in value.items() if k not in _PRIVATE}
    if isinstance(value, list | tuple):
        return [_bare(each) for each in value]
    return _without(value) if isinstance(value, str) else value


def _without(text: str) -> str:
    text = _BEARER.sub(r"\1\2****", text)
    return _LONG.sub("…", _MAIL.sub("…", text))


def _secrets(config: "Config") -> list[str]:
    """Whatever of our secrets can be read, to be sure that none is in the file."""
    from controller.secrets import KEY_NAME, read_secret

    found = []
    for _, ref in config.secrets():
        try:
            found.append(read_secret(ref))
        except ConfigError:
            continue
    with suppress(OSError):
        found.append((config.data / KEY_NAME).read_bytes().hex())
    return [each for each in found if each]


def _scrubbed(text: str, hidden: list[str]) -> str:
    for each in hidden:
        text = text.replace(each, "****")
    return text


def _add(out: tarfile.TarFile, name: str, text: str) -> None:
    raw = text.encode("utf-8", "replace")
    entry = tarfile.TarInfo(f"doorward/{name}")
    entry.size, entry.mode = len(raw), 0o600
    out.addfile(entry, io.BytesIO(raw))
