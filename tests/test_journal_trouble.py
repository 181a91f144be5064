"""The journal in trouble: damaged files, failing disks, too much at once, sudden death."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controller.errors import StoreError
from controller.journal import History, Journal, Ticket
from controller.journal_read import JournalReader, Verdict
from controller.model import Event, Kind
from controller.store import set_aside
from tests.doomed import wait_until
from tests.fakes import MONDAY, FakeClock
from tests.worlds import PATIENCE, entry, keep

BACKLOG = 10_000
JUNK = bytes(range(7, 250)) * 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def old(path: Path) -> str:
    """A journal with a few events, closed; the name of its chain."""
    with closing(Journal(path, FakeClock(), "boot-1")) as journal:
        keep(journal, *[entry(f"p{n}") for n in range(50)])
        return journal.chain


def garble(path: Path, first: int = 0) -> None:
    """Overwrite what is there from this byte on, as a dying card does."""
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(first)
        file.write(JUNK[: length - first])


def checkpoint(path: Path) -> None:
    """All that was written goes to the main file, so that damage to it is met."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def kinds(path: Path) -> list[Kind]:
    with closing(JournalReader(path)) as reader:
        assert reader.verify().broken_at is None
        return [event.event.kind for event in reader.events()]


class TestDamageFoundAtTheStart:
    @pytest.mark.parametrize("first", [0, 2048], ids=["from the first byte", "past the header"])
    def test_a_garbled_file_is_set_aside_and_a_new_chain_begins(
        self, old: str, path: Path, first: int
    ) -> None:
        garble(path, first)
        content = path.read_bytes()
        with closing(Journal(path, FakeClock(), "boot-2")) as journal:
            keep(journal, entry("ada"))
            assert journal.chain != old
        assert self.aside(path).read_bytes() == content, "not a byte of it is touched"
        assert kinds(path) == [Kind.RENEWED, Kind.ACCESS]

    def test_so_is_a_truncated_one(self, old: str, path: Path) -> None:
        os.truncate(path, path.stat().st_size // 2)
        with closing(Journal(path, FakeClock(), "boot-2")) as journal:
            keep(journal, entry("ada"))
        assert self.aside(path).exists()
        assert kinds(path) == [Kind.RENEWED, Kind.ACCESS]

    def test_the_new_one_says_where_the_old_one_is(self, old: str, path: Path) -> None:
        garble(path)
        Journal(path, FakeClock(), "boot-2").close()
        with closing(JournalReader(path)) as reader:
            assert reader.events()[0].event.detail == {"set_aside": self.aside(path).name}

    def test_it_says_so_even_if_the_power_went_before_it_could(self, old: str, path: Path) -> None:
        garble(path)
        set_aside(path, MONDAY - 60)
        garbled_before = path.with_name("journal.db.damaged-1000")
        garbled_before.touch()
        with closing(Journal(path, FakeClock(), "boot-2")) as journal:
            keep(journal, entry("ada"))
        assert kinds(path) == [Kind.RENEWED, Kind.ACCESS]
        with closing(JournalReader(path)) as reader:
            (event, _) = reader.events()
            assert event.event.detail == {"set_aside": f"journal.db.damaged-{int(MONDAY) - 60}"}
        Journal(path, FakeClock(), "boot-3").close()
        assert kinds(path).count(Kind.RENEWED) == 1

    def test_readers_leave_it_alone_and_say_so(self, old: str, path: Path) -> None:
        garble(path)
        content = path.read_bytes()
        with pytest.raises(StoreError, match=r"journal\.db cannot be read") as found:
            JournalReader(path)
        assert found.value.damaged
        assert path.read_bytes() == content

    def test_a_file_without_a_byte_is_a_new_one(self, path: Path) -> None:
        path.touch()
        with closing(Journal(path, FakeClock(), "boot-1")) as journal:
            keep(journal, Event(Kind.STARTED))
        assert kinds(path) == [Kind.STARTED]

    def aside(self, path: Path) -> Path:
        return path.with_name(f"journal.db.damaged-{int(MONDAY)}")


class TestDamageFoundLater:
    def test_rows_that_cannot_be_there_do_not_stop_it_for_good(self, old: str, path: Path) -> None:
        """As a disk leaves them that said it had written what it had not."""
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("INSERT INTO open_check_in SELECT max(seq) + 1, 'cobot' FROM event")
        with closing(Journal(path, FakeClock(), "boot-2")) as journal:
            keep(journal, entry("ada"))
            assert journal.chain != old
        assert kinds(path) == [Kind.RENEWED, Kind.ACCESS]

    @pytest.fixture
    def journal(self, old: str, path: Path) -> Iterator[Journal]:
        with closing(Journal(path, FakeClock(), "boot-2")) as journal:
            keep(journal, Event(Kind.STARTED))
            yield journal

    @pytest.mark.slow
    def test_by_writing_loses_nothing_that_comes(
        self, journal: Journal, old: str, path: Path
    ) -> None:
        checkpoint(path)
        garble(path)
        keep(journal, entry("ada", pass_key="p1"), entry("bo"))
        assert kinds(path) == [Kind.RENEWED, Kind.ACCESS, Kind.ACCESS]
        assert journal.chain != old
        assert journal.history("cobot", "ada", journal.chain, 0).used == {"p1"}

    def test_by_a_look_up_keeps_nobody_out(self, journal: Journal, old: str, path: Path) -> None:
        checkpoint(path)
        garble(path)
        assert journal.history("cobot", "p7", old, 0) == History(), "as if for the first time"
        wait_until(lambda: journal.chain not in {old, ""})
        assert kinds(path) == [Kind.RENEWED]


class TestNewerThanTheProgram:
    def test_is_refused_and_left_as_it_is(self, old: str, path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version=99")
            db.execute("PRAGMA application_id=99")
        content = path.read_bytes()
        for attempt in (lambda: Journal(path, FakeClock(), "boot-2"), lambda: JournalReader(path)):
            with pytest.raises(StoreError, match=r"has schema 99.*newer Doorward") as refused:
                attempt()
            assert refused.value.newer
            assert not refused.value.damaged
        assert path.read_bytes() == content
        assert not list(path.parent.glob("*.damaged*"))


class TestTooMuchAtOnce:
    def test_the_oldest_are_given_up_and_counted(self, path: Path) -> None:
        journal = Journal(path, FakeClock(), "boot-1")
        with closing(sqlite3.connect(path, isolation_level=None)) as hold:
            hold.execute("BEGIN IMMEDIATE")
            tickets = [journal.append(Event(Kind.EXIT)) for _ in range(BACKLOG + 700)]
            assert journal.dropped == 700
        assert tickets[-1].wait(PATIENCE)
        journal.close()
        assert _settled(tickets) == BACKLOG
        assert len(kinds(path)) == BACKLOG, "given up is given up"
        assert journal.dropped == 700


class TestAFailingDisk:
    @pytest.mark.slow
    def test_events_wait_in_memory_until_the_disk_takes_them(self, path: Path) -> None:
        told = _doomed("full", path).communicate(timeout=PATIENCE)[0]
        assert json.loads(told) == {
            "settled": False,
            "used": ["p1"],
            "ada was here": True,
            "failing": f"{path} cannot be written: disk I/O error",
            "arrived": True,
            "dropped": 0,
        }
        with closing(JournalReader(path)) as reader:
            assert [event.event.person for event in reader.events()] == ["ada", "bo", "cy"]
            assert reader.verify() == Verdict(3, 0)

    @pytest.mark.slow
    def test_a_disk_that_is_not_there_at_the_start_keeps_nobody_out(self, tmp_path: Path) -> None:
        place = tmp_path / "data"
        place.write_text("something in the way")
        with closing(Journal(place / "journal.db", FakeClock(), "boot-1")) as journal:
            assert "cannot be opened" in journal.failing
            ticket = journal.append(entry("ada", pass_key="p1"))
            assert journal.history("cobot", "ada", "", 0).used == {"p1"}
            assert journal.modes() == {}
            place.unlink()
            assert ticket.wait(PATIENCE)
            wait_until(lambda: not journal.failing)
        assert kinds(place / "journal.db") == [Kind.ACCESS]

    def test_what_can_never_be_written_is_counted_at_the_end(self, tmp_path: Path) -> None:
        place = tmp_path / "data"
        place.write_text("something in the way")
        journal = Journal(place / "journal.db", FakeClock(), "boot-1")
        ticket = journal.append(entry("ada"))
        journal.close()
        assert (journal.dropped, ticket.settled) == (1, False)


@pytest.mark.slow
@pytest.mark.parametrize("lives_for", [1, 40, 200])
def test_sudden_death_loses_nothing_that_was_said_to_be_on_disk(path: Path, lives_for: int) -> None:
    with _doomed("append", path) as victim:
        assert victim.stdout
        told = [int(victim.stdout.readline()) for _ in range(lives_for)]
        victim.kill()
        told += [int(line) for line in victim.stdout.read().split()]
    with closing(Journal(path, FakeClock(), "boot-2")) as journal:
        keep(journal, Event(Kind.STARTED))
    with closing(JournalReader(path)) as reader:
        kept = [event.event.detail for event in reader.events(kinds=(Kind.EXIT,))]
        assert kept[: len(told)] == [{"n": number} for number in told]
        assert len(kept) - len(told) in {0, 1}, "at most the one that was under way"
        assert reader.verify() == Verdict(len(kept) + 1, 0)


def _settled(tickets: list[Ticket]) -> int:
    return sum(ticket.settled for ticket in tickets)


def _doomed(program: str, path: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.doomed", program, str(path)]
    root = Path(__file__).parent.parent
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
