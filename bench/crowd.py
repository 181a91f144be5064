"""A large membership of invented people, and the history they left at the doors.

Everything follows from a person's number, so that nobody has to remember it: 250,000 people hold
400,000 cards and 500,000 grants, some with hours, ends, passes or visits.
"""

import random
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bench.child import Talk, result
from controller.clock import boot_id
from controller.journal import Journal
from controller.journal_read import JournalReader
from controller.model import Event, Grant, Kind, Pass, Person, Span, Trust
from controller.secrets import device_key
from sync.platform import Roster
from sync.simulator.hive_people import FIRST_NAMES, LAST_NAMES
from sync.staging import Roll, Staging

PLATFORM = "gym"
PEOPLE, EVENTS = 250_000, 100_000
DAY = 86_400.0
_NOT_TOLD = 500  # newest events after the platform's watermark
_BATCH = 500  # events handed to the journal before waiting for the disk
# Two windows that make a day: whatever the time, one is open and both must be looked at.
_HOURS = (Span(300, 1079), Span(1080, 299))
_WEEKDAYS = (Span(0, 1439, frozenset(range(1, 8))),)


def credentials(people: int) -> int:
    """How many cards they hold: three in five have a second one."""
    return people + people * 3 // 5


def card(credential: int) -> str:
    """What a reader sends of one of them; no two are alike."""
    return f"{(credential * 2_654_435_761 + 97) & 0xFFFF_FFFF:08X}"


def frequent(people: int, count: int) -> list[int]:
    """Some people who may come at any hour and need no pass (two in five may), in random order."""
    numbers = [number for number in range(people) if number % 20 >= 12]
    return random.Random(5).sample(numbers, count)


def stocked(work: Path, people: int = PEOPLE, events: int = EVENTS) -> Path:
    """A data directory of its own with cache.db, journal.db and device.key for so many."""
    pristine = work / f"crowd-{people}-{events}"
    if not pristine.exists():
        begin = time.perf_counter()
        made = result(stock, data=str(pristine), people=people, events=events)
        print(f"  made {made} in {time.perf_counter() - begin:.1f} s")
    number = sum(1 for _ in work.glob("place-*"))
    place = work / f"place-{number}"
    shutil.copytree(pristine, place / "data")
    return place


def stock(data: str, people: int, events: int) -> Talk:
    """Child: fill a new data directory; yields what is in it."""
    place = Path(data)
    place.mkdir(parents=True)
    key, now = device_key(place), time.time()
    _live(place / "journal.db", people, events, now)
    with closing(_staging(place, key)) as staging:
        pour(staging, people, now)
        staging.apply(staging.changes(now), _roll(place, now))
    sizes = {path.name: f"{path.stat().st_size >> 20} MiB" for path in place.glob("*.db")}
    yield f"{people:,} people, {credentials(people):,} cards, {events:,} events: {sizes}"


def renew(data: str, people: int) -> Talk:
    """Child: a roster in which everybody's membership was renewed; each answer ends a step."""
    place, now = Path(data), time.time()
    with closing(_staging(place, device_key(place))) as staging:
        pour(staging, people, now, renewed=True)
        yield "read from the platform"
        changes = staging.changes(now)
        yield f"compared: {changes.summary()}"
        staging.apply(changes, _roll(place, now))
        yield "applied"


def pour(roster: Roster, people: int, now: float, *, renewed: bool = False) -> None:
    """Everybody, into a roster. `renewed`: everybody's membership and its grant last longer."""
    roster.zone("Europe/Berlin")
    now = now // DAY * DAY
    for number in range(people):
        ended = 40 * DAY if number % 100 == 6 else 0.0
        _pour_one(roster, number, now, now + (60 if renewed else 30) * DAY - ended)
        roster.card(key(number), f"32:{card(number)}")
        if number < people * 3 // 5:
            roster.card(key(number), f"32:{card(people + number)}")
        if number % 500 == 11:
            roster.block(f"32:{card(number)}")


def key(number: int) -> str:
    return str(1000 + number)


def name(number: int) -> str:
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    return f"{first} {last}"


def _pour_one(roster: Roster, number: int, now: float, end: float) -> None:
    who, kind = key(number), number % 20
    roster.person(
        Person(PLATFORM, who, name(number), now - 300 * DAY, end, note=f"until {end:.0f}")
    )
    hours = _HOURS if 2 <= kind < 6 else ()
    plan = f"plan:{number % 12}"
    roster.grant(who, Grant(plan, None, end, hours, uses_pass=kind < 2, renews=True))
    roster.grant(who, Grant("field:newsletter=yes" if number % 2 else "extra:locker"))
    if kind < 2:
        for each in _passes(number, now):
            roster.single_pass(who, each.key, each.expires, each.hours)
    if number % 100 == 0:
        roster.allowance(who, "day", 5, "month", ())
    if number % 50 == 10:
        roster.visit(who, now - 3600, now + 2 * DAY)


def _passes(number: int, now: float) -> list[Pass]:
    ends = (now + (20 + each) * DAY for each in range(5))
    return [Pass(f"{number}-{each}", end, _WEEKDAYS) for each, end in enumerate(ends)]


def _staging(place: Path, key: bytes) -> Staging:
    return Staging(place / "cache.db", key, PLATFORM, checks_in=True)


def _roll(place: Path, now: float) -> Roll:
    with closing(JournalReader(place / "journal.db")) as reader:
        return Roll(PLATFORM, now, reader.chain, reader.watermark(PLATFORM))


class Then:
    """A `controller.ports.Clock` of days gone by."""

    def __init__(self, wall: float) -> None:
        self.now = wall

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def boottime(self) -> float:
        return self.now

    def trust(self) -> Trust:
        return Trust.SYNCHRONIZED


def _live(path: Path, people: int, events: int, now: float) -> None:
    """Write a journal of the last 300 days, by the journal's own means."""
    clock = Then(now - 300 * DAY)
    journal = Journal(path, clock, boot_id())
    pace = 300 * DAY / events
    for number, event in enumerate(past(people, events, now), 1):
        clock.now += pace
        ticket = journal.append(event)
        if number % _BATCH == 0 or number == events:
            ticket.wait()
    journal.close()


def past(people: int, events: int, now: float) -> Iterator[Event]:
    """What happened, oldest first: visits begin, are told, and go on; a stranger now and then."""
    chance = random.Random(4)
    seq = 0
    while seq < events:
        number = chance.randrange(people)
        begins = entry(number, now - 300 * DAY * (1 - seq / events))
        life = [begins, _again(begins)]
        if seq < events - _NOT_TOLD:
            life.insert(1, _told(begins, seq + 1))
        if number % 10 == 0:
            life.append(Event(Kind.ACCESS, "front", "denied_unknown_credential", card="…0BAD"))
        yield from life[: events - seq]
        seq += len(life)


def entry(number: int, at: float) -> Event:
    """This person begins a visit."""
    return Event(
        Kind.ACCESS,
        "front",
        "granted",
        PLATFORM,
        key(number),
        name(number),
        f"…{card(number)[-4:]}",
        f"plan:{number % 12}",
        f"{number}-0" if number % 20 < 2 else "",
        "new",
        at + DAY / 2,
        checks_in=True,
        detail={"reader": "main"},
    )


def _again(event: Event) -> Event:
    return replace(event, pass_key="", visit="again", checks_in=False)


def _told(event: Event, seq: int) -> Event:
    detail = {"seq": seq, "uuid": f"{seq:032}", "state": "sent", "message": ""}
    return Event(Kind.TOLD, "front", "", event.platform, event.person, event.name, detail=detail)
