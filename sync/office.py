"""Everything `sync` works with, put together from the configuration: lines, ledger, pushers.

Used by the daemon and, where none runs, by `doorward sync` itself; a lock on the data directory
keeps it to one at a time.
"""

import fcntl
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import structlog

from controller.cache import Cache
from controller.cards import derived_secret, hash_card, visitor_pin
from controller.clock import configured_clock
from controller.config import Config, PlatformCommon, Stanza
from controller.control import ask
from controller.errors import ConfigError, DoorwardError, StoreError
from controller.journal import History
from controller.journal_read import JournalReader, journal_at, newest_wall
from controller.logs import Once
from controller.model import Person
from controller.ports import Clock
from controller.secrets import device_key, read_secret
from controller.store import closed_on_error, set_aside
from sync import desk_blocks, desk_notes
from sync.desk import Desk
from sync.desk_mails import MailBox
from sync.desk_visitors import VisitorBook
from sync.ledger import Ledger
from sync.life import Life
from sync.line import Line, Place, Visitors
from sync.live import Live
from sync.minder import Minder
from sync.platform import Hinting, Surroundings
from sync.push import Pusher
from sync.targets import Targets

if TYPE_CHECKING:
    from sync.mail import Post

log = structlog.get_logger(__name__)

_NOTE_AT_ONCE = 200


class Office:
    """The lines of one data directory. Raises `DoorwardError` if another process has them."""

    def __init__(
        self, config: Config, stopping: threading.Event, clock: Clock | None = None
    ) -> None:
        config.run.mkdir(parents=True, exist_ok=True)
        config.data.mkdir(parents=True, exist_ok=True)
        self.config, self.stopping = config, stopping
        self.lines: dict[str, Line] = {}
        self.broken: dict[str, str] = {}  # platforms that cannot even be tried, and why
        self.minders: dict[str, Minder] = {}  # of lines whose platform is to call us
        self.listening: dict[str, str] = {}  # where others can call us, or why they cannot
        self.desk: Desk | None = None  # None: it cannot be had, and `desk_trouble` says why
        self.desk_trouble = ""
        self.enrolling = threading.Lock()  # from looking whose a card is until it is somebody's
        self._noting = threading.Lock()
        self.visitors: VisitorBook | None = None  # with the desk
        self.post: Post | None = None  # None: no [mail], or it cannot be used: `post_trouble`
        self.post_trouble = ""
        self._once = Once(log)
        self._journal: JournalReader | None = None
        self._reading = threading.Lock()
        self._ends = ExitStack()  # lets go of what was opened, were it only half of it
        with closed_on_error(self._ends):
            self._ends.enter_context(_locked(config.data / "sync.lock"))
            kept, key = config.data / "journal.db", device_key(config.data)
            self.place = Place(config.data / "cache.db", kept, key)
            self.clock = clock or configured_clock(config, lambda: newest_wall(kept))
            self.life = Life(self.clock, stopping)
            self.ledger = self._open_ledger()
            self._ends.callback(self._close_ledger)
            self._open_desk()
            self._blocks_as_before()
            self.targets = Targets(
                config, self.desk, self.clock, stopping, read_secret, self.journal_changes
            )
            self._ends.callback(self.targets.close)
            for name, stanza in config.platforms.items():
                self._add(name, stanza)
            self._open_post()
        self.live = Live(self.lines, self.clock)
        self._pushers = {name: Pusher(line, self.ledger) for name, line in self.lines.items()}

    def forget_unconfigured(self) -> None:
        """Who came with a platform that is no longer configured must not be let in."""
        if gone := self.ledger.forget_platforms(self.config.platforms):
            log.warning("people of platforms no longer configured were removed", platforms=gone)
        if self.visitors:
            self.visitors.forget_platforms(self.config.platforms)

    def deliver(self, name: str, stopping: Callable[[], bool] | None = None) -> int:
        """Take over new check-ins of one platform and tell some of what can be told now.

        Returns how many were settled; call again until that is 0. `stopping` is asked before each.
        """
        with self._reading:
            if journal := self._reader():
                self.ledger.take(name, journal)
        return self._pushers[name].drain(stopping or self.stopping.is_set)

    def journal_changes(self) -> int:
        """Differs when the journal was written to; -1 while there is none."""
        with self._reading:
            journal = self._reader()
            return journal.changes() if journal else -1

    def note_settled(self) -> None:
        """Have the controller put into the journal what became of check-ins, and what staff did."""
        self.note_done()
        with self._noting:  # every line's thread comes here, for the check-ins of all
            self._note_settled()

    def _note_settled(self) -> None:
        items = self.ledger.untold(_NOTE_AT_ONCE)
        while items and not self.stopping.is_set():
            try:
                ask(self.config.run / "door.sock", {"do": "settled", "items": items})
            except DoorwardError as error:
                self._once.trouble("note", "settled check-ins wait for the journal", why=str(error))
                return
            self._once.fine("note", "settled check-ins are in the journal")
            self.ledger.noted([item["uuid"] for item in items])
            items = self.ledger.untold(_NOTE_AT_ONCE)

    def note(self, note: dict[str, Any]) -> None:
        """Have the controller put into the journal what staff did; later, if it does not run."""
        if self.desk:
            desk_notes.add(self.desk, note)
            self.note_done()
        else:
            ask(self.config.run / "door.sock", {"do": "note", "items": [note]})

    def note_done(self) -> None:
        """Pass on what staff did and the journal does not know yet."""
        with self._noting:
            try:
                while self.desk and (waiting := desk_notes.waiting(self.desk)):
                    items = [note for _, note in waiting]
                    ask(self.config.run / "door.sock", {"do": "note", "items": items})
                    desk_notes.forget(self.desk, waiting[-1][0])
            except DoorwardError as error:
                why = str(error)
                self._once.trouble("notes", "what staff did waits for the journal", why=why)
                return
            self._once.fine("notes", "what staff did is in the journal")

    def enforce_blocks(self) -> None:
        """Bring the cards blocked here into the cache. Without desk.db those in it stay.

        Raises `StoreError`.
        """
        if self.desk:
            blocks = desk_blocks.listed(self.desk)
            self.ledger.block(desk_blocks.OWNER, [block.hash for block in blocks])

    def person(self, platform: str, key: str) -> list[Person]:
        """This person as the cache knows them: one, or nobody. Raises `StoreError`."""
        with closing(Cache(self.place.cache)) as cache:
            facts = cache.facts_of(platform, key, lambda *_: History())
        return [holder.person for holder in facts.holders]

    def cache_damaged(self) -> bool:
        """Is the file in place broken, rather than one that was replaced meanwhile?"""
        return self.ledger.damaged()

    def replace_cache(self) -> None:
        """Set a damaged cache.db aside and begin a new one; rosters are fetched anew."""
        self.ledger.close()
        kept = set_aside(self.place.cache, self.clock.wall())
        log.critical("cache.db is damaged: set aside, fetching everything anew", kept=str(kept))
        self.ledger = self._open_ledger()
        self._blocks_as_before()
        for name, line in self.lines.items():
            line.note_failure = self.ledger.failed
            self._pushers[name] = Pusher(line, self.ledger)

    def close(self) -> None:
        with self._reading:
            if self._journal:
                self._journal.close()
        self._ends.close()

    def _open_ledger(self) -> Ledger:
        try:
            ledger = Ledger(self.place.cache)
        except StoreError as error:
            if not error.damaged:
                raise
            kept = set_aside(self.place.cache, self.clock.wall())
            log.critical("cache.db is damaged: set aside", kept=str(kept), error=str(error))
            ledger = Ledger(self.place.cache)
        with closed_on_error(ledger):
            if reader := journal_at(self.place.journal):
                with closing(reader):
                    ledger.born(reader.chain, reader.newest())
            else:
                ledger.born("", 0)
        return ledger

    def _open_desk(self) -> None:
        try:
            self.desk = Desk(self.config.data / "desk.db")
        except StoreError as error:
            self.desk_trouble = str(error)
            log.critical("no console, no API: desk.db cannot be used", error=str(error))
            return
        self._ends.callback(self.desk.close)
        self.visitors = VisitorBook(self.desk)

    def _open_post(self) -> None:
        """Mail, if it is configured. A mistake in a template leaves everything else alone."""
        settings = self.config.mail
        if settings is None:
            return
        self.post_trouble = self.desk_trouble
        if self.desk is None or self.visitors is None:
            return
        from sync.mail import Post  # noqa: PLC0415 - seldom needed, and large

        box = MailBox(self.desk)
        try:
            self.post = Post(
                self.config, settings, box, self.visitors, self.clock, self.pin, read_secret
            )
        except ConfigError as error:
            self.post_trouble = str(error)
            log.critical("no mail is sent", error=str(error))

    def _note_visitors(self, told: Visitors) -> None:
        """What cannot be noted now is noted with the next roster."""
        try:
            if self.visitors and self.visitors.note(told) and self.post:
                self.post.look()
        except StoreError as error:
            self._once.trouble("visitors", "visitors could not be noted", error=str(error))

    def _blocks_as_before(self) -> None:
        try:
            self.enforce_blocks()
        except StoreError as error:
            # A damaged cache is found by whoever writes to it next, and begun anew.
            log.critical("cards blocked here are not all in force", error=str(error))

    def _close_ledger(self) -> None:
        self.ledger.close()  # perhaps another one than at first

    def _add(self, name: str, stanza: Stanza) -> None:
        settings: PlatformCommon = stanza.settings
        around = Surroundings(
            self.clock,
            self.life.wait,
            read_secret,
            self.pin,
            self._hash,
            self.config.data,
            self._secret_for,
        )
        try:
            platform = stanza.factory(name, settings, around)
        except (ConfigError, StoreError) as error:
            # One platform's missing key leaves the others alone.
            self.broken[name] = str(error)
            log.critical("platform not used", platform=name, error=str(error))
            return
        self._ends.callback(platform.close)
        notes = self.ledger.failed, self._note_visitors
        line = Line(platform, settings, self.config.sync, self.place, self.clock, *notes)
        self.lines[name] = line
        if isinstance(platform, Hinting) and platform.webhooks:
            self.minders[name] = Minder(name, platform.webhooks, self.clock)

    def _secret_for(self, purpose: str) -> str:
        return derived_secret(self.place.key, purpose)

    def pin(self, booking: str) -> str:
        """A visitor's."""
        return visitor_pin(self.place.key, booking)

    def _hash(self, canonical: str) -> str:
        return hash_card(self.place.key, canonical)

    def _reader(self) -> JournalReader | None:
        """The journal as it is now: the controller may have begun a new one."""
        if not self.place.journal.exists():
            return None
        inode = self.place.journal.stat().st_ino
        if self._journal is None or self._journal.inode != inode:
            if self._journal:
                self._journal.close()
            self._journal = journal_at(self.place.journal)
            if self._journal:
                self.ledger.born(self._journal.chain, self._journal.newest())
        return self._journal


def named(office: Office, names: Sequence[str]) -> list[str]:
    """These platforms, or all; ConfigError for one that is not there or cannot be tried."""
    for name in names:
        if name in office.broken:
            raise ConfigError(f"platform {name} is not used: {office.broken[name]}")
        if name not in office.lines:
            known = ", ".join(office.config.platforms) or "none"
            raise ConfigError(f"there is no platform {name!r}; there are: {known}")
    return list(names or office.lines)


def _locked(path: Path) -> IO[str]:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StoreError(f"{path.parent} is in use by another `doorward sync` or `syncd`") from None
    return file
