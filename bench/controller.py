"""The real `doorward controller`: its memory after many scans, and what a scan writes."""

from collections import Counter
from itertools import cycle
from pathlib import Path

from bench.crowd import EVENTS, PEOPLE, card, frequent, stocked
from bench.figures import Figures
from bench.machine import forget_cached, memory, written
from bench.place import configured, reader_names, running

READERS = 512  # as many as it takes for none to be taken for broken


def measure(
    work: Path, *, people: int = PEOPLE, events: int = EVENTS, scans: int = 10_000
) -> Figures:
    """So many scans of different members by the simulator's socket.

    The later half is the steady state. Each scan is a new visit with a check-in to tell.
    """
    place = stocked(work, people, events)
    # Copying left the files in memory in large pieces, and so does the controller, which reads the
    # newest events as it starts. The kernel would count each piece as written whole for one byte;
    # read again here and there it holds small pages.
    forget_cached(place / "data")
    cards = [card(number) for number in frequent(people, scans)]
    names = reader_names(READERS)
    readers = cycle(names)
    with running("controller", configured(place, readers=names)) as controller:
        idle, _ = memory(controller.pid)
        forget_cached(place / "data")
        half = len(cards) // 2
        reasons = Counter(controller.scan(text, next(readers)) for text in cards[:half])
        disk, handed = written(controller.pid)
        reasons.update(controller.scan(text, next(readers)) for text in cards[half:])
        disk_after, handed_after = written(controller.pid)
        resident, peak = memory(controller.pid)
    wal = handed_after - handed
    measured = len(cards) - half
    print(f"  {dict(reasons)}")
    print(f"  {idle} MiB when ready, {resident} after {len(cards):,} scans, {peak} at its peak")
    print(f"  {wal / measured:,.0f} bytes a scan handed to write(), by {measured:,} scans")
    return {
        "controller_rss_mib": resident,
        "bytes_written_per_scan": round((disk_after - disk) / measured),
    }
