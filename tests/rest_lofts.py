"""A coworking space at a Nexudus that can be asked, too: its REST API, and a platform that asks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.cards import hash_card, visitor_pin
from sync.platform import CheckIn, Surroundings
from sync.platforms.nexudus import Nexudus
from sync.platforms.nexudus_settings import NexudusSettings
from sync.simulator.nexudus import Coworker
from sync.simulator.nexudus_rest import SimulatedNexudusRest
from sync.simulator.server import Request, Response
from tests.fakes import MONDAY, FakeClock
from tests.lines import Waiting
from tests.lofts import WEBHOOK_TOKEN, Loft, jane, loft
from tests.rosters import Recorded

PASSWORD = "the-password-of-acs-51d0"
DEVICE_KEY = b"k" * 32
CARD = "32:04A1B2C3"
JANE = "f1e2d3c4-b5a6-7890-abcd-ef0987654321"
HOUR, DAY = 3600.0, 86_400.0
EVERYTHING: dict[str, Any] = {
    "contracts": True,
    "bookings": True,
    "visitors": True,
    "check_in_at": 501,
}


def otto(**more: Any) -> Coworker:
    whole = {"id": 9002, "name": "Otto Kern", "unique_id": "OTTO", "card": "0BADCAFE"}
    return Coworker(**{**whole, "businesses": (501,), **more})


def account(clock: FakeClock | None = None, kind: type | None = None) -> SimulatedNexudusRest:
    """With two customers, not started yet."""
    made: SimulatedNexudusRest = (kind or SimulatedNexudusRest)(
        clock or FakeClock(), password=PASSWORD
    )
    made.put(jane(card="04A1B2C3", pin="0471", businesses=(501,), teams=(31,)), otto())
    return made


def settings(at: str, locations: tuple[str, ...] = (), **api: Any) -> NexudusSettings:
    whole: dict[str, Any] = {"url": at, "user": "acs@example.org", "password": {"file": "/pw"}}
    return NexudusSettings.model_validate(
        {
            "kind": "nexudus",
            "zone": "Europe/Berlin",
            "webhook_token": {"file": "/webhook"},
            "groups": {"main": "Main"},
            "locations": locations,
            "cards": [
                {"source": "accessCardId", "format": "hex"},
                {"source": "keyFobNumber", "format": "hex"},
                {"source": "accessPincode", "format": "pin"},
            ],
            "api": {**whole, **api},
        }
    )


def platform_at(
    rest: SimulatedNexudusRest, folder: Path, *, clock: FakeClock | None = None, **how: Any
) -> Nexudus:
    clock = clock or FakeClock()

    def secret(ref: Any) -> str:
        return WEBHOOK_TOKEN if ref.file == Path("/webhook") else PASSWORD

    around = Surroundings(
        clock,
        Waiting(clock),
        secret,
        lambda booking: visitor_pin(DEVICE_KEY, booking),
        lambda canonical: hash_card(DEVICE_KEY, canonical),
        folder,
    )
    return Nexudus("loft", settings(rest.url, **how), around)


def fetched(platform: Nexudus) -> Recorded:
    roster = Recorded()
    platform.fetch(roster, lambda *_: None)
    return roster


def hashed(canonical: str) -> str:
    return hash_card(DEVICE_KEY, canonical)


def entry(
    person: str = JANE, at: float = MONDAY, until: float | None = MONDAY + 8 * HOUR
) -> CheckIn:
    return CheckIn("0f3c-uuid", person, "front", at, until)


def asked(rest: SimulatedNexudusRest) -> list[str]:
    """Paths of what was asked but for tokens."""
    return [r.path for r in rest.requests if r.path != "/api/token"]


class Lying(SimulatedNexudusRest):
    """Says of some answers what `lie` makes of them."""

    path = "/api/spaces/coworkers"
    lie: Callable[[Any], object] = staticmethod(lambda _: None)

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        if request.path == self.path and answer.status == 200:
            type(self).lie(answer.body)
        return answer


@contextmanager
def rest_loft(
    folder: Path, rest: SimulatedNexudusRest, clock: FakeClock, api: str = ""
) -> Iterator[Loft]:
    """`syncd` of a space whose Nexudus is `rest`, started, on the same clock."""
    (folder / "password").write_text(PASSWORD)
    more = f"""
[platforms.loft.api]
url = "{rest.url}"
user = "acs@example.org"
password = {{ file = "password" }}
pause = "0s"
{api}"""
    with loft(folder, more, clock) as space:
        rest.sender = space.nexudus
        yield space
