"""The sandbox's platforms as one process: a Cobot and a Hive, and a socket to play fate with.

They follow the sandbox's clock, so that tomorrow comes for them when it comes for the doors.
"""

import os
import signal
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from controller.clock import OFFSET, SkewedClock, SystemClock
from controller.control import Answer, Command, Request, Say, Server
from controller.errors import ConfigError, DoorwardError
from controller.logs import configure
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import SimulatedHive
from sync.simulator.server import FAULT_KINDS, Fault, SimulatedPlatform
from sync.simulator.town_lists import people_of_gym, people_of_harbour, told_gym, told_harbour
from sync.simulator.townspeople import GYM, GYM_DOORS, HARBOUR, settle_gym, settle_harbour

log = structlog.get_logger(__name__)

SOCKET = "town.sock"  # under the run directory
PORT = 17110  # of the first platform, if it is free; none that the kernel hands out by itself
TOKENS = {HARBOUR: "simulated-cobot-token", GYM: "simulated-hive-key"}
_TRIED = 50  # ports
_FAULT_FIELDS = ("path", "times", "after", "method", "status", "retry_after")


def run(run_dir: Path, port: int = PORT) -> None:
    """Run until SIGTERM or SIGINT; the control socket lies in `run_dir`."""
    configure("platforms")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Town(run_dir, port):
        stop.wait()


class Town:
    """Both platforms, populated and listening from `port` on; use as a context."""

    def __init__(self, run_dir: Path, port: int = PORT) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self._clock = SkewedClock(SystemClock(run_dir, mode="always"), run_dir / OFFSET)
        self.cobot = SimulatedCobot(self._clock.wall, token=TOKENS[HARBOUR], limits=True)
        self.hive = SimulatedHive(self._clock, TOKENS[GYM], GYM_DOORS)
        self.platforms: dict[str, SimulatedPlatform] = {HARBOUR: self.cobot, GYM: self.hive}
        self._cut = set[str]()
        self._path, self._port = run_dir / SOCKET, port
        self._server: Server | None = None

    def __enter__(self) -> "Town":
        settle_harbour(self.cobot)
        settle_gym(self.hive, self._clock.wall())
        for platform in self.platforms.values():
            _listen(platform, self._port)
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
            try:
                platform.mend()
            except OSError as error:
                raise DoorwardError(f"{platform.url} is somebody else's by now: {error}") from error
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
        told = {HARBOUR: told_harbour(self.cobot), GYM: told_gym(self.hive)}
        rows = [row for name, _ in self._named(request) for row in told[name]]
        return {"check_ins": sorted(rows, key=lambda row: row["at"])}

    def _members(self, request: Request, _author: str, _say: Say) -> Answer:
        """Everybody with a card, and what it is worth."""
        now = self._clock.wall()
        people = {HARBOUR: people_of_harbour(self.cobot), GYM: people_of_gym(self.hive, now)}
        return {"members": [row for name, _ in self._named(request) for row in people[name]]}

    def _named(self, request: Request) -> Iterable[tuple[str, SimulatedPlatform]]:
        name = request.get("platform")
        if name is not None and name not in self.platforms:
            raise ConfigError(
                f"there is no platform {name!r}; there are: {', '.join(self.platforms)}"
            )
        return [(n, p) for n, p in self.platforms.items() if name in (None, n)]


def _listen(platform: SimulatedPlatform, first: int) -> None:
    """Start it on the first port that is free, from this one on."""
    for port in range(first, first + _TRIED):
        with suppress(OSError):
            platform.start(port)
            return
    raise DoorwardError(f"no port from {first} to {first + _TRIED - 1} is free for a platform")
