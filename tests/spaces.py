"""A simulated coworking space, and a Cobot platform that speaks to it."""

from datetime import date
from typing import Any

from sync.platform import CheckIn, Surroundings
from sync.platforms.cobot import Cobot
from sync.platforms.cobot_settings import CobotSettings
from sync.simulator.cobot import Member, SimulatedCobot
from tests.fakes import MONDAY, FakeClock
from tests.lines import Waiting
from tests.rosters import Recorded

TOKEN = "a-cobot-token-7f3a"
TODAY = date(2026, 1, 5)  # of MONDAY, in Berlin
HOUR = 3600.0
DAY = 86400.0


class Loft(SimulatedCobot):
    """A space whose time is that of `clock`; it closes all that was ever connected to it."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        self.cobots: list[Cobot] = []
        super().__init__(self.clock.wall, token=TOKEN, **options)

    def stop(self) -> None:
        for cobot in self.cobots:
            cobot.close()
        super().stop()


def settings(url: str, /, **more: Any) -> CobotSettings:
    table: dict[str, Any] = {
        "kind": "cobot",
        "url": url,
        "www_url": url,
        "api2_url": url,
        "subdomain": "harbour",
        "token": {"file": "/etc/doorward/cobot-token"},
        "cards": [{"source": "tokens", "format": "dec10"}],
    }
    return CobotSettings.model_validate({**table, **more})


def cobot_at(loft: Loft, token: str = TOKEN, **more: Any) -> Cobot:
    waiting = Waiting(loft.clock)
    around = Surroundings(loft.clock, waiting, lambda _: token, lambda booking: f"77{booking[3:]}")
    loft.cobots.append(Cobot("harbour", settings(loft.url, **more), around))
    return loft.cobots[-1]


def fetched(cobot: Cobot) -> Recorded:
    roster = Recorded()
    cobot.fetch(roster, lambda *_: None)
    return roster


def entry(member: Member | str, at: float = MONDAY, until: float | None = None) -> CheckIn:
    person = member if isinstance(member, str) else member.id
    return CheckIn(f"uuid-{person}-{at}", person, "front", at, until)


def posts(loft: Loft) -> list[str]:
    return [request.path for request in loft.requests if request.method == "POST"]


def asked(loft: Loft) -> list[str]:
    return [request.path for request in loft.requests if request.method == "GET"]
