"""A long outage is over: check-ins that waited are told, in order, none lost and none doubled.

`doorward syncd` and `doorward controller` run as in production, the simulated Hive beside them. The
clock runs from syncd's READY until the journal has noted the last check-in as settled.
"""

import random
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from bench.child import Talk, child, result
from bench.crowd import PLATFORM, Then, entry
from bench.figures import Figures
from bench.hive import FIRST, hive
from bench.place import configured, running
from bench.pull import pull
from controller.cache import Cache
from controller.clock import boot_id
from controller.journal import Journal
from controller.journal_read import JournalReader

CHECK_INS, USERS = 100_000, 20_000
_LOOK = 0.25  # seconds between looks
_STALLED = 60.0  # seconds without a check-in told, after which it is given up
_BATCH = 500


def measure(work: Path, *, check_ins: int = CHECK_INS, users: int = USERS) -> Figures:
    """So many check-ins of so many people, at a Hive that is told late ones."""
    place = work / "push"
    with child(hive, users=users) as simulated:
        config = configured(place, simulated.answer())
        # First the roster and with it cache.db, then the outage: what the journal held open before
        # cache.db was made could have been told before, and would not be sent.
        result(pull, config=str(config))
        result(queue, data=str(place / "data"), check_ins=check_ins, users=users)
        with running("controller", config), running("syncd", config):
            seconds = _told(place / "data" / "journal.db")
            arrived = simulated.ask()
    verify(arrived, [FIRST + number for number in _people(check_ins, users)])
    states = _states(place / "data")
    if states != {"sent": check_ins}:
        raise RuntimeError(f"the deliveries ended as {states}")
    print(f"  {check_ins:,} told in order, none lost, none doubled: {states}")
    print(f"  {seconds / check_ins * 1000:.2f} ms each, with the note in the journal")
    return {"push_100k_s": round(seconds, 1)}


def queue(data: str, check_ins: int, users: int) -> Talk:
    """Child: a journal of so many entries of which the platform was told nothing."""
    now = time.time()
    clock = Then(now - check_ins)
    journal = Journal(Path(data) / "journal.db", clock, boot_id())
    for number, person in enumerate(_people(check_ins, users), 1):
        clock.now += 1.0
        ticket = journal.append(entry(FIRST + person - 1000, clock.now))
        if number % _BATCH == 0 or number == check_ins:
            ticket.wait()
    journal.close()
    yield check_ins


def _people(check_ins: int, users: int) -> list[int]:
    """Who came, in order: each check-in is a random one of the users."""
    chance = random.Random(11)
    return [chance.randrange(users) for _ in range(check_ins)]


def _told(journal: Path) -> float:
    """Wait until nothing is open; seconds."""
    begin = moved_at = time.monotonic()
    first = 0
    with closing(JournalReader(journal)) as reader:
        while waiting := reader.open_check_ins(PLATFORM, after=0, limit=1):
            time.sleep(_LOOK)
            now = time.monotonic()
            if waiting[0].seq != first:
                first, moved_at = waiting[0].seq, now
            elif now - moved_at > _STALLED:
                raise RuntimeError(
                    f"nothing was told for {_STALLED:g} s; see the logs beside {journal}"
                )
    return time.monotonic() - begin


def verify(arrived: list[int], expected: list[int]) -> None:
    if arrived == expected:
        return
    lost, doubled = Counter(expected) - Counter(arrived), Counter(arrived) - Counter(expected)
    raise RuntimeError(
        f"{lost.total()} check-ins lost, {doubled.total()} doubled"
        if lost or doubled
        else "the check-ins arrived in another order than they were made"
    )


def _states(data: Path) -> dict[str, int]:
    cache = Cache(data / "cache.db")
    try:
        return cache.delivery_counts()
    finally:
        cache.close()
