"""Reading journal.db from other processes: the CLI, `sync`, the console."""

import json
import math
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from controller.errors import StoreError
from controller.journal_file import (
    COLUMNS,
    MIGRATIONS,
    History,
    chained,
    history_in,
    last_entry_in,
    modes_in,
)
from controller.journal_places import place_in
from controller.model import Event, Kind, Mode, Recorded, Trust
from controller.passage import Place
from controller.store import NotSetUp, closed_on_error, is_damage, open_reader

_FIELDS = ", ".join(f"e.{name.strip()}" for name in COLUMNS.split(","))
_SELECT = f"SELECT {_FIELDS}, e.hash, b.boot FROM event e JOIN boot b ON b.id = e.boot"
_NEWEST = "SELECT max(m) FROM (SELECT max(seq) m FROM event UNION SELECT max(last) FROM gap)"
_NAMES = [name.strip() for name in COLUMNS.split(",")]
_LATELY = 5000  # events
_KINDS = frozenset(Kind)
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: how many events, how many pruned, where the chain breaks, if at all."""

    events: int
    pruned: int
    broken_at: int | None = None


class JournalReader:
    """Read-only. Every method may raise `StoreError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.inode = path.stat().st_ino if path.exists() else 0
        self._db = open_reader(path, len(MIGRATIONS))
        self._db.row_factory = sqlite3.Row
        with closed_on_error(self._db):
            self.chain = str(self._rows("SELECT id FROM chain")[0][0])

    def events(
        self,
        *,
        after: int = 0,
        last: int | None = None,
        door: str = "",
        kinds: tuple[Kind, ...] = (),
    ) -> list[Recorded]:
        """Events in order, those after position `after`; with `last` only the newest so many."""
        where, values = ["e.seq > ?"], [after]
        if door:
            where.append("e.door = ?")
            values.append(door)  # type: ignore[arg-type]
        if kinds:
            where.append(f"e.kind IN ({','.join('?' * len(kinds))})")
            values += [k.value for k in kinds]  # type: ignore[misc]
        query = f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY e.seq DESC LIMIT ?"
        rows = self._rows(query, (*values, -1 if last is None else last))
        return [recorded(row) for row in reversed(rows)]

    def page(
        self,
        after: int,
        *,
        limit: int,
        scan: int,
        door: str = "",
        person: str = "",
        kinds: tuple[Kind, ...] = (),
        since: float = 0.0,
        until: float = math.inf,
    ) -> tuple[list[Recorded], int]:
        """The first `limit` such events after a position, in order, and the position to go on from.

        No more than `scan` positions are looked at, so that few or none may be found of many.
        """
        end = (1 << 62) if math.isinf(until) else int(until * 1000)
        last = min(after + scan, self.newest())
        query = f"""{_SELECT} WHERE e.seq > ? AND e.seq <= ? AND e.wall_ms >= ? AND e.wall_ms < ?
            AND ? IN ('', e.door) AND ? IN ('', e.person)
            {f"AND e.kind IN ({','.join('?' * len(kinds))})" if kinds else ""}
            ORDER BY e.seq LIMIT ?"""
        span = (after, last, int(since * 1000), end)
        rows = self._rows(query, (*span, door, person, *(k.value for k in kinds), limit))
        found = [recorded(row) for row in rows]
        return found, found[-1].seq if len(found) == limit else max(after, last)

    def tally(self, after: int) -> tuple[dict[tuple[str, str, str], int], int]:
        """How many events of which kind, door and reason came after a position; up to which."""
        newest = self.newest()
        query = """SELECT kind, door, reason, count(*) FROM event
                   WHERE seq > ? AND seq <= ? GROUP BY 1, 2, 3"""
        rows = self._rows(query, (after, newest))
        return {(kind, door, reason): count for kind, door, reason, count in rows}, newest

    def pruned(self, after: int, last: int) -> bool:
        """Was any event removed of those after a position, up to another?"""
        query = "SELECT 1 FROM gap WHERE last > ? AND first <= ? LIMIT 1"
        return bool(self._rows(query, (after, last)))

    def walk(self, since: float = 0.0, until: float = math.inf) -> Generator[Recorded]:
        """Every event of [since, until) (wall), in order; not held in memory."""
        end = (1 << 62) if math.isinf(until) else int(until * 1000)
        query = f"{_SELECT} WHERE e.wall_ms >= ? AND e.wall_ms < ? ORDER BY e.seq"
        for row in self._stream(query, (int(since * 1000), end)):
            yield recorded(row)

    def open_check_ins(self, platform: str, *, after: int, limit: int) -> list[Recorded]:
        """Check-ins of this platform whose delivery is not settled, in order, after a position."""
        query = f"""{_SELECT} WHERE e.seq IN (SELECT seq FROM open_check_in
                    WHERE platform = ? AND seq > ? ORDER BY seq LIMIT ?) ORDER BY e.seq"""
        return [recorded(row) for row in self._rows(query, (platform, after, limit))]

    def untaken(self, taken: Mapping[tuple[str, str], int]) -> Iterator[Recorded]:
        """Open check-ins after the positions up to which `sync` has taken them over.

        `taken`: by platform and chain, as `Cache.taken` has them.
        """
        query = f"""{_SELECT} WHERE e.seq IN (SELECT seq FROM open_check_in
                    WHERE platform = ? AND seq > ?) ORDER BY e.seq"""
        for row in self._rows("SELECT DISTINCT platform FROM open_check_in"):
            after = taken.get((row[0], self.chain), 0)
            yield from map(recorded, self._stream(query, (row[0], after)))

    def of_person(self, platform: str, person: str, limit: int) -> list[Recorded]:
        """Their newest entries, and refusals of late, the newest first."""
        query = f"""{_SELECT} WHERE e.seq IN (
                SELECT * FROM (SELECT seq FROM event WHERE reason = 'granted'
                    AND platform = ? AND person = ? ORDER BY seq DESC LIMIT ?)
                UNION SELECT seq FROM event NOT INDEXED
                WHERE seq > (SELECT max(seq) FROM event) - {_LATELY} AND kind = 'access'
                AND platform = ? AND person = ?) ORDER BY e.seq DESC LIMIT ?"""
        whom = platform, person
        return [recorded(row) for row in self._rows(query, (*whom, limit, *whom, limit))]

    def history(self, platform: str, person: str, chain: str, watermark: int) -> History:
        """As `Journal.history`, of what is on disk."""
        after = watermark if chain == self.chain else 0
        return self._asked(lambda: history_in(self._db, platform, person, after))

    def last_entry(self, platform: str, person: str, door: str) -> float | None:
        """As `Journal.last_entry`, of what is on disk."""
        return self._asked(lambda: last_entry_in(self._db, platform, person, door))

    def place(self, platform: str, person: str) -> Place | None:
        """As `Journal.place`, of what is on disk."""
        return self._asked(lambda: place_in(self._db, platform, person))

    def modes(self) -> dict[str, tuple[Mode, float | None]]:
        """What staff last set each door to, and until when (wall)."""
        return self._asked(lambda: modes_in(self._db))

    def watermark(self, platform: str) -> int:
        """The position up to which this platform has been told everything."""
        # One statement: an entry made between two would slip under the mark.
        first = "SELECT min(seq) - 1 FROM open_check_in WHERE platform = ?"
        row = self._rows(f"SELECT coalesce(({first}), ({_NEWEST}), 0)", (platform,))[0]
        return int(row[0])

    def newest(self) -> int:
        """Position of the last event."""
        return self._rows(_NEWEST)[0][0] or 0

    def changes(self) -> int:
        """A number that differs whenever somebody has written."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def verify(self) -> Verdict:
        """Walk the whole chain, as it is at this moment."""
        self._rows("BEGIN")  # events may be pruned meanwhile
        try:
            return self._walked()
        finally:
            self._rows("ROLLBACK")

    def verify_tail(self, events: int) -> Verdict:
        """The same for the newest so many, from the first of them on."""
        first = self._rows(
            "SELECT min(seq) FROM (SELECT seq FROM event ORDER BY seq DESC LIMIT ?)", (events,)
        )[0][0]
        last, known = b"", 0
        for row in self._stream(
            f"SELECT {COLUMNS}, hash FROM event WHERE seq >= ? ORDER BY seq", (first or 0,)
        ):
            *values, digest = row
            if known and chained(last, values) != digest:
                return Verdict(known, 0, values[0])
            last, known = digest, known + 1
        return Verdict(known, 0)

    def close(self) -> None:
        self._db.close()

    def _walked(self) -> Verdict:
        gaps = {row[0]: (row[1], row[2]) for row in self._rows("SELECT first, last, hash FROM gap")}
        expected, last, events, pruned = 1, bytes(32), 0, 0
        for row in self._stream(f"SELECT {COLUMNS}, hash FROM event ORDER BY seq"):
            while expected in gaps:
                end, last = gaps.pop(expected)
                pruned += end - expected + 1
                expected = end + 1
            *values, digest = row
            if values[0] != expected or chained(last, values) != digest:
                return Verdict(events, pruned, expected)
            expected, last, events = expected + 1, digest, events + 1
        return Verdict(events, pruned, min(gaps) if gaps else None)

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        return list(self._stream(query, values))

    def _stream(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[sqlite3.Row]:
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _asked(self, question: Callable[[], _Found]) -> _Found:
        try:
            return question()
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"{self._path} cannot be read: {error}", damaged=is_damage(error))


def journal_at(path: Path) -> JournalReader | None:
    """The journal there; None while the controller has not made one. Raises `StoreError`."""
    try:
        return JournalReader(path) if path.exists() else None
    except NotSetUp:
        return None


def newest_wall(path: Path) -> float:
    """Wall time of the journal's last event; 0 if there is none or it cannot be read."""
    try:
        with closing(JournalReader(path)) as reader:
            last = reader.events(last=1)
    except (StoreError, OSError):
        return 0.0
    return last[0].wall if last else 0.0


def recorded(row: sqlite3.Row) -> Recorded:
    """A row as a value; StoreError if it was tampered with so that it is none."""
    try:
        return _recorded(row)
    except ValueError as error:
        raise StoreError(
            f"event {row['seq']} is not as it was written ({error}): "
            "`doorward journal verify` says from where on"
        ) from error


def _recorded(row: sqlite3.Row) -> Recorded:
    until = row["visit_until_ms"]
    kind, detail = _kind(row["kind"]), json.loads(row["detail"]) if row["detail"] else None
    event = Event(
        kind,
        row["door"],
        row["reason"],
        row["platform"],
        row["person"],
        row["name"],
        row["card"],
        row["label"],
        row["pass_key"],
        row["visit"],
        None if until is None else until / 1000,
        bool(row["checks_in"]),
        row["author"],
        {"kind": row["kind"], **(detail or {})} if kind is Kind.LATER else detail,
    )
    times = row["wall_ms"] / 1000, row["mono_ms"] / 1000
    uuid, boot = str(UUID(bytes=row["uuid"])), row[len(_NAMES) + 1]
    return Recorded(row["seq"], uuid, *times, boot, Trust(row["trust"]), event, row["hash"])


def _kind(text: str) -> Kind:
    return Kind(text) if text in _KINDS else Kind.LATER
