"""What must hold after a power cut, whatever was going on: asked of the product, started again."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.cache import Cache
from controller.model import Kind
from tests.cut_site import CROWD, PLATFORMS, Running, Site
from tests.fakes import MONDAY
from tests.torn import Note, Recording
from tests.worlds import HOUR


@dataclass
class Promises:
    """What had been promised, and what had left the machine, when the power went."""

    on_disk: tuple[str, int, bytes] | None = None  # chain, position and hash of an event
    told: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in PLATFORMS})
    begun: dict[str, int] = field(default_factory=dict)  # platform → newest roster tried
    in_force: dict[str, int] = field(default_factory=dict)  # platform → newest roster applied
    heard: dict[str, int] = field(default_factory=dict)  # by inbox.db: customer → newest word
    laid_down: int = 0  # rows of desk.db
    migrated: dict[str, int] = field(default_factory=dict)  # file → version
    rows: dict[str, int] = field(default_factory=dict)  # of the table that is migrated, by file
    given_up: str = ""  # a chain that may be gone
    damaged: dict[str, bytes] = field(default_factory=dict)  # files that are to be set aside

    @classmethod
    def of(cls, steps: Iterable[Any]) -> "Promises":
        made = cls()
        for step in steps:
            if isinstance(step, Note):
                made._add(step.what, step.value)
        return made

    def _add(self, what: str, value: Any) -> None:
        by_name: dict[str, dict[str, Any]] = {
            "roster begins": self.begun,
            "roster": self.in_force,
            "heard": self.heard,
            "migrated": self.migrated,
            "rows": self.rows,
            "damaged": self.damaged,
        }
        if what == "on disk":
            self.on_disk = value
        elif what == "told":
            self.told[value[0]].append(value[1])
        elif what == "laid down":
            self.laid_down = value
        else:
            by_name[what][value[0]] = value[1]
        if what == "damaged":
            self._given_up(value[0])

    def _given_up(self, file: str) -> None:
        """What was promised of this file is void."""
        if file == "cache.db":
            self.in_force.clear()
        elif self.on_disk:
            self.given_up = self.on_disk[0]


def survives(site: Site, promised: Promises, tape: Recording) -> None:
    """Start everything, see what is left, have somebody enter and every check-in told."""
    with site.on(tape, MONDAY + HOUR) as running:
        assert not running.lock.released, "the door is locked"
        _usable(running, promised)
        _kept(running, promised)
        rosters = {name: _roster(running, promised, name) for name in PLATFORMS}
        for ear in running.ears():
            ear.record = list(promised.told[ear.name])
        for name, number in rosters.items():
            if number:
                assert running.scan(f"{name}-{CROWD - 1:02}") == "granted"
                assert running.lock.wait_for(released=True, timeout=1)
        running.deliver()
        running.deliver()
        _told_once(running, promised)
    _sound(site.data)


def _usable(running: Running, promised: Promises) -> None:
    assert running.journal.failing == ""
    assert running.office.desk is not None, running.office.desk_trouble
    assert running.office.broken == {}
    aside = {path.name.partition(".damaged-")[0]: path for path in _set_aside(running.site.data)}
    assert set(aside) == set(promised.damaged), f"set aside as damaged: {sorted(aside)}"
    for name, path in aside.items():
        assert path.read_bytes() == promised.damaged[name], f"{path.name} is not as it was"
    if "journal.db" in promised.damaged:
        first = running.disk.events()[0].event
        assert first.kind is Kind.RENEWED, f"the new chain begins with {first}"


def _set_aside(data: Path) -> list[Path]:
    return [path for path in data.glob("*.damaged-*") if not path.name.endswith(("-wal", "-shm"))]


def _kept(running: Running, promised: Promises) -> None:
    assert running.disk.verify().broken_at is None, "the chain is broken"
    if promised.on_disk and promised.on_disk[0] != promised.given_up:
        chain, seq, digest = promised.on_disk
        assert running.disk.chain == chain, "another chain"
        found = running.disk.events(after=seq - 1, last=None)
        if found and found[0].seq == seq:
            assert found[0].hash == digest, f"event {seq} is another"
        else:
            assert running.disk.newest() > seq, f"event {seq} was on the disk and is lost"
    for customer, at in promised.heard.items():
        (words,) = running.inbox.told("ear", [customer])
        assert words, f"what was heard of {customer} is lost"
        assert words[0].at >= at, f"what was heard of {customer} is lost"
    assert running.office.desk
    (row,) = running.office.desk.read("SELECT count(*) FROM tokens")
    assert row[0] >= promised.laid_down, "what was laid down is lost"


def _roster(running: Running, promised: Promises, name: str) -> int:
    """The number of the roster in force: one roster, whole, and none older than promised."""
    with closing(Cache(running.site.data / "cache.db")) as cache:
        query = """SELECT p.key, h.label FROM person p LEFT JOIN held h ON h.person = p.id
                   LEFT JOIN credential c ON c.person = p.id AND c.last4 <> ''
                   WHERE p.platform = ? AND c.hash NOT NULL"""
        rows = cache.rows(query, (name,))
    labels = {label for _, label in rows}
    assert len(labels) <= 1, "half of one roster and half of another"
    assert len(rows) in {0, CROWD}, "half a roster"
    number = int(labels.pop().partition(":")[2]) if labels else 0
    oldest, newest = promised.in_force.get(name, 0), promised.begun.get(name, 0)
    assert oldest <= number <= newest, f"roster {number} is in force, not {oldest} to {newest}"
    return number


def _told_once(running: Running, promised: Promises) -> None:
    """Each check-in of the journal was told, or stands in a state that says why not; none twice."""
    came: dict[str, list[str]] = {name: [] for name in PLATFORMS}
    for each in running.disk.events(kinds=(Kind.ACCESS,)):
        if each.event.checks_in:
            came[each.event.platform].append(each.uuid)
    with closing(Cache(running.site.data / "cache.db")) as cache:
        doubted = {row["uuid"] for row in cache.deliveries(("unknown",)) if row["message"]}
    forgotten = running.disk.verify().pruned or promised.given_up
    for ear in running.ears():
        counts = Counter(ear.record)
        assert max(counts.values(), default=0) <= 1, "told twice"
        assert forgotten or set(counts) <= set(came[ear.name]), "told of what is not on record"
        untold = set(came[ear.name]) - set(counts)
        allowed = set() if ear.capabilities.readable_check_ins else doubted
        assert untold <= allowed, "not told, and no word why"
        assert running.disk.open_check_ins(ear.name, after=0, limit=1) == [], "not noted"


def _sound(data: Path) -> None:
    for path in data.glob("*.db"):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], path.name
            if path.name == "journal.db":
                assert db.execute("PRAGMA page_size").fetchone() == (1024,), "pages of another size"
                assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,), "it could never shrink"
