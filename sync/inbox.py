"""inbox.db: what platforms told us by calling, and would not tell again. Written by `sync` alone.

Beside it lies what such a platform says when it is asked, so that both can be put together at any
time. What came before what is told by turns, for clocks can be set.

Not a part of cache.db, which is begun anew when it is damaged: this cannot be fetched. A damaged
one is refused and left as it is, for the doors go on by cache.db meanwhile.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.errors import StoreError
from controller.store import is_damage, open_irreplaceable

MIGRATIONS = (
    (
        # The newest word on each customer of each location; `at` is the platform's own time.
        """CREATE TABLE told(
            platform TEXT NOT NULL, customer TEXT NOT NULL, location TEXT NOT NULL,
            at REAL NOT NULL, received REAL NOT NULL, state TEXT NOT NULL,
            PRIMARY KEY(platform, customer, location)) WITHOUT ROWID""",
        """CREATE TABLE unread(
            platform TEXT PRIMARY KEY, count INTEGER NOT NULL, at REAL NOT NULL,
            why TEXT NOT NULL) WITHOUT ROWID""",
    ),
    (
        "CREATE TABLE turn(number INTEGER NOT NULL)",
        "INSERT INTO turn VALUES (0)",
        "ALTER TABLE told ADD COLUMN turn INTEGER NOT NULL DEFAULT 0",
        # What was said of each person when the platform was asked, in the turn in which that began.
        """CREATE TABLE listed(
            platform TEXT NOT NULL, customer TEXT NOT NULL, turn INTEGER NOT NULL,
            state TEXT NOT NULL, PRIMARY KEY(platform, customer)) WITHOUT ROWID""",
        # The turn in which the last reading of everybody began.
        "CREATE TABLE reading(platform TEXT PRIMARY KEY, turn INTEGER NOT NULL) WITHOUT ROWID",
    ),
)
_TURN = "UPDATE turn SET number = number + 1"
# Of two with the same time the one that comes later counts.
_TOLD = "platform, customer, location, at, received, state, turn"
_TELL = f"""
    INSERT INTO told({_TOLD})
    VALUES (?, ?, ?, ?, ?, ?, (SELECT number FROM turn))
    ON CONFLICT(platform, customer, location) DO UPDATE SET
        at = excluded.at, received = excluded.received, state = excluded.state,
        turn = excluded.turn
    WHERE excluded.at >= told.at"""
_LISTED = """
    INSERT INTO listed(platform, customer, turn, state) VALUES (?, ?, ?, ?)
    ON CONFLICT(platform, customer) DO UPDATE SET
        turn = excluded.turn, state = excluded.state
    WHERE excluded.turn >= listed.turn"""
_UNREAD = """
    INSERT INTO unread(platform, count, at, why) VALUES (?, 1, ?, ?)
    ON CONFLICT(platform) DO UPDATE SET
        count = count + 1, at = excluded.at, why = excluded.why"""


_REMEDY = (
    "It holds what platforms told and tell only once, so it is left as it is: put its backup in "
    "its place, or move it away and have them tell anew"
)


@dataclass(frozen=True, slots=True)
class Told:
    """One message: everything it says of one customer at one location, as JSON values.

    `at`: when it was made, by the platform's clock; `received`: when it came, by ours.
    """

    platform: str
    customer: str
    location: str
    at: float
    received: float
    state: dict[str, Any]
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """What a platform said of one person when it was asked; `turn`: when that began."""

    turn: int
    state: dict[str, Any]


@dataclass(slots=True)
class _Write:
    """A statement that waits for its turn."""

    query: str
    values: tuple[object, ...]
    done: bool = False
    error: StoreError | None = field(default=None)


class Inbox:
    """Any thread may use it; every method may raise `StoreError`.

    What is being written when a method returns is on the disk. Those who come together share one
    transaction, so that a burst costs few waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard, self._queue = threading.Lock(), threading.Lock()
        self._waiting: list[_Write] = []
        self._db = open_irreplaceable(path, MIGRATIONS, _REMEDY)

    def tell(self, told: Told) -> None:
        """Keep it, unless something newer is known."""
        state = json.dumps(told.state, ensure_ascii=False)
        place = (told.platform, told.customer, told.location)
        self._write(_Write(_TELL, (*place, told.at, told.received, state)))

    def note_unread(self, platform: str, why: str, at: float) -> None:
        """A message came that was not understood."""
        self._write(_Write(_UNREAD, (platform, at, why)))

    def customers(self, platform: str) -> list[str]:
        query = "SELECT DISTINCT customer FROM told WHERE platform = ?"
        return [row[0] for row in self._read(query, (platform,))]

    def people(self, platform: str) -> list[str]:
        """Everybody of whom anything was told or read."""
        query = """SELECT customer FROM told WHERE platform = ?1
                   UNION SELECT customer FROM listed WHERE platform = ?1"""
        return [row[0] for row in self._read(query, (platform,))]

    def told(self, platform: str, customers: Iterable[str]) -> Iterator[list[Told]]:
        """All that was told of each of these customers, the newest first; perhaps nothing."""
        query = f"""SELECT {_TOLD} FROM told WHERE platform = ? AND customer = ?
                   ORDER BY at DESC, received DESC"""
        for customer in customers:
            rows = self._read(query, (platform, customer))
            yield [_told(*row) for row in rows]

    def unread(self, platform: str) -> tuple[int, str]:
        """How many messages were not understood, and why the last was not."""
        query = "SELECT count, why FROM unread WHERE platform = ?"
        rows = self._read(query, (platform,))
        return rows[0] if rows else (0, "")

    def turn(self) -> int:
        """What was told before this returns has at most this turn, what comes later a later one."""
        self._write(_Write("SELECT 1", ()))
        return int(self._read("SELECT number FROM turn", ())[0][0])

    def listed(self, platform: str) -> dict[str, Listed]:
        """What was last said of everybody when the platform was asked."""
        query = "SELECT customer, turn, state FROM listed WHERE platform = ?"
        return {
            row[0]: Listed(row[1], json.loads(row[2])) for row in self._read(query, (platform,))
        }

    def listed_one(self, platform: str, customer: str) -> Listed | None:
        query = "SELECT turn, state FROM listed WHERE platform = ? AND customer = ?"
        rows = self._read(query, (platform, customer))
        return Listed(rows[0][0], json.loads(rows[0][1])) if rows else None

    def read_in(self, platform: str) -> int:
        """The turn in which the last reading of everybody began; 0 if there was none."""
        rows = self._read("SELECT turn FROM reading WHERE platform = ?", (platform,))
        return int(rows[0][0]) if rows else 0

    def keep_reading(self, platform: str, turn: int, states: Mapping[str, dict[str, Any]]) -> None:
        """Everybody as they were read in this turn, in place of all that was read before it.

        Writes the differences only.
        """
        known = {key: one for key, one in self.listed(platform).items() if one.turn <= turn}
        rows = [
            (platform, key, turn, json.dumps(state, ensure_ascii=False))
            for key, state in states.items()
            if key not in known or known[key].state != state
        ]
        gone = [(platform, key, turn) for key in known if key not in states]
        drop = "DELETE FROM listed WHERE platform = ? AND customer = ? AND turn <= ?"
        mark = "INSERT OR REPLACE INTO reading(platform, turn) VALUES (?, ?)"
        self._together((drop, gone), (_LISTED, rows), (mark, [(platform, turn)]))

    def keep_listed(self, platform: str, customer: str, one: Listed) -> None:
        """What was read of one person alone."""
        state = json.dumps(one.state, ensure_ascii=False)
        self._write(_Write(_LISTED, (platform, customer, one.turn, state)))

    def forget_listed(self, platform: str) -> None:
        """Nothing of what was read is to count any more; what was told stays."""
        for table in ("listed", "reading"):
            self._write(_Write(f"DELETE FROM {table} WHERE platform = ?", (platform,)))

    def close(self) -> None:
        with self._guard:
            self._db.close()

    def _together(self, *work: tuple[str, Sequence[tuple[object, ...]]]) -> None:
        """Statements, each with its rows, in one transaction."""
        with self._guard:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                for query, rows in work:
                    self._db.executemany(query, rows)
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.rollback()
                raise self._broken("written", error) from error

    def _write(self, mine: _Write) -> None:
        with self._queue:
            self._waiting.append(mine)
        with self._guard:  # whoever comes in first writes for all who wait
            if not mine.done:
                with self._queue:
                    together, self._waiting = self._waiting, []
                self._commit(together)
        if mine.error:
            raise mine.error

    def _commit(self, together: list[_Write]) -> None:
        error = None
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for each in together:
                self._db.execute(_TURN)
                self._db.execute(each.query, each.values)
            self._db.execute("COMMIT")
        except sqlite3.Error as failure:
            error = self._broken("written", failure)
            if self._db.in_transaction:
                self._db.rollback()
        for each in together:
            each.done, each.error = True, error

    def _read(self, query: str, values: tuple[object, ...]) -> list[Any]:
        try:
            with self._guard:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._broken("read", error) from error

    def _broken(self, what: str, error: sqlite3.Error) -> StoreError:
        return StoreError(f"{self._path} cannot be {what}: {error}", damaged=is_damage(error))


def _told(*row: Any) -> Told:
    platform, customer, location, at, received, state, turn = row
    return Told(platform, customer, location, at, received, json.loads(state), turn)
