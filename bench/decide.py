"""How long a door takes to make up its mind, alone and while `sync` rewrites the cache.

A real door on its own thread, over real files. The span runs from the read's text being turned into
its canonical form, which is the first thing done with a read taken from the queue, to the event's
hand-over to the journal. The floor is one prepared query for the same card on the same file, asked
between the decisions, so that both meet the same machine.
"""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from bench.child import child
from bench.crowd import EVENTS, PEOPLE, card, credentials, renew, stocked
from bench.figures import Figures, percentile, spread, us
from bench.place import configured, reader_names
from controller.cache import Cache
from controller.cards import CardFormat, card_hash
from controller.clock import boot_id, configured_clock
from controller.config import load
from controller.door import Door, Fitted, Parts, Settings
from controller.journal import Journal, Ticket
from controller.journal_read import newest_wall
from controller.knowledge import Knowledge
from controller.model import Event
from controller.secrets import device_key
from hw import TABLES
from hw.sim import SimLock, SimReader, SimSettings

_FLOOR = "SELECT person FROM credential WHERE hash = ?"
_WARM_UP = 2_000
_READERS = 2_000  # so many that a door does not take them for broken


@dataclass
class _Watch:
    """When a read was taken up and when its event was handed over (perf_counter_ns)."""

    taken: int = 0
    handed: int = 0


@dataclass(frozen=True)
class _Watched(CardFormat):
    watch: _Watch = field(default_factory=_Watch)

    def canonical(self, text: str) -> str:
        self.watch.taken = time.perf_counter_ns()
        return super().canonical(text)


class _Handed(Journal):
    """The journal with all its history; an event ends where the door hands it over."""

    watch: _Watch

    def append(self, event: Event) -> Ticket:  # noqa: ARG002
        self.watch.handed = time.perf_counter_ns()
        ticket = Ticket()
        ticket.settle()
        return ticket


@dataclass
class _Bench:
    """A started door and the same cache for the floor; `sample` measures one of each."""

    door: Door
    readers: Iterator[SimReader]
    watch: _Watch
    floor: sqlite3.Connection
    key: bytes
    people: int
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    decisions: list[int] = field(default_factory=list)
    lookups: list[int] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def sample(self) -> None:
        text = card(self.chance.randrange(credentials(self.people)))
        hashed = card_hash(self.key, f"32:{text}")
        next(self.readers).present(text)
        self.door.catch_up(5.0)
        self.decisions.append(self.watch.handed - self.watch.taken)
        begin = time.perf_counter_ns()
        found = self.floor.execute(_FLOOR, (hashed,)).fetchone()
        self.lookups.append(time.perf_counter_ns() - begin)
        assert found, "the card is not in the cache"
        assert self.door.last, "the door did not decide"
        self.reasons[self.door.last[1].reason.value] += 1

    def forget(self) -> None:
        """What was measured so far was the warm-up, or is told."""
        self.decisions.clear()
        self.lookups.clear()
        self.reasons.clear()

    def warm_up(self, times: int) -> None:
        for _ in range(times):
            self.sample()
        self.forget()

    def tell(self, when: str) -> None:
        print(f"  {when}: decisions {spread(self.decisions)}")
        print(f"  {' ' * len(when)}  floor     {spread(self.lookups)}")
        print(f"  {' ' * len(when)}  {dict(self.reasons.most_common())}")


def measure(
    work: Path, *, people: int = PEOPLE, events: int = EVENTS, decisions: int = 25_000
) -> Figures:
    """Decisions on random cards, nothing else going on."""
    with _door(stocked(work, people, events), people) as bench:
        bench.warm_up(min(_WARM_UP, decisions))
        for _ in range(decisions):
            bench.sample()
        bench.tell("alone")
        return {
            "decide_p50_us": us(percentile(bench.decisions, 0.5)),
            "decide_p99_us": us(percentile(bench.decisions, 0.99)),
            "floor_lookup_p50_us": us(percentile(bench.lookups, 0.5)),
        }


def measure_during_sync(work: Path, *, people: int = PEOPLE, events: int = EVENTS) -> Figures:
    """The same while another process puts a roster in force that renews every membership."""
    place = stocked(work, people, events)
    with _door(place, people) as bench:
        bench.warm_up(min(_WARM_UP, people))
        with child(renew, data=str(place / "data"), people=people) as sync:
            _until(sync.answered, bench, sync.answer)
            sync.send()
            _until(sync.answered, bench, sync.answer)
            sync.send()
            _until(sync.answered, bench, sync.answer)
            return {"decide_during_sync_p99_us": us(percentile(bench.decisions, 0.99))}


def _until(answered: Callable[[], bool], bench: _Bench, answer: Callable[[], str]) -> None:
    """Decide until the other process has done its step; at least once."""
    bench.forget()
    begin = time.perf_counter()
    bench.sample()
    while not answered():
        bench.sample()
    print(f"  until {answer()} ({time.perf_counter() - begin:.1f} s)")
    bench.tell("meanwhile")


@contextmanager
def _door(place: Path, people: int) -> Iterator[_Bench]:
    config = load(configured(place), devices=TABLES)
    config.run.mkdir()
    kept, key = config.data / "journal.db", device_key(config.data)
    clock = configured_clock(config, lambda: newest_wall(kept))
    watch = _Watch()
    journal = _Handed(kept, clock, boot_id())
    journal.watch = watch
    cache = Cache(config.data / "cache.db")
    knowledge = Knowledge(cache, journal, clock, key)
    lock, form = SimLock(SimSettings(), "front/lock"), _Watched("hex", watch=watch)
    readers = {name: SimReader(SimSettings(), f"front/{name}") for name in reader_names(_READERS)}
    parts = Parts(lock, {name: Fitted(reader, form) for name, reader in readers.items()})
    door = Door(config.rules("front"), Settings("Front"), parts, knowledge, journal, clock)
    floor = sqlite3.connect(f"file:{config.data / 'cache.db'}?mode=ro", uri=True)
    door.start()
    try:
        yield _Bench(door, cycle(readers.values()), watch, floor, key, people)
    finally:
        door.stop()
        journal.close()
        cache.close()
        floor.close()
