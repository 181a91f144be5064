"""Disks that are slow, full, broken, read-only or empty, under the whole product."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from controller.cache import Cache
from controller.errors import StoreError
from controller.journal_read import JournalReader
from controller.model import Kind
from sync.platform import State
from tests.cut_site import PLATFORMS, Alone, Running, Site
from tests.doomed import wait_until
from tests.fakes import MONDAY
from tests.tapped import FULL, IO_ERROR, OK, READ_ONLY, can_tap, tapped
from tests.torn import Recording
from tests.worlds import DAY, PATIENCE

pytestmark = pytest.mark.skipif(not can_tap(), reason="this Python hides its SQLite")
CANNOT_OPEN, WRITE_FAILED, SYNC_FAILED = 14, IO_ERROR | 3 << 8, IO_ERROR | 4 << 8


class Failing(Recording):
    """A disk with a fault to switch on."""

    def __init__(self) -> None:
        super().__init__()
        self.on_write = self.on_sync = self.on_create = OK

    @contextmanager
    def fault(self, *, write: int = OK, sync: int = OK, create: int = OK) -> Iterator[None]:
        self.on_write, self.on_sync, self.on_create = write, sync, create
        try:
            yield
        finally:
            self.on_write = self.on_sync = self.on_create = OK

    def created(self, path: str) -> int:
        return self.on_create or super().created(path)

    def write(self, path: str, offset: int, data: bytes) -> int:
        return self.on_write or super().write(path, offset, data)

    def sync(self, path: str) -> int:
        return self.on_sync or super().sync(path)


@pytest.fixture
def disk() -> Failing:
    return Failing()


@pytest.fixture
def site(tmp_path: Path, disk: Failing) -> Iterator[Site]:
    """Rosters are in force."""
    site = Site(tmp_path)
    with tapped(site.data, disk):
        with site.on(disk) as running:
            running.roster(1)
        yield site


def enters(running: Alone, key: str) -> None:
    """They are let in, whatever the disk does."""
    assert running.present(key) == "granted"
    assert running.lock.wait_for(released=True, timeout=PATIENCE)


def entered(running: Running) -> list[str]:
    assert running.journal.flush(PATIENCE)
    assert running.disk.verify().broken_at is None
    return [each.event.person for each in running.disk.events(kinds=(Kind.ACCESS,))]


def told(running: Running) -> list[str]:
    return [uuid for ear in running.ears() for uuid in ear.record]


def test_members_enter_one_after_the_other_while_a_sync_lasts_for_ever(
    site: Site, disk: Failing
) -> None:
    with site.on(disk) as running:
        with disk.stalled() as in_sync:
            enters(running, "ear-00")
            assert in_sync.wait(PATIENCE)
            enters(running, "ear-01")
            enters(running, "ear-00")  # on the same visit, though that is on no disk yet
            assert running.disk.events(kinds=(Kind.ACCESS,)) == []
        assert entered(running) == ["ear-00", "ear-01", "ear-00"]
        (again,) = [e for e in running.disk.events() if e.event.visit == "again"]
        assert not again.event.checks_in


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        {"write": FULL},
        {"write": WRITE_FAILED},
        {"sync": SYNC_FAILED},
        {"write": READ_ONLY, "create": CANNOT_OPEN},
    ],
    ids=["full", "writes fail", "syncs fail", "read-only"],
)
def test_a_disk_that_takes_nothing_keeps_nobody_out_and_loses_nothing(
    site: Site, disk: Failing, fault: dict[str, int]
) -> None:
    with site.on(disk) as running:
        enters(running, "ear-00")
        running.deliver()
        with disk.fault(**fault):
            enters(running, "ear-01")
            enters(running, "deaf-01")
            wait_until(lambda: bool(running.journal.failing))
            with pytest.raises(StoreError, match=r"cache\.db cannot be written") as refused:
                running.roster(2)
            assert not refused.value.damaged
            for name in PLATFORMS:
                running.office.deliver(name)
        assert entered(running) == ["ear-00", "ear-01", "deaf-01"]
        wait_until(lambda: not running.journal.failing)
        running.roster(2)
        running.deliver()
        assert len(told(running)) == len(set(told(running))) == 3
        enters(running, "ear-02")


@pytest.mark.slow
def test_a_check_in_is_not_told_while_that_cannot_be_written_down(
    site: Site, disk: Failing
) -> None:
    """Told without a mark it might be told again."""
    with site.on(disk) as running:
        enters(running, "deaf-00")
        assert running.journal.flush(PATIENCE)
        with disk.fault(sync=SYNC_FAILED), pytest.raises(StoreError, match=r"cache\.db"):
            running.office.deliver("deaf")
        assert told(running) == []
        running.deliver()
        assert len(told(running)) == 1
        assert running.office.ledger.untold(10) == []


@pytest.mark.slow
def test_a_controller_that_starts_on_a_disk_that_takes_nothing_lets_members_in(
    site: Site, disk: Failing
) -> None:
    with disk.fault(write=READ_ONLY, create=CANNOT_OPEN), site.on_alone() as running:
        assert "journal.db cannot be" in running.journal.failing
        enters(running, "ear-00")
        running.present("nobody")
        assert running.door.last
        assert not running.door.last[1].granted
        assert not running.journal.flush(0)


@pytest.mark.slow
def test_a_disk_that_stalls_while_old_events_are_removed_stops_no_sign_of_life(
    site: Site, disk: Failing
) -> None:
    """Else systemd would take the controller for hung, and start it on that very disk."""
    stop = threading.Event()
    with site.on_alone(MONDAY + 4000 * DAY) as running:
        assert running.journal.flush(PATIENCE)
        serving = threading.Thread(target=running.controller.serve, args=(stop,))
        with disk.stalled() as in_sync:
            serving.start()
            assert in_sync.wait(PATIENCE), "something is being removed"
            stop.set()
            serving.join(PATIENCE)
            assert not serving.is_alive(), "it came round again"
    with closing(JournalReader(site.data / "journal.db")) as reader:
        assert reader.verify().pruned


@pytest.mark.parametrize("gone", [["journal.db"], ["cache.db"], ["journal.db", "cache.db"]])
def test_files_that_are_gone_are_begun_anew_and_nothing_is_told_twice(
    site: Site, disk: Failing, gone: list[str]
) -> None:
    with site.on(disk) as running:
        for platform in PLATFORMS:
            enters(running, f"{platform}-00")
            assert running.journal.flush(PATIENCE)
            running.office.deliver(platform)  # of which the journal does not know yet
        record = {ear.name: list(ear.record) for ear in running.ears()}
    for name in gone:
        for file in site.data.glob(f"{name}*"):
            file.unlink()
    with site.on(disk) as running:
        assert not running.lock.released
        for ear in running.ears():
            ear.record = record[ear.name]
        running.deliver()
        running.roster(2)
        enters(running, "ear-01")
        running.deliver()
        assert len(told(running)) == len(set(told(running))) == 3
        assert running.office.ledger.oldest("ear") is None
        with closing(Cache(site.data / "cache.db")) as cache:
            states = set(cache.delivery_counts())
        assert set(states) <= {State.SENT, State.UNKNOWN}
        assert (State.UNKNOWN in states) == (gone == ["cache.db"]), "only who cannot be asked"


def test_with_everything_gone_nobody_is_let_in_before_a_roster_is_there(
    site: Site, disk: Failing
) -> None:
    for file in site.data.iterdir():
        file.unlink()
    with site.on_alone() as running:
        assert running.present("ear-00") != "granted"
        assert not running.lock.released
        assert running.journal.flush(PATIENCE)
