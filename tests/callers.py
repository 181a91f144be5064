"""A coworking space at a simulated Cobot that calls us, and the office that is called."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from controller.cache import Cache
from controller.cards import card_hash
from controller.config import Config, load
from controller.control import ask
from controller.journal_file import History
from controller.secrets import device_key
from sync.daemon import Daemon
from sync.follow import Follower
from sync.office import Office
from sync.platforms import PLATFORMS
from sync.simulator.cobot import SimulatedCobot
from tests.fakes import FakeClock
from tests.houses import TOKEN
from tests.lofts import wait_for

CONFIG = """
[site]
data = "data"
run = "run"
[clock]
trust = "always"
[http]
port = {port}
[doors.front]
admits = ["plan:*"]
lock = {{ driver = "sim" }}
[doors.front.readers.main]
driver = "sim"
card = {{ format = "dec10" }}
[platforms.harbour]
kind = "cobot"
every = "1d"
url = "{cobot}"
www_url = "{cobot}"
api2_url = "{cobot}"
subdomain = "harbour"
token = {{ file = "cobot-token" }}
cards = [{{ source = "tokens", format = "dec10" }}]
bookings = true
webhook_url = "{public}"
{more}
"""
ADA, BEN = "0000000017", "0000000018"


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    return port


def write_site(folder: Path, cobot: str, port: int, more: str = "") -> Path:
    (folder / "cobot-token").write_text(TOKEN)
    path = folder / "doorward.toml"
    public = f"http://127.0.0.1:{port}"
    path.write_text(CONFIG.format(cobot=cobot, port=port, public=public, more=more))
    return path


class Known:
    """What the doors know, by cache.db."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def facts(self, card: str) -> Any:
        hashed = card_hash(device_key(self._config.data), f"32:{int(card):08X}")
        with closing(Cache(self._config.data / "cache.db")) as cache:
            return cache.facts(hashed, lambda *_: History((), frozenset()))

    def holds(self, card: str) -> list[str]:
        """Labels that the holder of this card holds; none if nobody has it."""
        return sorted({g.label for holder in self.facts(card).holders for g in holder.grants})

    def passes(self, card: str) -> int:
        return sum(len(holder.passes) for holder in self.facts(card).holders)


class Called(Known):
    """`syncd` of one space within this process. `open` starts all of it."""

    def __init__(self, folder: Path, more: str) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.cobot = SimulatedCobot(self.clock.wall, token=TOKEN)
        self.port = free_port()
        self._more = more

    def open(self, ends: ExitStack, *, daemon: bool) -> None:
        ends.enter_context(self.cobot)
        path = write_site(self.folder, self.cobot.url, self.port, self._more)
        self.config = load(path, platforms=PLATFORMS)
        super().__init__(self.config)
        self.office = Office(self.config, threading.Event(), self.clock)
        self.line = self.office.lines["harbour"]
        if daemon:
            ends.enter_context(Daemon(self.office))
            wait_for(self.called)
            wait_for(lambda: self.lists() >= 1 and not self.line.busy.locked())
        else:
            ends.callback(self.office.close)

    def called(self) -> bool:
        """Are we told of everything that is wanted?"""
        return {each.standing for each in self.minder.listed()} == {"active"}

    @property
    def minder(self) -> Any:
        return self.office.minders["harbour"]

    @property
    def platform(self) -> Any:
        return self.line.platform

    @property
    def secret(self) -> str:
        """The part of the path that nobody can guess."""
        (route,) = self.platform.routes()
        secret: str = route.secret
        return secret

    def callback(self) -> str:
        return f"http://127.0.0.1:{self.port}/cobot/harbour/{self.secret}"

    def status(self) -> dict[str, Any]:
        (line,) = ask(self.config.run / "sync.sock", {"do": "status"})["platforms"]
        found: dict[str, Any] = line
        return found

    def lists(self) -> int:
        """How often everybody was asked for."""
        return self.asked().count("/api/memberships")

    def asked(self) -> list[str]:
        with self.cobot.lock:
            return [each.path for each in self.cobot.requests if each.method == "GET"]

    def follower(self) -> tuple[Follower, list[str]]:
        """One to be stepped by hand; the list grows with every roster that it wants."""
        wanted: list[str] = []
        return Follower(self.line, lambda: wanted.append("roster"), lambda _: False), wanted


@contextmanager
def called(folder: Path, more: str = "", *, daemon: bool = True) -> Iterator[Called]:
    with ExitStack() as ends:
        built = Called(folder, more)
        built.open(ends, daemon=daemon)
        yield built
