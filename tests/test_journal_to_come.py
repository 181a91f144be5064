"""`sync` may start a moment before the controller has made its journal: it does not mind."""

import threading
from contextlib import closing
from pathlib import Path

import pytest

from controller.config import load
from controller.errors import StoreError
from controller.journal import Journal
from controller.journal_read import journal_at
from controller.model import Event, Kind
from sync.office import Office
from sync.platforms import PLATFORMS
from tests.fakes import FakeClock
from tests.sites import small_site


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    small_site(tmp_path)
    return tmp_path / "data" / "journal.db"


def office(journal: Path) -> Office:
    config = load(journal.parent.parent / "doorward.toml", platforms=PLATFORMS)
    return Office(config, threading.Event(), FakeClock())


def test_a_journal_that_is_not_there_or_not_filled_yet_is_none(journal: Path) -> None:
    assert journal_at(journal) is None
    journal.touch()
    assert journal_at(journal) is None
    journal.write_text("no database at all, though long enough to look into" * 100)
    with pytest.raises(StoreError):
        journal_at(journal)


def test_rosters_are_fetched_meanwhile_and_the_journal_is_read_once_it_is_there(
    journal: Path,
) -> None:
    journal.touch()
    with closing(office(journal)) as early:
        report = early.lines["list"].pull(lambda *_: None)
        assert report.changes.summary().startswith("1 person")
        assert early.journal_changes() == -1

        made = Journal(journal, FakeClock(), "boot")
        made.append(Event(Kind.STARTED)).wait(10)
        assert early.journal_changes() >= 0
        made.close()
