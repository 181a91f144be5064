"""One door: its devices, its rules, and the thread on which everything about it happens.

Drivers put what they see on a queue; the door's thread decides, records, moves the lock and shows.
Nothing on this thread touches a network or sleeps; the longest wait is 100 ms for the journal.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from controller.cards import CardFormat, mask
from controller.decide import decide
from controller.doorstate import DoorState, let_in, let_out, set_mode
from controller.errors import HardwareError
from controller.journal import Journal, Ticket
from controller.knowledge import Knowledge
from controller.logs import Once
from controller.model import Decision, DoorRules, Event, Kind, Mode, Read
from controller.ports import Clock, Indicator, Input, Lock, Reader, Signal

log = structlog.get_logger(__name__)

RECORD_WITHIN = 0.1  # seconds a member waits for the disk at most
_REARM = 5.0  # how often a lasting release is repeated, for locks that bound a release themselves
_SHOW_FOR = 2.0  # seconds an answer stays on the indicator
_CLOSED_OVER: dict[Mode, Signal] = {
    Mode.NORMAL: Signal.IDLE,
    Mode.UNLOCKED: Signal.UNLOCKED,
    Mode.LOCKDOWN: Signal.LOCKDOWN,
}


@dataclass(frozen=True, slots=True)
class Parts:
    """The devices of a door. Readers come with the form in which they write cards."""

    lock: Lock
    readers: Mapping[str, tuple[Reader, CardFormat]]
    contact: Input | None = None
    exit_button: Input | None = None
    indicator: Indicator | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a door is set to, besides its rules; seconds."""

    name: str
    open_for: float = 5.0
    repeat_after: float = 2.0


class Door:
    """Start it and it works until stopped. Public methods may be called from any thread."""

    def __init__(
        self,
        rules: DoorRules,
        settings: Settings,
        parts: Parts,
        knowledge: Knowledge,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self.id, self.rules, self.settings, self.parts = rules.door, rules, settings, parts
        self.state = DoorState()
        self.last: tuple[float, Decision] | None = None  # wall time and answer of the last scan
        self.unwell: dict[str, str] = {}  # part → what is wrong with it
        self.heartbeat = clock.monotonic()
        self._knowledge, self._journal, self._clock = knowledge, journal, clock
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._seen: dict[str, tuple[str, float]] = {}
        self._refused: dict[str, int] = {}
        self._released_at: float | None = None
        self._show_until = 0.0
        self._once = Once(log.bind(door=self.id))
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"door-{self.id}", daemon=True)

    def start(self, mode: Mode = Mode.NORMAL, until: float | None = None) -> None:
        """Lock, take up the mode staff last set, and listen."""
        self.parts.lock.secure()
        self.state = set_mode(self.state, mode, until)
        self._thread.start()
        for name, (reader, _) in self.parts.readers.items():
            reader.start(self._reads(name), self._hears(name))
        if self.parts.contact:
            self.parts.contact.start(lambda is_open: self._put(lambda: self._contact(is_open)))
        if self.parts.exit_button:
            self.parts.exit_button.start(lambda down: self._put(lambda: self._exit(down)))

    def stop(self) -> None:
        """Lock and let go of the devices."""
        for reader, _ in self.parts.readers.values():
            reader.stop()
        for button in (self.parts.contact, self.parts.exit_button):
            if button:
                button.stop()
        self._stopping = True
        self._put(lambda: None)
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self.parts.lock.stop()
        if self.parts.indicator:
            self.parts.indicator.stop()

    def unlock(self, author: str, seconds: float | None = None) -> None:
        """Staff let somebody in."""
        self._put(lambda: self._unlock(author, seconds or self.settings.open_for))

    def set_mode(self, mode: Mode, until: float | None, author: str) -> None:
        """Staff change what the door does; `until` is wall time."""
        self._put(lambda: self._set_mode(mode, until, author))

    def catch_up(self, timeout: float) -> bool:
        """Wait until everything put before has been done."""
        done = threading.Event()
        self._put(done.set)
        return done.wait(timeout)

    @property
    def mode(self) -> Mode:
        return self.state.mode_at(self._clock.wall())

    @property
    def released(self) -> bool:
        return self._released_at is not None

    def _reads(self, reader: str) -> Callable[[str], None]:
        def on_text(text: str) -> None:
            read = Read(reader, text, self._clock.monotonic())
            self._put(lambda: self._read(read))

        return on_text

    def _hears(self, part: str) -> Callable[[bool, str], None]:
        return lambda ok, why: self._put(lambda: self._health(part, ok, why))

    def _put(self, work: Callable[[], None]) -> None:
        self._queue.put(work)

    def _run(self) -> None:
        while not self._stopping:
            self.heartbeat = self._clock.monotonic()
            try:
                work = self._queue.get(timeout=self._patience())
            except queue.Empty:
                work = None
            try:
                if work:
                    work()
                self._settle()
            except Exception:
                # Whatever went wrong with one thing, the door is locked and the next is served.
                log.exception("door failed at one task; it goes on", door=self.id)
                self.parts.lock.secure()
                self._released_at = None
        self.parts.lock.secure()

    def _patience(self) -> float:
        """Seconds until something is due by itself; at most one."""
        now = self._clock.monotonic()
        due = (now + 1.0, self.state.next_change(now), self._show_until)
        return max(0.0, min(at for at in due if at) - now)

    def _read(self, read: Read) -> None:
        if self._repeated(read):
            return
        try:
            canonical = self.parts.readers[read.reader][1].canonical(read.text)
        except ValueError as error:
            self._not_a_card(read, str(error))
            return
        self._refused.pop(read.reader, None)
        self._once.fine(f"read {read.reader}", "reads understood again", reader=read.reader)
        decision, ticket = self._decided(canonical, read)
        if decision.granted:
            ticket.wait(RECORD_WITHIN)
            self.state = let_in(self.state, self._clock.monotonic(), self.settings.open_for)
            self._settle()
            self._show(Signal.GRANTED, decision.person.name if decision.person else "")
        else:
            self._show(Signal.DENIED, decision.reason.value)
        self.last = (self._clock.wall(), decision)

    def _repeated(self, read: Read) -> bool:
        """The same card held to the reader: readers repeat it several times a second."""
        text, at = self._seen.get(read.reader, ("", 0.0))
        self._seen[read.reader] = (read.text, read.at)
        return text == read.text and read.at - at < self.settings.repeat_after

    def _decided(self, canonical: str, read: Read) -> tuple[Decision, Ticket]:
        know = self._knowledge
        with know.turn:
            facts = know.facts(canonical, self.rules)
            decision = decide(self.rules, self.mode, facts, know.now())
            ticket = self._journal.append(self._event(decision, canonical, read.reader))
        return decision, ticket

    def _event(self, decision: Decision, canonical: str, reader: str) -> Event:
        person = decision.person
        detail: dict[str, object] = {"reader": reader}
        if decision.notes:
            detail["notes"] = list(decision.notes)
        return Event(
            Kind.ACCESS,
            self.id,
            decision.reason.value,
            person.platform if person else "",
            person.key if person else "",
            person.name if person else "",
            _shown(canonical),
            decision.label,
            decision.pass_key,
            decision.visit,
            decision.visit_until,
            decision.checks_in,
            detail=detail,
        )

    def _not_a_card(self, read: Read, why: str) -> None:
        self._once.trouble(f"read {read.reader}", "read refused", reader=read.reader, why=why)
        times = self._refused.get(read.reader, 0) + 1
        # A noisy line must not fill the journal: the first is told, then each power of two.
        if times & (times - 1) == 0:
            self._tell(Kind.READ_REFUSED, reader=read.reader, why=why, times=times)
        self._refused[read.reader] = times
        self._show(Signal.DENIED, "card not readable")

    def _contact(self, is_open: bool) -> None:  # noqa: FBT001
        if is_open == self.state.open:
            return
        self.state = replace(self.state, open=is_open)
        if not is_open:
            self._tell(Kind.CLOSED)
        elif self.state.opening_expected(self._clock.wall(), self._clock.monotonic()):
            self._tell(Kind.OPENED)
        else:
            log.warning("door forced", door=self.id)
            self._tell(Kind.FORCED)

    def _exit(self, pressed: bool) -> None:  # noqa: FBT001
        if pressed:
            self.state = let_out(self.state, self._clock.monotonic(), self.settings.open_for)
            self._tell(Kind.EXIT)

    def _unlock(self, author: str, seconds: float) -> None:
        self.state = let_in(self.state, self._clock.monotonic(), seconds)
        self._tell(Kind.UNLOCKED, author, seconds=seconds)

    def _set_mode(self, mode: Mode, until: float | None, author: str) -> None:
        self.state = set_mode(self.state, mode, until)
        self._tell(Kind.MODE, author, mode=mode.value, until=until)
        self._show_until = self._clock.monotonic()

    def _health(self, part: str, ok: bool, why: str) -> None:  # noqa: FBT001
        if ok and self.unwell.pop(part, None) is not None:
            self._tell(Kind.DEVICE_BACK, part=part)
        elif not ok and part not in self.unwell:
            self._tell(Kind.DEVICE_LOST, part=part, why=why)
        if not ok:
            self.unwell[part] = why

    def _tell(self, kind: Kind, author: str = "", **detail: object) -> None:
        known = {key: value for key, value in detail.items() if value is not None}
        self._journal.append(Event(kind, self.id, author=author, detail=known or None))

    def _settle(self) -> None:
        """Bring the lock and the indicator to where they should be by now."""
        now = self._clock.monotonic()
        if not self.state.released_at(self._clock.wall(), now):
            if self._released_at is not None:
                self.parts.lock.secure()
                self._released_at = None
        elif self._released_at is None or now - self._released_at >= _REARM:
            self._release(now)
        if self._show_until and now >= self._show_until:
            self._show_until = 0.0
            if self.parts.indicator:
                self.parts.indicator.show(_CLOSED_OVER[self.mode])

    def _release(self, now: float) -> None:
        try:
            self.parts.lock.release()
        except HardwareError as error:
            self._once.trouble("lock", "lock does not release", error=str(error))
            self._health("lock", False, str(error))
            return
        self._released_at = now
        self._health("lock", True, "")

    def _show(self, signal: Signal, text: str) -> None:
        if self.parts.indicator:
            self.parts.indicator.show(signal, text)
            self._show_until = self._clock.monotonic() + _SHOW_FOR


def _shown(canonical: str) -> str:
    """What the journal keeps of a card; nothing of a PIN."""
    return "PIN" if canonical.startswith("pin:") else mask(canonical.partition(":")[2])
