"""Sums over many events of journal.db, without holding them: for pictures of weeks and months.

SQLite does the adding up and lets other threads run meanwhile. A stretch of the journal is asked at
a time, so that what is kept in memory does not grow with it.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from controller.errors import StoreError
from controller.journal_file import MIGRATIONS
from controller.store import closed_on_error, is_damage, open_reader

QUARTER = 900  # seconds: all zones are whole quarters of an hour apart
_STRETCH = 20_000  # events asked at once
_ENTERED = """NOT INDEXED WHERE seq BETWEEN ? AND ? AND wall_ms >= ? AND wall_ms < ?
    AND reason <> '' AND (reason <> 'granted' OR instr(detail, '"awaits":') = 0)"""
_COUNTS = f"""SELECT wall_ms / {QUARTER * 1000}, reason, count(*), min(seq), max(seq)
    FROM event {_ENTERED} GROUP BY 1, 2"""
_PERSONS = f"""SELECT count(*) FROM (
    SELECT DISTINCT platform, person FROM event {_ENTERED} AND reason = 'granted')"""
# What a controller writes while it starts comes before it says that it has.
_BEFORE = """FROM event b WHERE b.seq < e.seq AND NOT (b.wall_ms > e.wall_ms - 60000 AND b.kind IN
    ('device_lost', 'device_back', 'journal_renewed', 'hours_changed', 'mode_changed',
    'alarm_raised', 'fire_alarm')) ORDER BY b.seq DESC LIMIT 1"""
_MARKS = f"""SELECT wall_ms, kind, door, json_extract(nullif(detail, ''), '$.part'),
    (SELECT b.wall_ms {_BEFORE}), (SELECT b.kind = 'controller_stopped' {_BEFORE})
    FROM event e NOT INDEXED WHERE seq BETWEEN ? AND ? AND wall_ms >= ?
    AND kind IN ('controller_started', 'device_lost', 'device_back') ORDER BY seq"""
_TOLD = f"""SELECT e.platform, min(o.wall_ms), max(o.wall_ms), min(e.wall_ms), max(e.wall_ms)
    FROM event e NOT INDEXED JOIN event o ON o.seq = json_extract(e.detail, '$.seq')
    WHERE e.seq BETWEEN ? AND ? AND e.wall_ms >= ? AND e.wall_ms < ?
    AND e.kind = 'check_in_settled' AND json_extract(e.detail, '$.state') IN ('sent', 'refused')
    GROUP BY 1, e.wall_ms / {QUARTER * 1000}"""


class Counted(NamedTuple):
    """So many entries (reason "granted") or refusals within a quarter of an hour.

    `quarter`: unix seconds / QUARTER. `first` and `last`: positions in the journal.
    """

    quarter: int
    reason: str
    number: int
    first: int
    last: int


class Mark(NamedTuple):
    """The controller started, a device was lost or is back (wall).

    `before`: when the event before it happened; None if that is not there any more. `clean`: that
    was the controller's word that it ends.
    """

    at: float
    kind: str
    door: str = ""
    part: str = ""
    before: float | None = None
    clean: bool = False


class Told(NamedTuple):
    """What a platform answered to check-ins within a quarter of an hour (wall).

    Their entries were from `first` to `last`; it answered first at `at` and last at `until`.
    """

    platform: str
    first: float
    last: float
    at: float
    until: float


class Sums:
    """Of [since, until) (wall). Not for two threads; every method may raise `StoreError`."""

    def __init__(self, path: Path, since: float, until: float, *, stretch: int = _STRETCH) -> None:
        """`stretch`: so many events are asked at once."""
        self._path, self._stretch = path, stretch
        self._span = int(since * 1000), int(until * 1000)
        self._db = open_reader(path, len(MIGRATIONS))
        with closed_on_error(self._db):
            self._first, self._last = self._position(self._span[0]), self._newest()

    def beginning(self) -> float | None:
        """When the oldest event happened that is still there; None of an empty journal."""
        return self._wall("SELECT wall_ms FROM event ORDER BY seq LIMIT 1")

    def end(self) -> tuple[float, str] | None:
        """When the newest event happened, and its kind."""
        rows = self._rows("SELECT wall_ms, kind FROM event ORDER BY seq DESC LIMIT 1")
        return (rows[0][0] / 1000, rows[0][1]) if rows else None

    def stretches(self) -> Iterator[tuple[int, int]]:
        """First and last position of each part; ask for each, or stop between two."""
        for first in range(self._first, self._last + 1, self._stretch):
            yield first, min(first + self._stretch - 1, self._last)

    def counts(self, stretch: tuple[int, int]) -> list[Counted]:
        return [Counted._make(row) for row in self._rows(_COUNTS, (*stretch, *self._span))]

    def marks(self, stretch: tuple[int, int]) -> list[Mark]:
        """Those after the span too: a start tells of what was before it."""
        return [
            Mark(at / 1000, kind, door, part or "", before and before / 1000, bool(clean))
            for at, kind, door, part, before, clean in self._rows(_MARKS, (*stretch, self._span[0]))
        ]

    def told(self, stretch: tuple[int, int]) -> list[Told]:
        rows = self._rows(_TOLD, (*stretch, *self._span))
        return [Told(row[0], *(value / 1000 for value in row[1:])) for row in rows]

    def persons(self, stretch: tuple[int, int], since: float, until: float) -> int:
        """How many different persons entered in [since, until) (wall), at these positions."""
        span = int(since * 1000), int(until * 1000)
        return int(self._rows(_PERSONS, (*stretch, *span))[0][0])

    def waiting(self) -> dict[str, float]:
        """Of each platform that is yet to be told of a check-in: of when the oldest is."""
        query = """SELECT o.platform, min(e.wall_ms) FROM open_check_in o
                   JOIN event e ON e.seq = o.seq GROUP BY 1"""
        return {platform: at / 1000 for platform, at in self._rows(query)}

    def close(self) -> None:
        self._db.close()

    def _position(self, wall_ms: int) -> int:
        """The first event that is not older, by halving: time goes on from event to event.

        Where a clock was set back it may come out too early, and what is older is left out then.
        """
        rows = self._rows("SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) + 1 FROM event")
        low, high = rows[0]
        while low < high:
            middle = (low + high) // 2
            query = "SELECT wall_ms FROM event WHERE seq >= ? ORDER BY seq LIMIT 1"
            if self._rows(query, (middle,))[0][0] < wall_ms:
                low = middle + 1
            else:
                high = middle
        return int(low)

    def _newest(self) -> int:
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM event")[0][0])

    def _wall(self, query: str) -> float | None:
        rows = self._rows(query)
        return rows[0][0] / 1000 if rows else None

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            message = f"{self._path} cannot be read: {error}"
            raise StoreError(message, damaged=is_damage(error)) from error
