"""The journal: what was said to be on disk is there, in a chain that shows every change."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import StoreError
from controller.journal import History, Journal
from controller.journal_file import uuid7
from controller.journal_read import JournalReader, Verdict, newest_wall
from controller.model import Event, Kind, Mode, Trust, Visit
from tests.fakes import MONDAY, FakeClock
from tests.worlds import HOUR, PATIENCE, entry, keep, settled


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path, clock: FakeClock) -> Iterator[Journal]:
    journal = Journal(path, clock, "boot-1")
    yield journal
    journal.close()


@pytest.fixture
def reader(journal: Journal, path: Path) -> Iterator[JournalReader]:
    reader = JournalReader(path)
    yield reader
    reader.close()


class TestAppending:
    def test_a_settled_ticket_means_that_others_see_it(self, journal: Journal, path: Path) -> None:
        keep(journal, entry("ada"))
        with closing(sqlite3.connect(path)) as fresh:
            assert fresh.execute("SELECT seq, person FROM event").fetchall() == [(1, "ada")]

    def test_an_event_comes_back_as_it_was(
        self, journal: Journal, reader: JournalReader, clock: FakeClock
    ) -> None:
        clock.trust_now = Trust.HELD
        event = replace(entry("ada", pass_key="p1"), author="chief", detail={"reader": "main"})
        keep(journal, event)
        (back,) = reader.events()
        assert back.event == event
        assert (back.seq, back.wall, back.monotonic) == (1, MONDAY, 1000.0)
        assert (back.boot, back.trust) == ("boot-1", Trust.HELD)

    @settings(max_examples=25)
    @given(
        st.lists(
            st.builds(
                Event,
                st.sampled_from(Kind),
                *[st.text(st.characters(codec="utf-8"))] * 9,
                visit_until=st.none() | st.integers(0, 10**9).map(float),
                checks_in=st.booleans(),
                author=st.text(st.characters(codec="utf-8")),
                detail=st.none() | st.dictionaries(st.text("abc"), st.integers(), min_size=1),
            ),
            min_size=1,
            max_size=5,
        )
    )
    def test_so_does_any_event(self, events: list[Event]) -> None:
        plain = [e for e in events if e.kind not in (Kind.TOLD, Kind.MODE, Kind.LATER)]
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "journal.db"
            journal = Journal(path, FakeClock(), "boot-1")
            keep(journal, *plain)
            reader = JournalReader(path)
            assert [one.event for one in reader.events()] == plain
            assert reader.verify() == Verdict(len(plain), 0)
            reader.close()
            journal.close()

    def test_events_happened_when_they_were_appended(
        self, journal: Journal, reader: JournalReader, clock: FakeClock
    ) -> None:
        tickets = []
        for _ in range(3):
            tickets.append(journal.append(Event(Kind.EXIT)))
            clock.advance(1.5)
        assert all(ticket.wait(PATIENCE) for ticket in tickets)
        assert [e.wall for e in reader.events()] == [MONDAY, MONDAY + 1.5, MONDAY + 3.0]

    def test_the_next_boot_goes_on_where_the_last_one_ended(
        self, path: Path, clock: FakeClock
    ) -> None:
        for boot in ("boot-1", "boot-2", "boot-1"):
            journal = Journal(path, clock, boot)
            keep(journal, Event(Kind.STARTED))
            journal.close()
        reader = JournalReader(path)
        assert [(e.seq, e.boot) for e in reader.events()] == [
            (1, "boot-1"),
            (2, "boot-2"),
            (3, "boot-1"),
        ]
        assert reader.verify() == Verdict(3, 0)
        reader.close()

    def test_what_waits_at_the_end_is_written(self, path: Path, clock: FakeClock) -> None:
        journal = Journal(path, clock, "boot-1")
        tickets = [journal.append(Event(Kind.EXIT)) for _ in range(1200)]
        journal.close()
        assert all(ticket.settled for ticket in tickets)
        assert journal.dropped == 0
        reader = JournalReader(path)
        assert reader.newest() == 1200
        reader.close()

    @pytest.mark.parametrize(
        "poison",
        [
            Event(Kind.READ_REFUSED, name="half a pair: \ud800", detail={"why": "\udfff"}),
            Event(Kind.READ_REFUSED, detail={"why": ValueError("no JSON")}),
            Event(Kind.TOLD),
            Event(Kind.MODE, "front"),
        ],
        ids=["surrogates", "no JSON", "told of nothing", "no mode"],
    )
    def test_no_event_keeps_others_from_being_written(
        self, journal: Journal, reader: JournalReader, poison: Event
    ) -> None:
        keep(journal, poison, entry("ada"))
        assert reader.verify() == Verdict(2, 0)


class TestUuids:
    @given(st.integers(0, 2**48 - 1))
    def test_are_version_seven_and_carry_the_time(self, wall_ms: int) -> None:
        made = UUID(bytes=uuid7(wall_ms))
        assert (made.version, made.variant) == (7, "specified in RFC 4122")
        assert made.int >> 80 == wall_ms

    @given(st.integers(0, 2**48 - 2), st.integers(1, 1000))
    def test_sort_by_time(self, wall_ms: int, later: int) -> None:
        assert uuid7(wall_ms) < uuid7(min(wall_ms + later, 2**48 - 1))

    def test_differ_within_a_millisecond(self) -> None:
        assert len({uuid7(1) for _ in range(1000)}) == 1000


class TestHistory:
    UNTIL = MONDAY + HOUR

    def test_of_a_stranger(self, journal: Journal) -> None:
        assert journal.history("cobot", "ada", journal.chain, 0) == History()

    def test_of_a_visit(self, journal: Journal) -> None:
        keep(journal, entry("ada", until=self.UNTIL, pass_key="p1"))
        known = journal.history("cobot", "ada", journal.chain, 0)
        assert known == History((Visit(MONDAY, self.UNTIL),), frozenset({"p1"}))

    def test_is_of_one_person_of_one_platform(self, journal: Journal) -> None:
        denied = replace(entry("ada", pass_key="p0"), reason="denied_passback")
        keep(journal, entry("bo"), entry("ada", platform="hive"), denied)
        assert journal.history("cobot", "ada", journal.chain, 0) == History()

    def test_passes_the_platform_knows_of_are_not_counted_again(self, journal: Journal) -> None:
        keep(journal, *[entry("ada", pass_key=f"p{n}") for n in (1, 2, 3)])
        used = [journal.history("cobot", "ada", journal.chain, mark).used for mark in (0, 2, 3)]
        assert used == [{"p1", "p2", "p3"}, {"p3"}, set()]

    def test_a_visit_stays_known_after_the_platform_was_told(self, journal: Journal) -> None:
        keep(journal, entry("ada", until=self.UNTIL, pass_key="p1"))
        known = journal.history("cobot", "ada", journal.chain, 1)
        assert known == History((Visit(MONDAY, self.UNTIL),), frozenset())

    def test_nor_is_it_forgotten_for_an_entry_that_was_none(self, journal: Journal) -> None:
        keep(journal, entry("ada", until=self.UNTIL), entry("ada", door="inner", visit=""))
        known = journal.history("cobot", "ada", journal.chain, 2)
        assert known.visits == (Visit(MONDAY, self.UNTIL),)

    def test_a_watermark_of_another_chain_means_nothing(self, journal: Journal) -> None:
        keep(journal, entry("ada", pass_key="p1"))
        assert journal.history("cobot", "ada", "another", 1).used == {"p1"}

    def test_entries_that_are_no_visit_are_none(self, journal: Journal) -> None:
        keep(journal, entry("ada", visit=""))
        assert journal.history("cobot", "ada", journal.chain, 0) == History()

    def test_what_is_not_on_disk_yet_counts_as_well(self, journal: Journal, path: Path) -> None:
        hold = sqlite3.connect(path, isolation_level=None)
        hold.execute("BEGIN IMMEDIATE")
        ticket = journal.append(entry("ada", until=self.UNTIL, pass_key="p1"))
        waiting = journal.history("cobot", "ada", journal.chain, 0)
        entered = journal.last_entry("cobot", "ada", "front")
        assert not ticket.settled
        hold.execute("ROLLBACK")
        hold.close()
        assert ticket.wait(PATIENCE)
        assert waiting == journal.history("cobot", "ada", journal.chain, 0)
        assert waiting == History((Visit(MONDAY, self.UNTIL),), frozenset({"p1"}))
        assert entered == journal.last_entry("cobot", "ada", "front") == MONDAY

    def test_a_disk_that_stalls_holds_nobody_up(self, journal: Journal, path: Path) -> None:
        hold = sqlite3.connect(path, isolation_level=None)
        hold.execute("BEGIN IMMEDIATE")
        ticket = journal.append(entry("ada", pass_key="p1"))
        for _ in range(2000):  # long enough for the writer to be waiting by now
            assert journal.history("cobot", "ada", journal.chain, 0).used == {"p1"}
        assert (ticket.settled, journal.failing) == (False, ""), "answered while the writer waits"
        hold.execute("ROLLBACK")
        hold.close()
        assert ticket.wait(PATIENCE)

    def test_last_entry_is_by_this_door(self, journal: Journal, clock: FakeClock) -> None:
        keep(journal, entry("ada", door="front", visit="", checks_in=False))
        clock.advance(60)
        keep(journal, entry("ada", door="back"), entry("bo", door="front"))
        assert journal.last_entry("cobot", "ada", "front") == MONDAY
        assert journal.last_entry("cobot", "ada", "back") == MONDAY + 60
        assert journal.last_entry("cobot", "ada", "cellar") is None


class TestModes:
    def test_the_last_word_counts_and_lasts(self, path: Path, clock: FakeClock) -> None:
        journal = Journal(path, clock, "boot-1")
        until = MONDAY + 90.5
        keep(
            journal,
            Event(Kind.MODE, "front", author="chief", detail={"mode": "lockdown"}),
            Event(Kind.MODE, "back", detail={"mode": "lockdown"}),
            Event(Kind.MODE, "front", detail={"mode": "unlocked", "until": until}),
        )
        expected = {"front": (Mode.UNLOCKED, until), "back": (Mode.LOCKDOWN, None)}
        assert journal.modes() == expected
        journal.close()
        again = Journal(path, clock, "boot-2")
        assert again.modes() == expected
        again.close()

    def test_nothing_was_said(self, journal: Journal) -> None:
        assert journal.modes() == {}


class TestReading:
    def test_check_ins_are_open_until_their_delivery_is_settled(
        self, journal: Journal, reader: JournalReader
    ) -> None:
        free = entry("ada", visit="again", checks_in=False)
        keep(journal, entry("ada"), free, entry("bo"), entry("cy", platform="hive"), entry("di"))
        assert self.open(reader) == [1, 3, 5]
        keep(journal, settled(3))
        assert self.open(reader) == [1, 5]
        assert [e.seq for e in reader.open_check_ins("cobot", after=1, limit=9)] == [5]
        assert [e.seq for e in reader.open_check_ins("cobot", after=0, limit=1)] == [1]

    def test_the_watermark_is_before_the_first_open_check_in(
        self, journal: Journal, reader: JournalReader
    ) -> None:
        keep(journal, Event(Kind.STARTED))
        assert reader.watermark("cobot") == 1
        keep(journal, entry("ada"), entry("bo"))
        assert reader.watermark("cobot") == 1
        keep(journal, settled(3))
        assert reader.watermark("cobot") == 1
        keep(journal, settled(2))
        assert reader.watermark("cobot") == 5
        assert reader.watermark("hive") == 5

    def test_no_entry_slips_under_the_watermark(
        self, journal: Journal, reader: JournalReader
    ) -> None:
        """Somebody checks in at any moment while the watermark is being read."""

        def come(_statement: str) -> None:
            keep(journal, entry("ada"))

        reader._db.set_trace_callback(come)
        watermark = reader.watermark("cobot")
        reader._db.set_trace_callback(None)
        assert watermark < self.open(reader)[0]

    def test_events_by_door_kind_and_place(self, journal: Journal, reader: JournalReader) -> None:
        keep(journal, entry(door="back"), Event(Kind.EXIT, "front"), Event(Kind.FORCED, "back"))

        def seqs(**wanted: object) -> list[int]:
            return [e.seq for e in reader.events(**wanted)]  # type: ignore[arg-type]

        assert seqs() == [1, 2, 3]
        assert seqs(after=1) == [2, 3]
        assert seqs(last=2) == [2, 3]
        assert seqs(after=1, last=1) == [3]
        assert seqs(door="back") == [1, 3]
        assert seqs(kinds=(Kind.EXIT, Kind.FORCED)) == [2, 3]
        assert seqs(kinds=(Kind.EXIT, Kind.FORCED), door="back", last=5) == [3]

    def test_one_can_tell_that_something_was_written(
        self, journal: Journal, reader: JournalReader
    ) -> None:
        before = reader.changes()
        assert reader.changes() == before
        keep(journal, Event(Kind.EXIT))
        assert reader.changes() != before

    def test_the_clock_may_not_fall_behind_the_last_event(
        self, journal: Journal, path: Path, clock: FakeClock
    ) -> None:
        assert newest_wall(path) == 0.0
        keep(journal, Event(Kind.EXIT))
        clock.step(-60)
        keep(journal, Event(Kind.CLOCK_STEPPED))
        assert newest_wall(path) == MONDAY - 60
        assert newest_wall(path.with_name("another.db")) == 0.0

    def test_a_journal_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"journal\.db"):
            JournalReader(tmp_path / "journal.db")
        assert not list(tmp_path.iterdir()), "and none is made"

    def open(self, reader: JournalReader) -> list[int]:
        return [e.seq for e in reader.open_check_ins("cobot", after=0, limit=99)]
