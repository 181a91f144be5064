"""A simulated Hive with a few people, and ways to make it say odd things."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sync.platform import CheckIn, Surroundings
from sync.platforms.hive import Hive
from sync.platforms.hive_settings import HiveSettings
from sync.simulator.hive import Door, Membership, SimulatedHive, User
from sync.simulator.server import Request, Response
from tests.fakes import MONDAY, FakeClock
from tests.lines import Waiting
from tests.rosters import Recorded

KEY = "a-key-for-doors-7f3a"
SOON = int(MONDAY) + 30 * 86_400
DOORS = (
    Door("front-01", "Front door", membership_type_ids=(1, 2, 3), allow_instructors=True),
    Door("studio-02", "Studio", membership_type_ids=(3,)),
    Door("cellar-03", "Cellar", active=False, membership_type_ids=(1, 3), allow_instructors=True),
)
ADA = User(201, "Amina", "Abara", "04a1b2c3", "B-1", memberships=(Membership(1, 1, SOON),))
BEN = User(202, "Bjørn", "Brook", "DEADBEEF", "", is_instructor=True)
CLEO = User(203, "Chloé", "", memberships=(Membership(3, 3, SOON), Membership(4, 1, SOON + 60)))


def small_gym() -> SimulatedHive:
    """With three people, not started yet, at an address with a path."""
    gym = SimulatedHive(FakeClock(), KEY, DOORS, base="/door-api/3f9c")
    gym.put(ADA, BEN, CLEO)
    return gym


def settings(at: str, **more: Any) -> HiveSettings:
    table: dict[str, Any] = {
        "kind": "hive",
        "url": at,
        "key": {"file": "/etc/doorward/hive-key"},
        "zone": "Europe/Berlin",
        "cards": [{"source": "door_access_id", "format": "hex"}],
        "doors": {"front": "front-01", "studio": "studio-02", "cellar": "cellar-03"},
    }
    return HiveSettings.model_validate({**table, **more})


def hive_at(gym: SimulatedHive, key: str = KEY, **more: Any) -> Hive:
    clock = FakeClock()
    around = Surroundings(clock, Waiting(clock), lambda _: key, str)
    return Hive("gym", settings(gym.url, **more), around)


def fetched(hive: Hive) -> Recorded:
    roster = Recorded()
    hive.fetch(roster, lambda *_: None)
    return roster


def entry(person: int = 201, door: str = "front") -> CheckIn:
    return CheckIn("uuid", str(person), door, MONDAY, None)


def asked(gym: SimulatedHive) -> list[str]:
    return [f"{r.method} {r.path.removeprefix('/door-api/3f9c')}" for r in gym.requests]


def oddly(user: User, **fields: Any) -> User:
    return replace(user, oddities=fields)


def member(**fields: Any) -> User:
    """Amina with a membership of which Hive says something odd."""
    return replace(ADA, memberships=(replace(ADA.memberships[0], oddities=fields),))


class Lying(SimulatedHive):
    """Says of some pages what `lie` makes of them."""

    lie: Callable[[int, dict[str, Any]], object]

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        if request.path == "/users":
            self.lie(int(request.first("p")), answer.body)
        return answer


class Vague(SimulatedHive):
    """Answers every `/access` alike."""

    vaguely: tuple[int, object]

    def handle(self, request: Request) -> Response:
        if request.path != "/access":
            return super().handle(request)
        status, body = self.vaguely
        return Response(status, body)
