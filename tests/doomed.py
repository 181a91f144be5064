"""Programs that tests start in order to kill them, or to starve them of disk.

`python -m tests.doomed NAME PATH`: each says on its output how far it has come.
"""

import json
import resource
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

from controller import logs
from controller.journal import Journal
from controller.model import Event, Grant, Kind
from tests.fakes import FakeClock
from tests.worlds import PATIENCE, Member, entry, member, roster_into

CROWD = 400


def main() -> None:
    logs.configure("doomed")
    name, path = sys.argv[1], Path(sys.argv[2])
    {"append": append, "apply": apply, "full": full}[name](path)


def append(path: Path) -> None:
    """Append for ever; a line for each event that is said to be on disk."""
    journal = Journal(path, FakeClock(), "boot")
    for number in count(1):
        journal.append(Event(Kind.EXIT, "front", detail={"n": number})).wait()
        say(number)


def apply(path: Path) -> None:
    """Put rosters in force for ever, one quite unlike the other; a line before each."""
    for number in count(1):
        say(number)
        roster_into(path, *crowd(number))


def crowd(number: int) -> list[Member]:
    """Many people, all of whose rows tell which roster they came with."""
    label = f"plan:{number}"
    return [
        member(f"{number % 2 * CROWD // 2 + n:04}", label, Grant(f"x-{label}"), cards=[label])
        for n in range(CROWD)
    ]


def full(path: Path) -> None:
    """The disk fills up while somebody comes in, and is cleared later; what was seen meanwhile."""
    journal = Journal(path, FakeClock(), "boot")
    journal.append(entry("ada")).wait()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    ticket = journal.append(entry("bo", pass_key="p1"))
    wait_until(lambda: bool(journal.failing))
    seen = {
        "settled": ticket.settled,
        "used": sorted(journal.history("cobot", "bo", "", 0).used),
        "ada was here": bool(journal.history("cobot", "ada", "", 0).visits),
        "failing": journal.failing,
    }
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    later = journal.append(entry("cy"))
    arrived = ticket.wait(PATIENCE) and later.wait(PATIENCE)
    wait_until(lambda: not journal.failing)
    journal.close()
    say(json.dumps({**seen, "arrived": arrived, "dropped": journal.dropped}))


def wait_until(true: Callable[[], bool]) -> None:
    """Give other threads their turn until something has come true."""
    pause = threading.Event()
    while not true():
        pause.wait(0.002)


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
