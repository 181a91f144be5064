"""A whole house for stories: doors, sync and two simulated platforms, on one movable clock."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from controller.config import Config, load
from controller.daemon import Controller
from controller.model import Kind, Recorded
from hw import TABLES
from hw.sim import SimLock, SimReader
from sync.office import Office
from sync.platforms import PLATFORMS
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.cobot_space import Member, PassType, Plan
from sync.simulator.hive import Membership, SimulatedHive, User
from tests.fakes import FakeClock
from tests.hives import DOORS

_FAR = 2_000_000_000
TOKEN, KEY = "a-cobot-token-7f3a", "a-key-for-doors-7f3a"
UNLIMITED = Plan("plan-always", "Always")
TEN_DAYS = Plan("plan-ten", "Ten days", (PassType("Day", included=0),))

_CONFIG = """
[site]
data = "data"
run = "run"
[http]
console = false
{http}
[doors.front]
admits = ["plan:*"]
lock = {{ driver = "sim" }}
[doors.front.readers.main]
driver = "sim"
card = {{ format = "dec10" }}
[doors.gym]
admits = ["door:front-01"]
lock = {{ driver = "sim" }}
[doors.gym.readers.main]
driver = "sim"
card = {{ format = "hex" }}
[platforms.loft]
kind = "cobot"
url = "{cobot}"
www_url = "{cobot}"
subdomain = "harbour"
token = {{ file = "cobot-token" }}
cards = [{{ source = "tokens", format = "dec10" }}]
{loft}
[platforms.gym]
kind = "hive"
url = "{hive}"
key = {{ file = "hive-key" }}
zone = "Europe/Berlin"
cards = [{{ source = "door_access_id", format = "hex" }}]
doors = {{ gym = "front-01" }}
{gym}
"""


def gym_user(number: int, card: str) -> User:
    return User(number, f"Guest {number}", "", card, memberships=(Membership(number, 1, _FAR),))


class House:
    """Start it with `house`; `office` may be closed and opened again, as a process would be."""

    def __init__(self, folder: Path, clock: FakeClock | None = None, **more: str) -> None:
        self.folder, self.clock = folder, clock or FakeClock()
        self.cobot = SimulatedCobot(self.clock.wall, token=TOKEN)
        self.hive = SimulatedHive(self.clock, KEY, DOORS)
        self._more = more

    def open(self, ends: ExitStack) -> None:
        ends.enter_context(self.cobot)
        ends.enter_context(self.hive)
        self.config = self._configured()
        self.controller = ends.enter_context(Controller(self.config, self.clock))
        self.open_office()
        ends.callback(self.close_office)

    def open_office(self) -> None:
        self.office = Office(self.config, threading.Event(), self.clock)

    def close_office(self) -> None:
        self.office.close()

    def member(self, name: str, card: str, plan: Plan = UNLIMITED, passes: int = 0) -> Member:
        """Someone at Cobot with a card as printed, and bought passes that never expire."""
        return self.cobot.add_member(name, plan, cards=[card], passes=passes)

    def sync(self, **how: bool) -> None:
        """Fetch every roster."""
        for line in self.office.lines.values():
            line.pull(lambda *_: None, **how)

    def deliver(self) -> None:
        """Tell what can be told now, and have the journal note it."""
        assert self.controller.journal.flush(5)
        for name in self.office.lines:
            self.office.deliver(name)
        self.office.note_settled()

    def scan(self, door: str, card: str) -> str:
        """Hold a card to a door's reader; returns the reason."""
        at = self.controller.doors.working[door]
        self.clock.advance(3)
        reader = at.parts.readers["main"][0]
        assert isinstance(reader, SimReader)
        reader.present(card)
        assert at.catch_up(5)
        assert at.last
        return at.last[1].reason.value

    def released(self, door: str) -> bool:
        lock = self.controller.doors.working[door].parts.lock
        assert isinstance(lock, SimLock)
        return lock.released

    def states(self) -> dict[str, int]:
        """How many deliveries stand in which state."""
        counts: dict[str, int] = {}
        for row in self.deliveries():
            counts[row["state"]] = counts.get(row["state"], 0) + 1
        return counts

    def deliveries(self) -> list[dict[str, Any]]:
        from controller.cache import Cache

        cache = Cache(self.config.data / "cache.db")
        try:
            return cache.deliveries()
        finally:
            cache.close()

    def events(self, *kinds: Kind, after: int = 0) -> list[Recorded]:
        from controller.journal_read import JournalReader

        assert self.controller.journal.flush(5)
        reader = JournalReader(self.config.data / "journal.db")
        try:
            return reader.events(after=after, kinds=kinds)
        finally:
            reader.close()

    def _configured(self) -> Config:
        (self.folder / "cobot-token").write_text(TOKEN)
        (self.folder / "hive-key").write_text(KEY)
        path = self.folder / "doorward.toml"
        path.write_text(config_text(self.cobot.url, self.hive.url, **self._more))
        return load(path, TABLES, PLATFORMS)


def config_text(cobot: str, hive: str, **more: str) -> str:
    """A configuration with two doors and two platforms; `more` as in `house`."""
    return _CONFIG.format(cobot=cobot, hive=hive, **{"loft": "", "gym": "", "http": "", **more})


@contextmanager
def house(folder: Path, clock: FakeClock | None = None, **more: str) -> Iterator[House]:
    """`more`: lines for the stanzas `loft`, `gym` and `http`."""
    with ExitStack() as ends:
        built = House(folder, clock, **more)
        built.open(ends)
        yield built
