"""In desk.db: how far each target has been told of the journal's events."""

from collections.abc import Iterable
from typing import NamedTuple

from sync.desk import Desk


class Position(NamedTuple):
    """Everything up to `seq` in the journal `chain` was told."""

    chain: str
    seq: int


class Positions:
    """Any thread may use it; every method may raise `StoreError`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def of(self, target: str) -> Position | None:
        """None: it was never told of anything."""
        rows = self._desk.read("SELECT chain, seq FROM told_of WHERE target = ?", (target,))
        return Position(rows[0]["chain"], rows[0]["seq"]) if rows else None

    def forget_others(self, targets: Iterable[str]) -> None:
        """Who is no longer told begins anew, should they ever be told again."""
        kept = set(targets)
        for row in self._desk.read("SELECT target FROM told_of"):
            if row["target"] not in kept:
                self._desk.write("DELETE FROM told_of WHERE target = ?", (row["target"],))

    def put(self, target: str, at: Position) -> None:
        query = "INSERT OR REPLACE INTO told_of(target, chain, seq) VALUES (?, ?, ?)"
        self._desk.write(query, (target, *at))

    def renamed(self, old: str, new: str) -> None:
        """The journal's chain has another name, and its events their places as before."""
        self._desk.write("UPDATE told_of SET chain = ? WHERE chain = ?", (new, old))
