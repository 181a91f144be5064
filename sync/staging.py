"""A new roster, staged in memory, compared with the one in force, and put in its place.

The staging tables live in an attached in-memory database: while the platform is being read nothing
touches the flash, and nothing but rows of SQLite takes memory. Differences are taken as sets.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.cache import FOREVER, MIGRATIONS
from controller.cards import card_hash, mask
from controller.model import Allowance, Grant, Hours, Person, RosterState
from controller.passes import renewed
from controller.schedule import dump
from controller.store import closed_on_error, open_writer, translated
from sync.plan import Changes
from sync.platform import Booked

# Tables that hang on a person: their columns besides `person`.
CHILDREN = {
    "credential": "hash, last4",
    "held": "label, since, until, hours, uses_pass, renews, attends",
    "pass": "key, expires, hours",
    "allowance": "key, count, period, hours",
    "visit": "since, until",
}
_PERSON = "key, name, since, until, blocked, checks_in, note"
_STAGE = (
    f"CREATE TABLE new.person({_PERSON}, id INTEGER, PRIMARY KEY(key)) WITHOUT ROWID",
    "CREATE TABLE new.blocked(hash PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE new.chosen(key PRIMARY KEY) WITHOUT ROWID",
    *(
        f"CREATE TABLE new.{table}(owner, {columns}, PRIMARY KEY(owner, {keys})) WITHOUT ROWID"
        for table, columns, keys in (
            ("credential", CHILDREN["credential"], "hash"),
            ("held", CHILDREN["held"], CHILDREN["held"]),
            ("pass", CHILDREN["pass"], "key"),
            ("allowance", CHILDREN["allowance"], "key"),
            ("visit", CHILDREN["visit"], CHILDREN["visit"]),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Roll:
    """What goes into the platform's own row with a roster."""

    platform: str
    synced_at: float
    chain: str
    watermark: int
    day_ends: int = 240
    renewal_grace: float = 72 * 3600.0
    keyholders: bool = False


class Staging:
    """A `sync.platform.Roster` that knows how to replace the one in force. Use once, then close."""

    def __init__(
        self,
        path: Path,
        key: bytes,
        platform: str,
        *,
        checks_in: bool,
        only: Iterable[str] | None = None,
    ) -> None:
        """`key` is the device key; `checks_in`: this platform can be told of check-ins at all.

        `only`: keys of the people whom this is about; it leaves everybody else alone.
        """
        self.warnings: list[str] = []
        self.visitors: dict[str, list[Booked]] = {}  # by the person's key
        self._platform, self._key, self._checks_in = platform, key, checks_in
        self._path, self._whole = path, only is None
        self._db = open_writer(path, MIGRATIONS)
        with closed_on_error(self._db), translated(path, "written"):
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("ATTACH ':memory:' AS new")
            for statement in _STAGE:
                self._db.execute(statement)
            chosen = [(key,) for key in only or ()]
            self._db.executemany("INSERT OR IGNORE INTO new.chosen VALUES (?)", chosen)
            query = "SELECT zone FROM main.platform WHERE name = ?"
            in_force = self._db.execute(query, (platform,)).fetchone()
            self.zone_name: str = in_force[0] if in_force else "UTC"

    def person(self, person: Person) -> None:
        p = person
        row = (p.key, p.name, _since(p.since), _until(p.until), p.blocked)
        checks_in = p.checks_in and self._checks_in
        self._put("person", (*row, checks_in, p.note, None))

    def card(self, key: str, canonical: str) -> None:
        hashed, last4 = self._hash(canonical)
        self._put("credential", (key, hashed, last4))

    def block(self, canonical: str) -> None:
        self._put("blocked", (self._hash(canonical)[0],))

    def grant(self, key: str, grant: Grant) -> None:
        g = grant
        span = (_since(g.since), _until(g.until), dump(g.hours))
        self._put("held", (key, g.label, *span, g.uses_pass, g.renews, g.attends))

    def single_pass(self, key: str, pass_key: str, expires: float | None, hours: Hours) -> None:
        self._put("pass", (key, pass_key, _until(expires), dump(hours)))

    def allowance(self, key: str, pass_type: str, count: int, period: str, hours: Hours) -> None:
        self._put("allowance", (key, pass_type, count, period, dump(hours)))

    def visit(self, key: str, since: float, until: float) -> None:
        self._put("visit", (key, _since(since), _until(until)))

    def booked(self, key: str, booked: Booked) -> None:
        self.visitors.setdefault(key, []).append(booked)

    def forget(self, key: str) -> None:
        self.visitors.pop(key, None)
        self._db.execute("DELETE FROM new.person WHERE key = ?", (key,))
        for table in CHILDREN:
            self._db.execute(f"DELETE FROM new.{table} WHERE owner = ?", (key,))

    def zone(self, name: str) -> None:
        self.zone_name = name

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def vanished(self, now: float) -> list[str]:
        """Keys of people who can enter somewhere now and are missing from this roster."""
        query = f"""SELECT p.key FROM main.person p WHERE p.id IN ({_HAD})
            AND p.key NOT IN (SELECT key FROM new.person)""".format(chosen="")
        with translated(self._path, "read"):
            return [row[0] for row in self._db.execute(query, self._names(now))]

    def changes(self, now: float) -> Changes:
        """Compare with the roster in force. Call once, after everything was poured in."""
        with translated(self._path, "compared"):
            return self._compared(now)

    def apply(self, changes: Changes, roll: Roll) -> None:
        """Put this roster in force in one transaction that writes the differences only."""
        with translated(self._path, "written"), self._all_or_nothing():
            self._write(changes, roll)

    def keep(self, key: str) -> None:
        """Take this person as they are in force, whatever was poured. Before `changes`."""
        names = {"platform": self._platform, "key": key}
        with translated(self._path, "compared"):
            self._db.execute("DELETE FROM new.person WHERE key = :key", names)
            self._db.execute(
                f"INSERT INTO new.person SELECT {_PERSON}, NULL FROM main.person WHERE {_ONE}",
                names,
            )
            for table, columns in CHILDREN.items():
                self._db.execute(f"DELETE FROM new.{table} WHERE owner = :key", names)
                self._db.execute(
                    f"""INSERT INTO new.{table} SELECT :key, {columns} FROM main.{table}
                        WHERE person = (SELECT id FROM main.person WHERE {_ONE})""",
                    names,
                )

    def apply_person(self, key: str, now: float) -> None:
        """Put one person in force as poured, instead of a roster: gone if they were not poured.

        Nobody else is touched, and the roster is no newer for it. It need not outlast a power cut.
        """
        names = {"platform": self._platform, "key": key}
        with translated(self._path, "written"):
            self._db.execute("PRAGMA main.synchronous=NORMAL")
            self._drop_renewed(now)
            with self._all_or_nothing():
                for statement in _replace_one():
                    self._db.execute(statement, names)

    def close(self) -> None:
        self._db.close()

    def _drop_renewed(self, now: float) -> None:
        """What came anew since the roster in force is among the passes poured: not twice."""
        query = "SELECT zone, synced_at FROM main.platform WHERE name = ?"
        for zone, synced_at in self._db.execute(query, (self._platform,)).fetchall():
            state = RosterState(self._platform, ZoneInfo(zone), synced_at or 0)
            rows = self._db.execute("SELECT key, count, period FROM new.allowance").fetchall()
            for key, count, period in rows:
                if renewed(Allowance(key, count, period), state, now):
                    self._db.execute("DELETE FROM new.allowance WHERE key = ?", (key,))

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _compared(self, now: float) -> Changes:
        for statement in _compare(whole=self._whole):
            self._db.execute(statement, {"platform": self._platform})
        rows = {
            table: (self._count(f"new.come_{table}"), self._count(f"new.gone_{table}"))
            for table in ("person", *CHILDREN, "blocked")
        }
        names = self._names(now)
        chosen = _chosen(self._whole)
        losers = self._db.execute(_LOSERS.format(chosen=chosen), names).fetchall()
        count = f"SELECT count(*) FROM ({_HAD})".format(chosen=chosen)
        (had,) = self._db.execute(count, names).fetchone()
        before = f"SELECT count(*) FROM main.person WHERE platform = :platform{chosen}"
        (people_before,) = self._db.execute(before, names).fetchone()
        some = tuple(row[0] for row in losers[:20])
        return Changes(rows, people_before, self._count("new.person"), had, len(losers), some)

    def _write(self, changes: Changes, roll: Roll) -> None:
        if not changes.empty:
            for statement in _apply():
                self._db.execute(statement, {"platform": self._platform})
        self._record(roll)

    def _record(self, roll: Roll) -> None:
        if not self._whole:
            # News of some people is no roster: how old that one is stays as it was.
            self._db.execute(
                """INSERT OR IGNORE INTO platform(name, zone, day_ends, renewal_grace, keyholders,
                    chain, watermark) VALUES (?, ?, ?, ?, ?, '', 0)""",
                (self._platform, self.zone_name, roll.day_ends, int(roll.renewal_grace), False),
            )
            return
        settings = (roll.day_ends, int(roll.renewal_grace), roll.keyholders)
        position = (roll.chain, roll.watermark, "\n".join(self.warnings))
        self._db.execute(
            """INSERT INTO platform(name, zone, synced_at, day_ends, renewal_grace, keyholders,
                chain, watermark, warnings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT(name) DO UPDATE SET zone = excluded.zone, failed_at = NULL,
                synced_at = excluded.synced_at, day_ends = excluded.day_ends, failure = '',
                renewal_grace = excluded.renewal_grace, keyholders = excluded.keyholders,
                chain = excluded.chain, watermark = excluded.watermark,
                warnings = excluded.warnings""",
            (self._platform, self.zone_name, int(roll.synced_at), *settings, *position),
        )

    def _put(self, table: str, row: tuple[object, ...]) -> None:
        marks = ",".join("?" * len(row))
        self._db.execute(f"INSERT OR REPLACE INTO new.{table} VALUES ({marks})", row)

    def _hash(self, canonical: str) -> tuple[bytes, str]:
        if canonical.startswith("hash:"):
            _, digits, last4 = canonical.split(":", 2)
            return bytes.fromhex(digits), last4
        return card_hash(self._key, canonical), _last(canonical)

    def _count(self, table: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def _names(self, now: float) -> dict[str, object]:
        return {"platform": self._platform, "now": int(now)}


# People of the roster in force who can enter somewhere now, of those whom this is about.
_HAD = """
    SELECT p.id FROM main.person p WHERE p.platform = :platform{chosen} AND NOT p.blocked
    AND p.since <= :now AND p.until > :now
    AND EXISTS (SELECT 1 FROM main.credential c WHERE c.person = p.id)
    AND EXISTS (SELECT 1 FROM main.held h WHERE h.person = p.id
        AND h.since <= :now AND h.until > :now)"""
# Those of them whom the new roster leaves without a card, without a label they hold, or blocked.
_LOSERS = f"""
    SELECT p.name FROM main.person p LEFT JOIN new.person n ON n.key = p.key
    WHERE p.id IN ({_HAD}) AND (n.key IS NULL OR n.blocked OR n.since > :now OR n.until <= :now
        OR NOT EXISTS (SELECT 1 FROM new.credential c WHERE c.owner = n.key)
        OR EXISTS (SELECT 1 FROM new.gone_held g WHERE g.person = p.id
            AND g.since <= :now AND g.until > :now
            AND NOT EXISTS (SELECT 1 FROM new.held h WHERE h.owner = n.key
                AND h.label = g.label AND h.since <= :now AND h.until > :now)))
    ORDER BY p.name"""


def _chosen(whole: bool) -> str:  # noqa: FBT001
    """What limits a query to the people whom this is about."""
    return "" if whole else " AND key IN (SELECT key FROM new.chosen)"


_ONE = "platform = :platform AND key = :key"


def _replace_one() -> Iterator[str]:
    """Statements that put the one person with this key in force as staged, or remove them."""
    whose = f"person = (SELECT id FROM main.person WHERE {_ONE})"
    for table in CHILDREN:
        yield f"DELETE FROM main.{table} WHERE {whose}"
    yield f"""DELETE FROM main.person WHERE {_ONE}
        AND NOT EXISTS (SELECT 1 FROM new.person WHERE key = :key)"""
    columns = _PERSON.split(", ")[1:]
    yield f"""INSERT INTO main.person(platform, {_PERSON})
        SELECT :platform, {_PERSON} FROM new.person WHERE key = :key
        ON CONFLICT(platform, key) DO UPDATE
        SET {", ".join(f"{column} = excluded.{column}" for column in columns)}"""
    for table, names in CHILDREN.items():
        yield f"""INSERT INTO main.{table}(person, {names}) SELECT p.id, {_of("t", names)}
            FROM new.{table} t JOIN main.person p ON p.key = t.owner
            WHERE p.platform = :platform AND p.key = :key"""


def _of(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{name}" for name in columns.split(", "))


def _compare(*, whole: bool) -> list[str]:
    """Statements that number the staged people and make `come_` and `gone_` of every table."""
    chosen = _chosen(whole)
    statements = [
        """UPDATE new.person SET id = (SELECT p.id FROM main.person p
            WHERE p.platform = :platform AND p.key = new.person.key)""",
        """CREATE TABLE new.fresh AS SELECT key,
            (SELECT coalesce(max(id), 0) FROM main.person) + row_number() OVER () AS id
            FROM new.person WHERE id IS NULL""",
        "CREATE UNIQUE INDEX new.fresh_key ON fresh(key)",
        """UPDATE new.person SET id = (SELECT f.id FROM new.fresh f WHERE f.key = person.key)
            WHERE id IS NULL""",
        *_difference(
            "person",
            f"SELECT id, {_PERSON} FROM main.person WHERE platform = :platform{chosen}",
            f"SELECT id, {_PERSON} FROM new.person",
        ),
        *_difference(
            "blocked",
            f"SELECT hash FROM main.blocked WHERE platform = :platform AND {int(whole)}",
            "SELECT hash FROM new.blocked",
        ),
    ]
    for table, columns in CHILDREN.items():
        old = f"""SELECT person, {columns} FROM main.{table} WHERE person IN
            (SELECT id FROM main.person WHERE platform = :platform{chosen})"""
        names = _of("t", columns)
        new = f"SELECT p.id, {names} FROM new.{table} t JOIN new.person p ON p.key = t.owner"
        statements += _difference(table, old, new)
    return [*statements, "CREATE INDEX new.gone_held_person ON gone_held(person)"]


def _difference(table: str, old: str, new: str) -> list[str]:
    return [
        f"CREATE TABLE new.gone_{table} AS {old} EXCEPT {new}",
        f"CREATE TABLE new.come_{table} AS {new} EXCEPT {old}",
    ]


def _apply() -> list[str]:
    """Statements that carry the differences over; revocations first."""
    statements = [
        """DELETE FROM main.blocked WHERE platform = :platform
            AND hash IN (SELECT hash FROM new.gone_blocked)""",
        "INSERT INTO main.blocked(hash, platform) SELECT hash, :platform FROM new.come_blocked",
    ]
    for table, columns in CHILDREN.items():
        names = f"person, {columns}"
        statements.append(
            f"DELETE FROM main.{table} WHERE ({names}) IN (SELECT * FROM new.gone_{table})"
        )
    statements += [
        """DELETE FROM main.person WHERE id IN (SELECT id FROM new.gone_person)
            AND id NOT IN (SELECT id FROM new.person)""",
        f"""UPDATE main.person SET {", ".join(f"{c} = n.{c}" for c in _PERSON.split(", ")[1:])}
            FROM new.come_person n
            WHERE main.person.id = n.id AND main.person.platform = :platform""",
        # A plain insert: should an id be taken after all, everything is rolled back.
        f"""INSERT INTO main.person(id, platform, {_PERSON})
            SELECT id, :platform, {_PERSON} FROM new.come_person
            WHERE id IN (SELECT id FROM new.fresh)""",
    ]
    for table, columns in CHILDREN.items():
        statements.append(
            f"INSERT INTO main.{table}(person, {columns}) SELECT * FROM new.come_{table}"
        )
    return statements


def _last(canonical: str) -> str:
    """What is kept to recognise a card by; nothing of a PIN."""
    whole = canonical if canonical.startswith("pin:") else canonical.partition(":")[2]
    return mask(whole).removeprefix("…")


def _since(at: float | None) -> int:
    return 0 if at is None else max(0, math.floor(at))


def _until(at: float | None) -> int:
    return FOREVER if at is None else min(FOREVER, math.floor(at))
