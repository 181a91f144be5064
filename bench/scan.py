"""From a card held to the reader until the lock is told to release, the event on disk before it.

The real controller in this process, with simulated devices; the lock notes when it is told. Between
the scans a bare synced insert into another file of the same directory is timed: the floor.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from bench.crowd import EVENTS, PEOPLE, card, frequent, stocked
from bench.figures import Figures, percentile, spread, us
from bench.place import configured, reader_names
from controller.config import load
from controller.daemon import Controller
from controller.journal_read import JournalReader
from hw import TABLES
from hw.sim import SimLock, SimReader, SimSettings

READERS = 20  # as many as it takes for none to be taken for broken
OPEN_FOR = 0.02  # seconds: the lock must be shut again before the next scan
_PATIENCE = 5.0


class TimedLock(SimLock):
    """Notes when it was told to release, and how far the journal on disk was at that moment."""

    def __init__(self, settings: SimSettings, name: str) -> None:
        super().__init__(settings, name)
        self.told_at, self.on_disk = 0, 0
        self.newest: Callable[[], int] = lambda: 0

    def release(self, seconds: float) -> None:
        self.told_at = time.perf_counter_ns()
        self.on_disk = self.newest()
        super().release(seconds)


def measure(
    work: Path,
    *,
    people: int = PEOPLE,
    events: int = EVENTS,
    scans: int = 2_500,
    warm_up: int = 400,
) -> Figures:
    """Scans of different members, each after all of the one before is over."""
    place = stocked(work, people, events)
    devices = {**TABLES, "lock": {"sim": f"{__name__}:TimedLock"}}
    readers = reader_names(READERS)
    config = load(configured(place, open_for=OPEN_FOR, readers=readers), devices=devices)
    cards = [card(number) for number in frequent(people, scans + warm_up)]
    with Controller(config) as controller, served(controller), floor(config.data) as insert:
        # A WAL that still grows costs more to sync than one that is used again. An event takes
        # three pages of it, a bare insert one: both begin when theirs has been full once.
        for _ in range(3 * warm_up):
            insert()
        assert controller.journal.flush(_PATIENCE)
        disk = JournalReader(config.data / "journal.db")
        scanner = Scanner(controller, disk)
        spans, floors, late = [], [], 0
        for text in cards:
            span, on_disk = scanner.scan(text)
            spans.append(span)
            late += not on_disk
            # As long after the scan's sync as before the next: neither meets the other's.
            time.sleep(OPEN_FOR / 2)
            floors.append(insert())
            scanner.settle()
        disk.close()
    spans, floors = spans[warm_up:], floors[warm_up:]
    print(f"  scan to lock {spread(spans)}; {late} of {len(cards)} not on disk before the lock")
    print(f"  floor        {spread(floors)}")
    return {
        "scan_to_lock_p99_us": us(percentile(spans, 0.99)),
        "floor_fsync_p99_us": us(percentile(floors, 0.99)),
    }


class Scanner:
    """Holds cards to the readers of a running controller's door, in turn."""

    def __init__(self, controller: Controller, disk: JournalReader) -> None:
        self._door = controller.doors.working["front"]
        lock = self._door.parts.lock
        assert isinstance(lock, TimedLock)
        self._lock = lock
        self._readers = cycle(fitted.reader for fitted in self._door.parts.readers.values())
        self._disk = disk
        lock.newest = disk.newest

    def scan(self, text: str) -> tuple[int, bool]:
        """How long until the lock was told to release, and was the event on disk by then?"""
        before = self._disk.newest()
        reader = next(self._readers)
        assert isinstance(reader, SimReader)
        begin = time.perf_counter_ns()
        reader.present(text)
        if not self._lock.wait_for(released=True, timeout=_PATIENCE):
            raise RuntimeError(f"the door did not open: {self._door.last}")
        return self._lock.told_at - begin, self._lock.on_disk > before

    def settle(self) -> None:
        """Wait until the door is shut again and idle."""
        assert self._lock.wait_for(released=False, timeout=_PATIENCE)
        assert self._door.catch_up(_PATIENCE)


@contextmanager
def served(controller: Controller) -> Iterator[None]:
    """The controller's own watch over its doors, as in the daemon."""
    stop = threading.Event()
    thread = threading.Thread(target=controller.serve, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def floor(data: Path) -> Iterator[Callable[[], int]]:
    """A file like the journal, and what inserts one row and says how long that took."""
    db = sqlite3.connect(data / "floor.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE row(id INTEGER PRIMARY KEY, wall REAL, what TEXT)")

    def insert() -> int:
        values = (time.time(), "granted")
        begin = time.perf_counter_ns()
        db.execute("INSERT INTO row(wall, what) VALUES (?, ?)", values)
        return time.perf_counter_ns() - begin

    try:
        yield insert
    finally:
        db.close()
