"""Fetching a large roster over loopback: time, memory, and what is written when nothing changed.

The line to a Hive as `syncd` has it, in a fresh process that holds what `syncd` holds; the
simulated Hive is another process.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.child import Talk, child
from bench.figures import Figures
from bench.hive import hive
from bench.machine import memory, written
from bench.place import configured

USERS = 100_000


def measure(work: Path, *, users: int = USERS) -> Figures:
    """A first pull of so many users, and a second one."""
    with child(hive, users=users) as simulated:
        config = configured(work / "pull", simulated.answer())
        with child(pull, config=str(config)) as sync:
            first, again = sync.answer(), sync.ask()
    print(f"  {first['changes']}; {first['idle_mib']} MiB before the pull")
    print(
        f"  again: {again['changes']}, in {again['seconds']} s, peak then {again['peak_mib']} MiB"
    )
    print(f"  again: {again['told']}")
    return {
        "pull_100k_s": first["seconds"],
        "pull_100k_rss_mib": first["peak_mib"],
        "pull_unchanged_bytes_written": again["bytes"],
    }


def pull(config: str) -> Talk:
    """Child: pulls when it starts and whenever asked; yields what that took."""
    import sync.daemon  # noqa: F401 - to carry what the daemon carries
    from controller.config import load
    from sync.office import Office
    from sync.platforms import PLATFORMS

    with closing(Office(load(Path(config), platforms=PLATFORMS), threading.Event())) as office:
        idle, _ = memory("self")
        while True:
            with _writes(office.place.cache) as writes:
                begin = time.perf_counter()
                report = office.lines["gym"].pull(lambda *_: None)
                seconds = round(time.perf_counter() - begin, 1)
            _, peak = memory("self")
            yield {
                "seconds": seconds,
                "idle_mib": idle,
                "peak_mib": peak,
                "changes": report.changes.summary(),
                "bytes": writes.total,
                "told": writes.told(),
            }


@dataclass
class _Writes:
    """Bytes that went to a database: into its WAL, and from there into the file itself."""

    wal: int = 0
    file: int = 0
    process: int = 0  # by the kernel's count, with all else that this process wrote

    @property
    def total(self) -> int:
        return self.wal + self.file

    def told(self) -> str:
        kernel = f"{self.process:,} to disk by the kernel's count"
        return f"{self.wal:,} bytes to the WAL, {self.file:,} on to the file ({kernel})"


@contextmanager
def _writes(path: Path) -> Iterator[_Writes]:
    """What is written to a database in WAL mode within the block, and by checkpointing it after.

    Beforehand the WAL is emptied, so that its size is what was written to it. If SQLite itself
    moved pages to the file meanwhile, the WAL shows only the last of it; so it is counted only for
    what is small.
    """
    writes = _Writes()
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = db.execute("PRAGMA page_size").fetchone()[0]
        before, _ = written("self")
        yield writes
        wal = path.with_name(f"{path.name}-wal")
        writes.wal = wal.stat().st_size
        old = path.read_bytes()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writes.file = _changed(old, path.read_bytes(), page)
        writes.process = written("self")[0] - before
    finally:
        db.close()


def _changed(old: bytes, new: bytes, page: int) -> int:
    """Bytes of pages that are not as they were."""
    places = range(0, max(len(old), len(new)), page)
    return sum(page for at in places if old[at : at + page] != new[at : at + page])
