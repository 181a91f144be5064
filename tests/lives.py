"""A house whose doors ask the platforms while somebody waits: real sockets, real HTTP."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from controller.cache import Cache
from controller.config import Config, load
from controller.control import Server
from controller.model import Kind
from controller.ports import Signal
from hw import TABLES
from hw.sim import SimIndicator, SimReader
from sync.commands import SyncCommands
from sync.platforms import PLATFORMS
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import SimulatedHive
from tests.fakes import FakeClock
from tests.hives import DOORS
from tests.houses import KEY, TOKEN, House, config_text
from tests.worlds import PATIENCE

AMPLE, SHORT = "5s", "0.2s"  # a deadline that is never reached, one that is soon over


class MovingClock(FakeClock):
    """Its monotonic clock runs, as deadlines on real sockets need, and can be moved besides."""

    def monotonic(self) -> float:
        return time.monotonic() + self.monotonic_time


class Light(SimIndicator):
    """One that can be waited for."""

    def answer(self) -> tuple[Signal, str]:
        """What is shown once it is no longer WAIT."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.shown[0] is not Signal.WAIT, PATIENCE)
            return self.shown


class LiveHouse(House):
    """Both doors ask, about unknown cards and missing passes."""

    def __init__(self, folder: Path, deadline: str, live: str, **more: str) -> None:
        super().__init__(folder, None, **more)
        self.clock = MovingClock()
        self.cobot = SimulatedCobot(self.clock.wall, token=TOKEN)
        self.hive = SimulatedHive(self.clock, KEY, DOORS)
        self._deadline, self._live = deadline, live

    def open(self, ends: ExitStack) -> None:
        super().open(ends)
        self.serve()
        ends.callback(self.unserve)

    def serve(self) -> None:
        """`syncd` answers."""
        commands = SyncCommands(self.office)
        self.socket = Server(self.config.run / "sync.sock", commands.table())

    def unserve(self) -> None:
        """`syncd` does not run."""
        self.socket.close()

    def light(self, door: str) -> Light:
        light = self.controller.doors.working[door].parts.indicator
        assert isinstance(light, Light)
        return light

    def present(self, door: str, card: str) -> None:
        """Hold a card to a door's reader, and wait until the door has seen it."""
        self.clock.advance(2.1)  # else it would be the same card, still held there
        at = self.controller.doors.working[door]
        reader = at.parts.readers["main"].reader
        assert isinstance(reader, SimReader)
        reader.present(card)
        assert at.catch_up(PATIENCE)

    def scan(self, door: str, card: str) -> str:
        """The same, and wait for the answer; returns the reason."""
        self.present(door, card)
        return self.answer(door)

    def answer(self, door: str) -> str:
        at = self.controller.doors.working[door]
        self.light(door).answer()
        assert at.catch_up(PATIENCE)
        assert at.last
        return at.last[1].reason.value

    def known(self, name: str) -> bool:
        """Does the cache hold somebody of this name?"""
        cache = Cache(self.config.data / "cache.db")
        try:
            return bool(cache.people(name))
        finally:
            cache.close()

    def asked(self) -> dict[str, Any]:
        """What the newest event says of the platforms' answers."""
        detail = self.events(Kind.ACCESS)[-1].event.detail
        assert detail
        found: dict[str, Any] = detail.get("asked", {})
        return found

    def _configured(self) -> Config:
        (self.folder / "cobot-token").write_text(TOKEN)
        (self.folder / "hive-key").write_text(KEY)
        text = config_text(self.cobot.url, self.hive.url, **self._more).replace(
            'lock = { driver = "sim" }',
            f'lock = {{ driver = "sim" }}\nindicator = {{ driver = "sim" }}\nlive = "{self._live}"',
        )
        path = self.folder / "doorward.toml"
        path.write_text(f'{text}\n[live]\ndeadline = "{self._deadline}"\n')
        tables = {**TABLES, "indicator": {"sim": "tests.lives:Light"}}
        return load(path, tables, PLATFORMS)


def until(true: Callable[[], Any]) -> None:
    """Wait for something to come true on another thread."""
    end, pause = time.monotonic() + PATIENCE, threading.Event()
    while not true():
        assert time.monotonic() < end, "it never came true"
        pause.wait(0.01)


@contextmanager
def live_house(
    folder: Path, deadline: str = AMPLE, live: str = "both", **more: str
) -> Iterator[LiveHouse]:
    with ExitStack() as ends:
        built = LiveHouse(folder, deadline, live, **more)
        built.open(ends)
        built.sync()
        yield built


class Mute:
    """Listens on a socket in place of `syncd`, and never says a word, or says `word`."""

    def __init__(self, path: Path, word: bytes = b"") -> None:
        path.unlink(missing_ok=True)
        self._word = word
        self.calls = 0
        self._open: list[socket.socket] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def __enter__(self) -> "Mute":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        for each in (*self._open, self._socket):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            self._open.append(connection)
            if self._word:
                connection.sendall(self._word)
