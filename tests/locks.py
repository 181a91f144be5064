"""Doorward as the lock system of another program: a real controller, `syncd` and its API."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from controller.cache import Cache, Found
from controller.config import load
from controller.control import ask
from controller.daemon import Controller
from controller.journal_read import JournalReader
from controller.model import Event, Kind, Recorded
from hw import TABLES
from sync.daemon import Daemon
from sync.desk_tokens import SCOPES
from sync.office import Office
from sync.platforms import PLATFORMS
from tests.lives import MovingClock
from tests.receivers import SECRET
from tests.worlds import PATIENCE

CONFIG = """
[site]
name = "Harbour Loft"
data = "data"
run = "run"
[clock]
trust = "always"
[http]
port = {port}
[doors.front]
name = "Front door"
admits = ["group:main"]
repeat_after = 0
lock = {{ driver = "sim" }}
contact = {{ driver = "sim" }}
[doors.front.readers.main]
driver = "sim"
card = {{ format = "hex" }}
[doors.lab]
admits = ["smartlock/group:lab", "group:staff-*"]
refuses = ["group:guests"]
lock = {{ driver = "sim" }}
[doors.lab.readers.main]
driver = "sim"
card = {{ format = "pin" }}
[platforms.smartlock]
kind = "api"
zone = "Europe/Berlin"
{more}
"""
TARGET = """
[targets.cobot]
url = "{url}"
secret = {{ file = "secret" }}
allow_private = true
"""


class Said(NamedTuple):
    """One answer over HTTP."""

    status: int
    body: Any
    headers: http.client.HTTPMessage


def write_site(folder: Path, more: str = "", port: int = 0) -> Path:
    (folder / "secret").write_text(SECRET)
    path = folder / "doorward.toml"
    path.write_text(CONFIG.format(more=more, port=port))
    return path


def call(
    url: str, method: str, path: str, token: str = "", body: Any = None, **headers: str
) -> Said:
    """One request to the API; `body` bytes as they are, or anything as JSON."""
    sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    own = {"X-Api-Token": token} if token else {}
    own |= {name.replace("_", "-"): text for name, text in headers.items()}
    address = urlsplit(url)
    where = address.hostname or "", address.port
    with closing(http.client.HTTPConnection(*where, timeout=PATIENCE)) as line:
        line.request(method, f"/api/v1{path}", sent, own)
        answer = line.getresponse()
        text = answer.read()
        return Said(answer.status, json.loads(text) if text else None, answer.headers)


class LockSystem:
    """Start it with `lock_system`; `syncd` may be closed and opened again."""

    def __init__(self, folder: Path, more: str) -> None:
        self.folder, self.clock = folder, MovingClock()
        self.config = load(write_site(folder, more), TABLES, PLATFORMS)

    def open(self, ends: ExitStack) -> None:
        self.controller = ends.enter_context(Controller(self.config, self.clock))
        self.open_syncd()
        ends.callback(self.close_syncd)
        self.cache = Cache(self.config.data / "cache.db")
        ends.callback(self.cache.close)
        if any(each["name"] == "cobot" for each in self.sync("tokens")["tokens"]):
            self.sync("token-remove", name="cobot")
        self.token = self.new_token("cobot", *SCOPES)

    def open_syncd(self) -> None:
        self._syncd = ExitStack()
        self.office = Office(self.config, threading.Event(), self.clock)
        self._syncd.enter_context(Daemon(self.office))
        self.url = self.office.listening["url"]

    def close_syncd(self) -> None:
        self._syncd.close()

    def sync(self, do: str, **what: object) -> dict[str, Any]:
        """What `doorward` asks of `syncd`."""
        return ask(self.config.run / "sync.sock", {"do": do, **what}, timeout=PATIENCE)

    def new_token(self, name: str, *scopes: str) -> str:
        return str(self.sync("token-add", name=name, scopes=list(scopes))["shown"])

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Said:
        return call(self.url, method, path, self.token, body, **headers)

    def scan(self, card: str, door: str = "front") -> str:
        """Hold a card to a reader of this door; returns the reason."""
        self.clock.advance(3)
        request = {"do": "sim", "door": door, "act": "scan", "text": card}
        answer = ask(self.config.run / "door.sock", request)
        return str(answer["last"]["reason"])

    def person(self, key: str) -> Found | None:
        """As the doors know them."""
        return next((each for each in self.cache.people(key) if each.person.key == key), None)

    def events(self, *kinds: Kind) -> list[Recorded]:
        """What the journal holds."""
        self.settle()
        with closing(JournalReader(self.config.data / "journal.db")) as reader:
            return reader.events(kinds=kinds)

    def settle(self) -> None:
        """Wait until what happened is on the disk."""
        assert self.controller.journal.flush(PATIENCE)

    def happens(self, **event: Any) -> None:
        """Put an event into the journal, as a door does."""
        kind = Kind(event.pop("kind", "access"))
        assert self.controller.journal.append(Event(kind, "front", **event)).wait(PATIENCE)


@contextmanager
def lock_system(folder: Path, more: str = "") -> Iterator[LockSystem]:
    with ExitStack() as ends:
        built = LockSystem(folder, more)
        built.open(ends)
        yield built


def ada(**more: Any) -> dict[str, Any]:
    """A user as registered."""
    return {"name": "Ada Ruiz", "groups": ["main"], "cards": ["32:04A1B2C3"], **more}
