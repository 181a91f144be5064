"""Who came when, who was refused, and what was away meanwhile: sums for pictures. Pure.

Hours, weekdays and days are those of the site's zone, both changes of the clock right.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

QUARTER = 900
HELD_UP = 900.0  # seconds: a check-in told sooner was not held up by an outage
_SHORTEST = 10.0  # seconds of a restart that nobody need see
CONTROLLER = "controller"


class Day(NamedTuple):
    """How many came on one day: different persons, and entries."""

    date: date
    persons: int
    entries: int


class Band(NamedTuple):
    """Something was away (wall). `sure`: for all that time; else for some of it, at most that.

    `what`: "controller", a platform, or a device as `door/part`. `ongoing`: it is still away.
    """

    what: str
    since: float
    until: float
    sure: bool
    ongoing: bool = False


@dataclass(frozen=True, slots=True)
class Attendance:
    """Everything about [since, until) (wall) in one zone.

    `week`: entries by weekday (Monday first) and hour. `refusals`: by reason, most first.
    `known_since`: the journal's oldest event; None if it has none.
    """

    since: float
    until: float
    zone: ZoneInfo
    week: tuple[tuple[int, ...], ...]
    days: tuple[Day, ...]
    refusals: tuple[tuple[str, int], ...]
    bands: tuple[Band, ...]
    known_since: float | None

    @property
    def entries(self) -> int:
        return sum(day.entries for day in self.days)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[float, float]:
    """Begin and end of a local day (wall): 23 to 25 hours."""
    begin, end = (
        datetime.combine(each, time(), zone).timestamp() for each in (day, day + timedelta(days=1))
    )
    return begin, end


@dataclass(slots=True)
class Visitors:
    """Adds up entries and refusals, a quarter of an hour at a time."""

    zone: ZoneInfo
    week: list[list[int]] = field(default_factory=lambda: [[0] * 24 for _ in range(7)])
    refusals: Counter[str] = field(default_factory=Counter)
    entries: Counter[date] = field(default_factory=Counter)
    where: dict[date, tuple[int, int]] = field(default_factory=dict)  # a day's positions

    def add(self, quarter: int, reason: str, number: int, first: int, last: int) -> None:
        """So many entries ("granted") or refusals, between two positions of the journal."""
        if reason != "granted":
            self.refusals[reason] += number
            return
        there = datetime.fromtimestamp(quarter * QUARTER, self.zone)
        day = there.date()
        self.week[there.weekday()][there.hour] += number
        self.entries[day] += number
        low, high = self.where.get(day, (first, last))
        self.where[day] = min(low, first), max(high, last)

    def days(self, first: date, last: date, persons: Mapping[date, int]) -> tuple[Day, ...]:
        """Every day of the range, those too on which nobody came."""
        every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return tuple(Day(day, persons.get(day, 0), self.entries[day]) for day in every)


@dataclass(slots=True)
class Outages:
    """Adds up what is known of outages. Marks come in order."""

    until: float  # of the range, or now
    _found: list[Band] = field(default_factory=list)
    _lost: dict[str, float] = field(default_factory=dict)  # device → since when
    _told: defaultdict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _proofs: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def started(self, at: float, before: float | None, *, clean: bool) -> None:
        """The controller began; `clean`: at `before` it had said that it ends."""
        if before is not None and at - before >= _SHORTEST:
            self._note(CONTROLLER, before, at, sure=clean)
        # A device that is still lost is told anew by the controller that has begun.
        for device in [name for name, since in self._lost.items() if since < at - 60]:
            self._note(device, self._lost.pop(device), at, sure=False)

    def device_lost(self, device: str, at: float) -> None:
        self._lost.setdefault(device, at)

    def device_back(self, device: str, at: float, since: float) -> None:
        """`since`: when the range begins; a device lost before it was away from there on."""
        self._note(device, self._lost.pop(device, since), at, sure=True)

    def told(self, platform: str, entered: float, at: float) -> None:
        """A platform answered at `at` to the check-in of an entry at `entered`."""
        self._proofs[platform].append(at)
        if at - entered >= HELD_UP:
            self._told[platform].append((entered, at))

    def reached(self, platform: str, at: float) -> None:
        """A platform is known to have answered at that time."""
        self._proofs[platform].append(at)

    def waits(self, platform: str, entered: float) -> None:
        """A check-in of then is not told yet: since the last proof, or for a person's word."""
        proofs = self._proofs[platform]
        if self.until - entered >= HELD_UP and not any(at >= entered for at in proofs):
            self._found.append(Band(platform, entered, self.until, sure=False, ongoing=True))

    def fails(self, what: str, since: float, *, sure: bool = True) -> None:
        """It is away at this moment."""
        if since < self.until:
            self._found.append(Band(what, since, self.until, sure, ongoing=True))

    def bands(self) -> tuple[Band, ...]:
        """All of them, those that touch as one; the controller first, then by name."""
        for device, since in self._lost.items():
            self.fails(device, since)
        for platform, held in self._told.items():
            proofs = sorted(self._proofs[platform])
            for entered, at in held:
                end = proofs[bisect_left(proofs, entered)] if proofs else at
                if end - entered >= HELD_UP:
                    self._note(platform, entered, end, sure=False)
        by_name = defaultdict(list)
        for band in self._found:
            by_name[band.what].append(band)
        names = sorted(by_name, key=lambda name: (name != CONTROLLER, "/" in name, name))
        return tuple(band for name in names for band in _joined(by_name[name]))

    def _note(self, what: str, since: float, until: float, *, sure: bool) -> None:
        until = min(until, self.until)
        if since < until:
            self._found.append(Band(what, since, until, sure))


def _joined(bands: Iterable[Band]) -> list[Band]:
    """In order, those that overlap as one: sure only if the longer one is."""
    found: list[Band] = []
    for band in sorted(bands, key=lambda band: band.since):
        if found and band.since <= found[-1].until:
            last = found[-1]
            longer = max(last, band, key=lambda each: each.until - each.since)
            until, ongoing = max(last.until, band.until), last.ongoing or band.ongoing
            found[-1] = Band(band.what, last.since, until, longer.sure, ongoing)
        else:
            found.append(band)
    return found
