"""A whole controller for tests: real files, simulated devices, a clock that the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.cache import Cache
from controller.cards import CardFormat
from controller.door import Door, Parts, Settings
from controller.journal import Journal
from controller.journal_read import JournalReader
from controller.knowledge import Knowledge
from controller.model import DoorRules, Grant, Kind, Labels, Person, Recorded
from hw.sim import SimIndicator, SimInput, SimLock, SimReader, SimSettings
from sync.staging import Roll, Staging
from tests.fakes import FakeClock

KEY = b"k" * 32


@dataclass
class Rig:
    """One door and everything behind it."""

    door: Door
    clock: FakeClock
    journal: Journal
    data: Path
    reader: SimReader
    lock: SimLock
    contact: SimInput
    button: SimInput
    indicator: SimIndicator

    def scan(self, card: str) -> None:
        """Hold a card to the reader and wait until the door has done with it."""
        self.reader.present(card)
        assert self.door.catch_up(5)

    def settle(self) -> None:
        assert self.door.catch_up(5)

    def events(self, *kinds: Kind) -> list[Recorded]:
        """What the journal has on disk by now, in order."""
        assert self.journal.flush(5)
        reader = JournalReader(self.data / "journal.db")
        try:
            return reader.events(kinds=kinds)
        finally:
            reader.close()

    def reasons(self) -> list[str]:
        return [each.event.reason for each in self.events(Kind.ACCESS)]


def people(data: Path, clock: FakeClock, *rows: tuple[Person, str, Grant]) -> None:
    """Put these people, each with a card (canonical) and a grant, into cache.db."""
    staging = Staging(data / "cache.db", KEY, "cobot", checks_in=True)
    for person, card, grant in rows:
        staging.person(person)
        staging.card(person.key, card)
        staging.grant(person.key, grant)
    staging.apply(staging.changes(clock.wall()), Roll("cobot", clock.wall(), "", 0))
    staging.close()


@contextmanager
def rig(data: Path, rules: DoorRules | None = None, *, keyholders: bool = False) -> Iterator[Rig]:
    """A started door `front` over `data`; stopped at the end."""
    clock = FakeClock()
    journal = Journal(data / "journal.db", clock, "boot-1")
    keys = Cache(data / "keyholders.db") if keyholders else None
    knowledge = Knowledge(Cache(data / "cache.db"), journal, clock, KEY, keys)
    sim = SimSettings()
    reader, lock = SimReader(sim, "front/main"), SimLock(sim, "front/lock")
    contact, button = SimInput(sim, "front/contact"), SimInput(sim, "front/exit_button")
    indicator = SimIndicator(sim, "front/indicator")
    form = CardFormat("hex")
    parts = Parts(lock, {"main": (reader, form)}, contact, button, indicator)
    rules = rules or DoorRules("front", Labels(["plan:*"]))
    door = Door(rules, Settings("Front"), parts, knowledge, journal, clock)
    door.start()
    try:
        yield Rig(door, clock, journal, data, reader, lock, contact, button, indicator)
    finally:
        door.stop()
        knowledge.close()
        journal.close()
