"""A whole controller for tests: real files, simulated devices, a clock that the test moves."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from controller.cache import Cache
from controller.cards import CardFormat
from controller.door import Door, Fitted, Parts, Settings
from controller.interlock import Interlock
from controller.journal import Journal
from controller.journal_read import JournalReader
from controller.knowledge import Knowledge
from controller.live import Asker
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
    tamper: SimInput
    fire: SimInput
    keypad: SimReader
    knowledge: Knowledge
    interlock: Interlock

    def scan(self, card: str) -> None:
        """Hold a card to the reader and wait until the door has done with it."""
        self.reader.present(card)
        self.settle()

    def press(self, keys: str) -> None:
        """Press keys beside the reader."""
        self.reader.press(keys)
        self.settle()

    def open(self) -> None:
        self.contact.set(active=True)
        self.settle()

    def close(self) -> None:
        self.contact.set(active=False)
        self.settle()

    def go_through(self) -> None:
        self.open()
        self.close()

    def exit(self) -> None:
        """Press the button and let it go."""
        self.button.set(active=True)
        self.button.set(active=False)
        self.settle()

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.clock.advance(seconds)
        self.settle()

    def settle(self) -> None:
        # Twice: what the first round ends, the second has brought to lock and indicator.
        assert self.door.catch_up(5)
        assert self.door.catch_up(5)

    def events(self, *kinds: Kind) -> list[Recorded]:
        """What the journal has on disk by now, in order."""
        assert self.journal.flush(5)
        reader = JournalReader(self.data / "journal.db")
        try:
            found = reader.events(kinds=kinds)
            return [each for each in found if each.event.door in ("", self.door.id)]
        finally:
            reader.close()

    def kinds(self) -> list[Kind]:
        return [each.event.kind for each in self.events()]

    def reasons(self) -> list[str]:
        return [each.event.reason for each in self.events(Kind.ACCESS)]

    def check_ins(self) -> list[str]:
        """Whom the platform is to be told of, in order."""
        assert self.journal.flush(5)
        reader = JournalReader(self.data / "journal.db")
        try:
            return [e.event.name for e in reader.open_check_ins("cobot", after=0, limit=100)]
        finally:
            reader.close()


class Member(NamedTuple):
    """Somebody of the platform; `cards` are canonical, PINs among them."""

    name: str
    cards: tuple[str, ...]
    passes: int | None = None  # None: the plan needs none
    until: float | None = None


def people(data: Path, clock: FakeClock, *rows: tuple[Person, str, Grant]) -> None:
    """Put these people, each with a card (canonical) and a grant, into cache.db."""
    staging = Staging(data / "cache.db", KEY, "cobot", checks_in=True)
    for person, card, grant in rows:
        staging.person(person)
        staging.card(person.key, card)
        staging.grant(person.key, grant)
    _apply(staging, clock)


def members(data: Path, clock: FakeClock, *all_: Member) -> None:
    """Put these people into cache.db."""
    staging = Staging(data / "cache.db", KEY, "cobot", checks_in=True)
    for name, cards, passes, until in all_:
        key = name.lower()
        staging.person(Person("cobot", key, name, until=until))
        for card in cards:
            staging.card(key, card)
        staging.grant(key, Grant("plan:flex", uses_pass=passes is not None))
        for number in range(passes or 0):
            staging.single_pass(key, f"pass-{number}", None, ())
    _apply(staging, clock)


def _apply(staging: Staging, clock: FakeClock) -> None:
    staging.apply(staging.changes(clock.wall()), Roll("cobot", clock.wall(), "", 0))
    staging.close()


@contextmanager
def rig(
    data: Path,
    rules: DoorRules | None = None,
    settings: Settings | None = None,
    *,
    keyholders: bool = False,
    beside: Rig | None = None,
    clock: FakeClock | None = None,
    without: Iterable[str] = (),
    asker: Asker | None = None,
) -> Iterator[Rig]:
    """A started door over `data`, `front` if the rules name no other; stopped at the end.

    `beside`: a door of the same controller. `without`: devices that it does not have.
    """
    clock = beside.clock if beside else clock or FakeClock()
    journal = beside.journal if beside else Journal(data / "journal.db", clock, "boot-1")
    keys = Cache(data / "keyholders.db") if keyholders else None
    knowledge = (
        beside.knowledge
        if beside
        else Knowledge(Cache(data / "cache.db"), journal, clock, KEY, keys)
    )
    interlock = beside.interlock if beside else Interlock()
    rules = rules or DoorRules("front", Labels(["plan:*"]))
    parts, made = _parts(rules.door, set(without))
    own = settings or Settings("Front")
    door = Door(rules, own, parts, knowledge, journal, clock, interlock, asker)
    door.start(*journal.modes().get(rules.door, ()))
    try:
        yield Rig(door, clock, journal, data, *made, knowledge, interlock)
    finally:
        door.stop()
        if not beside:
            knowledge.close()
            journal.close()


Made = tuple[SimReader, SimLock, SimInput, SimInput, SimIndicator, SimInput, SimInput, SimReader]


def _parts(name: str, without: set[str]) -> tuple[Parts, Made]:
    sim = SimSettings()
    reader, keypad = SimReader(sim, f"{name}/main"), SimReader(sim, f"{name}/keypad")
    lock, indicator = SimLock(sim, f"{name}/lock"), SimIndicator(sim, f"{name}/indicator")
    inputs = {
        part: SimInput(sim, f"{name}/{part}")
        for part in ("contact", "exit_button", "tamper", "fire")
    }
    fitted = {part: device for part, device in inputs.items() if part not in without}
    readers = {
        "main": Fitted(reader, CardFormat("hex")),
        "keypad": Fitted(keypad, CardFormat("pin")),
    }
    parts = Parts(lock, readers, indicator=indicator, **fitted)
    contact, button, tamper, fire = inputs.values()
    return parts, (reader, lock, contact, button, indicator, tamper, fire, keypad)
