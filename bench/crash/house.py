"""The house: what can happen in it, each thing checked as far as it can be at once.

AssertionError if something that must hold does not.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from bench.crash.nursery import Child, Nursery
from bench.crash.rights import Rights
from controller.clock import OFFSET, SkewedClock, SystemClock
from controller.control import ask
from controller.errors import DoorwardError
from controller.journal_read import JournalReader
from controller.model import Kind
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import Door, Membership, SimulatedHive, User
from sync.simulator.server import Fault

PATIENCE = 60.0  # seconds
MEMBERS = 12  # at each platform: enough that losing all is not believed
PLATFORMS = ("loft", "gym")
PROCESSES = ("controller", "syncd")
FAULTS = ("lose_answer", "late_status", "status", "html", "truncate", "reset", "garbage")
_FAR = 4_000_000_000
_KEYHOLDER = "0000009999"
_CONFIG = """\
[site]
data = "data"
run = "run"
[clock]
trust = "always"
simulated = true
[sync]
every = "1d"
[http]
console = false
[doors.front]
admits = ["loft/plan:*", "gym/door:front-01"{also}]
open_for = "1s"
repeat_after = "0s"
lock = {{ driver = "sim" }}
[doors.front.readers.main]
driver = "sim"
card = {{ format = "dec10" }}
{more}
[platforms.loft]
kind = "cobot"
url = "{loft}"
www_url = "{loft}"
subdomain = "harbour"
token = {{ file = "cobot-token" }}
cards = [{{ source = "tokens", format = "dec10" }}]
[platforms.gym]
kind = "hive"
url = "{gym}"
key = {{ file = "hive-key" }}
zone = "Europe/Berlin"
late = "push"
cards = [{{ source = "door_access_id", format = "dec10" }}]
doors = {{ front = "front-01" }}
"""
_MORE = """\
[doors.side]
admits = ["loft/plan:*"]
check_in = false
lock = { driver = "sim" }
[doors.side.readers.main]
driver = "sim"
card = { format = "dec10" }
[platforms.keys]
kind = "file"
path = "keys.csv"
card = { format = "dec10" }
keyholders = true
"""


class House:
    """Two processes, two platforms, and who has a right. Made by `house`."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.folder, self._nursery = folder, nursery
        run = folder / "run"
        run.mkdir()
        self.clock = SkewedClock(SystemClock(run, mode="always"), run / OFFSET)
        self.loft = SimulatedCobot(self.clock.wall, token="token-0")
        self.gym = SimulatedHive(self.clock, "key-0", [Door("front-01", membership_type_ids=(1,))])
        self.running: dict[str, Child] = {}
        self.rights: dict[str, Rights] = {}
        self.cards: dict[tuple[str, str], str] = {}  # (platform, person) → card
        self.lost: set[str] = set()  # platforms that cannot be reached
        self.kills = 0
        self.offset, self._keys, self._seen = 0.0, 0, 0
        self._wide = False

    def open(self) -> None:
        """Fill the platforms, start both processes, and fetch."""
        members = [
            self.loft.add_member(f"Member {n}", "plan-always", cards=[f"{n:010}"])
            for n in range(MEMBERS)
        ]
        self.cards = {("loft", m.id): f"{n:010}" for n, m in enumerate(members)}
        self.cards |= {("gym", str(n)): f"{n:010}" for n in range(100, 100 + MEMBERS)}
        self.gym.put(*map(_user, range(100, 100 + MEMBERS)))
        for name in PLATFORMS:
            self.rights[name] = Rights(person for at, person in self.cards if at == name)
        self.cards["keys", "ida"] = _KEYHOLDER
        self.rights["keys"] = Rights(())
        (self.folder / "keys.csv").write_text(f"id,name,card\nida,Ida,{_KEYHOLDER}\n")
        (self.folder / "cobot-token").write_text("token-0")
        (self.folder / "hive-key").write_text("key-0")
        self._configure()
        for name in PROCESSES:
            self.start(name)
        self.sync(*PLATFORMS)

    # What happens

    def scan(self, platform: str, person: str, door: str = "front") -> str:
        """Somebody holds a card to a reader; returns the reason."""
        before, must = self._decided(door), self._must(platform, person)
        last = self._scanned(platform, person, door)
        assert last != before, "the scan was not decided"
        granted = last["reason"] == "granted"
        until(lambda: self._newest() > self._seen, "it is in the journal")
        self.look()
        assert granted or not must, f"{platform} {person} refused: {last['reason']}"
        return str(last["reason"])

    def sync(self, *platforms: str) -> dict[str, bool]:
        """Fetch; returns which rosters were put in force."""
        came = {}
        for name in platforms:
            version = self.rights[name].fetching()
            answer = self.ask("syncd", {"do": "sync", "platforms": [name]})
            came[name] = not answer["exit"]
            if came[name]:
                self.rights[name].fetched(version)
                self.rights[name].sure = self.offset >= 0
        return came

    def kill(self, *names: str, during: Callable[[], Any] | None = None, after: float = 0) -> None:
        """Kill processes, perhaps `after` seconds into something, and start them again."""
        meanwhile = threading.Thread(target=_whatever, args=(during,)) if during else None
        if meanwhile:
            meanwhile.start()
            threading.Event().wait(after)
        for name in names:
            self.running.pop(name).end(signal.SIGKILL)
            self.kills += 1
        if meanwhile:
            meanwhile.join(PATIENCE)
        for name in names:
            self.start(name)
        self.look()

    def kill_while_scanning(self, platform: str, person: str, after: float) -> None:
        self.kill(
            "controller", during=lambda: self._scanned(platform, person, "front"), after=after
        )

    def kill_while_syncing(self, after: float) -> None:
        request = {"do": "sync", "platforms": ["loft", "gym"]}
        self.kill("syncd", during=lambda: self.ask("syncd", request), after=after)

    def revoke(self, number: int) -> None:
        if number in self.gym.users:
            self.gym.remove(number)
            self._gym_changed()

    def admit(self, number: int) -> None:
        self.gym.put(_user(number))
        self.cards["gym", str(number)] = f"{number:010}"
        self._gym_changed()

    def lose_everybody(self) -> None:
        """The gym suddenly knows nobody: that is not believed, and changes nothing."""
        users = self.gym.users
        if len(users) < MEMBERS - 2 or self.gym.fault or not self.sync("gym")["gym"]:
            return
        before = self._people()
        self.gym.remove(*users)
        assert not self.sync("gym")["gym"], "a roster without anybody was believed"
        assert self._people() == before, "a refused roster changed something"
        self.gym.put(*users.values())

    def cut(self, platform: str) -> None:
        self._platform(platform).cut()
        self.lost.add(platform)

    def mend(self, platform: str) -> None:
        self._platform(platform).fault = None
        self._platform(platform).mend()
        self.lost.discard(platform)

    def fault(self, platform: str, kind: str, times: int, method: str) -> None:
        self._platform(platform).fault = Fault(kind, times=times, method=method)  # type: ignore[arg-type]

    def leap(self, seconds: float) -> None:
        """The clocks of device and platforms are set, between two requests."""
        self.offset += seconds
        for name in set(PLATFORMS) - self.lost:
            self._platform(name).cut()
        (self.folder / "run" / "offset").write_text(str(self.offset))
        (self.folder / "run" / "offset").replace(self.folder / "run" / OFFSET)
        for name in set(PLATFORMS) - self.lost:
            self._platform(name).mend()
        for rights in self.rights.values():
            rights.sure = False

    def reconfigure(self) -> None:
        """Add a door and a list of keyholders, or take them away."""
        self._wide = not self._wide
        self._restart()
        self.rights["keys"] = Rights(["ida"] if self._wide else [])

    def change_key(self) -> None:
        """The gym's key changes, and is changed here; syncd reads it when it starts."""
        self._keys += 1
        self.gym.key = f"key-{self._keys}"
        (self.folder / "hive-key").write_text(self.gym.key)
        self.stop("syncd")
        self.start("syncd")

    # What is looked at

    def look(self) -> None:
        """Nobody was let in, since the last look, who had no right."""
        with self.journal() as journal:
            fresh = journal.events(after=self._seen)
        for each in fresh:
            event = each.event
            self._seen = each.seq
            if event.kind is Kind.ACCESS and event.reason == "granted":
                whose = self.rights[event.platform]
                assert whose.may(event.person), f"{event.platform} {event.person} had no right"

    def start(self, name: str) -> None:
        """Start a process; it answers, and every lock is locked."""
        config, log = self.folder / "doorward.toml", self.folder / f"{name}.log"
        child = self.running[name] = self._nursery.start(name, config, log)
        until(lambda: self.ask(name, {"do": "status"})["pid"] == child.pid, f"{name} answers")
        if name == "controller":
            doors = self.ask(name, {"do": "status"})["doors"]
            assert not any(door["released"] for door in doors), "unlocked after a start"

    def stop(self, *names: str) -> None:
        for name in names:
            self.running.pop(name).end(signal.SIGTERM)

    def abandon(self) -> None:
        """End whatever still runs."""
        for child in self.running.values():
            with suppress(RuntimeError):
                child.end(signal.SIGKILL)

    def ask(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        socket = "door.sock" if name == "controller" else "sync.sock"
        # A fetch waits for up to 90 s if the platform says that it is asked too often.
        return ask(self.folder / "run" / socket, request, timeout=3 * PATIENCE)

    @contextlib.contextmanager
    def journal(self) -> Iterator[JournalReader]:
        reader = JournalReader(self.folder / "data" / "journal.db")
        with contextlib.closing(reader):
            yield reader

    def _scanned(self, platform: str, person: str, door: str) -> dict[str, Any]:
        request = {"do": "sim", "door": door, "act": "scan", "text": self.cards[platform, person]}
        last: dict[str, Any] = self.ask("controller", request)["last"]
        return last

    def _decided(self, door: str) -> Any:
        return self.ask("controller", {"do": "sim", "door": door, "act": "state"})["last"]

    def _must(self, platform: str, person: str) -> bool:
        return self.offset >= 0 and self.rights[platform].must(person)

    def _newest(self) -> int:
        with self.journal() as journal:
            return journal.newest()

    def _people(self) -> list[Any]:
        return [self._facts(*whose) for whose in self.cards]

    def _facts(self, platform: str, person: str) -> Any:
        from controller.cache import Cache
        from controller.journal import History

        with contextlib.closing(Cache(self.folder / "data" / "cache.db")) as cache:
            holders = cache.facts_of(platform, person, lambda *_: History()).holders
        return [(each.person, each.grants, each.passes) for each in holders]

    def _platform(self, name: str) -> SimulatedCobot | SimulatedHive:
        return self.loft if name == "loft" else self.gym

    def _gym_changed(self) -> None:
        self.rights["gym"].change(map(str, self.gym.users))

    def _restart(self) -> None:
        self.stop(*PROCESSES)
        self._configure()
        for name in reversed(PROCESSES):
            self.start(name)

    def _configure(self) -> None:
        text = _CONFIG.format(
            also=', "keys/*"' if self._wide else "",
            more=_MORE if self._wide else "",
            loft=self.loft.url,
            gym=self.gym.url,
        )
        (self.folder / "doorward.toml").write_text(text)


@contextlib.contextmanager
def house(folder: Path) -> Iterator[House]:
    """An open house in an empty directory; what still runs at the end is ended."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ends:
        made = House(folder, ends.enter_context(Nursery()))
        ends.enter_context(made.loft)
        ends.enter_context(made.gym)
        ends.callback(made.abandon)
        made.open()
        yield made


def until(true: Callable[[], Any], what: str) -> None:
    """Wait for something to come true in another process."""
    end, pause = time.monotonic() + PATIENCE, threading.Event()
    while time.monotonic() < end:
        with suppress(DoorwardError):
            if true():
                return
        pause.wait(0.005)
    raise AssertionError(f"never came true: {what}")


def _whatever(work: Callable[[], Any]) -> None:
    with suppress(DoorwardError):
        work()


def _user(number: int) -> User:
    card = f"{number:010}"
    return User(number, f"Guest {number}", "", card, memberships=(Membership(number, 1, _FAR),))
