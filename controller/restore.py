"""Taking a backup in: everything is put together and proven aside, then takes its place by renames.

Until the last rename nothing of before is changed, and what was before is kept beside it. An error
on the way puts back what was renamed.
"""

import ctypes
import errno
import fcntl
import os
import pwd
import shutil
import socket
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from controller.backup import (
    OPTIONAL,
    Contents,
    Manifest,
    Origin,
    Progress,
    key_mark,
    sync_directory,
)
from controller.errors import DoorwardError, NotRunning, StoreError
from controller.journal_file import Entry, uuid7
from controller.journal_read import JournalReader
from controller.journal_restored import Anew, begin_anew
from controller.model import Event, Kind
from controller.secrets import KEY_NAME
from controller.store import sound

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_SOCKETS = ("door.sock", "sync.sock")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What whoever restores asks for. `config`: where the configuration goes, else as it was."""

    config: Path | None = None
    adopt: bool = False  # another machine's
    replace: bool = False  # what is there now is set aside
    people: bool = True  # cache.db, too
    runs: tuple[Path, ...] = ()  # where else the sockets of running services may be


@dataclass(frozen=True, slots=True)
class Done:
    """What a restore came to: what it put where, and what of before lies where now."""

    manifest: Manifest
    data: Path
    placed: tuple[Path, ...]
    kept: tuple[Path, ...]


Settle = Callable[[Path, Anew], None]  # brings the other databases in a directory in line


@dataclass(slots=True)
class _Work:
    """One restore on its way: where things go, and where they lie until then."""

    manifest: Manifest
    wanted: Wanted
    config: Path
    data: Path
    staged: Path
    stamp: str
    undo: ExitStack
    files: dict[Path, Path] = field(default_factory=dict)  # target → where it is staged
    kept: list[Path] = field(default_factory=list)


def restore(
    source: Path,
    passphrase: str,
    wanted: Wanted,
    newest: Mapping[str, int],
    settle: Settle,
    here: Origin,
    boot: str,
    progress: Progress,
) -> Done:
    """Put a machine back as a backup holds it. Raises `StoreError`; nothing is changed then.

    `newest`: the schema we know of each database.
    """
    try:
        with source.open("rb") as file, ExitStack() as ends:
            contents = Contents(file, source, passphrase)
            manifest = contents.manifest
            config = (wanted.config or Path(manifest.config)).absolute()
            data = config.parent / manifest.data
            _refuse(source, manifest, wanted, newest, here, data)
            for run in (config.parent / manifest.run, *wanted.runs):
                refuse_while_running(run)
            ends.enter_context(_nobody_at_work(data))
            staged = ends.enter_context(_staging(data))
            stamp = f"{datetime.fromtimestamp(here.wall, UTC):%Y%m%dT%H%M%SZ}"
            work = _Work(manifest, wanted, config, data, staged, stamp, ends)
            _unpack(work, contents, progress)
            progress("checking", 0)
            _prove(source, work)
            settle(staged, _begun_anew(work, here, boot))
            _take_place(work)
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise StoreError(f"nothing was restored: {what}{error.strerror}") from error
    return Done(manifest, data, tuple(work.files), tuple(work.kept))


class NotStopped(NotRunning):
    """The operator must act: a process runs that must not."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} answers, so Doorward is running; stop it first: "
            "systemctl stop doorward-controller doorward-sync. Nothing was changed."
        )


def refuse_while_running(run: Path) -> None:
    """Raises `NotStopped` if a service answers on its socket in this directory."""
    for name in _SOCKETS:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(run / name))
            except OSError:
                continue
        raise NotStopped(run / name)


def _refuse(
    source: Path,
    manifest: Manifest,
    wanted: Wanted,
    newest: Mapping[str, int],
    here: Origin,
    data: Path,
) -> None:
    for name, schema in manifest.schemas.items():
        if schema > newest.get(name, 0):
            raise StoreError(
                f"{source}: {name} in it has schema {schema}, and this program knows only up to "
                f"{newest.get(name, 0)}: install Doorward {manifest.doorward}. Nothing changed.",
                newer=True,
            )
    if not wanted.adopt and (why := _foreign(manifest, here, data)):
        raise StoreError(
            f"{source} was made on another machine ({manifest.host or 'unnamed'}): {why}. If this "
            "one takes its place, and the other is off for good (or both would tell the same "
            "check-ins): doorward restore --adopt. Nothing was changed."
        )
    if data.exists() and any(data.iterdir()) and not wanted.replace:
        raise StoreError(
            f"{data} is in use by this machine; to set it aside and take the backup's instead: "
            "doorward restore --replace. Nothing was changed."
        )


def _foreign(manifest: Manifest, here: Origin, data: Path) -> str:
    """What shows that a backup is another machine's; empty if nothing does."""
    key = data / KEY_NAME
    if key.exists() and key_mark(key.read_bytes()) != manifest.key:
        return "the device key here is another one"
    if manifest.machine != here.machine:
        return "the machine's id is another one"
    return ""


@contextmanager
def _nobody_at_work(data: Path) -> Iterator[None]:
    """Nobody fetches or tells anything with the data of before meanwhile."""
    lock = data / "sync.lock"
    if not lock.exists():
        yield
        return
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NotStopped(lock) from None
        yield


@contextmanager
def _staging(data: Path) -> Iterator[Path]:
    """A directory beside `data`, its owner's as that is."""
    data.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{data.name}.restoring-", dir=data.parent))
    try:
        staged.chmod(data.stat().st_mode & 0o777 if data.exists() else 0o750)
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _unpack(work: _Work, contents: Contents, progress: Progress) -> None:
    for member, content in contents.members():
        folder, _, name = member.name.partition("/")
        if folder == "data" and (name not in OPTIONAL or work.wanted.people):
            progress(f"unpacking {name}", member.size)
            _written(work.staged / name, content, member, 0o600 if "." in name else 0o640)
        elif member.name == "config":
            _stage(work, work.config, content, member)
        elif folder == "files":
            target = work.config.parent / work.manifest.files[member.name]
            _stage(work, target, content, member)


def _stage(work: _Work, target: Path, content: IO[bytes], member: tarfile.TarInfo) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{work.staged.name[-8:]}")
    work.undo.callback(aside.unlink, missing_ok=True)
    _written(aside, content, member, member.mode & 0o777)
    if target.exists() and aside.read_bytes() == target.read_bytes():
        return
    if target.exists() and not work.wanted.replace:
        raise StoreError(
            f"{target} is another one here than in the backup; to set it aside and take the "
            "backup's instead: doorward restore --replace. Nothing was changed."
        )
    work.files[target] = aside


def _written(path: Path, content: IO[bytes], member: tarfile.TarInfo, mode: int) -> None:
    with path.open("xb") as file:
        os.fchmod(file.fileno(), mode)
        _give_away(file.fileno(), member)
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())


def _give_away(descriptor: int, member: tarfile.TarInfo) -> None:
    """To the user and group of before, if root restores and they are known here."""
    if os.geteuid() == 0:
        with suppress(KeyError):
            owner = pwd.getpwnam(member.uname)
            os.fchown(descriptor, owner.pw_uid, owner.pw_gid)


def _prove(source: Path, work: _Work) -> None:
    for name in (*work.manifest.schemas, KEY_NAME):
        path = work.staged / name
        if name in OPTIONAL and not path.exists():
            continue
        if not path.exists() or (name != KEY_NAME and not sound(path)):
            raise StoreError(
                f"{source}: {name} in it is damaged. Nothing was changed.", damaged=True
            )
    if key_mark((work.staged / KEY_NAME).read_bytes()) != work.manifest.key:
        raise StoreError(f"{source}: its device key is not the one it tells of", damaged=True)
    if "journal.db" in work.manifest.schemas:
        with closing(JournalReader(work.staged / "journal.db")) as reader:
            verdict = reader.verify()
        if verdict.broken_at is not None:
            raise StoreError(
                f"{source}: the journal in it was changed: its chain breaks at event "
                f"{verdict.broken_at}. Nothing was changed here.",
                damaged=True,
            )


def _begun_anew(work: _Work, here: Origin, boot: str) -> Anew:
    """Also where the backup has no journal: what is told later must not fit into an old chain."""
    ms = int(here.wall * 1000)
    told = {"made": work.manifest.made, "host": work.manifest.host}
    first = Entry(Event(Kind.RESTORED, detail=told), uuid7(ms), ms, 0, here.trust)
    return begin_anew(work.staged / "journal.db", boot, first)


def _take_place(work: _Work) -> None:
    """All renames; on an error those that were done are undone."""
    _hand_over(work)
    with ExitStack() as undo:
        for target, aside in work.files.items():
            if target.exists():
                _rename(undo, target, _free(work, target))
            _rename(undo, aside, target)
        _swap(work)
        undo.pop_all()
    for directory in {work.data.parent, *(path.parent for path in work.files)}:
        sync_directory(directory)


def _hand_over(work: _Work) -> None:
    """What was made on the way belongs to whom the rest belongs to."""
    owner = work.data.stat() if work.data.exists() else (work.staged / KEY_NAME).stat()
    if os.geteuid() == 0:
        for path in (work.staged, *work.staged.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)
    sync_directory(work.staged)


def _swap(work: _Work) -> None:
    """The data directory itself, last, and in one step where there was one."""
    if not (work.data.exists() and any(work.data.iterdir())):
        work.staged.rename(work.data)
        return
    aside = _free(work, work.data)
    try:
        _exchange(work.staged, work.data)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        raise DoorwardError(
            f"{work.data} is a file system of its own and cannot be renamed: restore into a "
            "directory below it ([site] data). Nothing was changed."
        ) from error
    work.staged.rename(aside)


def _rename(undo: ExitStack, old: Path, new: Path) -> None:
    old.rename(new)
    undo.callback(new.rename, old)


def _free(work: _Work, path: Path) -> Path:
    kept = path.with_name(f"{path.name}.before-restore-{work.stamp}")
    while kept.exists():
        kept = kept.with_name(f"{kept.name}x")
    work.kept.append(kept)
    return kept


def _exchange(one: Path, other: Path) -> None:
    """renameat2(2): each takes the other's name in the same moment."""
    names = (os.fsencode(one), os.fsencode(other))
    if _libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))
