"""The file journal.db: its schema, its rows, and the chain of hashes through them.

Each row carries SHA-256 over the hash before it and itself, so that a changed or missing one shows.
"""

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.errors import StoreError
from controller.journal_places import FORGIVEN_UP_TO, MIGRATION, note_place, place_in
from controller.model import Event, Kind, Mode, Reason, Trust, Visit
from controller.passage import Place
from controller.store import open_reader, open_writer, translated
from controller.tries import WRONG, Tried, keypad, person

MIGRATIONS = (
    (
        """CREATE TABLE event(
            seq INTEGER PRIMARY KEY, uuid BLOB NOT NULL, wall_ms INTEGER NOT NULL,
            mono_ms INTEGER NOT NULL, boot INTEGER NOT NULL, trust TEXT NOT NULL,
            kind TEXT NOT NULL, door TEXT NOT NULL, reason TEXT NOT NULL,
            platform TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL,
            card TEXT NOT NULL, label TEXT NOT NULL, pass_key TEXT NOT NULL,
            visit TEXT NOT NULL, visit_until_ms INTEGER, checks_in INTEGER NOT NULL,
            author TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL)""",
        """CREATE INDEX event_granted ON event(platform, person, seq) WHERE reason = 'granted'""",
        # Check-ins whose delivery is not settled: never pruned, and all that a lost cache.db needs.
        "CREATE TABLE open_check_in(seq INTEGER PRIMARY KEY, platform TEXT NOT NULL)",
        "CREATE TABLE boot(id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE)",
        "CREATE TABLE mode(door TEXT PRIMARY KEY, mode TEXT NOT NULL, until_ms INTEGER)",
        # Pruned stretches, so that the chain can be followed across them.
        "CREATE TABLE gap(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, hash BLOB NOT NULL)",
        "CREATE TABLE chain(id TEXT NOT NULL)",
        "INSERT INTO chain VALUES (lower(hex(randomblob(8))))",
    ),
    MIGRATION,
)
COLUMNS = (
    "seq, uuid, wall_ms, mono_ms, boot, trust, kind, door, reason, platform, person, name, card,"
    " label, pass_key, visit, visit_until_ms, checks_in, author, detail"
)
# Small pages: an event touches two or three of them, and each is written whole.
_PRAGMAS = ("PRAGMA page_size=1024", "PRAGMA auto_vacuum=INCREMENTAL")
_TIDY_EVERY = 1000  # events: the more, the fewer pages are written into the file twice
_OPEN = "INSERT INTO open_check_in(seq, platform) VALUES (?, ?)"
_MODE = "INSERT OR REPLACE INTO mode(door, mode, until_ms) VALUES (?, ?, ?)"
_HISTORY = """
    SELECT seq, wall_ms, door, visit, visit_until_ms, pass_key FROM event
    WHERE reason = 'granted' AND platform = ? AND person = ? AND seq > ?
    UNION ALL SELECT * FROM (
        SELECT seq, wall_ms, door, visit, visit_until_ms, pass_key FROM event
        WHERE reason = 'granted' AND platform = ? AND person = ? AND visit <> '' AND seq <= ?
        ORDER BY seq DESC LIMIT 1)"""
_LAST_ENTRY = f"""
    SELECT wall_ms FROM event
    WHERE reason = 'granted' AND platform = ? AND person = ? AND door = ?
    AND seq > {FORGIVEN_UP_TO}
    AND (detail = '' OR json_extract(detail, '$.awaits') IS NULL)
    ORDER BY seq DESC LIMIT 1"""
_LAST_GRANTED = """
    SELECT wall_ms FROM event e WHERE reason = 'granted' AND door = ?
    AND seq > (SELECT max(seq) FROM event) - 100000
    AND (detail = '' OR json_extract(detail, '$.awaits') IS NULL)
    AND NOT EXISTS (
        SELECT 1 FROM event n WHERE n.seq > e.seq AND n.seq <= e.seq + 100
        AND n.kind = 'no_entry_after_granted' AND n.door = e.door AND n.person = e.person)
    ORDER BY seq DESC LIMIT 1"""

# PINs that were looked at: alone, or after a card, where the detail says how that ended.
_TRIED = f"""
    SELECT door, json_extract(detail, '$.reader'), platform, person, reason,
    json_extract(detail, '$.pin'), mono_ms, boot FROM event
    WHERE seq > (SELECT max(seq) FROM event) - 20000 AND kind = '{Kind.ACCESS}'
    AND reason IN ('{Reason.GRANTED}', '{"', '".join(WRONG)}')
    AND (card = 'PIN' OR (instr(detail, '"pin":') AND json_extract(detail, '$.pin') IS NOT NULL))
    ORDER BY seq"""


@dataclass(frozen=True, slots=True)
class History:
    """What the journal knows of a person: visits, and passes used after the watermark."""

    visits: tuple[Visit, ...] = ()
    used: frozenset[str] = frozenset()


_NOTHING = History()
_MODES = frozenset(Mode)  # a release that was rolled back may have had others


@dataclass(frozen=True, slots=True)
class Entry:
    """An event on its way to the file, with the time at which it happened."""

    event: Event
    uuid: bytes
    wall_ms: int
    mono_ms: int
    trust: Trust

    def row(self, seq: int, boot: int) -> tuple[Any, ...]:
        """Its row, in the order of COLUMNS. Whatever the event holds, it can be stored."""
        e = self.event
        until = None if e.visit_until is None else int(e.visit_until * 1000)
        detail = ""
        if e.detail:
            detail = json.dumps(e.detail, ensure_ascii=False, sort_keys=True, default=str)
        when = (self.wall_ms, self.mono_ms, boot, self.trust.value)
        what = (e.kind.value, e.door, e.reason, e.platform, e.person, e.name, e.card, e.label)
        visit = (e.pass_key, e.visit, until, int(e.checks_in))
        texts = (*what, *visit, e.author, detail)
        clean = (t.encode(errors="replace").decode() if isinstance(t, str) else t for t in texts)
        return (seq, self.uuid, *when, *clean)


class JournalFile:
    """journal.db, open: one connection that writes, one that reads. Methods raise `StoreError`.

    Writing and reading do not wait for one another: a disk that stalls a write delays no look-up.
    """

    def __init__(self, path: Path, boot: str) -> None:
        """Open or make the file; `boot` is the id of this run of the machine."""
        self._path = path
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._newest: tuple[int, bytes] | None = None  # position and hash of the last event
        self._untidy = 0  # events written or removed since the last `tidy`
        self._writer = open_writer(path, MIGRATIONS, pragmas=_PRAGMAS)
        try:
            with translated(path, "used"):
                self._writer.execute("PRAGMA synchronous=FULL")
                self._writer.execute("PRAGMA wal_autocheckpoint=0")  # see `tidy`
                self._writer.execute("INSERT OR IGNORE INTO boot(boot) VALUES (?)", (boot,))
                query = "SELECT id FROM boot WHERE boot = ?"
                self._boot: int = self._writer.execute(query, (boot,)).fetchone()[0]
                self.chain: str = self._writer.execute("SELECT id FROM chain").fetchone()[0]
            self._reader = open_reader(path, len(MIGRATIONS))
        except BaseException:
            self._writer.close()
            raise

    def write(self, entries: Sequence[Entry]) -> None:
        """Append these, all or none; they are on the disk when this returns."""
        with self._writing, translated(self._path, "written"):
            self._writer.execute("BEGIN IMMEDIATE")
            looked = self._newest is None
            try:
                seq, last = self._newest or newest(self._writer)
                for entry in entries:
                    seq, last = seq + 1, self._insert(seq + 1, entry, last)
                self._writer.execute("COMMIT")
                self._newest, self._untidy = (seq, last), self._untidy + len(entries)
            except BaseException as error:
                self._newest = None
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                if looked and isinstance(error, sqlite3.IntegrityError):
                    # What comes after the newest row clashes with none, if the file is whole.
                    raise StoreError(f"{self._path} is damaged: {error}", damaged=True) from error
                raise

    def empty(self) -> bool:
        """Was nothing ever written to it?"""
        with self._reading, translated(self._path, "read"):
            return not newest(self._reader)[0]

    def tidy(self) -> None:
        """Now and then carry the WAL over into the file; to be called while nobody waits."""
        if self._untidy >= _TIDY_EVERY:
            with self._writing, translated(self._path, "written"):
                self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self._untidy = 0

    def history(self, platform: str, person: str, after: int) -> History:
        with self._reading, translated(self._path, "read"):
            return history_in(self._reader, platform, person, after)

    def last_entry(self, platform: str, person: str, door: str) -> float | None:
        with self._reading, translated(self._path, "read"):
            return last_entry_in(self._reader, platform, person, door)

    def place(self, platform: str, person: str) -> Place | None:
        with self._reading, translated(self._path, "read"):
            return place_in(self._reader, platform, person)

    def tried(self, monotonic: float, boottime: float) -> list[Tried]:
        """See `Journal.tried`."""
        with self._reading, translated(self._path, "read"):
            rows = self._reader.execute(_TRIED).fetchall()
        return [_tried(row, self._boot, monotonic, boottime) for row in rows]

    def last_granted(self, door: str) -> float | None:
        with self._reading, translated(self._path, "read"):
            row = self._reader.execute(_LAST_GRANTED, (door,)).fetchone()
            return row[0] / 1000 if row else None

    def modes(self) -> dict[str, tuple[Mode, float | None]]:
        with self._reading, translated(self._path, "read"):
            return modes_in(self._reader)

    def prune(self, before: float, largest: int) -> int:
        """See `Journal.prune`."""
        from controller.journal_prune import prune  # noqa: PLC0415 - once a night

        with self._writing, translated(self._path, "pruned"):
            removed = prune(self._writer, int(before * 1000), largest)
            self._untidy += removed
            return removed

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def _insert(self, seq: int, entry: Entry, last: bytes) -> bytes:
        row = entry.row(seq, self._boot)
        digest = chained(last, row)
        marks = ",".join("?" * (len(row) + 1))
        self._writer.execute(f"INSERT INTO event({COLUMNS}, hash) VALUES ({marks})", (*row, digest))
        event = _as_stored(entry.event, row)
        detail = event.detail or {}
        note_place(self._writer, seq, event, entry.wall_ms)
        if event.checks_in:
            self._writer.execute(_OPEN, (seq, event.platform))
        elif event.kind is Kind.TOLD:
            seq_told = detail.get("seq")
            self._writer.execute("DELETE FROM open_check_in WHERE seq = ?", (seq_told,))
        elif event.kind is Kind.MODE and "mode" in detail:
            until = detail.get("until")
            values = (event.door, detail["mode"], until and int(until * 1000))
            self._writer.execute(_MODE, values)
        return digest


def _as_stored(event: Event, row: Sequence[Any]) -> Event:
    """What tables beside the events are told: no text that SQLite could not take."""
    door, platform, person, detail = row[7], row[9], row[10], row[19]
    kept = json.loads(detail) if detail else None
    return replace(event, door=door, platform=platform, person=person, detail=kept)


def history_in(db: sqlite3.Connection, platform: str, person: str, after: int) -> History:
    """What the events on disk say of a person; `after` is the watermark."""
    rows = db.execute(_HISTORY, (platform, person, after) * 2).fetchall()
    if not rows:
        return _NOTHING
    visits = tuple(Visit(r[1] / 1000, r[4] / 1000) for r in rows if r[3])
    return History(visits, frozenset(r[5] for r in rows if r[5] and r[0] > after))


def last_entry_in(db: sqlite3.Connection, platform: str, person: str, door: str) -> float | None:
    """When, by the events on disk, this person last entered by this door (wall)."""
    row = db.execute(_LAST_ENTRY, (platform, person, door, platform, person)).fetchone()
    return row[0] / 1000 if row else None


def _tried(row: tuple[Any, ...], boot: int, monotonic: float, boottime: float) -> Tried:
    """Of another run of the machine nobody knows how long ago: as if just now, and the pause of
    whoever pulled the plug begins anew. In this one a suspension counts as no time.
    """
    door, reader, platform, whose, reason, after_card, mono_ms, then = row
    at = boottime - max(0.0, monotonic - mono_ms / 1000) if then == boot else boottime
    who = (keypad(door, reader or ""), *([person(platform, whose)] if after_card else []))
    return Tried(who, reason == Reason.GRANTED, at)


def modes_in(db: sqlite3.Connection) -> dict[str, tuple[Mode, float | None]]:
    """What staff last set each door to, and until when (wall)."""
    rows = db.execute("SELECT door, mode, until_ms FROM mode").fetchall()
    known = ((door, mode, until) for door, mode, until in rows if mode in _MODES)
    return {door: (Mode(mode), until and until / 1000) for door, mode, until in known}


def newest(db: sqlite3.Connection) -> tuple[int, bytes]:
    """Position and hash of the last event, pruned or not; (0, zeros) of an empty journal."""
    query = """SELECT seq, hash FROM event UNION ALL SELECT last, hash FROM gap
               ORDER BY 1 DESC LIMIT 1"""
    row = db.execute(query).fetchone()
    return (row[0], row[1]) if row else (0, bytes(32))


def chained(last: bytes, row: Sequence[Any]) -> bytes:
    """Hash of a row (in the order of COLUMNS) that follows an event with the hash `last`."""
    values = [v.hex() if isinstance(v, bytes) else v for v in row]
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(last + text.encode()).digest()


def uuid7(wall_ms: int) -> bytes:
    """Sixteen bytes as RFC 9562 lays out version 7: 48 bits of milliseconds, then random ones."""
    number = (wall_ms & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | 0x7 << 76
    return (number & ~(0x3 << 62) | 0x2 << 62).to_bytes(16)
