"""A reception: the console's desk with a simulated Cobot, its members, a visitor and history."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import unescape
from pathlib import Path

from controller.config import Config, load
from hw import TABLES
from sync.platforms import PLATFORMS
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.cobot_space import Member
from tests.desks import Browser, Desk
from tests.fakes import MONDAY
from tests.houses import TEN_DAYS, TOKEN, UNLIMITED
from tests.worlds import HOUR, PATIENCE

ADA, BEN, CLEO, NEW = "0000000017", "0000000018", "0000000019", "0000000042"
EVIL = "=<script>alert('x')</script>\"&"

CONFIG = """
[site]
name = "Harbour Loft"
data = "data"
run = "run"
zone = "Europe/Berlin"

[doors.front]
name = "Front door"
admits = ["plan:*", "resource:*"]
lock = {{ driver = "sim" }}
contact = {{ driver = "sim" }}
readers.main = {{ driver = "sim", card = {{ format = "dec10" }} }}

[doors.studio]
name = "Studio"
admits = ["plan:plan-ten"]
lock = {{ driver = "sim" }}
readers.main = {{ driver = "sim", card = {{ format = "dec10" }} }}

[platforms.loft]
kind = "cobot"
url = "{url}"
www_url = "{url}"
api2_url = "{url}"
subdomain = "harbour"
token = {{ file = "cobot-token" }}
cards = [{{ source = "tokens", format = "dec10" }}]
visitors = true

[http]
port = 0
"""


class Reception(Desk):
    """Ada comes always, Ben has one pass, Cleo no card, Vera visits; one chose an evil name."""

    fetched = True  # else there is no platform from which anybody was ever fetched

    def open(self, ends: ExitStack) -> None:
        self.cobot = ends.enter_context(SimulatedCobot(self.clock.wall, token=TOKEN))
        self.ada = self.cobot.add_member("Ada Quill", UNLIMITED, cards=[ADA])
        self.ben = self.cobot.add_member("Ben Ode", TEN_DAYS, cards=[BEN], passes=1)
        self.cleo = self.cobot.add_member("Cleo Bare", UNLIMITED)
        self.evil = self.cobot.add_member(EVIL, UNLIMITED, cards=[CLEO])
        self.cobot.book("room-1", MONDAY, MONDAY + 2 * HOUR, visitor="Vera Visit")
        super().open(ends)

    def sync(self) -> None:
        """Fetch the roster."""
        for line in self.office.lines.values():
            line.pull(lambda *_: None)

    def waits(self, door: str) -> bool:
        """Does somebody wait for a card there?"""
        return bool(self.controller.doors.working[door].strangers._waiting)

    def break_cache(self) -> None:
        """As a card that fails would."""
        for name in ("cache.db-wal", "cache.db-shm"):
            (self.config.data / name).unlink(missing_ok=True)
        (self.config.data / "cache.db").write_bytes(b"no database " * 1000)

    def url(self, member: Member) -> str:
        return f"/people/person?platform=loft&key={member.id}"

    def whom(self, member: Member) -> dict[str, str]:
        """What a form of this person's page says."""
        return {"platform": "loft", "key": member.id}

    def visitor(self) -> str:
        """The key of the visitor."""
        (found,) = self.people("visitor:")
        return found

    def people(self, text: str) -> list[str]:
        from controller.files import cache_of

        with cache_of(self.config) as cache:
            return [each.person.key for each in cache.people(text)]

    def deliver(self) -> None:
        """Tell what can be told now, and have the journal note it."""
        assert self.controller.journal.flush(PATIENCE)
        while self.office.deliver("loft"):
            self.office.note_settled()
        self.office.note_settled()

    def _configured(self) -> Config:
        (self.folder / "cobot-token").write_text(TOKEN)
        path = self.folder / "doorward.toml"
        text = CONFIG.format(url=self.cobot.url)
        begin, end = text.index("[platforms.loft]"), text.index("[http]")
        path.write_text(text if self.fetched else text[:begin] + text[end:])
        return load(path, TABLES, PLATFORMS)


@contextmanager
def reception(folder: Path, *, fetched: bool = True) -> Iterator[Reception]:
    with ExitStack() as ends:
        built = Reception(folder)
        built.fetched = fetched
        built.open(ends)
        yield built


def shown(browser: Browser, url: str, part: str = "") -> str:
    """What a page, or a part of it, says."""
    answer = browser.get(url, headers={"X-Part": part} if part else {})
    assert answer.status_code == 200, answer.text
    return plain(answer.text)


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
