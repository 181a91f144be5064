"""cache.db: what the platforms say of people. Written by `sync` alone; here it is read.

`Cache` follows the file: when `sync` sets a damaged one aside and begins anew, the next look-up
reads the new one.
"""

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from controller.errors import StoreError
from controller.journal_file import History
from controller.model import Allowance, Facts, Grant, Holder, Pass, Person, RosterState, Visit
from controller.schedule import parse
from controller.store import is_damage, open_reader

FOREVER = 253_402_300_799  # the last second of the year 9999 stands for "no end"

MIGRATIONS = (
    (
        """CREATE TABLE platform(
            name TEXT PRIMARY KEY, zone TEXT NOT NULL, synced_at INTEGER, day_ends INTEGER NOT NULL,
            renewal_grace INTEGER NOT NULL, keyholders INTEGER NOT NULL, chain TEXT NOT NULL,
            watermark INTEGER NOT NULL, failed_at INTEGER, failure TEXT NOT NULL DEFAULT '',
            warnings TEXT NOT NULL DEFAULT '')""",
        """CREATE TABLE person(
            id INTEGER PRIMARY KEY, platform TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
            since INTEGER NOT NULL, until INTEGER NOT NULL, blocked INTEGER NOT NULL,
            checks_in INTEGER NOT NULL, note TEXT NOT NULL, UNIQUE(platform, key))""",
        """CREATE TABLE credential(
            hash BLOB NOT NULL, person INTEGER NOT NULL, last4 TEXT NOT NULL,
            PRIMARY KEY(hash, person)) WITHOUT ROWID""",
        "CREATE INDEX credential_person ON credential(person)",
        """CREATE TABLE blocked(
            hash BLOB NOT NULL, platform TEXT NOT NULL,
            PRIMARY KEY(hash, platform)) WITHOUT ROWID""",
        """CREATE TABLE held(
            person INTEGER NOT NULL, label TEXT NOT NULL, since INTEGER NOT NULL,
            until INTEGER NOT NULL, hours TEXT NOT NULL, uses_pass INTEGER NOT NULL,
            renews INTEGER NOT NULL, attends INTEGER NOT NULL,
            PRIMARY KEY(person, label, since, until, hours, uses_pass, renews, attends)
            ) WITHOUT ROWID""",
        """CREATE TABLE pass(
            person INTEGER NOT NULL, key TEXT NOT NULL, expires INTEGER NOT NULL,
            hours TEXT NOT NULL, PRIMARY KEY(person, key)) WITHOUT ROWID""",
        """CREATE TABLE allowance(
            person INTEGER NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL,
            period TEXT NOT NULL, hours TEXT NOT NULL, PRIMARY KEY(person, key)) WITHOUT ROWID""",
        """CREATE TABLE visit(
            person INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
            PRIMARY KEY(person, since, until)) WITHOUT ROWID""",
        """CREATE TABLE delivery(
            uuid TEXT PRIMARY KEY, seq INTEGER NOT NULL, chain TEXT NOT NULL,
            platform TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL, door TEXT NOT NULL,
            at INTEGER NOT NULL, visit_until INTEGER NOT NULL, state TEXT NOT NULL,
            in_doubt INTEGER NOT NULL, attempts INTEGER NOT NULL, message TEXT NOT NULL,
            settled_at INTEGER, noted INTEGER NOT NULL, forced INTEGER NOT NULL)""",
        "CREATE INDEX delivery_state ON delivery(platform, state, seq)",
        "CREATE INDEX delivery_seq ON delivery(platform, chain, seq)",
        "CREATE INDEX delivery_unnoted ON delivery(noted) WHERE noted = 0",
        # The journal's end when this file was made: older open check-ins may have been told.
        "CREATE TABLE born(chain TEXT PRIMARY KEY, seq INTEGER NOT NULL)",
    ),
)

_STATE = "r.name, r.zone, r.synced_at, r.day_ends, r.renewal_grace, r.keyholders"
_PERSON = f"""
    p.platform, p.key, p.name, nullif(p.since, 0), nullif(p.until, {FOREVER}), p.blocked,
    p.checks_in, p.note"""
_VISITS = "(SELECT group_concat(since || ' ' || until) FROM visit WHERE person = p.id)"
_ROW = f"p.id, r.chain, r.watermark, {_VISITS}, {_STATE}, {_PERSON} FROM person p"
_BY_HASH = f"""
    SELECT EXISTS(SELECT 1 FROM blocked WHERE hash = c.hash), {_ROW}
    JOIN platform r ON r.name = p.platform JOIN credential c ON c.person = p.id
    WHERE c.hash = ?"""
_BY_KEY = f"""
    SELECT 0, {_ROW} JOIN platform r ON r.name = p.platform
    WHERE p.platform = ? AND p.key = ?"""
_GRANTS = f"""
    SELECT label, nullif(since, 0), nullif(until, {FOREVER}), hours, uses_pass, renews, attends
    FROM held WHERE person = ?"""

_Looked = TypeVar("_Looked")
Past = Callable[[str, str, str, int], History]  # platform, person, chain, watermark


@dataclass(frozen=True, slots=True)
class Found:
    """A person as a list shows them. `cards` are masked."""

    person: Person
    cards: tuple[str, ...]
    labels: tuple[str, ...]


class Cache:
    """Read-only view of cache.db. Not for use by two threads at once."""

    def __init__(self, path: Path) -> None:
        self._path, self._name = path, str(path)
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    def facts(self, hashed: bytes, past: Past) -> Facts:
        """What is known of whoever holds this credential. Raises `StoreError`."""

        def look(db: sqlite3.Connection) -> Facts:
            rows = db.execute(_BY_HASH, (hashed,)).fetchall()
            if rows:
                return Facts(tuple([_holder(db, row, past) for row in rows]), bool(rows[0][0]))
            blocked = db.execute("SELECT 1 FROM blocked WHERE hash = ?", (hashed,)).fetchone()
            return Facts((), blocked is not None, _known(db))

        return self._at_once(look)

    def facts_of(self, platform: str, key: str, past: Past) -> Facts:
        """The same for a person, whatever they would present. Raises `StoreError`."""

        def look(db: sqlite3.Connection) -> Facts:
            rows = db.execute(_BY_KEY, (platform, key)).fetchall()
            return Facts(tuple(_holder(db, row, past) for row in rows), known=_known(db))

        return self._at_once(look)

    def people(self, text: str = "", *, limit: int = 50) -> list[Found]:
        """People whose name, key or last card characters contain the text. Raises `StoreError`."""
        text = text.encode(errors="replace").decode()  # as typed, it need not be UTF-8
        like, folded = (
            "%" + each.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            for each in (text, text.casefold())
        )
        # SQLite itself folds the case of ASCII letters only; asking Python of each name takes long.
        query = f"""SELECT p.id, {_PERSON} FROM person p
            WHERE p.name LIKE ? ESCAPE '\\'
            OR (p.name GLOB '*[^ -~]*' AND fold(p.name) LIKE ? ESCAPE '\\')
            OR p.key LIKE ? ESCAPE '\\' OR p.id IN (
                SELECT person FROM credential WHERE last4 LIKE ? ESCAPE '\\')
            ORDER BY p.name, p.key LIMIT ?"""
        self._connected().create_function("fold", 1, str.casefold, deterministic=True)
        cards = "SELECT DISTINCT last4 FROM credential WHERE person = ?"
        labels = "SELECT DISTINCT label FROM held WHERE person = ?"
        return [
            Found(
                Person._make(row[1:]),
                tuple(r[0] for r in self.rows(cards, (row[0],))),
                tuple(r[0] for r in self.rows(labels, (row[0],))),
            )
            for row in self.rows(query, (like, folded, like, like, limit))
        ]

    def roster(self, after: int, limit: int) -> list[tuple[int, Found, tuple[Grant, ...]]]:
        """People with all they hold, as they are at one moment, the first `limit` of those whose
        number in this file comes after a number. Raises `StoreError`.
        """
        people = f"SELECT p.id, {_PERSON} FROM person p WHERE p.id > ? ORDER BY p.id LIMIT ?"
        cards = "SELECT last4 FROM credential WHERE person = ? ORDER BY last4, hash"

        def look(db: sqlite3.Connection) -> list[tuple[int, Found, tuple[Grant, ...]]]:
            found = []
            for number, *row in db.execute(people, (after, limit)).fetchall():
                last = tuple(r[0] for r in db.execute(cards, (number,)))
                held = tuple(_grant(*g) for g in db.execute(_GRANTS, (number,)))
                labels = tuple(grant.label for grant in held)
                found.append((number, Found(Person._make(row), last, labels), held))
            return found

        return self._at_once(look)

    def cards_of(self, platform: str, key: str) -> list[tuple[bytes, str]]:
        """Keyed hash and last characters of each of a person's cards. Raises `StoreError`."""
        query = """SELECT c.hash, c.last4 FROM credential c JOIN person p ON p.id = c.person
                   WHERE p.platform = ? AND p.key = ? ORDER BY c.last4, c.hash"""
        return self.rows(query, (platform, key))

    def pins(self) -> int:
        """How many PINs people have; PINs alone are kept without last characters."""
        return int(self.rows("SELECT count(*) FROM credential WHERE last4 = ''")[0][0])

    def rosters(self) -> list[dict[str, Any]]:
        """One dict per platform: the columns of `platform` and how many `people` it has."""
        query = """SELECT r.*, (SELECT count(*) FROM person WHERE platform = r.name) AS people
                   FROM platform r ORDER BY name"""
        return self._dicts(query)

    def deliveries(
        self,
        states: tuple[str, ...] = (),
        *,
        limit: int = -1,
        newest: bool = False,
        after: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of `delivery` in these states (all if none is named), oldest or newest first.

        `after`: the row with which the part before this one ended.
        """
        where = [f"state IN ({','.join('?' * len(states))})"] if states else []
        values: list[Any] = [*states]
        if after:
            where.append("(at, seq, uuid) > (?, ?, ?)")
            values += [after["at"], after["seq"], after["uuid"]]
        which = f"WHERE {' AND '.join(where)}" if where else ""
        order = "at DESC, seq DESC" if newest else "at, seq, uuid"
        query = f"SELECT * FROM delivery {which} ORDER BY {order} LIMIT ?"
        return self._dicts(query, (*values, limit))

    def delivery_counts(self) -> dict[str, int]:
        """How many deliveries stand in which state."""
        return dict(self.rows("SELECT state, count(*) FROM delivery GROUP BY state"))

    def states(self) -> list[dict[str, Any]]:
        """The columns of `platform`, one dict each."""
        return self._dicts("SELECT * FROM platform ORDER BY name")

    def queues(self) -> list[tuple[str, str, int]]:
        """Platform, state, and how many deliveries stand so."""
        return self.rows("SELECT platform, state, count(*) FROM delivery GROUP BY 1, 2")

    def oldest_pending(self) -> dict[str, int]:
        """By platform the wall time of the oldest check-in that it was not told of."""
        query = "SELECT platform, min(at) FROM delivery WHERE state = 'pending' GROUP BY 1"
        return dict(self.rows(query))

    def taken(self) -> dict[tuple[str, str], int]:
        """Up to which position check-ins were taken over, by platform and journal chain."""
        rows = self.rows("SELECT platform, chain, max(seq) FROM delivery GROUP BY 1, 2")
        return {(platform, chain): seq for platform, chain, seq in rows}

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        db = self._connected()
        try:
            return db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._lost(error) from error

    def close(self) -> None:
        if self._db:
            self._db.close()
        self._db = None

    def _at_once(self, look: Callable[[sqlite3.Connection], _Looked]) -> _Looked:
        """One transaction, so that no half of it is from before a sync; it is faster, too."""
        db = self._connected()
        try:
            db.execute("BEGIN")
            try:
                return look(db)
            finally:
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._lost(error) from error

    def _dicts(self, query: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        db = self._connected()
        try:
            cursor = db.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        except sqlite3.Error as error:
            raise self._lost(error) from error

    def _connected(self) -> sqlite3.Connection:
        try:
            inode = os.stat(self._name).st_ino  # noqa: PTH116 - at every scan, and three times faster
        except OSError as error:
            self.close()
            message = f"{self._path} is missing: no roster was fetched yet, run `doorward sync`"
            raise StoreError(message) from error
        if self._db is None or inode != self._inode:
            self.close()
            self._db, self._inode = open_reader(self._path, len(MIGRATIONS)), inode
        return self._db

    def _lost(self, error: sqlite3.Error) -> StoreError:
        self.close()
        return StoreError(f"{self._path} cannot be read: {error}", damaged=is_damage(error))


def _known(db: sqlite3.Connection) -> bool:
    """Was every platform's roster fetched at least once? Else a stranger may be a member."""
    row = db.execute("SELECT count(*), count(synced_at) FROM platform").fetchone()
    return bool(row[0] and row[0] == row[1])


def _holder(db: sqlite3.Connection, row: tuple[Any, ...], past: Past) -> Holder:
    _, number, chain, watermark, visits = row[:5]
    person = Person._make(row[11:])
    history = past(person.platform, person.key, chain, watermark)
    grants = tuple([_grant(*g) for g in db.execute(_GRANTS, (number,))])
    limited = any([g.uses_pass for g in grants])  # noqa: C419 - a list is faster
    return Holder(
        person,
        _state(row[5:11]),
        grants,
        _passes(db, number) if limited else (),
        _allowances(db, number) if limited else (),
        (*_visits(visits), *history.visits) if visits else history.visits,
        history.used,
    )


def _passes(db: sqlite3.Connection, number: int) -> tuple[Pass, ...]:
    rows = db.execute("SELECT key, expires, hours FROM pass WHERE person = ?", (number,))
    return tuple(Pass(key, _end(expires), parse(hours)) for key, expires, hours in rows)


def _allowances(db: sqlite3.Connection, number: int) -> tuple[Allowance, ...]:
    query = "SELECT key, count, period, hours FROM allowance WHERE person = ?"
    rows = db.execute(query, (number,))
    return tuple(Allowance(key, count, period, parse(h)) for key, count, period, h in rows)


def _visits(text: str) -> list[Visit]:
    pairs = [span.split() for span in text.split(",")]
    return [Visit(int(since), int(until)) for since, until in pairs]


def _grant(
    label: str,
    since: float | None,
    until: float | None,
    hours: str,
    uses_pass: bool,  # noqa: FBT001
    renews: bool,  # noqa: FBT001
    attends: bool,  # noqa: FBT001
) -> Grant:
    return Grant(label, since, until, parse(hours) if hours else (), uses_pass, renews, attends)


def _end(until: int) -> float | None:
    return None if until >= FOREVER else until


@lru_cache(maxsize=64)
def _state(row: tuple[Any, ...]) -> RosterState:
    name, zone, synced_at, day_ends, grace, keyholders = row
    return RosterState(name, ZoneInfo(zone), synced_at or 0, day_ends, grace, bool(keyholders))
