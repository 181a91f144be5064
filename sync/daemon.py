"""`doorward syncd`: fetches rosters, tells of check-ins, and answers on sync.sock."""

import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from controller.config import load
from controller.control import Server
from controller.errors import DoorwardError, StoreError
from controller.logs import Once, configure
from controller.notify import Notifier
from controller.store import closed_on_error
from sync.alerts import Alerts
from sync.commands import SyncCommands
from sync.desk_alerts import AlertBook
from sync.follow import Follower
from sync.health import Health
from sync.jobs import Jobs
from sync.minder import LOOK
from sync.office import Office
from sync.platform import Hearing, Hinting
from sync.platforms import PLATFORMS
from sync.sites import sites

if TYPE_CHECKING:
    from sync.inbound_server import InboundServer
    from sync.mail import Post

log = structlog.get_logger(__name__)

_TICK = 1.0  # seconds
_LOOK = 0.25  # seconds between looks at the journal for new check-ins
_PAUSE = 60.0  # seconds
_LAST_WORDS = 5.0  # seconds for what is being told at the end; else it would be in doubt
_KEEP_MAILS = 30 * 86_400.0  # after the booking
_KEEP_SETTLED = 90 * 86_400.0


def run(path: Path | None) -> None:
    """Run until SIGTERM or SIGINT. Raises `ConfigError` or `StoreError` if it cannot start."""
    configure("syncd")
    config = load(path, platforms=PLATFORMS)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Daemon(Office(config, stop)) as daemon:
        daemon.serve()


class Daemon:
    """The office at work: a job and a thread for each line. Use as a context."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.jobs = Jobs(office.clock)
        self._notifier, self._once = Notifier(), Once(log)
        self._recovering = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._server: Server | None = None
        self._inbound: InboundServer | None = None
        self._health = Health(office)
        self._alerts: Alerts | None = None

    def __enter__(self) -> "Daemon":
        with closed_on_error(self):
            self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything and let go of the files."""
        self._notifier.stopping()
        self.office.stopping.set()
        if self._inbound:
            self._inbound.close()
        if self._server:
            self._server.close()
        self.jobs.stop()
        self._last_words()
        self.office.close()

    def serve(self) -> None:
        """Watch over jobs and threads until told to stop."""
        office = self.office
        while not office.stopping.wait(_TICK):
            if stuck := office.life.stuck():
                log.critical("lines stuck: no sign of life to systemd", platforms=stuck)
            else:
                self._notifier.watchdog()
            self.jobs.watch()
            self._tend()
            for name, line in office.lines.items():
                if line.retry and not line.resting() and not line.busy.locked():
                    line.retry = False
                    self.jobs.now(name)

    def _begin(self) -> None:
        office = self.office
        office.forget_unconfigured()
        for name in office.lines:
            self.jobs.every(office.config.every(name), name, partial(self._pull, name))
        for name, minder in office.minders.items():
            self.jobs.every(LOOK, f"{name}, webhooks", minder.look)
        self.jobs.nightly("nightly", self._night)
        commands = SyncCommands(office)
        self._server = Server(office.config.run / "sync.sock", commands.table())
        self.jobs.start()
        for name in office.lines:
            self._begin_thread(f"push-{name}", self._push, name)
        if office.post:
            self._begin_thread("mail", self._mail, office.post)
        office.targets.start()
        self._alert()
        self._listen()
        self._notifier.ready(f"{len(office.lines)} platforms")
        log.info("ready", platforms=list(office.lines))

    def _begin_thread(self, name: str, work: Callable[..., None], *about: object) -> None:
        thread = threading.Thread(target=work, args=about, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _last_words(self) -> None:
        """Let what is under way end: the answer to what was sent, a mail that is going out."""
        clock = self.office.clock
        until = clock.monotonic() + _LAST_WORDS
        for thread in [*self._threads, *self.office.targets.threads]:
            thread.join(max(0.0, until - clock.monotonic()))

    def _pull(self, name: str) -> None:
        line = self.office.lines[name]
        if line.busy.locked():
            return  # somebody asked by hand just now
        try:
            line.pull(lambda *_: None)
        except StoreError as error:
            self._recover(error)
        except DoorwardError:
            pass  # told and counted by the line
        except Exception:
            log.exception("fetching failed in a way nobody thought of", platform=name)

    def _push(self, name: str) -> None:
        """The life of one line's push thread."""
        seen, idle = None, 0.0
        while not self._stopping(name):
            try:
                changes = self.office.journal_changes()
                # Besides new entries, time itself makes work: back-off ends, a visit is over.
                if changes != seen or idle >= _TICK:
                    seen, idle = changes, 0.0
                    while self.office.deliver(name, partial(self._stopping, name)):
                        self.office.note_settled()
                    self.office.note_settled()
            except StoreError as error:
                self._recover(error)
            except Exception:
                log.exception("telling failed in a way nobody thought of", platform=name)
            self.office.stopping.wait(_LOOK)
            idle += _LOOK

    def _mail(self, post: "Post") -> None:
        """The life of the mail thread. It gives no sign of life: mail can wait, doors cannot."""
        while not self.office.stopping.is_set():
            try:
                post.turn(self.office.stopping.is_set)
            except StoreError as error:
                self._once.trouble("mail", "mail waits for the disk", error=str(error))
            except Exception:
                log.exception("mailing failed in a way nobody thought of")
                self.office.stopping.wait(_PAUSE)
            self.office.stopping.wait(_TICK)

    def _alert(self) -> None:
        """Begin to tell people when something is wrong. It gives no sign of life either."""
        office, settings = self.office, self.office.config.alerts
        if settings and office.desk:
            try:
                book = AlertBook(office.desk)
                self._alerts = Alerts(office, settings, book, self._health.vitals)
            except StoreError as error:
                log.critical("nobody is alerted: desk.db cannot be used", error=str(error))
                return
            self._begin_thread("alerts", self._alerts.run, office.stopping)

    def _listen(self) -> None:
        """Let those platforms call us that do."""
        hearing = {n: p for n, p in self._platforms() if isinstance(p, Hearing)}
        for name, platform in hearing.items():
            self._begin_thread(f"hear-{name}", self._hear, name, platform)
        hinting = {n: p for n, p in self._platforms() if isinstance(p, Hinting) and p.webhooks}
        for name in hinting:
            self._begin_thread(f"follow-{name}", self._follow, name)
        calling: list[Hearing | Hinting] = [*hearing.values(), *hinting.values()]
        routes = [route for platform in calling for route in platform.routes()]
        shown = sites(self.office)
        if shown or routes or self.office.config.http.metrics:
            routes += self._health.routes()
            from sync.inbound_server import InboundServer  # noqa: PLC0415 - seldom needed, and large

            self._inbound = InboundServer(self.office.config.http, routes, sites=shown)
            self._tend()

    def _platforms(self) -> list[tuple[str, object]]:
        return [(name, line.platform) for name, line in self.office.lines.items()]

    def _tend(self) -> None:
        if self._inbound:
            self._inbound.tend(self.office.clock.monotonic())
            self.office.listening = {"url": self._inbound.url, "failure": self._inbound.failure}

    def _hear(self, name: str, platform: Hearing) -> None:
        """Put in force what a platform tells, as it tells it."""
        everybody = True  # what was told last may have been cut off before it was in force
        while not self._stopping(f"{name}, heard"):
            try:
                keys = set(platform.told_of()) if everybody else platform.news.take(_TICK)
                if keys:
                    self.office.lines[name].refresh(keys)
                everybody = False
                continue
            except StoreError as error:
                self._recover(error)
            except Exception:
                log.exception("hearing failed in a way nobody thought of", platform=name)
            everybody = True
            self.office.stopping.wait(_TICK)

    def _follow(self, name: str) -> None:
        """Read again what a platform hints at, as it hints."""
        follower = Follower(
            self.office.lines[name], partial(self.jobs.now, name), self.office.life.wait
        )
        while not self._stopping(f"{name}, hinted"):
            try:
                follower.step(_TICK)
                continue
            except StoreError as error:
                self._recover(error)
            except Exception:
                log.exception("following failed in a way nobody thought of", platform=name)
            self.office.stopping.wait(_TICK)

    def _stopping(self, name: str) -> bool:
        """Asked by a thread at every turn, which so gives a sign of life."""
        self.office.life.sign(name)
        return self.office.stopping.is_set()

    def _night(self) -> None:
        if not self.jobs.settled():
            return
        now = self.office.clock.wall()
        self.office.ledger.forget(now - _KEEP_SETTLED)
        if self.office.post:
            self.office.post.forget(now - _KEEP_MAILS)
        if self._alerts:
            self._alerts.forget(now - _KEEP_MAILS)

    def _recover(self, error: StoreError) -> None:
        """A damaged cache.db is begun anew; any other trouble with the disk may pass."""
        self._once.trouble("store", "cannot write", error=str(error))
        if not error.damaged:
            self.office.stopping.wait(_TICK)
            return
        with self._recovering:
            if self.office.cache_damaged():
                self.office.replace_cache()
                for name in self.office.lines:
                    self.jobs.now(name)
