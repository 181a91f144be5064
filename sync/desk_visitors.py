"""Visitors who have booked, in desk.db, as the platforms told of them last."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync.desk import Desk, Statement
from sync.line import Visitors
from sync.platform import Booked
from sync.visitors import Stay, Told, Visitor

_PUT = """INSERT OR REPLACE INTO visitors(platform, person, name, address, zone, rooms, until)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_DROP = "DELETE FROM visitors WHERE platform = ? AND person = ?"


class VisitorBook:
    """Any thread may use it; every method may raise `StoreError`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def note(self, told: Visitors) -> bool:
        """Put in place what a platform told; True if that changed anything. Writes no more."""
        before = {row["person"]: tuple(row) for row in self._rows(told.platform)}
        after = {key: _row(told, key, rooms) for key, rooms in told.booked.items()}
        about = told.only if told.only is not None else {*before, *after}
        changes: list[Statement] = [
            (_PUT, row) for key, row in after.items() if before.get(key) != row
        ]
        gone = (key for key in before if key in about and key not in after)
        changes += [(_DROP, (told.platform, key)) for key in gone]
        if changes:
            self._desk.write_together(changes)
        return bool(changes)

    def coming(self, now: float) -> list[Visitor]:
        """Those whose PIN works now or will, the next first."""
        query = "SELECT * FROM visitors WHERE until > ?"
        found = [_visitor(row) for row in self._desk.read(query, (now,))]
        return sorted(found, key=lambda each: (each.stays[0].told.start, each.name))

    def forget_platforms(self, configured: Iterable[str]) -> None:
        """Who came with a platform that is no longer configured has no PIN any more."""
        kept = set(configured)
        known = self._desk.read("SELECT DISTINCT platform FROM visitors")
        for row in known:
            if row["platform"] not in kept:
                self._desk.write("DELETE FROM visitors WHERE platform = ?", (row["platform"],))

    def _rows(self, platform: str) -> list[Any]:
        return self._desk.read("SELECT * FROM visitors WHERE platform = ?", (platform,))


def _row(told: Visitors, key: str, rooms: Sequence[Booked]) -> tuple[object, ...]:
    first = rooms[0]
    listed = sorted((b.start, b.end, b.room, b.label, b.since, b.until) for b in rooms)
    until = max(b.until for b in rooms)
    who = (told.platform, key, first.name, first.address, told.zone)
    return (*who, json.dumps(listed, ensure_ascii=False), until)


def _visitor(row: Mapping[str, Any]) -> Visitor:
    stays = tuple(
        Stay(Told(room, start, end), label, since, until)
        for start, end, room, label, since, until in json.loads(row["rooms"])
    )
    names = (row["platform"], row["person"], row["name"], row["address"], row["zone"])
    return Visitor(*names, stays)
