"""A newer program of two more schemas, cut off in the middle of migrating what is there."""

import sqlite3
from contextlib import closing
from pathlib import Path

from controller import cache, journal_file
from controller.errors import StoreError
from controller.store import Breaking, Migrations, open_writer
from sync import desk, inbox
from tests.cut_checks import Promises, survives
from tests.cut_site import Site
from tests.torn import Recording

# By file: what this program knows, and a table whose rows the next one changes, all of them.
FILES = {
    "journal.db": (journal_file.MIGRATIONS, "event"),
    "cache.db": (cache.MIGRATIONS, "held"),
    "desk.db": (desk.MIGRATIONS, "tokens"),
    "inbox.db": (inbox.MIGRATIONS, "told"),
}


def upgrading(site: Site, tape: Recording) -> None:
    for name, (known, table) in FILES.items():
        path = site.data / name
        tape.note("rows", (name, _rows(path, table)))
        for version in (len(known) + 1, len(known) + 2):
            open_writer(path, _newer(known, table)[:version]).close()
            tape.note("migrated", (name, version))


def upgraded(site: Site, promised: Promises, tape: Recording) -> None:
    """The older program works with it or refuses it; the newer one goes on where it was."""
    versions = {name: _version(site.data / name) for name in FILES}
    for name, (known, _) in FILES.items():
        least = promised.migrated.get(name, len(known))
        assert versions[name] >= least, f"{name} was migrated to {least}"
    if all(versions[name] == len(known) for name, (known, _) in FILES.items()):
        survives(site, promised, tape)
    for name, (known, table) in FILES.items():
        path = site.data / name
        assert _refused(path, known) == (versions[name] > len(known)), "the older program"
        open_writer(path, _newer(known, table)).close()
        # The older program may have added some.
        assert _rows(path, table) >= promised.rows.get(name, 1), f"rows of {name} are lost"
        with closing(sqlite3.connect(path)) as db:
            query = f"SELECT count(*) FROM {table} WHERE note2 = 'new' OR note2 IS NULL"
            assert db.execute(query).fetchone() == (0,), "a step was left out"
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _newer(known: Migrations, table: str) -> Migrations:
    return (
        *known,
        _breaking(
            f"ALTER TABLE {table} ADD COLUMN note2 TEXT NOT NULL DEFAULT 'new'",
            f"CREATE TABLE {table}_copy AS SELECT * FROM {table}",
            f"UPDATE {table} SET note2 = 'first'",
        ),
        _breaking(
            f"CREATE INDEX {table}_note2 ON {table}(note2)",
            f"UPDATE {table} SET note2 = note2 || ' and second'",
            f"DROP TABLE {table}_copy",
        ),
    )


def _breaking(*statements: str) -> Breaking:
    return Breaking(statements)


def _refused(path: Path, known: Migrations) -> bool:
    try:
        open_writer(path, known).close()
    except StoreError as error:
        return error.newer
    return False


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def _rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
