"""A whole site to cut the power of: one door, two platforms, on a disk that keeps a record.

Controller and office are the product's own, over the standard library's SQLite. The platforms keep
their record outside the disk, as real ones do.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from controller.config import PlatformCommon, load
from controller.daemon import Controller
from controller.errors import Unavailable
from controller.journal_read import JournalReader
from controller.model import Event, Grant, Person
from controller.question import Question
from controller.secrets import device_key
from hw import TABLES
from hw.sim import SimLock, SimReader
from sync.inbox import Inbox
from sync.office import Office
from sync.platform import (
    Answer,
    Capabilities,
    CheckIn,
    LateCheckIn,
    Outcome,
    Progress,
    Roster,
    State,
    Surroundings,
)
from tests.fakes import MONDAY, FakeClock
from tests.torn import Recording
from tests.worlds import PATIENCE, card_of

CROWD = 24
PLATFORMS = ("ear", "deaf")
_KINDS = {"ear": f"{__name__}:Ear"}
_CONFIG = """
[site]
data = "data"
run = "run"
[doors.front]
admits = ["plan:*"]
lock = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "text" } }
[platforms.ear]
kind = "ear"
reads_back = true
[platforms.deaf]
kind = "ear"
reads_back = false
"""


class EarSettings(PlatformCommon):
    kind: Literal["ear"]
    reads_back: bool


class Ear:
    """A platform that writes down whom it is told of, and can be asked about it or not."""

    Settings: ClassVar[Any] = EarSettings

    def __init__(self, name: str, settings: EarSettings, around: Surroundings) -> None:
        self.name = name
        self.capabilities = Capabilities(LateCheckIn.EXACT, readable_check_ins=settings.reads_back)
        self.record: list[str] = []  # uuids
        self.tape = Recording()
        self.number = 1  # of the roster that it has
        self.forgetful = False  # every third answer is lost

    def test(self) -> str:
        return "an ear"

    def fetch(self, roster: Roster, progress: Progress) -> None:
        roster.zone("Europe/Berlin")
        for key in crowd(self.name):
            roster.person(Person(self.name, key, key.title()))
            roster.card(key, card_of(key))
            roster.grant(key, Grant(f"plan:{self.number}"))

    def still_admitted(self, key: str, roster: Roster) -> bool:
        return False

    def ask(self, question: Question, roster: Roster) -> Answer:
        raise Unavailable("an ear does not speak")

    def check_in(self, check_in: CheckIn) -> Outcome:
        self.record.append(check_in.uuid)
        self.tape.note("told", (self.name, check_in.uuid))
        if self.forgetful and len(self.record) % 3 == 0:
            raise Unavailable("the answer was lost", maybe_sent=True)
        return Outcome(State.SENT)

    def was_told(self, check_in: CheckIn) -> bool:
        return check_in.uuid in self.record

    def close(self) -> None:
        pass


def crowd(platform: str) -> list[str]:
    """Keys of all who are in every roster of this platform."""
    return [f"{platform}-{number:02}" for number in range(CROWD)]


class Site:
    """A configured folder; `on` starts what is in it."""

    def __init__(self, folder: Path) -> None:
        (folder / "doorward.toml").write_text(_CONFIG)
        self.config = load(folder / "doorward.toml", TABLES, _KINDS)
        self.data = self.config.data
        self.data.mkdir()
        device_key(self.data)

    @contextmanager
    def on(self, tape: Recording, wall: float = MONDAY) -> Iterator["Running"]:
        """Both processes, in this one, on a clock that the story moves."""
        with ExitStack() as ends:
            running = Running(self, tape, FakeClock(wall))
            running.start(ends)
            running.start_office(ends)
            yield running

    @contextmanager
    def on_alone(self, wall: float = MONDAY) -> Iterator["Alone"]:
        """The controller, without anything of `sync`."""
        with ExitStack() as ends:
            alone = Alone(self, Recording(), FakeClock(wall))
            alone.start(ends)
            yield alone


class Alone:
    """A controller at work."""

    def __init__(self, site: Site, tape: Recording, clock: FakeClock) -> None:
        self.site, self.tape, self.clock = site, tape, clock

    def start(self, ends: ExitStack) -> None:
        self.controller = ends.enter_context(Controller(self.site.config, self.clock))
        self.door = self.controller.doors.working["front"]
        self.journal = self.controller.journal

    @property
    def lock(self) -> SimLock:
        lock = self.door.parts.lock
        assert isinstance(lock, SimLock)
        return lock

    def present(self, key: str) -> str:
        """Hold somebody's card to the reader; the reason."""
        self.clock.advance(3)
        reader = self.door.parts.readers["main"].reader
        assert isinstance(reader, SimReader)
        reader.present(f"card of {key}")
        assert self.door.catch_up(PATIENCE)
        assert self.door.last
        return str(self.door.last[1].reason.value)


class Running(Alone):
    """A whole site at work. What it promises is noted on the tape."""

    def start_office(self, ends: ExitStack) -> None:
        self.office = Office(self.site.config, threading.Event(), self.clock)
        ends.callback(self.office.close)
        self.inbox = Inbox(self.site.data / "inbox.db")
        ends.callback(self.inbox.close)
        assert self.journal.flush(PATIENCE)
        self.disk = JournalReader(self.site.data / "journal.db")
        ends.callback(self.disk.close)
        for ear in self.ears():
            ear.tape = self.tape
        self.promise()

    def ears(self) -> list[Ear]:
        ears = [self.office.lines[name].platform for name in PLATFORMS]
        assert all(isinstance(ear, Ear) for ear in ears)
        return ears  # type: ignore[return-value]

    def promise(self) -> None:
        """All that was appended is on the disk, says the journal."""
        assert self.journal.flush(PATIENCE)
        last = self.disk.events(last=1)
        if last:
            self.tape.note("on disk", (self.disk.chain, last[0].seq, last[0].hash))

    def scan(self, key: str) -> str:
        """As `present`, and the entry is on the disk."""
        reason = self.present(key)
        self.promise()
        return reason

    def burst(self, events: list[Event]) -> None:
        """Append while the disk is slow: the first alone, all others in one transaction."""
        with self.tape.stalled() as in_sync:
            tickets = [self.journal.append(events[0])]
            assert in_sync.wait(PATIENCE)
            tickets += [self.journal.append(event) for event in events[1:]]
        assert all(ticket.wait(PATIENCE) for ticket in tickets)
        self.promise()

    def roster(self, number: int) -> None:
        """Have this one of every platform in force."""
        for ear in self.ears():
            ear.number = number
            self.tape.note("roster begins", (ear.name, number))
            self.office.lines[ear.name].pull(lambda *_: None, accept=True)
            self.tape.note("roster", (ear.name, number))

    def deliver(self) -> None:
        """Tell all that can be told, and have the journal know."""
        assert self.journal.flush(PATIENCE)
        for name in PLATFORMS:
            self.clock.advance(61)
            while self.office.deliver(name):
                pass
        self.office.note_settled()
        self.promise()
