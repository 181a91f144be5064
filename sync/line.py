"""The line to one platform: fetching its roster, one run at a time, and when to try again."""

import random
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import structlog

from controller.config import PlatformCommon
from controller.config_model import SyncSettings
from controller.errors import DoorwardError, SuspiciousRoster, Unauthorized, Unavailable
from controller.journal_read import journal_at
from controller.logs import Once
from controller.ports import Clock
from controller.question import Question
from sync.backoff import Backoff
from sync.heap import give_back
from sync.hints import Hint
from sync.plan import Changes, believable
from sync.platform import (
    Answer,
    Booked,
    Hearing,
    Hinting,
    Keeping,
    LateCheckIn,
    Platform,
    Progress,
)
from sync.staging import Roll, Staging

log = structlog.get_logger(__name__)

_LONGEST_REST = 3600.0  # seconds: the most that a platform may ask to be left in peace
CONFIRM_AT_MOST = 100  # vanished people asked about one by one; more are not believed


@dataclass(frozen=True, slots=True)
class Report:
    """What one fetch came to. `applied` is False for a dry run."""

    platform: str
    changes: Changes
    warnings: tuple[str, ...]
    applied: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where rosters go: cache.db, journal.db and the device key; shared by all lines.

    `turn` is held from comparing until applying: what one line adds the next must see.
    """

    cache: Path
    journal: Path
    key: bytes
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Visitors:
    """Who is in a roster because of a booking, by key; it was meant in that IANA `zone`.

    `only`: it is about these people alone; else whoever is missing has no booking any more.
    """

    platform: str
    zone: str
    booked: Mapping[str, Sequence[Booked]]
    only: frozenset[str] | None = None


@dataclass(slots=True)
class Line:
    """One platform and how the line to it is. Any thread may ask; one at a time fetches."""

    platform: Platform
    settings: PlatformCommon
    guard: SyncSettings
    place: Place
    clock: Clock
    note_failure: Callable[[str, str, str, float], None]
    note_visitors: Callable[[Visitors], None] = lambda _: None
    backoff: Backoff = field(default_factory=Backoff)
    failure: str = ""
    retry: bool = False  # a fetch failed for want of a line and is to be tried again
    busy: threading.Lock = field(default_factory=threading.Lock)
    proofs: int = 0  # how often the line has worked
    _order: Iterator[int] = field(default_factory=count)  # what began before what
    _began: int = -1  # when the fetch of the roster in force began, in that order
    _answered: dict[str, int] = field(default_factory=dict)  # person → when asked about alone
    _once: Once = field(default_factory=lambda: Once(log))

    @property
    def push_late(self) -> bool:
        return self.settings.late == "push"

    def resting(self) -> bool:
        """Is it too early to try this line again?"""
        return self.backoff.wait(self.clock.monotonic()) > 0

    def worked(self) -> None:
        self.proofs += 1
        self.backoff.worked()

    def failed(self, error: DoorwardError) -> None:
        """Learn from an error: leave the platform in peace for a while, ever longer."""
        # A date reckoned by a clock that is wrong, or a wish beyond measure, must not cut it off.
        after = min(getattr(error, "retry_after", None) or 0.0, _LONGEST_REST)
        self.backoff.failed(self.clock.monotonic(), random.random(), after)  # noqa: S311

    def pull(self, progress: Progress, *, accept: bool = False, dry_run: bool = False) -> Report:
        """Fetch the roster and put it in force. Raises `DoorwardError`; the old one then stays."""
        name = self.platform.name
        with self.busy:
            try:
                report = self._pull(progress, accept=accept, dry_run=dry_run)
            except DoorwardError as error:
                self._pull_failed(error, dry_run=dry_run)
                raise
            finally:
                give_back()
            self.failure, self.retry = "", False
            self.worked()
        self._once.fine("pull", "roster fetched again", platform=name)
        log.info("roster fetched", platform=name, changes=report.changes.summary())
        return report

    def refresh(self, keys: Iterable[str]) -> Changes:
        """Put in force what a platform that calls us told of these people, and of nobody else.

        Raises `StoreError`.
        """
        platform, keys = self.platform, set(keys)
        assert isinstance(platform, Hearing)
        with self.place.turn, closing(self._staging(only=keys)) as staging:
            if self.settings.zone:
                staging.zone(self.settings.zone)
            platform.pour(keys, staging)
            now = self.clock.wall()
            changes = staging.changes(now)
            if not changes.empty:
                staging.apply(changes, self._roll(now, "", 0))
            self._tell_of_visitors(staging, frozenset(keys))
        log.info("heard", platform=platform.name, changes=changes.summary())
        return changes

    def ask(self, question: Question) -> Answer:
        """Ask about one person, and have the answer in the cache. Raises `DoorwardError`.

        A roster whose fetch began later and that is in force already knows better; one whose fetch
        began before must not undo the answer.
        """
        asked = next(self._order)
        with closing(self._staging()) as staging:
            answer = self.platform.ask(question, staging)
            if answer.person:
                self._put([answer.person], staging, asked)
        return answer

    def read_again(self, hints: Collection[Hint]) -> bool:
        """Have those whom hints are about in the cache as they are now, as `ask` does.

        False: the platform cannot tell who they all are; a roster must. Raises `DoorwardError`.
        """
        platform = self.platform
        assert isinstance(platform, Hinting)
        asked = next(self._order)
        with closing(self._staging()) as staging:
            again = platform.read_again(hints, staging)
            self._put(again.people, staging, asked)
        log.info("read again, as hinted", platform=platform.name, people=len(again.people))
        return again.all_found

    def _put(self, keys: Iterable[str], staging: Staging, asked: int) -> None:
        with self.place.turn:
            if asked > self._began:
                for key in keys:
                    staging.apply_person(key, self.clock.wall())
                    self._answered[key] = asked

    def _pull_failed(self, error: DoorwardError, *, dry_run: bool) -> None:
        name = self.platform.name
        passing = isinstance(error, Unavailable) or getattr(error, "passing", False)
        if passing or isinstance(error, Unauthorized):  # else the line itself is well
            self.failed(error)
        self.failure, self.retry = str(error), passing
        self._once.trouble("pull", "roster not fetched", platform=name, error=str(error))
        if not dry_run:
            self.note_failure(name, self.settings.zone or "UTC", str(error), self.clock.wall())

    def _pull(self, progress: Progress, *, accept: bool, dry_run: bool) -> Report:
        chain, watermark = self._journal_position()
        began = next(self._order)
        if isinstance(self.platform, Hearing):
            self.platform.news.begin()
        with closing(self._staging()) as staging:
            self.platform.fetch(staging, progress)
            if self.platform.capabilities.confirms_absence and not accept:
                self._confirm_absence(staging, progress, dry_run=dry_run)
            with self.place.turn:
                self._hear_last(staging)
                for key in [key for key, asked in self._answered.items() if asked > began]:
                    staging.keep(key)
                now = self.clock.wall()
                changes = staging.changes(now)
                if not dry_run:
                    if not accept:
                        self._guard(changes)
                    if isinstance(self.platform, Keeping):
                        self.platform.accepted()
                    staging.apply(changes, self._roll(now, chain, watermark))
                    self._in_force(began)
                    self._tell_of_visitors(staging)
            return Report(self.platform.name, changes, tuple(staging.warnings), not dry_run)

    def _staging(self, only: Iterable[str] | None = None) -> Staging:
        told = self.platform.capabilities.late_check_in is not LateCheckIn.NONE
        place, name = self.place, self.platform.name
        return Staging(place.cache, place.key, name, checks_in=told, only=only)

    def _tell_of_visitors(self, staging: Staging, only: frozenset[str] | None = None) -> None:
        """Once they are in force, and before anything else can be."""
        name, zone = self.platform.name, staging.zone_name
        self.note_visitors(Visitors(name, zone, staging.visitors, only))

    def _hear_last(self, staging: Staging) -> None:
        """What was heard of people while everybody was fetched must not be undone by that."""
        if isinstance(self.platform, Hearing):
            keys = self.platform.news.meanwhile()
            for key in keys:
                staging.forget(key)
            self.platform.pour(keys, staging)

    def _in_force(self, began: int) -> None:
        self._began = began
        self._answered = {key: asked for key, asked in self._answered.items() if asked > began}

    def _confirm_absence(self, staging: Staging, progress: Progress, *, dry_run: bool) -> None:
        """A list read page by page can skip a row: ask before taking anybody's access."""
        missing = staging.vanished(self.clock.wall())
        most = getattr(self.settings, "confirm_at_most", CONFIRM_AT_MOST)
        if len(missing) > most:
            if dry_run:
                return
            raise self._not_believed(
                f"{len(missing)} people vanished from it at once, too many to ask about each"
            )
        for number, key in enumerate(missing, 1):
            self.platform.still_admitted(key, staging)
            progress("confirming", number, len(missing))

    def _guard(self, changes: Changes) -> None:
        why = believable(changes, self.guard.lost_share, self.guard.lost_least)
        if why:
            raise self._not_believed(why)

    def _not_believed(self, why: str) -> SuspiciousRoster:
        name = self.platform.name
        return SuspiciousRoster(
            f"{name}: the roster it sent is not believed: {why}. The old one stays in force. "
            f"Look at the platform; see who it is with `doorward sync --platform {name} "
            f"--dry-run`; if it is right: `doorward sync --platform {name} --accept`"
        )

    def _roll(self, now: float, chain: str, watermark: int) -> Roll:
        s = self.settings
        return Roll(
            self.platform.name,
            now,
            chain,
            watermark,
            s.day_ends,
            s.renewal_grace,
            keyholders=getattr(s, "keyholders", False),
        )

    def _journal_position(self) -> tuple[str, int]:
        """How far the platform has been told, read before the roster is."""
        reader = journal_at(self.place.journal)
        if reader is None:
            return "", 0
        try:
            return reader.chain, reader.watermark(self.platform.name)
        finally:
            reader.close()
