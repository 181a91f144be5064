"""Telling programs elsewhere what happens at the doors: webhooks out.

The journal is the queue. Each target has a thread of its own and a position in the journal, kept in
desk.db: it is told in order, for as long as it takes and the journal holds. What was told just
before a crash is told again, with the same id.
"""

import hashlib
import hmac
import json
import random
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import structlog

from controller.alerts import AlertKind
from controller.config import Config, SecretRef
from controller.config_targets import TargetSettings
from controller.errors import ConfigError, DoorwardError, StoreError, Unavailable
from controller.event_names import CLEARED, RAISED, name_of
from controller.journal_read import JournalReader, journal_at
from controller.logs import Once
from controller.ports import Clock
from sync.alert_words import notice_words
from sync.backoff import Backoff
from sync.desk import Desk
from sync.desk_alerts import AlertBook, Notice
from sync.desk_targets import Position, Positions
from sync.event_words import Words, event_words, lost_words, moment
from sync.http import Line
from sync.public import is_public
from sync.reply import Reply

log = structlog.get_logger(__name__)

TIMESTAMP, SIGNATURE, EVENT_ID = "Doorward-Timestamp", "Doorward-Signature", "Doorward-Event"
_LATEST_RETRY = 3600.0  # the most that a target may ask for
_AT_ONCE = 200  # events read at a time
_SKIPPED = 1000  # events that are not for this target, until its position is kept again
_LOOK, _TICK = 0.25, 1.0  # seconds between looks at the journal; at back-off and files
_SHORTEST = 16  # characters of a secret
_ANY = range(100, 600)


@dataclass(frozen=True, slots=True)
class Source:
    """What all targets are told from, and by which clock."""

    journal: Path
    positions: Positions
    alerts: AlertBook
    doors: Mapping[str, str]
    clock: Clock
    stopping: threading.Event
    changes: Callable[[], int]  # differs when the journal was written to


class Targets:
    """Those of the configuration; `broken` are those that cannot be told, and why."""

    def __init__(
        self,
        config: Config,
        desk: Desk | None,
        clock: Clock,
        stopping: threading.Event,
        secret: Callable[[SecretRef], str],
        changes: Callable[[], int],
    ) -> None:
        self.all: dict[str, Target] = {}
        self.broken: dict[str, str] = {}
        self.threads: list[threading.Thread] = []
        doors = {name: door.name for name, door in config.doors.items()}
        if desk:
            Positions(desk).forget_others(config.targets)
            AlertBook(desk).forget_others(config.targets)
        for name, settings in config.targets.items():
            if desk is None:
                self.broken[name] = "desk.db cannot be used"
                continue
            place = config.data / "journal.db"
            kept = Positions(desk), AlertBook(desk)
            source = Source(place, *kept, doors, clock, stopping, changes)
            try:
                self.all[name] = Target(name, settings, _secret(settings.secret, secret), source)
            except ConfigError as error:
                self.broken[name] = str(error)
                log.critical("target not told", target=name, error=str(error))

    def start(self) -> None:
        """Tell each on a thread of its own, until the office stops."""
        for name, target in self.all.items():
            target.begin()
            thread = threading.Thread(target=target.run, name=f"target-{name}", daemon=True)
            self.threads.append(thread)
            thread.start()

    def failures(self) -> dict[str, str]:
        """Who cannot be told at present, and why."""
        failing = {name: each.failure for name, each in self.all.items() if each.failure}
        return {**self.broken, **failing}

    def close(self) -> None:
        for target in self.all.values():
            target.close()


class Target:
    """One of them. `tell` and `run` are for one thread, the rest for any."""

    def __init__(self, name: str, settings: TargetSettings, secret: str, source: Source) -> None:
        self.name, self.settings = name, settings
        self.backoff = Backoff()
        self.failure = ""
        self._secret, self._source, self._clock = secret.encode(), source, source.clock
        self._wanted = frozenset(settings.events)
        self._once = Once(log.bind(target=name))
        self._skipped = 0
        self._turn = threading.Lock()
        self._moved = self._began = 0  # how often `skip` moved the position: now, and before
        self._line = Line(
            settings.url,
            clock=source.clock,
            wait=source.stopping.wait,
            secrets=[secret],
            timeout=10.0,
            total=20.0,
            ca_file=settings.ca_file,
            max_body=1024 * 1024,
            admits=None if settings.allow_private else is_public,
        )

    def begin(self) -> None:
        """Should it be new, it is told of what happens from this moment on."""
        with suppress(StoreError):  # else from when it is first looked for
            self._source.alerts.not_told(self.name, 1)
            if reader := journal_at(self._source.journal):
                with closing(reader):
                    self._known_position(reader)

    def run(self) -> None:
        """Tell it of events as they come."""
        seen, idle, stopping = None, 0.0, self._source.stopping
        while not stopping.is_set():
            try:
                changes = self._source.changes()
                if changes != seen or (idle >= _TICK and self.failure):
                    seen, idle = changes, 0.0
                    while self.tell():
                        pass
                self.tell_alerts()
            except StoreError as error:
                self.failure = str(error)
                self._once.trouble("store", "it is not told", error=str(error))
            except Exception:
                self.failure = "see the log"
                log.exception("a target could not be told", target=self.name)
            stopping.wait(_LOOK)
            idle += _LOOK

    def tell(self) -> bool:
        """Tell it some of what it was not told of; is there more that can be told now?

        Raises `StoreError`.
        """
        if self.backoff.wait(self._clock.monotonic()) > 0:
            return False
        self._began = self._moved
        reader = journal_at(self._source.journal)
        if reader is None:
            return False
        with closing(reader):
            at = self._position(reader)
            return at is not None and self._tell_after(at, reader)

    def tell_alerts(self) -> None:
        """Tell it of alerts that it was not told of, if it is to be. Raises `StoreError`."""
        if not self._wanted.isdisjoint({RAISED, CLEARED, "*"}):
            for notice in self._source.alerts.not_told(self.name, _AT_ONCE):
                if not self._told_alert(notice):
                    return

    def lag(self) -> dict[str, Any]:
        """How it is, and how many events of the journal it was not told of."""
        reader, at = journal_at(self._source.journal), self._source.positions.of(self.name)
        behind = 0
        if reader:
            with closing(reader):
                newest = reader.newest()
                behind = newest - (at.seq if at.chain == reader.chain else 0) if at else 0
        return {
            "target": self.name,
            "url": self._line.base_url.partition("?")[0],
            "events": sorted(self._wanted),
            "behind": max(0, behind),
            "failure": self.failure,
            "next_try_s": round(self.backoff.wait(self._clock.monotonic()), 1),
        }

    def test(self) -> str:
        """Send one message of kind `test`; what was answered. Raises `DoorwardError`."""
        wall = self._clock.wall()
        name = f"doorward:test:{self.name}:{wall}"
        reply = self._send({"id": str(uuid5(NAMESPACE_URL, name)), "kind": "test",
                            "time": moment(wall)})  # fmt: skip
        return f"{self.name} took it ({reply.status})"

    def skip(self) -> int:
        """Tell it nothing of what waits; how many events of the journal that were."""
        behind = int(self.lag()["behind"])
        if reader := journal_at(self._source.journal):
            with closing(reader), self._turn:
                self._moved += 1
                self._source.positions.put(self.name, Position(reader.chain, reader.newest()))
        self._source.alerts.skip(self.name)
        return behind

    def close(self) -> None:
        self._line.close()

    def _position(self, reader: JournalReader) -> Position | None:
        """Up to where it was told; None: it could not be told that something was lost."""
        at, newest = self._known_position(reader), reader.newest()
        if at.chain == reader.chain and at.seq <= newest:
            return at
        begin = Position(reader.chain, 0 if at.chain != reader.chain else newest)
        if not self._told_of_loss(begin, 0, begin.seq, "the journal is another one than before"):
            return None
        return begin

    def _known_position(self, reader: JournalReader) -> Position:
        at = self._source.positions.of(self.name)
        if at is None:
            at = Position(reader.chain, reader.newest())
            self._source.positions.put(self.name, at)
        return at

    def _tell_after(self, at: Position, reader: JournalReader) -> bool:
        found, _ = reader.page(at.seq, limit=_AT_ONCE, scan=1 << 62)
        for recorded in found:
            if self._source.stopping.is_set() or self._moved != self._began:
                return False
            first, last = at.seq + 1, recorded.seq - 1
            before = Position(at.chain, last)
            why = "they were removed from the journal before they could be told"
            if first <= last and not self._told_of_loss(before, first, last, why):
                return False
            at = Position(at.chain, recorded.seq)
            words = event_words(recorded, reader.chain, self._source.doors)
            if self._wanted.isdisjoint({name_of(recorded.event), "*"}):
                self._skip(at)
            elif not self._told(at, words):
                return False
        return len(found) == _AT_ONCE

    def _told_of_loss(self, at: Position, first: int, last: int, why: str) -> bool:
        return self._told(at, lost_words(at.chain, first, last, self._clock.wall(), why))

    def _skip(self, at: Position) -> None:
        self._skipped += 1
        if self._skipped >= _SKIPPED:
            self._keep(at)

    def _told(self, at: Position, words: Words) -> bool:
        """Send this; it is told up to `at` then."""
        if told := self._taken(words):
            self._keep(at)
        return told

    def _told_alert(self, notice: Notice) -> bool:
        words = notice_words(notice)
        if self._source.stopping.is_set() or self.backoff.wait(self._clock.monotonic()) > 0:
            return False
        own = notice.fact.kind is AlertKind.TARGET and notice.fact.about == self.name
        wanted = not own and not self._wanted.isdisjoint({words["kind"], "*"})
        if wanted and not self._taken(words):
            return False
        self._source.alerts.told(self.name, notice.id)
        return True

    def _taken(self, words: Words) -> bool:
        """Send this; was it taken?"""
        try:
            self._send(words)
        except DoorwardError as error:
            after = min(getattr(error, "retry_after", None) or 0.0, _LATEST_RETRY)
            self.backoff.failed(self._clock.monotonic(), random.random(), after)  # noqa: S311
            self.failure = str(error)
            self._once.trouble("tell", "events wait for a target", error=str(error))
            return False
        self.backoff.worked()
        self.failure = ""
        self._once.fine("tell", "a target is told again")
        return True

    def _keep(self, at: Position) -> None:
        self._skipped = 0
        with self._turn:
            if self._moved == self._began:
                self._source.positions.put(self.name, at)

    def _send(self, words: Words) -> Reply:
        body = json.dumps(words, ensure_ascii=False).encode()
        stamp = str(int(self._clock.wall()))
        reply = self._line.request(
            "POST",
            self.settings.url,
            content=body,
            headers={
                "Content-Type": "application/json",
                EVENT_ID: words["id"],
                TIMESTAMP: stamp,
                SIGNATURE: f"sha256={signature(self._secret, stamp, body)}",
            },
            accept=_ANY,
        )
        if not 200 <= reply.status < 300:
            raise Unavailable(
                f"{reply.where}: answered {reply.status} instead of 2xx",
                retry_after=_seconds(reply.headers.get("Retry-After", "")),
            )
        return reply


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA-256 of the timestamp, a dot and the body as it is sent, in hex digits."""
    return hmac.digest(secret, timestamp.encode() + b"." + body, hashlib.sha256).hex()


def _secret(ref: SecretRef, read: Callable[[SecretRef], str]) -> str:
    secret = read(ref)
    if len(secret) < _SHORTEST:
        raise ConfigError(
            f"{ref}: is too short to sign with: at least {_SHORTEST} characters; make one by: "
            "openssl rand -hex 32, and give it to the target"
        )
    return secret


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None
