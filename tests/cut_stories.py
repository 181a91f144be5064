"""What may be going on when the power goes: each story is played once, and cut at many places."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from controller.model import Event, Kind
from sync.inbox import Told
from tests.cut_checks import Promises, survives
from tests.cut_site import CROWD, PLATFORMS, Running, Site
from tests.cut_upgrade import upgraded, upgrading
from tests.fakes import MONDAY
from tests.torn import Recording
from tests.worlds import DAY, entry

JUNK = bytes(range(7, 250)) * 100
Check = Callable[[Site, Promises, Recording], None]


@dataclass(frozen=True)
class Story:
    """`before` is safe on the disk when `play` begins; `check` is asked after each cut."""

    before: Callable[[Site, Recording], None]
    play: Callable[[Site, Recording], None]
    check: Check = survives


def nothing(site: Site, tape: Recording) -> None:
    """A fresh installation."""


def at_work(site: Site, tape: Recording) -> None:
    """Rosters are in force, and some came in."""
    with site.on(tape) as running:
        running.roster(1)
        for number in range(3):
            running.scan(f"ear-{number:02}")
        running.deliver()
        _hear(running, 1)
        _lay_down(running, 1)


def grown_old(site: Site, tape: Recording) -> None:
    at_work(site, tape)
    with site.on(tape, MONDAY + DAY) as running:
        running.burst([Event(Kind.EXIT, "front", detail={"n": n}) for n in range(1200)])
        running.scan("ear-08")  # an open check-in amid what may go
        running.burst([Event(Kind.EXIT, "front", detail={"n": n}) for n in range(300)])


def first_day(site: Site, tape: Recording) -> None:
    """Every file is made, and every migration runs."""
    with site.on(tape) as running:
        running.roster(1)
        running.scan("ear-00")
        running.scan("deaf-00")
        running.deliver()


def scanning(site: Site, tape: Recording) -> None:
    with site.on(tape, MONDAY + 600) as running:
        for number in range(6):
            running.scan(f"deaf-{number:02}")
        running.burst([entry(f"ear-{n:02}", platform="ear") for n in range(10, 20)])
    with site.on(tape, MONDAY + 1200) as running:  # stopped in good order, and started
        for number in range(6, 9):
            running.scan(f"deaf-{number:02}")


def syncing(site: Site, tape: Recording) -> None:
    with site.on(tape, MONDAY + 600) as running:
        for number in range(2, 5):
            running.roster(number)
            _hear(running, number)
            _lay_down(running, number)
        running.office.ledger.failed("ear", "UTC", "no line", running.clock.wall())
    with site.on(tape, MONDAY + 1200) as running:
        running.roster(5)


def pruning(site: Site, tape: Recording) -> None:
    with site.on(tape, MONDAY + 2 * DAY) as running:
        while running.journal.prune(MONDAY + 1.5 * DAY, 1 << 40):
            running.scan(f"ear-{10 + running.disk.newest() % 8:02}")
        running.journal.prune(MONDAY + 1.5 * DAY, 1000)
        running.scan("ear-19")


def delivering(site: Site, tape: Recording) -> None:
    with site.on(tape, MONDAY + 600) as running:
        for ear in running.ears():
            ear.record = list(Promises.of(tape.steps).told[ear.name])
            ear.forgetful = True
        for number in range(4, 10):
            running.scan(f"ear-{number:02}")
            running.scan(f"deaf-{number:02}")
            if number % 2:
                running.deliver()
        running.deliver()
        running.office.ledger.forget(running.clock.wall() + DAY)
        running.scan(f"ear-{CROWD - 2:02}")
        running.deliver()


def broken_journal(site: Site, tape: Recording) -> None:
    at_work(site, tape)
    _garble(site, tape, "journal.db")


def broken_cache(site: Site, tape: Recording) -> None:
    """Garbled, with check-ins told of which the journal does not know yet."""
    at_work(site, tape)
    with site.on(tape, MONDAY + 600) as running:
        for platform in PLATFORMS:
            running.scan(f"{platform}-06")
            running.scan(f"{platform}-07")
            running.office.deliver(platform)
        running.scan("ear-08")  # nobody was told of it yet
    _garble(site, tape, "cache.db")


def setting_aside(site: Site, tape: Recording) -> None:
    with site.on(tape, MONDAY + 1200) as running:
        for ear in running.ears():
            ear.record = list(Promises.of(tape.steps).told[ear.name])
        running.scan("ear-09")
        running.roster(2)
        running.deliver()
        running.scan("deaf-10")
        running.deliver()


def _garble(site: Site, tape: Recording, name: str) -> None:
    with closing(sqlite3.connect(site.data / name)) as db:  # else all that counts may be in a WAL
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (site.data / name).write_bytes(JUNK)
    tape.note("damaged", (name, JUNK))


def _hear(running: Running, number: int) -> None:
    for customer in ("c1", f"c{number}"):
        running.inbox.tell(Told("ear", customer, "front", number, MONDAY, {"in": number}))
        running.tape.note("heard", (customer, number))


def _lay_down(running: Running, rows: int) -> None:
    assert running.office.desk
    values = (f"token-{rows}", bytes([rows]), "doors:read", 0.0, "staff", None)
    query = (
        "INSERT INTO tokens(name, token, scopes, added, added_by, used) VALUES (?, ?, ?, ?, ?, ?)"
    )
    running.office.desk.write(query, values)
    running.tape.note("laid down", rows)


STORIES = {
    "first day": Story(nothing, first_day),
    "scanning": Story(at_work, scanning),
    "syncing": Story(at_work, syncing),
    "pruning": Story(grown_old, pruning),
    "delivering": Story(at_work, delivering),
    "upgrading": Story(at_work, upgrading, upgraded),
    "journal set aside": Story(broken_journal, setting_aside),
    "cache set aside": Story(broken_cache, setting_aside),
}
