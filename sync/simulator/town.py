"""The sandbox's platforms as one process: a Cobot and a Hive, and a socket to play fate with.

They follow the sandbox's clock, so that tomorrow comes for them when it comes for the doors.
"""

import os
import signal
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from controller.clock import OFFSET, SkewedClock, SystemClock
from controller.control import Answer, Command, Request, Say, Server
from controller.errors import ConfigError
from controller.logs import configure
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import SimulatedHive
from sync.simulator.server import FAULT_KINDS, Fault, SimulatedPlatform
from sync.simulator.townspeople import GYM, GYM_DOORS, HARBOUR, settle_gym, settle_harbour

log = structlog.get_logger(__name__)

SOCKET = "town.sock"  # under the run directory
PORTS = {HARBOUR: 47110, GYM: 47111}  # if they are free
TOKENS = {HARBOUR: "simulated-cobot-token", GYM: "simulated-hive-key"}
_FAULT_FIELDS = ("path", "times", "after", "method", "status", "retry_after")


def run(run_dir: Path) -> None:
    """Run until SIGTERM or SIGINT; the control socket lies in `run_dir`."""
    configure("platforms")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Town(run_dir):
        stop.wait()


@dataclass(frozen=True, slots=True)
class _Known:
    """One person of a platform: `card` as the sandbox's readers send it."""

    id: str
    name: str
    card: str
    about: str
    passes: int | None = None  # left; None: needs none

    def told(self, platform: str) -> dict[str, Any]:
        known = {"id": self.id, "name": self.name, "card": self.card, "about": self.about}
        return {"platform": platform, **known, "passes": self.passes}


class Town:
    """Both platforms, populated and listening; use as a context."""

    def __init__(self, run_dir: Path) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self._clock = SkewedClock(SystemClock(run_dir, mode="always"), run_dir / OFFSET)
        self.cobot = SimulatedCobot(self._clock.wall, token=TOKENS[HARBOUR], limits=True)
        self.hive = SimulatedHive(self._clock, TOKENS[GYM], GYM_DOORS)
        self.platforms: dict[str, SimulatedPlatform] = {HARBOUR: self.cobot, GYM: self.hive}
        self._cut = set[str]()
        self._path = run_dir / SOCKET
        self._server: Server | None = None

    def __enter__(self) -> "Town":
        settle_harbour(self.cobot)
        settle_gym(self.hive, self._clock.wall())
        for name, platform in self.platforms.items():
            _listen(platform, PORTS[name])
        self._server = Server(self._path, self.commands())
        log.info("ready", **{name: platform.url for name, platform in self.platforms.items()})
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        for platform in self.platforms.values():
            platform.stop()

    def commands(self) -> Mapping[str, Command]:
        """What town.sock does; each takes `platform`, and means all without one."""
        return {
            "status": self._status,
            "cut": self._cut_line,
            "mend": self._mend_line,
            "fault": self._fault,
            "check_ins": self._check_ins,
            "members": self._members,
        }

    def _status(self, request: Request, _author: str, _say: Say) -> Answer:
        known = {HARBOUR: len(self.cobot.space.members), GYM: len(self.hive.users)}
        told = {HARBOUR: len(self.cobot.check_ins), GYM: len(self.hive.entries)}
        platforms = [
            {
                "platform": name,
                "url": platform.url,
                "cut": name in self._cut,
                "fault": platform.fault.kind if platform.fault else None,
                "people": known[name],
                "check_ins": told[name],
            }
            for name, platform in self._named(request)
        ]
        return {"pid": os.getpid(), "platforms": platforms}

    def _cut_line(self, request: Request, _author: str, _say: Say) -> Answer:
        """Nobody listens any more: the port is closed and so is every connection."""
        for name, platform in self._named(request):
            platform.cut()
            self._cut.add(name)
            log.warning("line cut", platform=name)
        return {"cut": sorted(self._cut)}

    def _mend_line(self, request: Request, _author: str, _say: Say) -> Answer:
        for name, platform in self._named(request):
            platform.mend()
            platform.fault = None
            self._cut.discard(name)
            log.info("line mended", platform=name)
        return {"cut": sorted(self._cut)}

    def _fault(self, request: Request, _author: str, _say: Say) -> Answer:
        """Let requests go wrong from now on: `kind`, and the fields of `Fault`."""
        kind = request.get("kind")
        if kind not in FAULT_KINDS:
            raise ConfigError(f"a fault is one of {', '.join(FAULT_KINDS)}; `mend` ends it")
        more = {field: request[field] for field in _FAULT_FIELDS if field in request}
        for name, platform in self._named(request):
            platform.fault = Fault(kind, **more)
            log.warning("from now on requests go wrong", platform=name, fault=kind, **more)
        return {"fault": kind}

    def _check_ins(self, request: Request, _author: str, _say: Say) -> Answer:
        """Every check-in the platforms were told of, with the time at which they were told."""
        names = {HARBOUR: self._at_harbour, GYM: self._at_gym}
        told = [row for name, _ in self._named(request) for row in names[name]()]
        return {"check_ins": sorted(told, key=lambda row: row["at"])}

    def _members(self, request: Request, _author: str, _say: Say) -> Answer:
        people = {HARBOUR: self._harbour_people, GYM: self._gym_people}
        asked = [name for name, _ in self._named(request)]
        return {"members": [who.told(name) for name in asked for who in people[name]()]}

    def _named(self, request: Request) -> Iterable[tuple[str, SimulatedPlatform]]:
        name = request.get("platform")
        if name is not None and name not in self.platforms:
            raise ConfigError(f"there is no platform {name!r}; there are: {', '.join(PORTS)}")
        return [(n, p) for n, p in self.platforms.items() if name in (None, n)]

    def _at_harbour(self) -> Iterable[dict[str, Any]]:
        with self.cobot.lock:
            members = self.cobot.space.members
            names = {key: member.name for key, member in members.items()}
        for stay in self.cobot.check_ins:
            about = {"until": stay.valid_until, "used_pass": stay.time_pass is not None}
            yield _told(HARBOUR, stay.member, names.get(stay.member, ""), stay.valid_from) | about

    def _at_gym(self) -> Iterable[dict[str, Any]]:
        users = self.hive.users
        for entry in list(self.hive.entries):
            user = users.get(entry.user_id)
            name = f"{user.first_name} {user.last_name}" if user else ""
            yield _told(GYM, str(entry.user_id), name, entry.at) | {"door": entry.door_id}

    def _harbour_people(self) -> Iterable[_Known]:
        with self.cobot.lock:
            space = self.cobot.space
            unused = [one.member for one in space.unused_passes()]
            for token, key in space.tokens:
                member = space.members[key]
                left = unused.count(key) if member.plan.types else None
                card, about = f"{int(token):08X}", f"plan {member.plan.name}"
                yield _Known(key, member.name, card, about, left)

    def _gym_people(self) -> Iterable[_Known]:
        for user in self.hive.users.values():
            doors = [d.name for d in GYM_DOORS if user.may_enter(d, self._clock.wall())]
            about = " and ".join(doors) or "no door"
            name = f"{user.first_name} {user.last_name}"
            yield _Known(str(user.id), name, user.door_access_id, about)


def _listen(platform: SimulatedPlatform, port: int) -> None:
    try:
        platform.start(port)
    except OSError:
        platform.start()  # any that is free


def _told(platform: str, person: str, name: str, at: float) -> dict[str, Any]:
    return {"platform": platform, "person": person, "name": name, "at": at}
