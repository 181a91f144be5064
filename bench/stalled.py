"""From a card held to the reader until the door has answered, the disk blocking at every sync.

`doorward controller` as installed, its SQLite over a disk that takes seconds for each sync (see
`bench.slow_disk`). Asked and answered through door.sock, which the span includes.
"""

import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from bench.crowd import card, frequent, stocked
from bench.figures import Figures, spread
from bench.place import configured, reader_names, running
from controller.journal_read import JournalReader
from controller.model import Kind

_READERS = 20  # as many as it takes for none to be taken for broken
_GAP = 0.2  # seconds between two members: some syncs begin and end meanwhile


def measure(
    work: Path,
    *,
    people: int = 2_500,
    events: int = 2_000,
    scans: int = 100,
    blocks_for: float = 5.0,
) -> Figures:
    """The slowest answer to a member while the disk blocks at every sync."""
    place = stocked(work / "stalled", people, events)
    config = configured(place, readers=reader_names(_READERS))
    flag = place / "slow"
    program = [sys.executable, "-m", "bench.slow_disk", str(flag), str(blocks_for)]
    cards = [card(number) for number in frequent(people, scans + 1)]
    before = _entries(place)
    with running("controller", config, program) as controller:
        controller.scan(cards.pop(), "r0")  # the first has to be looked up on a cold disk
        flag.touch()
        spans = []
        for number, text in enumerate(cards):
            begin = time.perf_counter_ns()
            reason = controller.scan(text, f"r{number % _READERS}")
            spans.append(time.perf_counter_ns() - begin)
            assert reason == "granted", reason
            threading.Event().wait(_GAP)
        behind = before + scans + 1 - _entries(place)
        flag.unlink()
    print(f"  scan to answer {spread(spans)}; {behind} not on disk when the last was answered")
    if missing := before + scans + 1 - _entries(place):
        raise RuntimeError(f"{missing} entries never came to the disk")
    return {"stalled_disk_scan_ms": round(max(spans) / 1e6, 1)}


def _entries(place: Path) -> int:
    with closing(JournalReader(place / "data" / "journal.db")) as reader:
        return len(reader.events(kinds=(Kind.ACCESS,)))
