"""The chain of the journal: any tampering shows, and forgetting old events is none."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.journal import Journal
from controller.journal_file import COLUMNS
from controller.journal_prune import STEP
from controller.journal_read import JournalReader, Verdict
from controller.model import Event, Kind
from tests.fakes import FakeClock
from tests.worlds import DAY, entry, keep, settled

ROOMY = 1 << 30  # bytes


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path, clock: FakeClock) -> Iterator[Journal]:
    with closing(Journal(path, clock, "boot-1")) as journal:
        yield journal


@pytest.fixture
def reader(journal: Journal, path: Path) -> Iterator[JournalReader]:
    with closing(JournalReader(path)) as reader:
        yield reader


class TestVerifying:
    @pytest.fixture
    def file(self, path: Path, clock: FakeClock) -> sqlite3.Connection:
        """A journal of five events that somebody has got hold of."""
        journal = Journal(path, clock, "boot-1")
        for n in range(5):
            clock.advance(60)
            keep(journal, replace(entry("ada", pass_key=f"p{n}"), detail={"reader": "main"}))
        journal.close()
        return sqlite3.connect(path, isolation_level=None)

    def verdict(self, file: sqlite3.Connection, path: Path) -> Verdict:
        file.close()
        reader = JournalReader(path)
        verdict = reader.verify()
        reader.close()
        return verdict

    def test_a_whole_journal(self, file: sqlite3.Connection, path: Path) -> None:
        assert self.verdict(file, path) == Verdict(5, 0)

    def test_an_empty_one(self, reader: JournalReader) -> None:
        assert reader.verify() == Verdict(0, 0)
        assert reader.newest() == 0

    @pytest.mark.parametrize("column", [*COLUMNS.split(", ")[1:], "hash"])
    def test_a_changed_field(self, file: sqlite3.Connection, path: Path, column: str) -> None:
        (kind,) = file.execute(f"SELECT typeof({column}) FROM event WHERE seq = 3").fetchone()
        forged = {"text": f"{column} || 'x'", "integer": f"{column} + 1"}
        change = forged.get(kind, "randomblob(length(hash))")
        file.execute(f"UPDATE event SET {column} = {change} WHERE seq = 3")
        broken_at = self.verdict(file, path).broken_at
        assert broken_at == 3

    @pytest.mark.parametrize(
        ("tampering", "broken_at"),
        [
            ("DELETE FROM event WHERE seq = 1", 1),
            ("DELETE FROM event WHERE seq = 3", 3),
            ("DELETE FROM event WHERE seq IN (2, 3)", 2),
            ("UPDATE event SET seq = 6 WHERE seq = 3", 3),
            ("UPDATE event SET seq = 6 WHERE seq = 5", 5),
            ("UPDATE event SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3)", 1),
            ("UPDATE event SET visit_until_ms = NULL WHERE seq = 4", 4),
            ("INSERT INTO gap VALUES (2, 3, randomblob(32))", 4),
            ("INSERT INTO gap VALUES (6, 9, randomblob(32))", 6),
        ],
    )
    def test_rows_removed_moved_or_hidden(
        self, file: sqlite3.Connection, path: Path, tampering: str, broken_at: int
    ) -> None:
        file.execute(tampering)
        assert self.verdict(file, path).broken_at == broken_at

    def test_two_rows_that_changed_places(self, file: sqlite3.Connection, path: Path) -> None:
        for swap in ("seq = -2 WHERE seq = 2", "seq = 2 WHERE seq = 3", "seq = 3 WHERE seq = -2"):
            file.execute(f"UPDATE event SET {swap}")
        assert self.verdict(file, path).broken_at == 2

    @pytest.mark.xfail(strict=True, reason="the end of the chain is anchored nowhere")
    def test_a_removed_end(self, file: sqlite3.Connection, path: Path) -> None:
        file.execute("DELETE FROM event WHERE seq = 5")
        assert self.verdict(file, path).broken_at == 5

    def test_pruning_meanwhile_is_no_damage(
        self, journal: Journal, reader: JournalReader, clock: FakeClock
    ) -> None:
        keep(journal, *[Event(Kind.EXIT)] * 5)
        clock.advance(DAY)

        def prune_once(statement: str) -> None:
            """Just before the events are read, after everything else was."""
            if "FROM event" in statement:
                reader._db.set_trace_callback(None)
                assert journal.prune(clock.wall(), 1 << 30) == 4

        reader._db.set_trace_callback(prune_once)
        assert reader.verify() == Verdict(5, 0)
        assert reader.verify() == Verdict(1, 4)


def prune_all(journal: Journal, before: float, largest: int) -> int:
    """Prune until nothing is left to do; how many events went."""
    steps = iter(lambda: journal.prune(before, largest), 0)
    return sum(steps)


class TestPruning:
    def seqs(self, reader: JournalReader) -> list[int]:
        return [event.seq for event in reader.events()]

    def test_by_age(self, journal: Journal, reader: JournalReader, clock: FakeClock) -> None:
        keep(journal, *[Event(Kind.EXIT)] * 3)
        clock.advance(DAY)
        keep(journal, *[Event(Kind.EXIT)] * 2)
        assert journal.prune(clock.wall(), ROOMY) == 3
        assert journal.prune(clock.wall(), ROOMY) == 0
        assert self.seqs(reader) == [4, 5]
        assert reader.verify() == Verdict(2, 3)

    def test_by_size(self, journal: Journal, reader: JournalReader, path: Path) -> None:
        keep(journal, *[Event(Kind.EXIT, name="x" * 1000)] * 1000)
        assert prune_all(journal, 0, ROOMY) == 0
        assert prune_all(journal, 0, 100_000) > 900
        left = self.seqs(reader)
        assert left == list(range(1001 - len(left), 1001)), "the newest stay"

    def test_gives_the_disk_back(self, journal: Journal, path: Path) -> None:
        keep(journal, *[Event(Kind.EXIT, name="x" * 1000)] * 1000)
        prune_all(journal, 0, 100_000)
        with closing(sqlite3.connect(path)) as db:
            pages, free = (
                db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count")
            )
        assert pages * 2048 < 100_000
        assert free == 0

    def test_a_bounded_number_at_a_time(
        self, journal: Journal, reader: JournalReader, clock: FakeClock
    ) -> None:
        keep(journal, *[Event(Kind.EXIT)] * 4500)
        clock.advance(DAY)
        assert journal.prune(clock.wall(), ROOMY) == STEP < 4499
        prune_all(journal, clock.wall(), ROOMY)
        assert reader.verify() == Verdict(1, 4499)

    def test_never_an_open_check_in_however_old_or_large(
        self, journal: Journal, reader: JournalReader, clock: FakeClock
    ) -> None:
        keep(journal, Event(Kind.EXIT), entry("ada"), Event(Kind.EXIT), entry("bo"), settled(4))
        clock.advance(1000 * DAY)
        keep(journal, Event(Kind.EXIT))
        assert journal.prune(clock.wall(), 0) == 4
        assert self.seqs(reader) == [2, 6]
        assert reader.verify() == Verdict(2, 4)
        keep(journal, settled(2))
        assert journal.prune(clock.wall(), 0) == 2
        assert self.seqs(reader) == [7]
        assert reader.verify() == Verdict(1, 6)

    def test_positions_are_never_used_again(
        self, journal: Journal, reader: JournalReader, path: Path, clock: FakeClock
    ) -> None:
        keep(journal, *[Event(Kind.EXIT)] * 3)
        clock.advance(DAY)
        journal.prune(clock.wall(), 0)
        keep(journal, Event(Kind.EXIT))
        assert self.seqs(reader) == [3, 4]
        assert (reader.newest(), reader.watermark("cobot")) == (4, 4)

    def test_neighbouring_gaps_become_one(
        self, journal: Journal, reader: JournalReader, path: Path, clock: FakeClock
    ) -> None:
        keep(journal, *[Event(Kind.EXIT)] * 2, entry("ada"), *[Event(Kind.EXIT)] * 2)
        for more in (Event(Kind.EXIT), settled(3), Event(Kind.EXIT)):
            clock.advance(DAY)
            keep(journal, more)
            journal.prune(clock.wall(), ROOMY)
        with closing(sqlite3.connect(path)) as file:
            assert file.execute("SELECT first, last FROM gap").fetchall() == [(1, 7)]
        assert reader.verify() == Verdict(1, 7)

    @pytest.mark.parametrize(
        "tampering",
        [
            "DELETE FROM gap",
            "UPDATE gap SET last = last - 1",
            "UPDATE gap SET last = last + 1",
            "UPDATE gap SET first = first + 1",
            "UPDATE gap SET hash = randomblob(32)",
            "DELETE FROM event WHERE seq = 5",
        ],
    )
    def test_a_gap_hides_nothing(
        self, journal: Journal, reader: JournalReader, path: Path, clock: FakeClock, tampering: str
    ) -> None:
        keep(journal, *[Event(Kind.EXIT)] * 4)
        clock.advance(DAY)
        keep(journal, *[Event(Kind.EXIT)] * 3)
        journal.prune(clock.wall(), ROOMY)
        assert reader.verify() == Verdict(3, 4)
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute(tampering)
        assert reader.verify().broken_at is not None


@dataclass
class Years:
    """What should be in the journal after any number of years."""

    newest: int = 0
    open: dict[int, str] = field(default_factory=dict)

    def live(self, step: tuple[str, int], journal: Journal, clock: FakeClock) -> None:
        what, number = step
        clock.advance(DAY)
        match what:
            case "come":
                self._append(journal, entry(f"p{number}"))
                self.open[self.newest] = f"p{number}"
            case "go":
                self._append(journal, Event(Kind.EXIT, detail={"n": number}))
            case "settle" if self.open:
                seq = sorted(self.open)[number % len(self.open)]
                del self.open[seq]
                self._append(journal, settled(seq))
            case "forget":
                prune_all(journal, clock.wall() - number * DAY, ROOMY)
            case "shrink":
                prune_all(journal, 0, 0)

    def _append(self, journal: Journal, event: Event) -> None:
        keep(journal, event)
        self.newest += 1


steps = st.tuples(st.sampled_from(("come", "go", "settle", "forget", "shrink")), st.integers(0, 9))


@settings(max_examples=30)
@given(st.lists(steps, min_size=5, max_size=25))
def test_whatever_is_forgotten_the_chain_holds_and_open_check_ins_stay(
    years: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        clock, expected = FakeClock(), Years()
        path = Path(place) / "journal.db"
        with closing(Journal(path, clock, "boot-1")) as journal:
            for step in years:
                expected.live(step, journal, clock)
            with closing(JournalReader(path)) as reader:
                verdict = reader.verify()
                assert (verdict.broken_at, reader.newest()) == (None, expected.newest)
                assert verdict.events + verdict.pruned == expected.newest
                kept = reader.open_check_ins("cobot", after=0, limit=99)
                assert {e.seq: e.event.person for e in kept} == expected.open
                assert [e.seq for e in reader.events()][-1:] == [expected.newest][: expected.newest]
