"""journal.db: what happened at the doors, appended for good by a thread of its own.

Each event carries SHA-256 over the hash before it and its own row, so that a changed or missing row
shows (`journal_read.verify`). Synchronous FULL: a ticket is settled when the row is on the disk.
"""

import hashlib
import json
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from controller.errors import StoreError
from controller.model import Event, Kind, Mode, Trust, Visit
from controller.ports import Clock
from controller.store import is_damage, open_reader, open_writer, set_aside

log = structlog.get_logger(__name__)

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
)
COLUMNS = (
    "seq, uuid, wall_ms, mono_ms, boot, trust, kind, door, reason, platform, person, name, card,"
    " label, pass_key, visit, visit_until_ms, checks_in, author, detail"
)
# Small pages: an event touches two or three of them, and each is written whole.
_PRAGMAS = ("PRAGMA page_size=2048", "PRAGMA auto_vacuum=INCREMENTAL")
_LARGEST_BACKLOG = 10_000
_HISTORY = """
    SELECT seq, wall_ms, door, visit, visit_until_ms, pass_key FROM event
    WHERE reason = 'granted' AND platform = ?1 AND person = ?2 AND seq > ?3
    UNION ALL SELECT * FROM (
        SELECT seq, wall_ms, door, visit, visit_until_ms, pass_key FROM event
        WHERE reason = 'granted' AND platform = ?1 AND person = ?2 AND visit <> '' AND seq <= ?3
        ORDER BY seq DESC LIMIT 1)"""
_LAST_ENTRY = """
    SELECT wall_ms FROM event
    WHERE reason = 'granted' AND platform = ? AND person = ? AND door = ?
    ORDER BY seq DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class History:
    """What the journal knows of a person: visits, and passes used after the watermark."""

    visits: tuple[Visit, ...] = ()
    used: frozenset[str] = frozenset()


_NOTHING = History()


class Ticket:
    """A promise that an event reaches the disk."""

    __slots__ = ("_done",)

    def __init__(self) -> None:
        self._done = threading.Event()

    @property
    def settled(self) -> bool:
        return self._done.is_set()

    def settle(self) -> None:
        self._done.set()

    def wait(self, timeout: float | None = None) -> bool:
        """True once the event is on disk; False if it is not yet after `timeout` seconds."""
        return self._done.wait(timeout)


@dataclass(frozen=True, slots=True)
class _Entry:
    event: Event
    uuid: bytes
    wall_ms: int
    mono_ms: int
    trust: Trust
    ticket: Ticket

    def row(self, seq: int, boot: int) -> tuple[Any, ...]:
        e = self.event
        until = None if e.visit_until is None else int(e.visit_until * 1000)
        detail = json.dumps(e.detail, ensure_ascii=False, sort_keys=True) if e.detail else ""
        when = (self.wall_ms, self.mono_ms, boot, self.trust.value)
        what = (e.kind.value, e.door, e.reason, e.platform, e.person, e.name, e.card, e.label)
        visit = (e.pass_key, e.visit, until, int(e.checks_in))
        return (seq, self.uuid, *when, *what, *visit, e.author, detail)


class Journal:
    """The writer. One per data directory; the controller owns it."""

    def __init__(self, path: Path, clock: Clock, boot: str) -> None:
        """Open, migrate and start writing; a damaged file is set aside. Raises `StoreError`."""
        self._path, self._clock, self._boot_id = path, clock, boot
        self._waiting: deque[_Entry] = deque()
        self._changed = threading.Condition()
        # Apart, so that a look-up never waits for a disk that stalls a write.
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._closing = False
        self.failing = ""  # why writes fail at present
        self.dropped = 0  # events given up because too many were waiting
        set_aside_as = ""
        try:
            self._open()
        except StoreError as error:
            if not error.damaged:
                raise
            set_aside_as = self._renew()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()
        if set_aside_as:
            self.append(Event(Kind.RENEWED, detail={"set_aside": set_aside_as}))

    def append(self, event: Event) -> Ticket:
        """Take an event as having happened now; the ticket says when it is on disk."""
        wall_ms = int(self._clock.wall() * 1000)
        mono_ms = int(self._clock.monotonic() * 1000)
        entry = _Entry(event, uuid7(wall_ms), wall_ms, mono_ms, self._clock.trust(), Ticket())
        with self._changed:
            self._waiting.append(entry)
            lost = self._waiting.popleft() if len(self._waiting) > _LARGEST_BACKLOG else None
            self._changed.notify_all()
        if lost:
            self._give_up(lost)
        return entry.ticket

    def flush(self, timeout: float) -> bool:
        """Wait until all that was appended before is on disk; False if it is not in time."""
        with self._changed:
            last = self._waiting[-1] if self._waiting else None
        return last is None or last.ticket.wait(timeout)

    def history(self, platform: str, person: str, chain: str, watermark: int) -> History:
        """Visits and used passes of a person, events not yet on disk included.

        `chain` and `watermark` are those kept with the roster; another chain's mean nothing here.
        """
        after = watermark if chain == self.chain else 0
        with self._changed:  # before the file: an entry may move there meanwhile
            waiting = [e for e in self._waiting if _enters(e.event, platform, person)]
        with self._reading:
            past = history_in(self._reader, platform, person, after)
        if not waiting:
            return past
        visits, used = list(past.visits), set(past.used)
        for entry in waiting:
            if entry.event.visit_until is not None:
                visits.append(Visit(entry.wall_ms / 1000, entry.event.visit_until))
            if entry.event.pass_key:
                used.add(entry.event.pass_key)
        return History(tuple(visits), frozenset(used))

    def last_entry(self, platform: str, person: str, door: str) -> float | None:
        """When this person last entered by this door (wall)."""
        with self._changed:
            for entry in reversed(self._waiting):
                if _enters(entry.event, platform, person) and entry.event.door == door:
                    return entry.wall_ms / 1000
        with self._reading:
            return last_entry_in(self._reader, platform, person, door)

    def modes(self) -> dict[str, tuple[Mode, float | None]]:
        """What staff last set each door to, and until when (wall)."""
        with self._reading:
            return modes_in(self._reader)

    def prune(self, before: float, largest: int) -> int:
        """Remove some of what is older than `before` (wall) or beyond `largest` bytes; how many.

        A bounded number per call, so that no scan waits for it; never an open check-in.
        """
        from controller.journal_prune import prune  # noqa: PLC0415 - once a night

        try:
            with self._writing:
                return prune(self._db, int(before * 1000), largest)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be pruned: {error}") from error

    def close(self) -> None:
        """Write what waits and stop; what cannot be written goes to the log."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=10)
        for entry in self._waiting:
            self._give_up(entry)
        with self._writing, self._reading:
            self._reader.close()
            self._db.close()

    def _open(self) -> None:
        self._db = open_writer(self._path, MIGRATIONS, pragmas=_PRAGMAS)
        try:
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("INSERT OR IGNORE INTO boot(boot) VALUES (?)", (self._boot_id,))
            query = "SELECT id FROM boot WHERE boot = ?"
            self._boot: int = self._db.execute(query, (self._boot_id,)).fetchone()[0]
            self.chain: str = self._db.execute("SELECT id FROM chain").fetchone()[0]
            self._reader = open_reader(self._path, len(MIGRATIONS))
        except sqlite3.Error as error:
            message = f"{self._path} cannot be used: {error}"
            raise StoreError(message, damaged=is_damage(error)) from error

    def _renew(self) -> str:
        kept = set_aside(self._path, self._clock.wall())
        log.critical("journal damaged: set aside, a new one begins", kept=str(kept))
        self._open()
        return kept.name

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                batch = list(self._waiting)[:500]
            if not batch:
                return
            try:
                self._write(batch)
            except (sqlite3.Error, StoreError) as error:
                if self._stop_trying(error):
                    return

    def _write(self, batch: Sequence[_Entry]) -> None:
        with self._writing:
            db = self._db
            db.execute("BEGIN IMMEDIATE")
            try:
                seq, last = newest(db)
                for seq, entry in enumerate(batch, seq + 1):  # noqa: B020
                    last = self._insert(db, seq, entry, last)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        for entry in batch:
            entry.ticket.settle()
        with self._changed:
            while self._waiting and self._waiting[0].ticket.settled:
                self._waiting.popleft()
        if self.failing:
            log.warning("journal written again", after=self.failing)
            self.failing = ""

    def _insert(self, db: sqlite3.Connection, seq: int, entry: _Entry, last: bytes) -> bytes:
        row = entry.row(seq, self._boot)
        digest = chained(last, row)
        marks = ",".join("?" * (len(row) + 1))
        db.execute(f"INSERT INTO event VALUES ({marks})", (*row, digest))
        event, detail = entry.event, entry.event.detail or {}
        if event.checks_in:
            db.execute("INSERT INTO open_check_in VALUES (?, ?)", (seq, event.platform))
        elif event.kind is Kind.TOLD:
            db.execute("DELETE FROM open_check_in WHERE seq = ?", (detail["seq"],))
        elif event.kind is Kind.MODE:
            until = detail.get("until")
            values = (event.door, detail["mode"], until and int(until * 1000))
            db.execute("INSERT OR REPLACE INTO mode VALUES (?, ?, ?)", values)
        return digest

    def _stop_trying(self, error: Exception) -> bool:
        if not self.failing:
            log.critical("journal cannot be written; events wait in memory", error=str(error))
        self.failing = str(error)
        with self._changed:
            if self._closing:
                return True
        if is_damage(error):
            self._replace()
        else:
            threading.Event().wait(1.0)
        return False

    def _replace(self) -> None:
        with self._writing, self._reading:
            self._db.close()
            self._reader.close()
            kept = self._renew()
        self.append(Event(Kind.RENEWED, detail={"set_aside": kept}))

    def _give_up(self, entry: _Entry) -> None:
        self.dropped += 1
        event = entry.event
        log.critical(
            "event lost: the journal could not be written",
            kind=event.kind,
            door=event.door,
            reason=event.reason,
            person=event.person,
            wall_ms=entry.wall_ms,
        )


def history_in(db: sqlite3.Connection, platform: str, person: str, after: int) -> History:
    """What the events on disk say of a person; `after` is the watermark."""
    rows = db.execute(_HISTORY, (platform, person, after)).fetchall()
    if not rows:
        return _NOTHING
    visits = tuple(Visit(r[1] / 1000, r[4] / 1000) for r in rows if r[3])
    return History(visits, frozenset(r[5] for r in rows if r[5] and r[0] > after))


def last_entry_in(db: sqlite3.Connection, platform: str, person: str, door: str) -> float | None:
    """When, by the events on disk, this person last entered by this door (wall)."""
    row = db.execute(_LAST_ENTRY, (platform, person, door)).fetchone()
    return row[0] / 1000 if row else None


def modes_in(db: sqlite3.Connection) -> dict[str, tuple[Mode, float | None]]:
    """What staff last set each door to, and until when (wall)."""
    rows = db.execute("SELECT door, mode, until_ms FROM mode").fetchall()
    return {door: (Mode(mode), until and until / 1000) for door, mode, until in rows}


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


def _enters(event: Event, platform: str, person: str) -> bool:
    return event.reason == "granted" and event.person == person and event.platform == platform
