"""`doorward controller`: puts the doors together and keeps them going. Opens no network socket."""

import errno
import math
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from controller import lock_list
from controller.assembly import Doors
from controller.cache import Cache
from controller.clock import StepWatch, boot_id, configured_clock
from controller.commands import DoorCommands
from controller.config import Config, load
from controller.control import Server
from controller.errors import DoorwardError, StoreError
from controller.journal import Journal
from controller.journal_read import newest_wall
from controller.journeys import Journeys
from controller.knowledge import Knowledge
from controller.live import Asker
from controller.logs import Once, configure
from controller.model import Event, Kind, Trust
from controller.notify import Notifier
from controller.ports import Clock
from controller.secrets import device_key, read_secret
from controller.store import closed_on_error
from hw.sim_play import play

if TYPE_CHECKING:
    from sync.keyholders import Keyholders

log = structlog.get_logger(__name__)

DOOR_SOCK = "door.sock"
_TICK = 1.0  # seconds
_STUCK = 8.0  # seconds without a sign of life after which systemd may restart us
_PRUNE_EVERY = 3600.0
_PRUNES_WITHIN = 15.0  # seconds that are waited for it at the end
# What a missing or dead disk says, or one that was mounted read-only.
_AWAY = {errno.ENOENT, errno.ENOTDIR, errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO}
_LOOK_EVERY = 5.0  # seconds between looks at the keyholders' files


def run(path: Path | None) -> None:
    """Run until SIGTERM or SIGINT. Raises `ConfigError` or `StoreError` if it cannot start."""
    from hw import TABLES  # noqa: PLC0415 - the composition root alone knows the drivers

    configure("controller")
    config = load(path, devices=TABLES)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Controller(usable(config)) as controller:
        controller.serve(stop)


def usable(config: Config) -> Config:
    """The same; with data in memory if the disk for it is away: keyholders still get in.

    Exit buttons, fire inputs and alarms need no disk either. Raises `DoorwardError` if there is a
    disk, but not for us.
    """
    try:
        _make(config.data)
        device_key(config.data)
    except DoorwardError as error:
        if getattr(error.__cause__, "errno", None) not in _AWAY:
            raise
        log.critical("no data directory: keyholders alone get in", error=str(error))
        site = config.site.model_copy(update={"data": config.run / "without-disk"})
        return replace(config, site=site)
    return config


class Controller:
    """The doors of one configuration; use as a context."""

    def __init__(self, config: Config, clock: Clock | None = None, boot: str = "") -> None:
        """Open the journal and what people are looked up in. Raises `DoorwardError`.

        `boot`: the id of this run of the machine, else the kernel's.
        """
        for directory in (config.run, config.data):
            _make(directory)
        self.config, kept = config, config.data / "journal.db"
        key = device_key(config.data)
        self.clock = clock or configured_clock(config, lambda: newest_wall(kept))
        self.journal = Journal(kept, self.clock, boot or boot_id())
        cache = Cache(config.data / "cache.db")
        self.knowledge = Knowledge(cache, self.journal, self.clock, key)
        self.knowledge.journeys = Journeys(each.journey() for each in config.journeys)
        self.knowledge.knows_places = bool(config.areas)
        self.knowledge.tries.recall(self.journal.tried())
        self.doors = Doors(config, self.knowledge, self.journal, self.clock)
        self.doors.asker = Asker(config.run / "sync.sock", self.clock)
        self._keyholders = _local_list(config, key, self.clock)
        self._notifier, self._steps, self._once = Notifier(), StepWatch(self.clock), Once(log)
        self._prune_at = self._look_at = 0.0
        self._pruner: threading.Thread | None = None
        self._server: Server | None = None

    def __enter__(self) -> "Controller":
        with closed_on_error(self):
            self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Secure every door, then let go of the files."""
        self._notifier.stopping()
        if self._server:
            self._server.close()
        self.doors.stop()
        self.knowledge.close()
        if self._pruner:
            self._pruner.join(_PRUNES_WITHIN)
        self.journal.append(Event(Kind.STOPPED))
        self.journal.close()

    def serve(self, stop: threading.Event) -> None:
        """Watch over the doors until told to stop."""
        while not stop.wait(_TICK):
            if stuck := self.doors.stuck(_STUCK):
                log.critical("doors stuck: no sign of life to systemd", doors=stuck)
            else:
                self._notifier.watchdog()
            self.doors.start()
            self._notice_step()
            now = self.clock.monotonic()
            if now >= self._look_at:
                self._look_at = now + _LOOK_EVERY
                self._read_keyholders()
                self._listen()
            if now >= self._prune_at:
                # Apart, for a disk that stalls must not take the signs of life away.
                self._prune_at = math.inf
                self._pruner = threading.Thread(target=self._prune, name="prune", daemon=True)
                self._pruner.start()

    def _begin(self) -> None:
        self._read_keyholders()
        self._list_locks()
        self.doors.start()
        self._listen()
        self.journal.append(Event(Kind.STARTED))
        self._notifier.ready(f"{len(self.doors.working)} of {len(self.config.doors)} doors work")
        log.info("ready", doors=list(self.doors.working), data=str(self.config.data))

    def _listen(self) -> None:
        """Take commands, if none are taken yet; without them the doors still work."""
        if self._server:
            return
        commands, path = DoorCommands(self.doors, self.knowledge, play), self.config.run / DOOR_SOCK
        try:
            self._server = Server(path, commands.table())
        except OSError as error:
            why = f"{path}: {error.strerror}; it is tried again"
            self._once.trouble("socket", "commands cannot be taken", error=why)
            return
        self._once.fine("socket", "commands are taken again")

    def _list_locks(self) -> None:
        """For the program that shuts them should this one die; without it the doors still work."""
        try:
            lock_list.write(self.config)
        except StoreError as error:
            log.critical("the list of locks was not written", error=str(error))

    def _notice_step(self) -> None:
        if step := self._steps.step():
            log.warning("the clock was set", seconds=round(step, 1))
            self.journal.append(Event(Kind.CLOCK_STEPPED, detail={"seconds": round(step, 1)}))

    def _prune(self) -> None:
        again = _TICK if self._pruned() else _PRUNE_EVERY
        self._prune_at = self.clock.monotonic() + again

    def _pruned(self) -> int:
        keep, sure = self.config.journal, self.clock.trust() is not Trust.GUESSED
        before = self.clock.wall() - keep.keep if sure and self._steps.settled() else 0.0
        try:
            removed = self.journal.prune(before, keep.max_mib << 20)
        except StoreError as error:
            self._once.trouble("prune", "old events cannot be removed", error=str(error))
            return 0
        self._once.fine("prune", "old events can be removed again")
        return removed

    def _read_keyholders(self) -> None:
        if self._keyholders is None:
            return
        try:
            fresh = self._keyholders.refresh()
        except DoorwardError as error:
            self._once.trouble("keyholders", "keyholders unchanged", error=str(error))
            return
        self._once.fine("keyholders", "the list of keyholders can be read again")
        if fresh:
            log.info("keyholders read", lists=fresh)
        if self.knowledge.keyholders is None:
            self.knowledge.keyholders = Cache(self._keyholders.target)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{directory} cannot be made ({error.strerror}); make it, and give it to the user this "
            "program runs as"
        ) from error


def _local_list(config: Config, key: bytes, clock: Clock) -> "Keyholders | None":
    from sync.keyholders import Keyholders, is_keyholders  # noqa: PLC0415 - see `run`
    from sync.platform import Surroundings  # noqa: PLC0415

    if not any(is_keyholders(stanza) for stanza in config.platforms.values()):
        return None
    around = Surroundings(clock, lambda _: False, read_secret, lambda _: "")
    try:
        return Keyholders(config, config.run / "keyholders.db", key, around)
    except DoorwardError as error:
        log.critical("the list of keyholders is not used", error=str(error))
        return None
