"""What cannot start lets go of all that it had opened by then."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from controller.config import load
from controller.errors import StoreError
from controller.journal import Journal
from controller.journal_read import JournalReader, newest_wall
from controller.model import Event, Kind
from controller.store import closed_on_error
from sync.daemon import Daemon
from sync.office import Office
from sync.platforms import PLATFORMS
from tests.fakes import FakeClock
from tests.sites import small_site


@pytest.fixture
def place(tmp_path: Path) -> Path:
    small_site(tmp_path)
    (tmp_path / "run").mkdir()
    return tmp_path


def office(place: Path) -> Office:
    config = load(place / "doorward.toml", platforms=PLATFORMS)
    return Office(config, threading.Event(), FakeClock())


def damaged_journal(place: Path) -> Path:
    """One whose chain has no name: every program stumbles over it after opening it."""
    path = place / "data" / "journal.db"
    with closing(Journal(path, FakeClock(), "boot")) as journal:
        journal.append(Event(Kind.STARTED)).wait(10)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE chain")
        db.commit()
    return path


def test_only_what_fails_is_closed() -> None:
    with closing(sqlite3.connect(":memory:")) as kept:
        with closed_on_error(kept):
            pass
        kept.execute("SELECT 1")
        with pytest.raises(ZeroDivisionError), closed_on_error(kept):
            raise ZeroDivisionError
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            kept.execute("SELECT 1")


def test_sync_that_cannot_start_leaves_the_data_to_whoever_tries_next(place: Path) -> None:
    journal = damaged_journal(place)
    with pytest.raises(StoreError, match="no such table") as stumbled:
        office(place)
    journal.unlink()
    with closing(office(place)) as again:  # though the first failure is still being looked at
        assert list(again.lines) == ["list"]
    assert stumbled.value.damaged is False


def test_syncd_whose_socket_has_something_in_the_way_leaves_the_data(place: Path) -> None:
    (place / "run" / "sync.sock").mkdir()
    with pytest.raises(OSError, match=r"sync\.sock"), Daemon(office(place)):
        pytest.fail("it started")
    office(place).close()


def test_a_reader_that_stumbles_leaves_nothing_open(place: Path) -> None:
    path = damaged_journal(place)
    with pytest.raises(StoreError, match="no such table") as stumbled:
        JournalReader(path)
    assert newest_wall(path) == 0.0
    # The failure, still at hand, keeps what the constructor left of itself from being collected.
    assert not open_files(place / "data"), stumbled


def open_files(folder: Path) -> list[str]:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [at for link in links if (at := str(link.readlink())).startswith(str(folder))]
