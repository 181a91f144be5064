"""A day at the sandbox on a clock that stands where it is put, for pictures and transcripts."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from controller.cache import Cache
from controller.cli.sandbox import Sandbox
from controller.cli.sandbox_files import ZONE
from controller.clock import OFFSET, SystemClock
from controller.control import ask
from controller.journal_read import JournalReader
from controller.model import Kind, Reason

BEGINS = "2026-03-03 08:40"  # a Tuesday
_PORTS = (20_000, 32_000)  # any of them: a line that is cut must not be taken by another sandbox


class Day:
    """What happens in one sandbox, each thing at a time of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.places = sandbox.places
        self._system = SystemClock(self.places.run, mode="always")

    def at(self, text: str) -> None:
        """Let every clock of the sandbox show this: `2026-03-03 09:00[:30]`."""
        off = instant(text) - self._system.wall()
        fresh = self.places.run / f"{OFFSET}.new"
        fresh.write_text(f"{off:.3f}")
        fresh.replace(self.places.run / OFFSET)

    def scan(self, door: str, card: str) -> str:
        """Its reason."""
        return str(self.sim(door, "scan", card)["last"]["reason"])

    def sim(self, door: str, act: str, text: str = "") -> dict[str, Any]:
        request = {"do": "sim", "door": door, "act": act, "text": text}
        return ask(self.places.run / "door.sock", request)

    def sync(self, do: str, **what: object) -> dict[str, Any]:
        return ask(self.places.run / "sync.sock", {"do": do, **what})

    def settled(self) -> None:
        """Wait until no check-in is on its way, and the journal knows what was told."""
        self.comes(self._settled, "every check-in is told or late")

    def check_ins(self, *states: str) -> list[dict[str, Any]]:
        with closing(Cache(self.places.data / "cache.db")) as cache:
            return cache.deliveries(states)

    def comes(self, look: Callable[[], bool], what: str) -> None:
        self.sandbox.wait_until(look, what)

    def door(self, name: str) -> dict[str, Any]:
        status = ask(self.places.run / "door.sock", {"do": "status"})
        found: dict[str, Any] = next(each for each in status["doors"] if each["id"] == name)
        return found

    def _settled(self) -> bool:
        with closing(JournalReader(self.places.data / "journal.db")) as journal:
            events = journal.events(kinds=(Kind.ACCESS, Kind.TOLD))
        due = sum(each.event.checks_in for each in events if each.event.kind is Kind.ACCESS)
        told = sum(each.event.kind is Kind.TOLD for each in events)
        known = self.check_ins()
        open_ones = [row for row in known if row["state"] == "pending"]
        sent = sum(row["state"] == "sent" for row in known)
        return len(known) >= due and not open_ones and told >= sent


@contextmanager
def day(home: Path, begins: str = BEGINS) -> Iterator[Day]:
    """A sandbox in an empty directory. Raises `DoorwardError` if it does not come up."""
    offset = instant(begins) - SystemClock(home, mode="always").wall()
    with Sandbox(home, offset=offset, port=Random().randrange(*_PORTS)) as sandbox:
        yield Day(sandbox)


def past_weeks(told: Day) -> None:
    """Two working weeks before the day: members come as they do, and one evening a line is down."""
    chance = Random(4)
    people = told.sandbox.town("members")["members"]
    for date in (*range(16, 21), *range(23, 28)):
        for minute in sorted(chance.sample(range(7 * 60, 21 * 60), chance.randrange(14, 26))):
            told.at(f"2026-02-{date} {minute // 60:02}:{minute % 60:02}:00")
            who = chance.choice(people)
            told.scan("front" if who["platform"] == "harbour" else "gym", who["card"])
        if date == 19:
            _outage(told, people)
        told.settled()
        told.sync("sync")


def _outage(told: Day, people: list[dict[str, Any]]) -> None:
    """Two hours without harbour, in which three members come all the same."""
    told.sandbox.town("cut", platform="harbour")
    entered = 0
    for who in people:
        told.at(f"2026-02-19 21:{2 + 2 * entered:02}:00")
        if who["platform"] == "harbour":
            entered += told.scan("front", who["card"]) == Reason.GRANTED.value
        if entered == 3:
            break
    told.at("2026-02-19 23:05:00")
    told.sandbox.town("mend")


def instant(text: str) -> float:
    """Unix seconds at which the sandbox's clocks show this."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()
