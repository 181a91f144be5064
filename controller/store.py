"""Opening SQLite files: WAL, numbered migrations, and refusing what is newer or damaged.

`PRAGMA user_version` holds the file's schema, and `PRAGMA application_id` the lowest schema whose
programs may still use the file (0: none but its own): so a release that is rolled back goes on with
the files of the later one, as long as that one only added to them.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

from controller.errors import StoreError

Migrations = Sequence[Sequence[str]]  # statements of version 1, of version 2 …


class Breaking(tuple[str, ...]):
    """A migration after which no earlier program may use the file: it takes away or changes.

    Any other only adds: tables, columns with a default, indexes that are not unique. What it adds
    may stay empty, for an earlier program knows nothing of it.
    """

    __slots__ = ()


_DAMAGED = ".damaged-"  # and the second in which it was set aside
SQLITE = sqlite3.sqlite_version
_ANY = 1 << 31  # every schema there can be
_NOT_FOR_US = ("SQLITE_CANTOPEN", "SQLITE_READONLY")  # what a reader meets in a folder not its own


class _Closable(Protocol):
    def close(self) -> None: ...


class Schema(NamedTuple):
    """Of a file: what it has, and the lowest whose programs may use it; 0, 0 of an empty one."""

    version: int
    lowest: int


class NotSetUp(StoreError):
    """The file is there, and its owner has not filled it yet."""


def open_writer(
    path: Path, migrations: Migrations, *, pragmas: Sequence[str] = ()
) -> sqlite3.Connection:
    """The one connection that writes this file; created and migrated if need be.

    `pragmas` are run on a new file before anything else. Raises `StoreError`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = _connected(path)
        with closed_on_error(db):
            if not path.stat().st_size:
                for pragma in pragmas:
                    db.execute(pragma)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA temp_store=MEMORY")
            _migrate(db, path, migrations)
    except (sqlite3.Error, OSError) as error:
        message = f"{path} cannot be opened for writing: {error}"
        raise StoreError(message, damaged=is_damage(error)) from error
    return db


def lowest_for(migrations: Migrations) -> int:
    """The lowest schema whose programs may use a file that went through all of these."""
    numbered = enumerate(migrations, 1)
    return max((n for n, statements in numbered if isinstance(statements, Breaking)), default=1)


def open_irreplaceable(path: Path, migrations: Migrations, remedy: str) -> sqlite3.Connection:
    """The same for what cannot be fetched again: each commit is on the disk when it returns.

    A damaged file is left as it is; `remedy` says what it holds and what to do.
    """
    try:
        db = open_writer(path, migrations)
    except StoreError as error:
        if not error.damaged:
            raise
        raise StoreError(f"{error}. {remedy}", damaged=True) from error
    with closed_on_error(db):
        db.execute("PRAGMA synchronous=FULL")
    return db


def open_reader(path: Path, newest: int) -> sqlite3.Connection:
    """A connection that cannot write. Raises `StoreError` if missing, damaged or too new.

    `NotSetUp` if whoever makes it is at it.
    """
    try:
        try:
            return _reader(path, newest, "mode=ro")
        except sqlite3.OperationalError as error:
            busy = not error.sqlite_errorname.startswith(_NOT_FOR_US)
            if busy or path.with_name(f"{path.name}-wal").exists():
                raise
            # Nobody has it open, and who may only look cannot make the files that WAL needs.
            return _reader(path, newest, "mode=ro&immutable=1")
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}", damaged=is_damage(error)) from error


def schema_of(path: Path) -> Schema:
    """Raises `StoreError`."""
    with closing(open_reader(path, _ANY)) as db:
        return _schema(db)


@contextmanager
def closed_on_error(opened: _Closable) -> Iterator[None]:
    """What was opened must not stay so if it never comes into use."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """SQLite's errors as `StoreError`: "<path> cannot be <doing>: …"."""
    try:
        yield
    except sqlite3.Error as error:
        message = f"{path} cannot be {doing}: {error}"
        raise StoreError(message, damaged=is_damage(error)) from error


def snapshot(path: Path, into: Path, newest: int = _ANY) -> int:
    """Copy a database as it is at one moment, while others write it; returns its schema.

    `newest`: ours, where a later one is to be refused. Raises `StoreError`.
    """
    with closing(open_reader(path, newest)) as source, translated(path, "copied"):
        with closing(sqlite3.connect(into)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # whoever copies says when it must be safe
            source.backup(copy)
        return _version(source)


def sound(path: Path) -> bool:
    """Is all of it readable and in order?"""
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
        try:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        except sqlite3.Error:
            return False


def is_damage(error: BaseException) -> bool:
    """Does this error say that the file's content is broken, rather than the disk or a lock?"""
    name = getattr(error, "sqlite_errorname", "")
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def look_through(path: Path, newest: int, *, most: int | None = None) -> str:
    """What is wrong with a file's content; "" if nothing is. Raises `StoreError`.

    `most`: give up after about so many million steps of SQLite, and say "" too.
    """
    db = open_reader(path, newest)
    try:
        if most is not None:
            db.set_progress_handler(lambda: 1, most * 1_000_000)
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname == "SQLITE_INTERRUPT":
            return ""
        raise StoreError(f"{path} cannot be read: {error}", damaged=is_damage(error)) from error
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}", damaged=is_damage(error)) from error
    finally:
        db.close()
    return "" if found == "ok" else str(found)


def set_aside(path: Path, wall: float) -> Path:
    """Rename a damaged database and what belongs to it; returns its new name.

    Never over another one. Raises `StoreError`.
    """
    names = (f"{path.name}{_DAMAGED}{int(wall) + n}" for n in count())
    kept = next(path.with_name(n) for n in names if not any(path.parent.glob(f"{n}*")))
    try:
        # The file itself last: should the power go meanwhile, it is found damaged once more, and
        # nobody begins a new one beside the WAL of the old.
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(kept.with_name(kept.name + suffix))
    except OSError as error:
        raise StoreError(f"{path} is damaged and cannot be set aside: {error}") from error
    return kept


def newest_set_aside(path: Path) -> Path | None:
    """The new name of the last database that was set aside from here, if it is still there."""
    kept = (each for each in path.parent.glob(f"{path.name}{_DAMAGED}*"))
    numbered = [
        (int(end), each) for each in kept if (end := each.suffix[len(_DAMAGED) :]).isdigit()
    ]
    return max(numbered)[1] if numbered else None


def _connected(path: Path) -> sqlite3.Connection:
    """Connected to a file that holds something, or is without a byte."""
    db = _connection(path)
    with closed_on_error(db):
        if not path.stat().st_size or db.execute("PRAGMA page_count").fetchone()[0]:
            return db
    # The power went while it was being made. It is empty again now, but this connection has seen
    # what stood there, and would not set it up as a new one.
    db.close()
    return _connection(path)


def _connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)


def _migrate(db: sqlite3.Connection, path: Path, migrations: Migrations) -> None:
    version = _schema(db).version
    _refuse_newer(path, _schema(db), len(migrations))
    if version >= len(migrations):
        return
    from sqlite_utils import Database  # noqa: PLC0415 - slow to import and seldom needed

    wrapped = Database(db)
    for number in range(version, len(migrations)):
        with wrapped.atomic():
            for statement in migrations[number]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version={number + 1}")
            db.execute(f"PRAGMA application_id={lowest_for(migrations[: number + 1])}")


def _reader(path: Path, newest: int, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None, check_same_thread=False
    )
    with closed_on_error(db):
        db.execute("PRAGMA query_only=1")
        schema = _schema(db)
        if schema.version == 0:
            raise NotSetUp(f"{path} is not set up yet")
        _refuse_newer(path, schema, newest)
    return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _schema(db: sqlite3.Connection) -> Schema:
    version, lowest = _version(db), int(db.execute("PRAGMA application_id").fetchone()[0])
    return Schema(version, lowest if 0 < lowest <= version else version)


def _refuse_newer(path: Path, schema: Schema, newest: int) -> None:
    if schema.lowest > newest:
        raise StoreError(
            f"{path} has schema {schema.version}, but this program knows only up to {newest}: it "
            "was written by a newer Doorward. Install that version again; nothing was changed.",
            newer=True,
        )
