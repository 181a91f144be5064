"""A backup: everything that makes a machine this one, in one sealed file, made while it works.

Inside is a tar archive: `manifest.json`, `config`, `data/…` (databases, the device key, tokens that
are kept) and `files/…` (what the configuration names: secrets, lists of keyholders). How it is
sealed: `controller/sealing.py`.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

from controller.config import Config
from controller.errors import StoreError
from controller.model import Trust
from controller.sealing import Sealer, Unsealer
from controller.secrets import KEY_NAME
from controller.store import snapshot

CONTENT = 1  # version of what is inside
DATABASES = (
    "cache.db",
    "desk.db",
    "inbox.db",
    "journal.db",
)  # the journal last: others point at it
OPTIONAL = frozenset({"cache.db"})  # can be fetched anew, so a damaged one is left out
_LARGEST_FILE = 64 << 20  # bytes of a file that the configuration names
_LARGEST_MANIFEST = 4 << 20
_STAGED = ".backup-"
_KEPT = re.compile(
    r"[a-z0-9][\w-]*\.token"
)  # those that a platform gave to us, in the data directory

Progress = Callable[[str, int], None]  # what is being worked on, and its bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. Paths below the configuration's folder are relative to it."""

    doorward: str
    made: float  # wall
    host: str
    machine: str  # hash of the machine's id
    key: str  # hash of the device key
    config: str
    data: str
    run: str
    schemas: Mapping[str, int]  # by database
    files: Mapping[str, str]  # member → path
    left_out: tuple[str, ...] = ()
    content: int = CONTENT


@dataclass(frozen=True, slots=True)
class Origin:
    """The machine and program that make a backup, or take one in."""

    doorward: str
    host: str
    machine: str  # as `machine_mark`
    wall: float
    trust: Trust


@dataclass(slots=True)
class _Gathered:
    """What goes in: members with the files they are made of, and what stays out."""

    members: dict[str, Path] = field(default_factory=dict)
    schemas: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def machine_mark(machine_id: str) -> str:
    """Tells machines apart without giving their id away."""
    return hashlib.sha256(f"doorward backup\0{machine_id.strip()}".encode()).hexdigest()[:32]


def key_mark(key: bytes) -> str:
    """Tells device keys apart without giving one away."""
    return hashlib.sha256(b"doorward backup key\0" + key).hexdigest()[:32]


def create(
    config: Config,
    key: bytes,
    newest: Mapping[str, int],
    target: Path,
    passphrase: str,
    origin: Origin,
    progress: Progress,
) -> Manifest:
    """Make a backup of a machine at work; `newest`: the schema we know of each database.

    `target` is there whole or, on any error, as it was. Raises `StoreError`.
    """
    try:
        with ExitStack() as work:
            work.enter_context(_alone(config.data))
            place = tempfile.TemporaryDirectory(prefix=_STAGED, dir=config.data)
            staged = work.enter_context(place)
            found = _gathered(config, newest, Path(staged), progress)
            manifest = _manifest(config, key, origin, found)
            with written_whole(target) as file:
                sealer = Sealer(file, passphrase)
                _pack(sealer, manifest, found.members, progress)
                sealer.finish()
    except OSError as error:
        what = error.filename or target
        raise StoreError(f"no backup was made: {what}: {error.strerror}") from error
    return manifest


class Contents:
    """A backup being read: its manifest, then each member in turn. Raises `StoreError`."""

    def __init__(self, file: IO[bytes], name: Path, passphrase: str) -> None:
        self._name = name
        self._plain = Unsealer(file, name, passphrase)
        try:
            self._tar = tarfile.open(  # noqa: SIM115 - reads from what its user closes
                fileobj=cast("IO[bytes]", self._plain), mode="r|"
            )
        except tarfile.TarError as error:
            raise self._odd() from error
        self.manifest = self._read_manifest()

    def members(self) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
        """Those that the manifest allows for; the file is whole if this comes to its end."""
        try:
            while member := self._tar.next():
                yield member, self._opened(member)
        except tarfile.TarError as error:
            raise self._odd() from error
        while self._plain.read(1 << 16):
            pass

    def _opened(self, member: tarfile.TarInfo) -> IO[bytes]:
        known = {"config", f"data/{KEY_NAME}", *self.manifest.files}
        known |= {f"data/{name}" for name in self.manifest.schemas}
        kept = member.name.startswith("data/") and _KEPT.fullmatch(member.name[5:])
        content = self._tar.extractfile(member) if member.isreg() else None
        if content is None or not (kept or member.name in known):
            raise self._odd()
        return content

    def _read_manifest(self) -> Manifest:
        try:
            first = self._tar.next()
            if first is None or first.name != "manifest.json" or first.size > _LARGEST_MANIFEST:
                raise self._odd()
            content = self._tar.extractfile(first)
            said: dict[str, Any] = json.loads(content.read() if content else b"")
            if said["content"] > CONTENT:
                raise StoreError(
                    f"{self._name} was made by Doorward {said['doorward']}, which is newer than "
                    "this one. Install that one; nothing was changed.",
                    newer=True,
                )
            return Manifest(**{**said, "left_out": tuple(said["left_out"])})
        except (tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._odd() from error

    def _odd(self) -> StoreError:
        return StoreError(
            f"{self._name}: what is inside is not as Doorward packs it. Nothing was changed.",
            damaged=True,
        )


def named_files(value: object, here: Path) -> Iterator[tuple[str, Path]]:
    """Every regular file that a configuration names anywhere, with its key, whatever drives it."""
    if isinstance(value, str):
        with suppress(OSError, ValueError):
            path = here / value
            if value and path.is_file():
                yield "", path
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from ((f"{name}.{key}".strip("."), path) for key, path in named_files(each, here))
    elif isinstance(value, list):
        for each in value:
            yield from named_files(each, here)


def credentials(value: object) -> Iterator[str]:
    """The systemd credentials that a configuration names."""
    if isinstance(value, Mapping):
        if isinstance(value.get("credential"), str):
            yield value["credential"]
        for each in value.values():
            yield from credentials(each)
    elif isinstance(value, list):
        for each in value:
            yield from credentials(each)


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name, mode 0600, once it is whole and on the disk."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """One backup at a time; what one that was killed left behind is removed."""
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(f"another backup of {data} is being made") from None
        for left in data.glob(f"{_STAGED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _gathered(
    config: Config, newest: Mapping[str, int], staged: Path, progress: Progress
) -> _Gathered:
    found = _Gathered(members={"config": config.path, f"data/{KEY_NAME}": config.data / KEY_NAME})
    raw = tomllib.loads(config.path.read_text("utf-8"))
    for number, path in enumerate(_named(raw, config)):
        found.members[f"files/{number}"] = path
    found.left_out += [f"systemd credential {name}" for name in credentials(raw)]
    for path in sorted(config.data.iterdir()):
        if _KEPT.fullmatch(path.name) and path.is_file():
            found.members[f"data/{path.name}"] = path
    for name in DATABASES:
        if (path := config.data / name).exists():
            progress(f"copying {name}", path.stat().st_size)
            _copy(found, path, newest[name], staged / name)
    return found


def _named(raw: dict[str, Any], config: Config) -> Sequence[Path]:
    inside = (config.data, config.run)
    paths = dict.fromkeys(path.resolve() for _, path in named_files(raw, config.path.parent))
    return [
        path
        for path in paths
        if path.stat().st_size <= _LARGEST_FILE
        and not any(path.is_relative_to(each) for each in inside)
    ]


def _copy(found: _Gathered, path: Path, newest: int, into: Path) -> None:
    try:
        found.schemas[path.name] = snapshot(path, into, newest)
    except StoreError as error:
        if path.name not in OPTIONAL or error.newer:
            raise
        into.unlink(missing_ok=True)
        found.left_out.append(f"{path.name}: {error}")
        return
    found.members[f"data/{path.name}"] = into


def _manifest(config: Config, key: bytes, origin: Origin, found: _Gathered) -> Manifest:
    here = config.path.parent
    return Manifest(
        origin.doorward,
        origin.wall,
        origin.host,
        origin.machine,
        key_mark(key),
        str(config.path),
        _relative(config.data, here),
        _relative(config.run, here),
        found.schemas,
        {m: _relative(path, here) for m, path in found.members.items() if m.startswith("files/")},
        tuple(found.left_out),
    )


def _relative(path: Path, here: Path) -> str:
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _pack(
    sealer: Sealer, manifest: Manifest, members: Mapping[str, Path], progress: Progress
) -> None:
    fields = {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}
    text = json.dumps(fields).encode()
    with tarfile.open(fileobj=cast("IO[bytes]", sealer), mode="w|") as tar:
        first = tarfile.TarInfo("manifest.json")
        first.size = len(text)
        tar.addfile(first, BytesIO(text))
        for member, path in members.items():
            with path.open("rb") as file:
                info = tar.gettarinfo(arcname=member, fileobj=file)
                progress(f"sealing {path.name}", info.size)
                tar.addfile(info, file)
