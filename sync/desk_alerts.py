"""In desk.db: what people are alerted to, and the notices about it that are to be told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from controller.alerts import Alert, AlertKind, Fact, Judgement, Phase
from sync.desk import Desk, Statement

_NOTICE = """INSERT INTO notices(uuid, over, kind, about, text, begun, at, returns, mailed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)"""

_ALERT = """INSERT OR REPLACE INTO
    alerts(key, kind, about, text, phase, since, begun, returns, rounds)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""


@dataclass(frozen=True, slots=True)
class Notice:
    """That a trouble began, or that it is `over`. Times are wall seconds."""

    id: int
    uuid: str
    over: bool
    fact: Fact
    begun: float
    at: float
    returns: int


class AlertBook:
    """Any thread may use it; every method may raise `StoreError`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def known(self) -> dict[str, Alert]:
        """What was raised and is not over, or over only lately."""
        return {row["key"]: _alert(row) for row in self._desk.read("SELECT * FROM alerts")}

    def keep(
        self, before: Mapping[str, Alert], judged: Judgement, now: float, seen: tuple[str, int]
    ) -> None:
        """What is known from now on, notices of what is new, and the position in the journal.

        All together or nothing, so that nothing is told twice.
        """
        after = {k: a for k, a in judged.alerts.items() if a.phase is not Phase.PENDING}
        gone = [("DELETE FROM alerts WHERE key = ?", (k,)) for k in before if k not in after]
        changed = [(k, a) for k, a in after.items() if before.get(k) != a]
        statements: list[Statement] = [*gone, *(_put(key, alert) for key, alert in changed)]
        statements += [_notice(alert, now, over=False) for alert in judged.raised]
        statements += [_notice(alert, now, over=True) for alert in judged.cleared]
        if seen != self.watched():
            statements.append(
                ("INSERT OR REPLACE INTO watched(one, chain, seq) VALUES (1, ?, ?)", seen)
            )
        if statements:
            self._desk.write_together(statements)

    def watched(self) -> tuple[str, int] | None:
        """Chain and position up to which the journal was looked at."""
        rows = self._desk.read("SELECT chain, seq FROM watched")
        return (rows[0]["chain"], rows[0]["seq"]) if rows else None

    def not_mailed(self) -> list[Notice]:
        """The oldest first."""
        return self._notices("mailed = 0", ())

    def mailed(self, notice: Notice) -> None:
        """It is in the queue of mails, or need not be."""
        self._desk.write("UPDATE notices SET mailed = 1 WHERE id = ?", (notice.id,))

    def not_told(self, target: str, limit: int) -> list[Notice]:
        """The first that this target was not told of; one that is new hears of nothing old."""
        rows = self._desk.read("SELECT notice FROM noticed WHERE target = ?", (target,))
        if not rows:
            self.skip(target)
            return []
        return self._notices("id > ?", (rows[0]["notice"],), limit)

    def skip(self, target: str) -> None:
        """This target is told of nothing so far."""
        newest = self._desk.read("SELECT coalesce(max(id), 0) AS id FROM notices")[0]["id"]
        self.told(target, newest)

    def told(self, target: str, notice: int) -> None:
        """This target was told of all up to that one."""
        query = "INSERT OR REPLACE INTO noticed(target, notice) VALUES (?, ?)"
        self._desk.write(query, (target, notice))

    def forget_others(self, targets: Iterable[str]) -> None:
        """Who is no longer told begins anew, should they ever be told again."""
        kept = set(targets)
        for row in self._desk.read("SELECT target FROM noticed"):
            if row["target"] not in kept:
                self._desk.write("DELETE FROM noticed WHERE target = ?", (row["target"],))

    def forget(self, before: float) -> None:
        """Drop notices older than that (wall), told or not."""
        self._desk.write("DELETE FROM notices WHERE at < ?", (before,))

    def restored(self, old: str, new: str) -> None:
        """After a backup was put back: the journal's chain has another name.

        What waited may have been told since, and what the journal holds was looked at before.
        """
        newest = "(SELECT coalesce(max(id), 0) FROM notices)"
        self._desk.write_together(
            [
                ("UPDATE watched SET chain = ? WHERE chain = ?", (new, old)),
                ("UPDATE notices SET mailed = 1", ()),
                (f"UPDATE noticed SET notice = {newest}", ()),
            ]
        )

    def _notices(self, where: str, values: tuple[object, ...], limit: int = -1) -> list[Notice]:
        query = f"SELECT * FROM notices WHERE {where} ORDER BY id LIMIT ?"
        return [_as_notice(row) for row in self._desk.read(query, (*values, limit))]


def _put(key: str, alert: Alert) -> Statement:
    fact = alert.fact
    about = (key, fact.kind.value, fact.about, fact.text, alert.phase.value)
    times = (alert.since, alert.begun, alert.returns, alert.rounds)
    return _ALERT, (*about, *times)


def _notice(alert: Alert, now: float, *, over: bool) -> Statement:
    fact = alert.fact
    about = (str(uuid4()), over, fact.kind.value, fact.about, fact.text)
    return _NOTICE, (*about, alert.begun, now, alert.returns)


def _alert(row: Mapping[str, Any]) -> Alert:
    times = (row["since"], row["begun"], row["returns"], row["rounds"])
    return Alert(_fact(row), Phase(row["phase"]), *times)


def _as_notice(row: Mapping[str, Any]) -> Notice:
    times = (row["begun"], row["at"], row["returns"])
    return Notice(row["id"], row["uuid"], bool(row["over"]), _fact(row), *times)


def _fact(row: Mapping[str, Any]) -> Fact:
    return Fact(AlertKind(row["kind"]), row["about"], row["text"])
