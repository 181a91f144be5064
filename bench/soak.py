"""A month in a house, told in a minute: does anything grow that should not?

The controller and all of `sync` but its scheduler live in one process on one clock that is moved by
hand, so that back-off, hours and pruning pass as fast as everything else. Platforms are servers.
Old events and settled check-ins are forgotten after few days, so that files can come to rest.
"""

import gc
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.child import Talk, result
from bench.figures import Figures
from bench.machine import memory
from controller.errors import DoorwardError
from controller.logs import configure
from controller.model import Kind
from tests.fakes import FakeClock
from tests.houses import House, gym_user, house
from tests.worlds import at

BEGINS = at("2026-10-14 06:00")  # Berlin's clocks change on the 25th, and the month ends
MEMBERS = 40  # at each platform
_HOUR = 3600.0
_DAY = 24 * _HOUR
# Hours without each platform, from the beginning: of hours, of days, both at once.
OUTAGES = {"cobot": ((30, 34), (180, 240), (400, 410), (470, 520)), "hive": ((60, 63), (200, 270))}


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the process and its files take: bytes by file, Python objects, threads, descriptors."""

    files: dict[str, int]
    objects: int
    threads: int
    descriptors: int
    rss_mib: float


def measure(work: Path, *, days: int = 30, warm_up: int = 12) -> Figures:
    """So many days; growth is counted from the end of the warm-up."""
    return dict(result(_soaked, place=str(work / "soak"), days=days, warm_up=warm_up))


def _soaked(place: str, days: int, warm_up: int) -> Talk:
    configure("soak", "critical")  # what outages make both say is no news here
    Path(place).mkdir()
    with soak(Path(place), keep=5, outages=OUTAGES) as living:
        for _ in range(warm_up):
            living.day()
        before = living.footprint()
        for _ in range(days - warm_up):
            living.day()
        after = living.footprint()
        living.settle()
    print(f"  before: {before}\n  after:  {after}\n  {living.entries} entries, {living.told} told")
    yield {"soak_days": days, "soak_rss_growth_mib": round(after.rss_mib - before.rss_mib, 1)}


Outages = dict[str, tuple[tuple[int, int], ...]]


class Soak:
    """Days in a house. Made by `soak`."""

    def __init__(self, place: House, keep: int, outages: Outages) -> None:
        self.place, self._keep, self._outages = place, keep * _DAY, outages
        self._chance = random.Random(30)
        self._platforms = {"cobot": place.cobot, "hive": place.hive}
        self._away: set[str] = set()
        self._hour = self._seen = self._forgotten = 0
        self.entries: Counter[str] = Counter()  # first entries by platform, by the journal
        self.told: Counter[str] = Counter()  # what became of them: "loft sent"
        self.records: Counter[str] = Counter()  # what the platforms have, by platform
        for number in range(MEMBERS):
            place.member(f"Member {number}", f"{number:010}")
            place.hive.put(gym_user(100 + number, f"0BAD{number:04}"))
        place.sync()

    def day(self) -> None:
        """Twenty-four hours, with whoever comes in each."""
        for _ in range(24):
            self._break_or_mend()
            begun = self.place.clock.wall()
            for _ in range(self._chance.randrange(16)):
                number = self._chance.randrange(MEMBERS)
                card = self._chance.choice((f"{number:010}", f"0BAD{number:04}", "4000000000"))
                self.place.scan("gym" if "BAD" in card else "front", card)
                self.place.clock.advance(self._chance.randrange(60))
            self._work()
            self.place.clock.advance(max(0.0, begun + _HOUR - self.place.clock.wall()))
            self._hour += 1
        self._night()

    def settle(self) -> None:
        """Everything is there again; AssertionError if an entry was lost or told twice."""
        self._outages = {}
        self._break_or_mend()
        self.place.clock.advance(120)
        self._work()
        self._night()
        told: Counter[str] = Counter()
        for what, number in self.told.items():
            told[what.split()[0]] += number
        assert told == self.entries, (told, self.entries)
        sent = {name: self.told[f"{name} sent"] for name in self.entries}
        assert self.records == sent, (self.records, sent)

    def footprint(self) -> Footprint:
        """What it takes now, when everything that can be let go is gone."""
        gc.collect()
        data = self.place.config.data
        return Footprint(
            {path.name: path.stat().st_size for path in sorted(data.iterdir())},
            len(gc.get_objects()),
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
            memory("self")[0],
        )

    def _break_or_mend(self) -> None:
        for name, platform in self._platforms.items():
            spans = self._outages.get(name, ())
            away = any(begin <= self._hour < end for begin, end in spans)
            if away and name not in self._away:
                platform.cut()
                self._away.add(name)
            elif not away and name in self._away:
                platform.mend()
                self._away.discard(name)

    def _work(self) -> None:
        with suppress(DoorwardError):
            self.place.sync()
        while self._delivered():
            pass
        for door in self.place.controller.doors.working.values():
            assert door.catch_up(30)
        self.place.controller.serve(_Round())

    def _delivered(self) -> int:
        assert self.place.controller.journal.flush(30)
        settled = sum(self.place.office.deliver(name) for name in self.place.office.lines)
        self.place.office.note_settled()
        return settled

    def _night(self) -> None:
        """Staff dismiss what came too late; what is old is forgotten, here and at the platforms."""
        place, now = self.place, self.place.clock.wall()
        late = [row["uuid"] for row in place.deliveries() if row["state"] == "late"]
        place.office.ledger.dismiss(late, "ida", now)
        place.office.note_settled()
        place.office.ledger.forget(now - self._keep)
        self._count()
        for platform in self._platforms.values():
            with platform.lock:
                platform.requests.clear()
        with place.hive.lock:
            self.records["gym"] += len(place.hive.entries)
            place.hive.entries.clear()
        with place.cobot.lock:
            stays = place.cobot.space.check_ins
            old = [stay for stay in stays if stay.valid_from < now - 3 * _DAY]
            self._forgotten += len(old)
            stays[:] = [stay for stay in stays if stay not in old]
            self.records["loft"] = self._forgotten + len(stays)

    def _count(self) -> None:
        for each in self.place.events(after=self._seen):
            self._seen, event = each.seq, each.event
            if event.kind is Kind.TOLD:
                assert event.detail
                self.told[f"{event.platform} {event.detail['state']}"] += 1
            if event.checks_in:
                self.entries[event.platform] += 1


@contextmanager
def soak(folder: Path, *, keep: int, outages: Outages) -> Iterator[Soak]:
    """`keep`: days after which old things are forgotten. `outages` as in OUTAGES."""
    journal = f'late = "push"\n[journal]\nkeep = "{keep}d"'
    with house(folder, FakeClock(BEGINS), gym=journal) as place:
        yield Soak(place, keep, outages)


class _Round(threading.Event):
    """Lets the controller look after things once."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        before = self.is_set()
        self.set()
        return before
