"""What happened at the doors, appended for good by a thread of its own.

A ticket says when an event is on the disk. While the disk fails, events wait in memory and every
look-up sees them; a damaged file is set aside and a new one begins.
"""

import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TypeVar

import structlog

from controller.areas import after
from controller.errors import StoreError
from controller.journal_file import Entry, History, JournalFile, uuid7
from controller.logs import Once
from controller.model import Event, Kind, Mode, Visit
from controller.passage import Place
from controller.ports import Clock
from controller.store import closed_on_error, newest_set_aside, set_aside
from controller.tries import Tried

__all__ = ["History", "Journal", "Ticket"]

log = structlog.get_logger(__name__)

_Found = TypeVar("_Found")
_NOTHING = History()
_LARGEST_BACKLOG = 10_000
_BATCH = 500
_AGAIN = 1.0  # seconds between attempts to write


class Ticket:
    """A promise that an event reaches the disk."""

    __slots__ = ("_gate", "settled")

    def __init__(self) -> None:
        self._gate = threading.Lock()  # wakes its waiter several times faster than an Event
        self._gate.acquire()
        self.settled = False

    def settle(self) -> None:
        """To be called once."""
        self.settled = True
        self._gate.release()

    def wait(self, timeout: float | None = None) -> bool:
        """True once the event is on disk; False if it is not yet after `timeout` seconds."""
        if not self.settled and self._gate.acquire(timeout=-1 if timeout is None else timeout):
            self._gate.release()  # for whoever else waits
        return self.settled


class Journal:
    """The writer. One per data directory; the controller owns it."""

    def __init__(self, path: Path, clock: Clock, boot: str) -> None:
        """Open the file and start writing.

        A disk that fails is no reason not to start: events wait. Raises `StoreError` only for a
        file of a newer Doorward, which must not be touched.
        """
        self._path, self._clock, self._boot = path, clock, boot
        self._waiting: deque[tuple[Entry, Ticket]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._damaged = False  # a look-up found the file broken
        self._in_hand = 0  # so many of the first are being written
        self._file: JournalFile | None = None
        self._once = Once(log)
        self.failing = ""  # why writes fail at present
        self.dropped = 0  # events given up because too many were waiting
        try:
            self._file = self._opened()
        except StoreError as error:
            if error.newer:
                raise
            self._note_failure(error)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def chain(self) -> str:
        """Names this journal among its successors; "" while there is no file."""
        return self._file.chain if self._file else ""

    def append(self, event: Event) -> Ticket:
        """Take an event as having happened now; the ticket says when it is on disk."""
        wall_ms = int(self._clock.wall() * 1000)
        mono_ms = int(self._clock.monotonic() * 1000)
        entry = Entry(event, uuid7(wall_ms), wall_ms, mono_ms, self._clock.trust())
        ticket = Ticket()
        with self._changed:
            self._waiting.append((entry, ticket))
            lost = self._overflow()
            self._changed.notify_all()
        if lost:
            self._give_up(lost[0])
        return ticket

    def flush(self, timeout: float) -> bool:
        """Wait until all that was appended before is on disk; False if it is not in time."""
        with self._changed:
            last = self._waiting[-1][1] if self._waiting else None
        return last is None or last.wait(timeout)

    def history(self, platform: str, person: str, chain: str, watermark: int) -> History:
        """Visits and used passes of a person, events not yet on disk included.

        `chain` and `watermark` are those kept with the roster; another chain's mean nothing here.
        """
        after = watermark if chain == self.chain else 0
        # Before the file: an entry may move from here to there meanwhile.
        waiting = self._entries_waiting(platform, person)
        past = self._looked_up(lambda file: file.history(platform, person, after), _NOTHING)
        if not waiting:
            return past
        visits, used = list(past.visits), set(past.used)
        for entry in waiting:
            if entry.event.visit_until is not None:
                visits.append(Visit(entry.wall_ms / 1000, entry.event.visit_until))
            if entry.event.pass_key:
                used.add(entry.event.pass_key)
        return History(tuple(visits), frozenset(used))

    def last_entry(self, platform: str, person: str, door: str) -> float | None:
        """When this person last entered by this door (wall)."""
        waiting = self._all_waiting()  # before the file, as above
        last = self._looked_up(lambda file: file.last_entry(platform, person, door), None)
        for each in waiting:
            event = each.event
            if _forgives(event, platform, person):
                last = None
            elif _enters(event, platform, person) and event.door == door and not _awaits(event):
                last = each.wall_ms / 1000
        return last

    def place(self, platform: str, person: str) -> Place | None:
        """Where this person is by the record; None if nobody knows."""
        waiting = self._all_waiting()
        place = self._looked_up(lambda file: file.place(platform, person), None)
        for each in waiting:
            place = after(place, each.event, each.wall_ms / 1000, platform, person)
        return place

    def tried(self) -> list[Tried]:
        """PINs that were looked at before this start, of the newest 20,000 events, in order."""
        now = self._clock.monotonic(), self._clock.boottime()
        return self._looked_up(lambda file: file.tried(*now), [])

    def last_granted(self, door: str) -> float | None:
        """When anybody last entered by this door (wall), of the newest events on disk."""
        return self._looked_up(lambda file: file.last_granted(door), None)

    def modes(self) -> dict[str, tuple[Mode, float | None]]:
        """What staff last set each door to, and until when (wall)."""
        return self._looked_up(lambda file: file.modes(), {})

    def prune(self, before: float, largest: int) -> int:
        """Remove some of what is older than `before` (wall) or beyond `largest` bytes; how many.

        A bounded number per call, so that no scan waits for it; never an open check-in. Raises
        `StoreError`.
        """
        if self._file is None:
            return 0
        removed = self._file.prune(before, largest)
        self._file.tidy()
        return removed

    def close(self) -> None:
        """Write what waits and stop; what cannot be written goes to the log."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=15)
        for entry, _ in self._waiting:
            self._give_up(entry)
        if self._file:
            self._file.close()

    def _overflow(self) -> tuple[Entry, Ticket] | None:
        """The oldest of too many, but none that is being written just now."""
        if len(self._waiting) <= _LARGEST_BACKLOG:
            return None
        lost = self._waiting[self._in_hand]
        del self._waiting[self._in_hand]
        return lost

    def _entries_waiting(self, platform: str, person: str) -> list[Entry]:
        with self._changed:
            return [e for e, _ in self._waiting if _enters(e.event, platform, person)]

    def _all_waiting(self) -> list[Entry]:
        with self._changed:
            return [entry for entry, _ in self._waiting]

    def _looked_up(self, look: Callable[[JournalFile], _Found], nothing: _Found) -> _Found:
        """What the file says, or `nothing` while it cannot be read: the door goes on."""
        file = self._file
        if file is None:
            return nothing
        try:
            return look(file)
        except StoreError as error:
            self._once.trouble("read", "journal cannot be read", error=str(error))
            with self._changed:
                self._damaged = self._damaged or (error.damaged and file is self._file)
                self._changed.notify_all()
            return nothing

    def _opened(self) -> JournalFile:
        try:
            file = JournalFile(self._path, self._boot)
        except StoreError as error:
            if not error.damaged:
                raise
            return self._renewed()
        with closed_on_error(file):
            # The power may have gone after another was set aside and before this one said so.
            if file.empty() and (kept := newest_set_aside(self._path)):
                self._say_renewed(file, kept)
        return file

    def _renewed(self) -> JournalFile:
        kept = set_aside(self._path, self._clock.wall())
        log.critical("journal damaged: set aside, a new one begins", kept=str(kept))
        file = JournalFile(self._path, self._boot)
        with closed_on_error(file):
            self._say_renewed(file, kept)
        return file

    def _say_renewed(self, file: JournalFile, kept: Path) -> None:
        wall_ms, mono_ms = (int(t() * 1000) for t in (self._clock.wall, self._clock.monotonic))
        event = Event(Kind.RENEWED, detail={"set_aside": kept.name})
        file.write([Entry(event, uuid7(wall_ms), wall_ms, mono_ms, self._clock.trust())])

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._closing or self._damaged):
                    self._changed.wait()
                batch = list(islice(self._waiting, _BATCH))
                self._in_hand = len(batch)
                if not batch and self._closing:
                    return
            try:
                self._write(batch)
            except StoreError as error:
                self._note_failure(error)
                with self._changed:
                    self._damaged = self._damaged or error.damaged
                    self._in_hand = 0
                    if self._closing:
                        return
                    self._changed.wait_for(lambda: self._closing, timeout=_AGAIN)

    def _write(self, batch: list[tuple[Entry, Ticket]]) -> None:
        if self._damaged:
            self._file, broken = None, self._file
            if broken:
                broken.close()
            self._file, self._damaged = self._renewed(), False
        if self._file is None:
            self._file = self._opened()
        if batch:
            self._file.write([entry for entry, _ in batch])
        if self.failing:
            log.warning("journal written again", after=self.failing)
            self.failing = ""
        for _, ticket in batch:
            ticket.settle()
        with self._changed:
            while self._waiting and self._waiting[0][1].settled:
                self._waiting.popleft()
        self._file.tidy()

    def _note_failure(self, error: StoreError) -> None:
        if not self.failing:
            log.critical("journal cannot be written; events wait in memory", error=str(error))
        self.failing = str(error)

    def _give_up(self, entry: Entry) -> None:
        self.dropped += 1
        event = entry.event
        log.critical(
            "event lost: the journal could not be written",
            kind=event.kind,
            door=event.door,
            reason=event.reason,
            person=event.person,
            wall_ms=entry.wall_ms,
        )


def _enters(event: Event, platform: str, person: str) -> bool:
    return event.reason == "granted" and event.person == person and event.platform == platform


def _forgives(event: Event, platform: str, person: str) -> bool:
    everybody = not event.person
    return event.kind is Kind.FORGIVEN and (
        everybody or (event.platform, event.person) == (platform, person)
    )


def _awaits(event: Event) -> bool:
    """Let in, but not yet gone through."""
    return bool(event.detail and event.detail.get("awaits"))
