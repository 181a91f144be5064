"""desk.db: what people on the spot laid down, which no platform knows. Written by `sync` alone.

Users and sessions of the console, tokens of the API, cards blocked here, mail not sent yet, how far
each target of webhooks has been told. It cannot be fetched again: a damaged one is refused and left
as it is. The modules `desk_…` hold the statements; each has its own tables.
"""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.store import closed_on_error, open_irreplaceable, translated

Statement = tuple[str, tuple[object, ...]]

# Times are wall seconds. No password, token, card or PIN stands here as it is.
MIGRATIONS = (
    (
        """CREATE TABLE users(
            name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL,
            added REAL NOT NULL, added_by TEXT NOT NULL, changed REAL NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE sessions(
            token BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,
            begun REAL NOT NULL, seen REAL NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE tokens(
            name TEXT PRIMARY KEY, token BLOB NOT NULL UNIQUE, scopes TEXT NOT NULL,
            added REAL NOT NULL, added_by TEXT NOT NULL, used REAL) WITHOUT ROWID""",
        # How far each target has been told of the journal's events.
        """CREATE TABLE told_of(
            target TEXT PRIMARY KEY, chain TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE blocks(
            hash BLOB PRIMARY KEY, last TEXT NOT NULL, platform TEXT NOT NULL,
            person TEXT NOT NULL, name TEXT NOT NULL, why TEXT NOT NULL,
            at REAL NOT NULL, by TEXT NOT NULL) WITHOUT ROWID""",
        # Events that the journal does not have yet.
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, note TEXT NOT NULL)",
        """CREATE TABLE visitors(
            platform TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL,
            zone TEXT NOT NULL, rooms TEXT NOT NULL, until REAL NOT NULL,
            PRIMARY KEY(platform, person)) WITHOUT ROWID""",
        """CREATE TABLE mails(
            id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, state TEXT NOT NULL,
            kind TEXT NOT NULL, platform TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL,
            address TEXT NOT NULL, zone TEXT NOT NULL, rooms TEXT NOT NULL, subject TEXT NOT NULL,
            text TEXT NOT NULL, until REAL NOT NULL, queued REAL NOT NULL, tries INTEGER NOT NULL,
            error TEXT NOT NULL)""",
        "CREATE INDEX mails_state ON mails(state)",
        # What people are alerted to; and up to where the journal was looked at for it.
        """CREATE TABLE alerts(
            key TEXT PRIMARY KEY, kind TEXT NOT NULL, about TEXT NOT NULL, text TEXT NOT NULL,
            phase TEXT NOT NULL, since REAL NOT NULL, begun REAL NOT NULL,
            returns INTEGER NOT NULL, rounds INTEGER NOT NULL) WITHOUT ROWID""",
        # Their beginnings and ends, to be mailed and told to targets; and how far each was told.
        """CREATE TABLE notices(
            id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL, over INTEGER NOT NULL,
            kind TEXT NOT NULL, about TEXT NOT NULL, text TEXT NOT NULL, begun REAL NOT NULL,
            at REAL NOT NULL, returns INTEGER NOT NULL, mailed INTEGER NOT NULL)""",
        """CREATE TABLE noticed(
            target TEXT PRIMARY KEY, notice INTEGER NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE watched(
            one INTEGER PRIMARY KEY CHECK (one = 1), chain TEXT NOT NULL,
            seq INTEGER NOT NULL)""",
    ),
)


_REMEDY = (
    "It holds users, tokens and blocked cards and is left as it is: put its backup in its place, "
    "or move it away and add them anew"
)


class Desk:
    """Any thread may use it; every method may raise `StoreError`. What it wrote is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path, self._guard = path, threading.Lock()
        self._db = open_irreplaceable(path, MIGRATIONS, _REMEDY)
        with closed_on_error(self._db):
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA foreign_keys=ON")
            path.chmod(0o600)

    def read(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Rows that can be asked by name."""
        with self._guard, translated(self._path, "read"):
            return self._db.execute(query, values).fetchall()

    def write(self, query: str, values: tuple[object, ...] = ()) -> int:
        """How many rows it touched."""
        return self.write_together([(query, values)])

    def write_together(self, statements: Sequence[Statement]) -> int:
        """All or none of them; how many rows the last one touched."""
        with self._guard, translated(self._path, "written"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            touched = 0
            for query, values in statements:
                touched = self._db.execute(query, values).rowcount
            return touched

    def close(self) -> None:
        with self._guard:
            self._db.close()
