"""A reception desk: the real console on loopback, its doors simulated, its clock movable."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from controller.config import Config, load
from controller.control import Server, ask
from controller.daemon import Controller
from controller.journal_read import JournalReader
from controller.model import Kind, Recorded
from hw import TABLES
from hw.sim import SimReader
from sync.commands import SyncCommands
from sync.console.gate import Gate
from sync.desk_users import Role, Users
from sync.inbound_server import InboundServer
from sync.office import Office
from sync.platforms import PLATFORMS
from sync.sites import sites
from tests.lives import MovingClock, until
from tests.worlds import PATIENCE

PASSWORD = "three plain words"
# As `sync.passwords` makes them, and not as slow.
HASHED = Argon2id(
    salt=bytes(16), length=32, iterations=1, lanes=1, memory_cost=64
).derive_phc_encoded(PASSWORD.encode())

CONFIG = """
[site]
name = "Harbour Loft"
data = "data"
run = "run"
zone = "Europe/Berlin"

[doors.front]
name = "Front door"
admits = ["*"]
lock = { driver = "sim" }
contact = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "hex" } }

[doors.studio]
name = "Studio"
admits = ["*"]
lock = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "hex" } }

[platforms.list]
kind = "file"
path = "people.csv"
card = { format = "hex" }
"""
PEOPLE = "id,name,card\n1,Ada Quill,04A1B2C3\n2,<script>alert(1)</script>,04A1B2C4\n"


class Desk:
    """Everything of one site in this process. `browser(name)` is somebody logged in."""

    def __init__(self, folder: Path, http: str = "") -> None:
        self.folder, self.clock = folder, MovingClock()
        self._http = http

    def open(self, ends: ExitStack) -> None:
        self._ends = ends
        self.config = self._configured()
        self._controlling = ends.enter_context(ExitStack())
        self.controller = self._controlling.enter_context(Controller(self.config, self.clock))
        self.office = Office(self.config, threading.Event(), self.clock)
        ends.callback(self.office.close)
        assert self.office.desk
        self.users = Users(self.office.desk)
        self.socket = Server(self.config.run / "sync.sock", SyncCommands(self.office).table())
        ends.callback(self.socket.close)
        self.server = InboundServer(self.config.http, (), sites=sites(self.office))
        self.server.open()
        self.office.listening = {"url": self.server.url, "failure": ""}
        ends.callback(self.server.close)
        ends.callback(self.office.stopping.set)
        for line in self.office.lines.values():
            line.pull(lambda *_: None)

    def user(self, name: str, role: Role) -> None:
        self.users.add(name, role, HASHED, "tests", self.clock.wall())

    def browser(self, name: str = "", role: Role | str = Role.STAFF) -> "Browser":
        """Somebody at the desk, logged in if a name is given; they get a user if they need one."""
        if name and not self.users.called(name):
            self.user(name, Role(role))
        made = self._ends.enter_context(Browser(self.server.url))
        if name:
            made.cookies.set("doorward", self.session(name))
        return made

    def session(self, name: str) -> str:
        """The token of a session, as a login makes one."""
        return Gate(self.config.http, self.users, self.clock).begin(name, HASHED)

    def stop_controller(self) -> None:
        """The doors' program is gone."""
        self._controlling.close()

    def scan(self, door: str, card: str) -> str:
        """Hold a card to a door's reader; returns the reason."""
        at = self.controller.doors.working[door]
        self.clock.advance(3)
        reader = at.parts.readers["main"].reader
        assert isinstance(reader, SimReader)
        reader.present(card)
        assert at.catch_up(PATIENCE)
        assert at.last
        assert self.controller.journal.flush(PATIENCE)
        return at.last[1].reason.value

    def ask(self, do: str, **what: object) -> None:
        """Something of sync.sock, as the command line asks it."""
        ask(self.config.run / "sync.sock", {"do": do, **what})

    def events(self, *kinds: Kind) -> list[Recorded]:
        assert self.controller.journal.flush(PATIENCE)
        with closing(JournalReader(self.config.data / "journal.db")) as reader:
            return reader.events(kinds=kinds)

    def released(self, door: str) -> bool:
        return self.controller.doors.working[door].released

    def until(self, true: Callable[[], object]) -> None:
        until(true)

    def mode(self, door: str) -> str:
        return self.controller.doors.working[door].mode.value

    def _configured(self) -> Config:
        (self.folder / "people.csv").write_text(PEOPLE)
        path = self.folder / "doorward.toml"
        path.write_text(f"{CONFIG}\n[http]\nport = 0\n{self._http}\n")
        return load(path, TABLES, PLATFORMS)


class Browser(httpx.Client):
    """Sends what a browser sends: cookies, an Origin, a form's token."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=PATIENCE)
        self.origin = url

    def login(self, name: str, password: str = PASSWORD, **more: str) -> httpx.Response:
        form = {"name": name, "password": password, **more}
        return self.post("/login", data=form, headers={"Origin": self.origin})

    def form_token(self, page: str = "/") -> str:
        """What the forms of a page carry."""
        found = re.search(r'name="token" value="([0-9a-f]+)"', self.get(page).text)
        assert found, "no form on this page"
        return found[1]

    def do(self, path: str, **form: str) -> httpx.Response:
        """Send a form as its page would, and follow to the page that comes next."""
        data = {"token": self.form_token(), **form}
        headers = {"Origin": self.origin}
        return self.post(path, data=data, headers=headers, follow_redirects=True)


@contextmanager
def desk(folder: Path, http: str = "") -> Iterator[Desk]:
    """`http`: more lines of [http]."""
    with ExitStack() as ends:
        built = Desk(folder, http)
        built.open(ends)
        yield built
