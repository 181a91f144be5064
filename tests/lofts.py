"""A coworking space at a simulated Nexudus, and the office that hears of it."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from controller.cache import Cache, Found
from controller.config import load
from controller.journal_file import History
from controller.model import Facts
from controller.secrets import device_key
from sync.daemon import Daemon
from sync.office import Office
from sync.platforms import PLATFORMS
from sync.simulator.nexudus import Coworker, Location, SimulatedNexudus
from tests.fakes import FakeClock
from tests.worlds import PATIENCE

WEBHOOK_TOKEN = "a-bearer-for-the-webhook-7f3a"
GROUPS_TOKEN = "a-bearer-for-the-groups-9c1e"
HARBOUR = Location(501, "Harbour", "A1B2C3D4-e5f6-7890-abcd-ef1234567890")
MARKET = Location(502, "Market", "b2b2c3d4-e5f6-7890-abcd-ef1234567890")
CONFIG = """
[site]
data = "data"
run = "run"
[clock]
trust = "always"
[http]
port = {port}
[doors.front]
admits = ["group:main"]
lock = {{ driver = "sim" }}
[doors.front.readers.main]
driver = "sim"
card = {{ format = "hex" }}
[platforms.loft]
kind = "nexudus"
zone = "Europe/Berlin"
webhook_token = {{ file = "webhook-token" }}
groups_token = {{ file = "groups-token" }}
groups = {{ main = "Main entrance", lab = "Laboratory" }}
cards = [
  {{ source = "accessCardId", format = "hex" }},
  {{ source = "keyFobNumber", format = "hex" }},
  {{ source = "accessPincode", format = "pin" }},
]
{more}
"""


def jane(**more: Any) -> Coworker:
    unique = "F1E2D3C4-b5a6-7890-abcd-ef0987654321"
    return Coworker(**{"id": 9001, "name": "Jane Smith", "unique_id": unique, **more})


def coworkers(count: int) -> list[Coworker]:
    """Strangers with a card each, in the main group."""
    return [
        Coworker(n, f"Member {n}", f"id-{n:06}", f"{n:08X}", groups={501: {"main": None}})
        for n in range(count)
    ]


def write_site(folder: Path, more: str = "", port: int = 0) -> Path:
    for name, token in (("webhook-token", WEBHOOK_TOKEN), ("groups-token", GROUPS_TOKEN)):
        (folder / name).write_text(token)
    path = folder / "doorward.toml"
    path.write_text(CONFIG.format(more=more, port=port))
    return path


class Loft:
    """`syncd` of one space within this process, on a movable clock."""

    def __init__(self, folder: Path, more: str, clock: FakeClock | None = None) -> None:
        self.folder, self.clock = folder, clock or FakeClock()
        self.config = load(write_site(folder, more), platforms=PLATFORMS)

    def open(self, ends: ExitStack) -> None:
        self.office = Office(self.config, threading.Event(), self.clock)
        ends.enter_context(Daemon(self.office))
        self.url = self.office.listening["url"]
        address = f"{self.url}/nexudus/loft"
        self.nexudus = SimulatedNexudus(
            self.clock, address, webhook_token=WEBHOOK_TOKEN, groups_token=GROUPS_TOKEN
        )
        self.cache = Cache(self.config.data / "cache.db")
        ends.callback(self.cache.close)

    def tell(self, coworker: Coworker, location: Location = HARBOUR) -> int:
        """Nexudus tells of them; returns our status, and only once it is in force."""
        self.clock.advance(1)
        return self.deliver(self.nexudus.message(coworker, location))

    def deliver(self, message: dict[str, Any]) -> int:
        status = self.nexudus.deliver(message).status
        self.settle()
        return status

    def settle(self) -> None:
        """Wait until all that was told is in force: it is in the inbox, so this comes after it."""
        line = self.office.lines["loft"]
        platform: Any = line.platform
        line.refresh(platform.told_of())

    def person(self, name: str = "Jane") -> Found | None:
        found = self.cache.people(name)
        return found[0] if found else None

    def labels(self, name: str = "Jane") -> list[str]:
        found = self.person(name)
        return sorted(found.labels) if found else []

    def holds(self, canonical: str) -> Facts:
        """What the door knows of whoever presents this credential."""
        from controller.cards import card_hash

        hashed = card_hash(device_key(self.config.data), canonical)
        return self.cache.facts(hashed, lambda *_: History((), frozenset()))

    def ends(self) -> dict[str, float | None]:
        """Until when the holder of Jane's card holds which label."""
        (holder,) = self.holds("32:04A1B2C3").holders
        return {grant.label: grant.until for grant in holder.grants}

    def fetch(self, **how: bool) -> list[str]:
        """Fetch the roster; returns its warnings."""
        return list(self.office.lines["loft"].pull(lambda *_: None, **how).warnings)


@contextmanager
def loft(folder: Path, more: str = "", clock: FakeClock | None = None) -> Iterator[Loft]:
    with ExitStack() as ends:
        built = Loft(folder, more, clock)
        built.open(ends)
        yield built


def wait_for(true: Any) -> None:
    """Give other threads their turn until something has come true."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError("never came true")
