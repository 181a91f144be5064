"""A new roster takes the place of the old: exactly, at once, by writing the differences only."""

import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cache import FOREVER
from controller.errors import StoreError
from controller.model import Allowance, Grant, Hours, Pass, Person, Span, Visit
from controller.schedule import dump
from sync.staging import CHILDREN
from tests.doomed import CROWD, crowd
from tests.fakes import MONDAY
from tests.worlds import (
    DAY,
    Member,
    card_of,
    hash_of,
    member,
    pour,
    poured,
    roll,
    roster_into,
)

SPARING = 16 * 1024  # bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def content(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """All rows about people, each with platform and key in place of the number."""
    person = "platform, key, name, since, until, blocked, checks_in, note"
    found = {
        "person": set(rows(path, f"SELECT {person} FROM person")),
        "blocked": set(rows(path, "SELECT platform, hash FROM blocked")),
    }
    for table, columns in CHILDREN.items():
        names = ", ".join(f"t.{name}" for name in columns.split(", "))
        query = (
            f"SELECT p.platform, p.key, {names} FROM {table} t LEFT JOIN person p ON p.id = person"
        )
        found[table] = set(rows(path, query))
    return found


def ids(path: Path) -> dict[tuple[str, str], int]:
    return {
        (p, key): number for p, key, number in rows(path, "SELECT platform, key, id FROM person")
    }


@dataclass
class Ideal:
    """What cache.db should hold: the last roster of each platform."""

    rosters: dict[str, tuple[list[Member], list[str]]] = field(default_factory=dict)

    def content(self) -> dict[str, set[tuple[Any, ...]]]:
        expected: dict[str, set[tuple[Any, ...]]] = {
            table: set() for table in ("person", "blocked", *CHILDREN)
        }
        for platform, (members, blocked) in self.rosters.items():
            expected["blocked"] |= {(platform, hash_of(card)) for card in blocked}
            for one in members:
                for table, row in self._rows(one):
                    expected[table].add((platform, one.person.key, *row))
        return expected

    def _rows(self, one: Member) -> Iterable[tuple[str, tuple[Any, ...]]]:
        p = one.person
        yield "person", (p.name, p.since or 0, _end(p.until), p.blocked, p.checks_in, p.note)
        for card in one.cards:
            yield "credential", (hash_of(card), card[-4:])
        for g in one.grants:
            flags = (g.uses_pass, g.renews, g.attends)
            yield "held", (g.label, g.since or 0, _end(g.until), dump(g.hours), *flags)
        for single in {p.key: p for p in one.passes}.values():
            yield "pass", (single.key, _end(single.expires), dump(single.hours))
        for a in {a.key: a for a in one.allowances}.values():
            yield "allowance", (a.key, a.count, a.period, dump(a.hours))
        for visit in one.visits:
            yield "visit", tuple(visit)


def _end(until: float | None) -> float:
    return FOREVER if until is None else until


moments = st.sampled_from([MONDAY, MONDAY + DAY, MONDAY + 99 * DAY])
hours: st.SearchStrategy[Hours] = st.sampled_from([(), (Span(540, 1050, frozenset({1, 2})),)])
keys = st.sampled_from("abcdef")
cards = st.sampled_from([f"text:shared00{n}" for n in range(4)])
some_grants = st.builds(
    Grant,
    st.sampled_from(["plan:1", "plan:2", "extra:ö"]),
    st.none() | moments,
    st.none() | moments,
    hours,
    *[st.booleans()] * 3,
)
members = st.builds(
    Member,
    st.builds(
        Person,
        st.just(""),
        keys,
        st.sampled_from(["Ada", "Ωmega", "李四", "O'Neil; DROP"]),
        st.none() | moments,
        st.none() | moments,
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "paused"]),
    ),
    st.lists(cards, max_size=2).map(tuple),
    st.lists(some_grants, max_size=3).map(tuple),
    st.lists(st.builds(Pass, st.sampled_from("xyz"), moments, hours), max_size=3).map(tuple),
    st.lists(
        st.builds(
            Allowance,
            st.sampled_from("01"),
            st.integers(0, 9),
            st.sampled_from(["week", "month"]),
            hours,
        ),
        max_size=2,
    ).map(tuple),
    st.lists(st.builds(Visit, moments, moments), max_size=2).map(tuple),
)
rosters = st.tuples(
    st.sampled_from(["cobot", "hive"]),
    st.lists(members, max_size=6, unique_by=lambda one: one.person.key),
    st.lists(cards, max_size=2, unique=True),
)


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(rosters, min_size=2, max_size=6))
def test_the_cache_is_what_was_poured_in_last(
    told: list[tuple[str, list[Member], list[str]]],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        path, ideal, known = Path(place) / "cache.db", Ideal(), dict[tuple[str, str], int]()
        for platform, people, blocked in told:
            changes = roster_into(path, *people, platform=platform, blocked=blocked)
            before, ideal.rosters[platform] = ideal.content(), (people, blocked)
            assert content(path) == ideal.content()
            assert changes.empty == (before == ideal.content())
            now = ids(path)
            assert all(now[who] == known[who] for who in now.keys() & known.keys()), "stable ids"
            known = now


class TestRecordsGivenOddly:
    def test_what_persons_hold_may_come_before_them(self, path: Path) -> None:
        with closing(poured(path)) as staging:
            staging.card("ada", card_of("ada"))
            staging.grant("ada", Grant("plan:1"))
            staging.person(Person("cobot", "ada", "Ada"))
            staging.apply(staging.changes(MONDAY), roll())
        assert len(content(path)["credential"]) == len(content(path)["held"]) == 1

    def test_what_nobody_holds_is_left_out(self, path: Path) -> None:
        with closing(poured(path, member("ada", "plan:1"))) as staging:
            staging.card("stranger", card_of("stranger"))
            staging.grant("stranger", Grant("plan:1"))
            staging.apply(staging.changes(MONDAY), roll())
        assert {row[1] for table in ("credential", "held") for row in content(path)[table]} == {
            "ada"
        }

    def test_what_comes_twice_counts_once_and_the_last_person_counts(self, path: Path) -> None:
        with closing(poured(path)) as staging:
            for name in ("Ada", "Ada Quill"):
                pour(staging, Member(Person("cobot", "ada", name), ("text:1",), (Grant("plan:1"),)))
            staging.apply(staging.changes(MONDAY), roll())
        found = content(path)
        assert [row[2] for row in found["person"]] == ["Ada Quill"]
        assert len(found["credential"]) == len(found["held"]) == 1

    def test_a_card_may_come_as_its_hash(self, path: Path) -> None:
        ready = f"hash:{hash_of('32:007B3972').hex()}:3972"
        roster_into(path, member("ada", cards=[ready]))
        assert content(path)["credential"] == {("cobot", "ada", hash_of("32:007B3972"), "3972")}

    @pytest.mark.parametrize(
        ("card", "shown"), [("32:007B3972", "3972"), ("pin:4711", ""), ("pin:471108", "")]
    )
    def test_only_the_last_characters_are_kept_and_none_of_a_pin(
        self, path: Path, card: str, shown: str
    ) -> None:
        roster_into(path, member("ada", cards=[card]))
        ((last4,),) = rows(path, "SELECT last4 FROM credential")
        assert last4 == shown
        with closing(sqlite3.connect(path)) as db:
            everything = "\n".join(db.iterdump())
        assert card.partition(":")[2] not in everything

    def test_a_platform_that_cannot_be_told_has_no_one_who_checks_in(self, path: Path) -> None:
        roster_into(path, member("ada"))
        assert rows(path, "SELECT checks_in FROM person") == [(1,)]
        from sync.staging import Staging

        with closing(Staging(path, bytes(32), "cobot", checks_in=False)) as staging:
            pour(staging, member("ada"))
            staging.apply(staging.changes(MONDAY), roll())
        assert rows(path, "SELECT checks_in FROM person") == [(0,)]

    def test_warnings_are_kept_once_each_and_gone_with_the_next_roster(self, path: Path) -> None:
        with closing(poured(path)) as staging:
            for text in ("two cards", "no plan", "two cards"):
                staging.warn(text)
            staging.apply(staging.changes(MONDAY), roll())
        assert rows(path, "SELECT warnings FROM platform") == [("two cards\nno plan",)]
        roster_into(path)
        assert rows(path, "SELECT warnings FROM platform") == [("",)]


class TestWriting:
    CROWD = tuple(member(f"p{n}", "plan:1") for n in range(2000))

    def test_the_same_roster_again_writes_its_time_and_nothing_else(self, path: Path) -> None:
        roster_into(path, *self.CROWD)
        with closing(sqlite3.connect(path)) as other:  # keeps the log from being folded in
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            before = path.read_bytes()
            changes = roster_into(path, *self.CROWD, now=MONDAY + 300, chain="c", watermark=9)
            written = path.with_name("cache.db-wal").stat().st_size
            assert path.read_bytes() == before
        assert changes.empty
        assert 0 < written <= SPARING
        told = rows(path, "SELECT synced_at, chain, watermark FROM platform")
        assert told == [(int(MONDAY) + 300, "c", 9)]

    def test_one_change_among_many_is_cheap(self, path: Path) -> None:
        roster_into(path, *self.CROWD)
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            changes = roster_into(path, *self.CROWD[1:], member("p0", "plan:2"))
            written = path.with_name("cache.db-wal").stat().st_size
        assert {t: n for t, n in changes.rows.items() if any(n)} == {"held": (1, 1)}
        assert written <= 2 * SPARING

    def test_nothing_is_written_before_it_is_applied(self, path: Path) -> None:
        roster_into(path, member("ada", "plan:1"))
        before = content(path)
        with closing(poured(path, *self.CROWD)) as staging:
            assert staging.changes(MONDAY).people_after == 2000
            assert not path.with_name("cache.db-wal").stat().st_size
        assert content(path) == before

    def test_two_platforms_compared_at_the_same_time_never_share_a_number(self, path: Path) -> None:
        one, other = (
            poured(path, member("ada", "plan:1")),
            poured(path, member("bo", "plan:9"), platform="hive"),
        )
        with closing(one), closing(other):
            first, second = one.changes(MONDAY), other.changes(MONDAY)
            one.apply(first, roll())
            with pytest.raises(StoreError, match=r"cache\.db cannot be written"):
                other.apply(second, roll("hive"))
        assert content(path)["held"] == {("cobot", "ada", "plan:1", 0, FOREVER, "", 0, 0, 1)}
        assert rows(path, "SELECT name FROM platform") == [("cobot",)]

    def test_readers_see_the_old_roster_until_the_new_one_is_complete(self, path: Path) -> None:
        roster_into(path, *self.CROWD)
        seen: list[int] = []
        done = threading.Event()

        def watch() -> None:
            with closing(sqlite3.connect(path)) as db:
                while not done.is_set():
                    (labels,) = db.execute("SELECT count(DISTINCT label) FROM held").fetchone()
                    seen.append(labels)

        watcher = threading.Thread(target=watch)
        watcher.start()
        roster_into(path, *[member(f"p{n}", "plan:2") for n in range(2000)])
        done.set()
        watcher.join()
        assert set(seen) == {1}

    @pytest.mark.slow
    def test_sudden_death_leaves_the_old_roster_or_the_new_one(self, path: Path) -> None:
        roster_into(path, *crowd(0))
        for lives_for in (1, 2, 3, 5, 8):
            self._kill_after(path, lives_for)
            labels = sorted(label for (label,) in rows(path, "SELECT DISTINCT label FROM held"))
            assert len(labels) == 2
            assert labels[1] == f"x-{labels[0]}", "two rosters are mixed"
            assert rows(path, "SELECT count(*) FROM person") == [(CROWD,)]
            hashes = rows(path, "SELECT hash, count(*) FROM credential GROUP BY hash")
            assert hashes == [(hash_of(labels[0]), CROWD)]
        assert labels[0] != "plan:0", "at least the last time something was applied"

    def _kill_after(self, path: Path, lives_for: int) -> None:
        command = [sys.executable, "-m", "tests.doomed", "apply", str(path)]
        root = Path(__file__).parent.parent
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as victim:
            assert victim.stdout
            for _ in range(lives_for):
                assert victim.stdout.readline()
            # Somewhere within the next roster: it takes some tens of milliseconds.
            threading.Event().wait(lives_for * 0.004)
            victim.kill()
