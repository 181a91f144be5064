"""The network comes back after a long outage: how long until all is as it should be.

`doorward syncd` and `doorward controller` run as in production, the simulated Hive beside them. It
is cut off until back-off has grown to its longest; meanwhile people come, and somebody joins.
"""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bench.figures import Figures
from bench.place import KEY, configured, running
from controller.cache import Cache
from controller.clock import SystemClock
from controller.errors import DoorwardError
from sync.simulator.hive import Door, Membership, SimulatedHive, User

OUTAGE = 150.0  # seconds: 2, 4, 8, 16, 32 and the longest rest from there on
_PATIENCE = 120.0  # seconds after which it is given up
_LOOK = 0.1
_FAR = 4_000_000_000


def measure(work: Path, *, outage: float = OUTAGE, people: int = 20) -> Figures:
    """Seconds from the network's return until the roster is fetched and the queue is empty."""
    doors = (Door("front-01", "Front door", membership_type_ids=(1,)),)
    with SimulatedHive(SystemClock(work), KEY, doors) as hive:
        known = [_user(number) for number in range(1, people + 1)]
        hive.put(*known)
        config = configured(work / "outage", hive.url)
        data = config.parent / "data"
        with running("controller", config) as door, running("syncd", config):
            _until(lambda: _known(data, known[-1]), "the first roster")
            hive.cut()
            for user in known:
                if (said := door.scan(user.door_access_id)) != "granted":
                    raise RuntimeError(f"a member was not let in during the outage: {said}")
            hive.put(late := replace(_user(people + 1), first_name="Late"))
            time.sleep(outage)
            hive.mend()
            began = time.monotonic()
            _until(lambda: _known(data, late) and _told(data) == people, "recovery")
            seconds = time.monotonic() - began
    told = [entry.user_id for entry in hive.entries]
    if told != [user.id for user in known]:
        raise RuntimeError(f"told were {told}")
    print(f"  {people} check-ins told in order, and one who joined, after {outage:g} s without")
    return {"recovery_after_outage_s": round(seconds, 1)}


def _user(number: int) -> User:
    membership = Membership(number, 1, _FAR)
    return User(number, f"Guest {number}", "", f"0BAD{number:04}", memberships=(membership,))


def _known(data: Path, user: User) -> bool:
    with closing(Cache(data / "cache.db")) as cache:
        return bool(cache.people(user.first_name))


def _told(data: Path) -> int:
    with closing(Cache(data / "cache.db")) as cache:
        return cache.delivery_counts().get("sent", 0)


def _until(true: object, what: str) -> None:
    assert callable(true)
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            if true():
                return
        except DoorwardError:
            pass  # not made yet
        time.sleep(_LOOK)
    raise RuntimeError(f"never came: {what}")
