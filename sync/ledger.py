"""Deliveries: which check-in is told to which platform, and what it answered.

Rows of cache.db, made from the journal's open check-ins. Before a check-in is sent it is marked *in
doubt*, on the disk; only an answer takes the mark away. Whoever finds it, after a crash or a lost
answer, reads the platform before sending again, or gives the delivery up as unknown.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cache import MIGRATIONS
from controller.errors import StoreError
from controller.journal_read import JournalReader
from controller.model import Recorded
from controller.store import closed_on_error, is_damage, open_writer
from sync.platform import CheckIn, State

_FIELDS = "uuid, person, door, at, visit_until, name, in_doubt, forced, attempts"
_COLUMNS = (
    "uuid, seq, chain, platform, person, name, door, at, visit_until, state, in_doubt, attempts,"
    " message, settled_at, noted, forced"
)
_OLDEST = f"""
    SELECT {_FIELDS} FROM delivery WHERE platform = ? AND state = 'pending' ORDER BY seq LIMIT 1"""
_UNTOLD = """
    SELECT uuid, seq, chain, platform, person, name, door, state, message FROM delivery
    WHERE noted = 0 LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One check-in on its way. `forced`: a person said to send it, late or not."""

    check_in: CheckIn
    name: str
    in_doubt: bool
    forced: bool
    attempts: int


class Ledger:
    """The writer of deliveries; any thread may use it. Every method may raise `StoreError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._db = open_writer(path, MIGRATIONS)
        with closed_on_error(self._db):
            self._db.execute("PRAGMA busy_timeout=30000")

    def born(self, chain: str, newest: int) -> None:
        """Note, once, where the journal stood when this file was new; call before `take`.

        A new file may follow one that was lost with its deliveries: what the journal still holds
        open may have been sent from there. A journal that is newer than this file holds nothing
        that was sent. Without a journal call with "" and 0.
        """
        known = self._do("SELECT count(*) FROM born")[0][0]
        self._do(
            "INSERT OR IGNORE INTO born(chain, seq) VALUES (?, ?)", (chain, 0 if known else newest)
        )

    def restored(self, old: str, new: str, newest: int) -> None:
        """This file comes out of a backup, and the journal's chain has another name from now on.

        What had not been told then may have been told since: all of it is in doubt.
        """
        self._do("UPDATE delivery SET chain = ? WHERE chain = ?", (new, old))
        self._do("UPDATE platform SET chain = ? WHERE chain = ?", (new, old))
        self._do("""UPDATE delivery SET state = 'pending', in_doubt = 1, forced = 0
                    WHERE state IN ('pending', 'late')""")
        self._do("INSERT OR REPLACE INTO born(chain, seq) VALUES (?, ?)", (new, newest))

    def take(self, platform: str, reader: JournalReader) -> int:
        """Take over check-ins that the journal holds open and this file does not know yet."""
        query = "SELECT coalesce(max(seq), 0) FROM delivery WHERE platform = ? AND chain = ?"
        after = self._do(query, (platform, reader.chain))[0][0]
        query = "SELECT coalesce(max(seq), 0) FROM born WHERE chain = ?"
        born = self._do(query, (reader.chain,))[0][0]
        fresh = reader.open_check_ins(platform, after=after, limit=1000)
        marks = ",".join("?" * 16)
        rows = [_row(each, reader.chain, in_doubt=each.seq <= born) for each in fresh]
        self._many(f"INSERT OR IGNORE INTO delivery({_COLUMNS}) VALUES ({marks})", rows)
        return len(rows)

    def oldest(self, platform: str) -> Delivery | None:
        """The delivery that is next."""
        rows = self._do(_OLDEST, (platform,))
        return _delivery(rows[0]) if rows else None

    def begin(self, uuid: str) -> None:
        """Mark in doubt, on the disk for certain; only then may it be sent."""
        query = "UPDATE delivery SET in_doubt = 1, attempts = attempts + 1 WHERE uuid = ?"
        self._do(query, (uuid,), durable=True)

    def not_sent(self, uuid: str, message: str) -> None:
        """It was certainly not carried out; it stays pending."""
        query = "UPDATE delivery SET in_doubt = 0, message = ? WHERE uuid = ?"
        self._do(query, (message, uuid))

    def settle(self, uuid: str, state: State, message: str, at: float) -> None:
        """Put a delivery into its state. A late one stays open in the journal."""
        query = """UPDATE delivery SET state = ?, message = ?, settled_at = ?, in_doubt = 0,
                   forced = 0, noted = ? WHERE uuid = ?"""
        self._do(query, (state.value, message, int(at), state is State.LATE, uuid))

    def push(self, uuids: Sequence[str]) -> list[str]:
        """A person says: send these, late, refused or unknown as they are. Returns those found."""
        return self._by_hand(
            uuids,
            "state = 'pending', forced = 1, in_doubt = 0, message = ''",
            (State.LATE, State.REFUSED, State.UNKNOWN),
        )

    def dismiss(self, uuids: Sequence[str], author: str, at: float) -> list[str]:
        """A person says: do not send these. Returns those found."""
        change = "state = 'dismissed', noted = 0, in_doubt = 0, message = ?, settled_at = ?"
        found = (State.PENDING, State.LATE, State.REFUSED, State.UNKNOWN)
        return self._by_hand(uuids, change, found, (f"dismissed by {author}", int(at)))

    def untold(self, limit: int) -> list[dict[str, Any]]:
        """Settled deliveries of which the journal does not know yet."""
        names = ("uuid", "seq", "chain", "platform", "person", "name", "door", "state", "message")
        return [dict(zip(names, row, strict=True)) for row in self._do(_UNTOLD, (limit,))]

    def noted(self, uuids: Iterable[str]) -> None:
        """The journal knows of these."""
        self._many("UPDATE delivery SET noted = 1 WHERE uuid = ?", [(uuid,) for uuid in uuids])

    def failed(self, platform: str, zone: str, message: str, at: float) -> None:
        """A fetch failed. Written once per kind of failure: flash wears out."""
        query = """INSERT INTO platform(name, zone, day_ends, renewal_grace, keyholders, chain,
                    watermark, failed_at, failure) VALUES (?, ?, 240, 0, 0, '', 0, ?, ?)
                   ON CONFLICT(name) DO UPDATE SET failed_at = excluded.failed_at,
                    failure = excluded.failure WHERE failure <> excluded.failure"""
        self._do(query, (platform, zone, int(at), message))

    def forget(self, before: float) -> int:
        """Drop deliveries settled before that time (wall) and known to the journal."""
        query = """DELETE FROM delivery WHERE state IN ('sent', 'dismissed', 'refused')
                   AND noted = 1 AND settled_at < ? RETURNING 1"""
        return len(self._do(query, (int(before),)))

    def forget_platforms(self, configured: Iterable[str]) -> list[str]:
        """Remove the people of platforms that are no longer configured; returns their names."""
        kept = tuple(configured)
        query = f"SELECT name FROM platform WHERE name NOT IN ({','.join('?' * len(kept))})"
        gone = [row[0] for row in self._do(query, kept)]
        children = ("credential", "held", "pass", "allowance", "visit")
        for name in gone:
            whose = "WHERE person IN (SELECT id FROM person WHERE platform = ?)"
            for table in children:
                self._do(f"DELETE FROM {table} {whose}", (name,))
            for table, column in (("person", "platform"), ("blocked", "platform")):
                self._do(f"DELETE FROM {table} WHERE {column} = ?", (name,))
            self._do("DELETE FROM platform WHERE name = ?", (name,))
        return gone

    def block(self, owner: str, hashes: Iterable[bytes]) -> None:
        """Have exactly these cards blocked in this owner's name; outlasts a power cut."""
        wanted = set(hashes)
        rows = self._do("SELECT hash FROM blocked WHERE platform = ?", (owner,))
        for gone in {row[0] for row in rows} - wanted:
            query = "DELETE FROM blocked WHERE platform = ? AND hash = ?"
            self._do(query, (owner, gone), durable=True)
        for hashed in wanted - {row[0] for row in rows}:
            query = "INSERT OR IGNORE INTO blocked(hash, platform) VALUES (?, ?)"
            self._do(query, (hashed, owner), durable=True)

    def damaged(self) -> bool:
        """Is the file broken? Reads all of it."""
        try:
            return bool(self._do("PRAGMA quick_check(1)")[0][0] != "ok")
        except StoreError as error:
            return error.damaged

    def close(self) -> None:
        with self._guard:
            self._db.close()

    def _by_hand(
        self,
        uuids: Sequence[str],
        change: str,
        states: Sequence[State],
        values: Sequence[object] = (),
    ) -> list[str]:
        allowed = ",".join(f"'{state.value}'" for state in states)
        query = f"UPDATE delivery SET {change} WHERE uuid = ? AND state IN ({allowed}) RETURNING 1"
        return [uuid for uuid in uuids if self._do(query, (*values, uuid), durable=True)]

    def _do(self, query: str, values: Sequence[object] = (), *, durable: bool = False) -> list[Any]:
        try:
            with self._guard:
                level = "FULL" if durable else "NORMAL"
                self._db.execute(f"PRAGMA synchronous={level}")
                return self._db.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _many(self, query: str, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        try:
            with self._guard:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(query, rows)
                self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _broken(self, error: sqlite3.Error) -> StoreError:
        with self._guard:
            if self._db.in_transaction:
                self._db.rollback()
        return StoreError(f"{self._path} cannot be written: {error}", damaged=is_damage(error))


def _row(entry: Recorded, chain: str, *, in_doubt: bool) -> tuple[object, ...]:
    event = entry.event
    until = entry.wall if event.visit_until is None else event.visit_until
    who = (event.platform, event.person, event.name, event.door, int(entry.wall), int(until))
    return (entry.uuid, entry.seq, chain, *who, "pending", in_doubt, 0, "", None, 1, 0)


def _delivery(row: Sequence[Any]) -> Delivery:
    uuid, person, door, at, until, name, in_doubt, forced, attempts = row
    check_in = CheckIn(uuid, person, door, at, until)
    return Delivery(check_in, name, bool(in_doubt), bool(forced), attempts)
