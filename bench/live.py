"""Our part of a live question: what asking adds to a scan, besides the platform's own time.

The controller is in this process, `doorward syncd` and the simulated Hive are two others. Each new
member scans; then one who is known by now; then the same request goes to the Hive directly.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.child import Child, Talk, child
from bench.figures import Figures, percentile
from bench.place import KEY, configured, running
from bench.scan import OPEN_FOR, Scanner, served
from controller.clock import SystemClock
from controller.config import load
from controller.control import ask
from controller.daemon import Controller
from controller.journal_read import JournalReader
from hw import TABLES
from sync.http import Line
from sync.simulator.hive import Membership, SimulatedHive, User

_FIRST, _FAR = 1_000_000, 4_000_000_000  # ids of those who join; when memberships end
_BARE = {"door_id": "front-01", "check_only": "1"}


def measure(work: Path, *, people: int = 2_000, rounds: int = 5, scans: int = 24) -> Figures:
    """New members at a door, so many in each life of `syncd`, which asks 30 times a minute."""
    place = work / "live"
    with child(joining, users=people) as hive:
        config = configured(place, hive.answer(), OPEN_FOR)
        config.write_text(config.read_text().replace("]\nname", ']\nlive = "unknown"\nname', 1))
        spans: list[tuple[float, float, float]] = []
        for _ in range(rounds):
            with running("syncd", config):
                fetched = ask(place / "run" / "sync.sock", {"do": "sync"}, timeout=60)
                assert not fetched["exit"], fetched
                spans += _round(config, hive, scans)
    asked, known, bare = ([each[n] for each in spans] for n in range(3))
    for name, values in (("asked", asked), ("known", known), ("bare exchange", bare)):
        print(f"  {name:14} {_told(values)}")
    besides = percentile(known, 0.5) + percentile(bare, 0.5)
    return {"live_answer_overhead_ms": round(percentile(asked, 0.5) - besides, 1)}


def joining(users: int) -> Talk:
    """Child: a Hive. Yields its address, then, asked anything, the card of one who joined."""
    with tempfile.TemporaryDirectory() as folder:
        simulated = SimulatedHive(SystemClock(Path(folder), mode="always"), KEY, keep_log=False)
        simulated.populate(1, users)
        with simulated:
            answer: Any = simulated.url
            number = _FIRST
            while True:
                yield answer
                number += 1
                answer = f"{number:08X}"
                member = Membership(number, 1, _FAR)
                simulated.put(User(number, "New", "Member", answer, memberships=(member,)))


def _round(config: Path, hive: Child, scans: int) -> Iterator[tuple[float, float, float]]:
    """Milliseconds: a scan that was asked about, one that was not, a request to the Hive."""
    devices = {**TABLES, "lock": {"sim": "bench.scan:TimedLock"}}
    loaded = load(config, devices=devices)
    with Controller(loaded) as controller, served(controller), _hive(config) as line:
        disk = JournalReader(loaded.data / "journal.db")
        scanner = Scanner(controller, disk)
        before = str(hive.ask())
        _scan(scanner, before)  # finds everything cold
        for _ in range(scans - 1):
            card = str(hive.ask())
            asked, known = _scan(scanner, card), _scan(scanner, before)
            begin = time.perf_counter()
            line.request("POST", "/access", form={"door_access_id": card, **_BARE})
            bare = (time.perf_counter() - begin) * 1000
            before = card
            yield asked, known, bare
        disk.close()


def _scan(scanner: Scanner, card: str) -> float:
    nanoseconds, _ = scanner.scan(card)
    scanner.settle()
    return nanoseconds / 1e6


@contextmanager
def _hive(config: Path) -> Iterator[Line]:
    clock = SystemClock(config.parent, mode="always")
    url = load(config).platforms["gym"].settings["url"]
    with Line(url, clock=clock, wait=bool, headers={"X-DOOR-API-KEY": KEY}) as line:
        yield line


def _told(values: list[float]) -> str:
    shares = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
    lies = ", ".join(f"{name} {percentile(values, share):.1f}" for name, share in shares)
    return f"{lies} ms of {len(values)}"
