"""One door: its devices, its rules, and the thread on which everything about it happens.

Drivers put what they see on a queue; the door's thread decides, records, moves the lock and shows.
Nothing on this thread touches a network or sleeps; the longest wait is 100 ms for the journal.
"""

from collections.abc import Callable

import structlog

from controller import doorstate
from controller.bolt import Bolt
from controller.condition import Condition
from controller.display import Display, resting
from controller.door_parts import Fitted, Parts, Settings
from controller.doorstate import At, DoorState, Phase, Step
from controller.doorthread import DoorThread
from controller.entrance import Entrance, Verdict, Waiting
from controller.interlock import Interlock
from controller.journal import Journal
from controller.knowledge import Knowledge
from controller.levels import Levels
from controller.live import Asker
from controller.model import Decision, DoorRules, Event, Kind, Mode, Trust
from controller.ports import Alarm, Card, Clock, Health, Keys, Level, Refused, Signal, Tell, Told
from controller.question import Heard
from controller.reads import Reads
from controller.timetable import unlocked_until
from controller.watchers import Watcher, Watchers

__all__ = ["Door", "Fitted", "Parts", "Settings"]

log = structlog.get_logger(__name__)

RECORD_WITHIN = 0.1  # seconds a member waits for the disk at most
_LOOK = 1.0  # seconds between looks at the hours


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
        interlock: Interlock | None = None,
        asker: Asker | None = None,
    ) -> None:
        self.id, self.rules, self.settings, self.parts = rules.door, rules, settings, parts
        self.state = DoorState()
        self.last: tuple[float, Decision] | None = None  # wall time and answer of the last scan
        self.condition = Condition(self.id, self._tell)
        self._knowledge, self._journal, self._clock = knowledge, journal, clock
        self._interlock, self._asker = interlock or Interlock(), asker
        self._entrance = Entrance(
            rules,
            knowledge,
            journal,
            clock,
            self._interlock,
            settings.partners,
            settings.asks if asker else frozenset(),
            settings.ask_within,
        )
        self.strangers = self._entrance.strangers
        self._bolt, self._display = Bolt(parts.lock, clock), Display(parts.indicator, clock)
        self._reads, self._levels = Reads(parts.readers, settings.repeat_after), Levels()
        self._watchers = Watchers()
        self._last_entry: float | None = None
        self._look_at = 0.0
        self._thread = DoorThread(
            self.id, clock, self._patience, self._advance, self._settle, self._bolt.shut
        )
        self._put = self._thread.put

    def start(self, mode: Mode = Mode.NORMAL, until: float | None = None) -> None:
        """Lock, take up the mode staff last set, and listen."""
        self._bolt.shut()
        if any(opening.first_person for opening in self.settings.openings):
            self._last_entry = self._journal.last_granted(self.id)
        timing = self.settings.timing
        self.state, _ = doorstate.set_mode(self.state, mode, until, self._at(), timing)
        self._thread.start()
        self.parts.listen(self._hears)

    def stop(self) -> None:
        """Lock and let go of the devices."""
        self.parts.hush()
        self._thread.stop()
        self._bolt.shut()
        self._entrance.not_opened()
        self.parts.lock.stop()
        self._display.stop()

    def unlock(self, author: str, seconds: float | None = None) -> None:
        """Staff let somebody in."""
        self._put(lambda: self._unlock(author, seconds or self.settings.timing.open_for))

    def set_mode(self, mode: Mode, until: float | None, author: str) -> None:
        """Staff change what the door does; `until` is wall time."""
        self._put(lambda: self._set_mode(mode, until, author))

    def prop(self, author: str, seconds: float) -> None:
        """Staff allow the door to stand open for so long."""
        self._put(lambda: self._prop(author, seconds))

    def show(self, signal: Signal, seconds: float) -> None:
        """Show something on the indicator, to see whether it works."""
        self._put(lambda: self._display.answer(signal, "", seconds))

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Be told all that the devices tell, on their threads; returns how to end it."""
        return self._watchers.add(watcher)

    def catch_up(self, timeout: float) -> bool:
        """Wait until everything put before has been done."""
        return self._thread.catch_up(timeout)

    @property
    def heartbeat(self) -> float:
        """When (monotonic) its thread last came round."""
        return self._thread.heartbeat

    @property
    def mode(self) -> Mode:
        return self.state.mode_at(self._clock.wall())

    @property
    def word(self) -> str:
        """What the door does, as a person would call it."""
        return self.state.word(self._clock.wall(), self.settings.timing)

    @property
    def released(self) -> bool:
        return self._bolt.released

    @property
    def barred_by(self) -> str:
        """The door of the same interlock that keeps this one shut, "" if none does."""
        return self._interlock.barring(self.settings.partners)

    @property
    def waits(self) -> bool:
        """Does it wait for a PIN, or for another person?"""
        return self._entrance.next_due() is not None

    def _hears(self, part: str) -> Tell:
        def tell(told: Told) -> None:
            at = self._clock.monotonic()
            self._put(lambda: self._told(part, told, at))
            self._watchers.tell(part, told)

        return tell

    def _patience(self) -> float:
        """Seconds until something is due by itself; at most one."""
        now = self._clock.monotonic()
        change = self.state.next_change(now, self.settings.timing)
        due = [now + _LOOK, self._display.until, change, self._entrance.next_due()]
        if change and self.released:
            due.append(self._bolt.next_change(change))
        return max(0.0, min(at for at in due if at) - now)

    def _told(self, part: str, told: Told, at: float) -> None:
        match told:
            case Card():
                self._card(part, told, at)
            case Keys():
                self._keys(part, told.text, at)
            case Refused():
                self._not_a_card(part, told.why, shown=not self._flood(part, at))
            case Level():
                self._level(part, told.active, at, "somebody opened a housing")
            case Health():
                self._health(part, told.ok, told.why)
            case Alarm():
                self._level(f"{part} {told.what}", told.on, at, told.why)

    def _card(self, reader: str, card: Card, at: float) -> None:
        if self._reads.again(reader, card.text, at) or self._flood(reader, at):
            return
        fitted = self.parts.readers[reader]
        if fitted.strength:
            card = card._replace(strength=fitted.strength)
        try:
            verdict = self._expecting().card(reader, fitted.form, card, self.mode)
        except ValueError as error:
            self._not_a_card(reader, str(error), shown=True)
            return
        self.condition.understood(reader)
        self._answer(verdict)

    def _keys(self, reader: str, keys: str, at: float) -> None:
        if "#" in keys and self._flood(reader, at):
            return
        for verdict in self._expecting().keys(reader, keys, self.mode):
            self._answer(verdict)

    def _flood(self, reader: str, at: float) -> bool:
        flood = self._reads.flood(reader, at)
        if flood:
            why = "reads more than people can present; it is ignored until it is calm"
            self.condition.alarm(f"{reader} flood", True, why)
        return flood

    def _expecting(self) -> Entrance:
        """The entrance, knowing whether an opening will follow that can be seen."""
        shut = self.state.phase in (Phase.LOCKED, Phase.GRANTED)
        entrance = self._entrance
        entrance.expects_opening = shut and self._levels.sure("contact")
        entrance.counts_on_opening = self.settings.counts_on_opening and entrance.expects_opening
        return entrance

    def _answer(self, verdict: Verdict) -> None:
        decision = verdict.decision
        if decision is None:
            until = self._entrance.next_due() or 0.0
            self._display.answer(Signal.WAIT, verdict.wanted, until - self._clock.monotonic())
            if verdict.asks:
                self._ask(verdict.asks)
            return
        if not decision.granted:
            self._display.answer(Signal.DENIED, verdict.said or decision.reason.value)
        else:
            if verdict.ticket:
                verdict.ticket.wait(RECORD_WITHIN)
            at, timing = self._at(), self.settings.timing
            if not self._entrance.expects_opening:
                self._last_entry = at.wall
            self._take(doorstate.let_in(self.state, at, timing.open_for, timing))
            self._move_lock()
            self._display.answer(Signal.GRANTED, decision.person.name if decision.person else "")
        self.last = (self._clock.wall(), decision)

    def _ask(self, waiting: Waiting) -> None:
        """Somebody else waits for the answer; this thread serves whoever comes meanwhile."""
        assert self._asker

        def hear(heard: Heard) -> None:
            self._put(lambda: self._heard(waiting, heard))

        self._asker.ask(waiting.question, waiting.presented.until, hear)

    def _heard(self, waiting: Waiting, heard: Heard) -> None:
        for verdict in self._expecting().heard(waiting, heard, self.mode):
            self._answer(verdict)

    def _not_a_card(self, reader: str, why: str, *, shown: bool) -> None:
        self.condition.refused(reader, why)
        if shown:
            self._display.answer(Signal.DENIED, "card not readable")

    def _level(self, part: str, active: bool, at: float, why: str) -> None:  # noqa: FBT001
        """An input stands so, or an alarm of a device; `why`: what it means if it is an alarm."""
        meaning = self._levels.told(part, active, at)
        if meaning == "flutters":
            mad = "changes faster than people do; it is ignored until it is calm: check its wiring"
            self.condition.alarm(f"{part} flutter", True, mad)
            self._out_of_sight(part)
        elif meaning:
            self._moved(part, active, why, found=meaning == "found")

    def _moved(self, part: str, active: bool, why: str, *, found: bool) -> None:  # noqa: FBT001
        """It is to be believed. `found`: it was not seen to become so."""
        at, timing = self._at(), self.settings.timing
        if part == "contact":
            self._take(doorstate.moved(self.state, active, at, timing, found=found))
        elif part == "fire":
            self._take(doorstate.set_fire(self.state, active, at, timing))
        elif part != "exit_button":
            self.condition.alarm(part, active, why)
        elif active and not found:
            self._exit(at)

    def _exit(self, at: At) -> None:
        timing = self.settings.timing
        barred = self._barred() if timing.exit_unlocks else ""
        self._tell(Kind.EXIT, barred_by=barred or None)
        if barred:
            self._display.answer(Signal.WAIT, "other door")
        else:
            self._take(doorstate.let_out(self.state, at, timing))

    def _out_of_sight(self, part: str) -> None:
        """Nobody can tell any more whether the door opens: who was let in counts as entered."""
        if part == "contact" and self._entrance.opened(seen=False):
            self._last_entry = self._clock.wall()

    def _unlock(self, author: str, seconds: float) -> None:
        if self.mode is Mode.LOCKDOWN or self._barred():
            return  # since the command was checked
        self._tell(Kind.UNLOCKED, author, seconds=seconds)
        self._take(doorstate.let_in(self.state, self._at(), seconds, self.settings.timing))

    def _set_mode(self, mode: Mode, until: float | None, author: str) -> None:
        self._tell(Kind.MODE, author, mode=mode.value, until=until)
        at, timing = self._at(), self.settings.timing
        self._take(doorstate.set_mode(self.state, mode, until, at, timing))
        self._display.changed(at_once=True)

    def _prop(self, author: str, seconds: float) -> None:
        if self.state.phase is not Phase.FORCED:  # since the command was checked
            self.state, _ = doorstate.prop(self.state, self._clock.monotonic() + seconds)
            self._tell(Kind.PROPPED, author, seconds=seconds)
            self._display.changed()

    def _health(self, part: str, ok: bool, why: str) -> None:  # noqa: FBT001
        self.condition.health(part, ok, why)
        self._display.changed()
        if not ok:
            self._levels.forget(part)
            self._out_of_sight(part)

    def _tell(self, kind: Kind, author: str = "", **detail: object) -> None:
        known = {key: value for key, value in detail.items() if value is not None}
        self._journal.append(Event(kind, self.id, author=author, detail=known or None))

    def _at(self) -> At:
        return At(self._clock.wall(), self._clock.monotonic())

    def _take(self, step: Step) -> None:
        """Go on to the next state, and tell what happened on the way."""
        before, (self.state, kinds) = self.state, step
        for kind in kinds:
            if kind in (Kind.FORCED, Kind.HELD, Kind.FIRE):
                log.warning(kind.value, door=self.id)
            if kind is Kind.HOURS:
                self._tell(kind, unlocked=self.state.by_hours)
            else:
                self._tell(kind)
        opened = Kind.OPENED in kinds or self.state.phase is Phase.FREE
        if opened and self._entrance.opened():
            self._last_entry = self._clock.wall()
        if before.phase is not self.state.phase or kinds:
            self._display.changed()

    def _advance(self) -> None:
        """What was due before whatever comes now."""
        at = self._at()
        self._take(doorstate.advance(self.state, at, self.settings.timing))
        if self.state.phase is Phase.LOCKED and at.monotonic >= self.state.expected_until:
            self._entrance.not_opened()
        for verdict in self._expecting().due(self.mode):
            self._answer(verdict)

    def _settle(self) -> None:
        """Bring the lock and the indicator to where they should be by now."""
        at = self._at()
        if at.monotonic >= self._look_at:
            self._look_at = at.monotonic + _LOOK
            self._look(at)
        self._move_lock()
        lost = bool(self._knowledge.trouble) or self.condition.lost(self.parts.readers)
        self._display.rest(resting(self.state, at.wall, self.settings.timing, lost=lost))

    def _look(self, at: At) -> None:
        """What changes by the clock alone: hours, and inputs that stand as they should not."""
        own = self.settings
        if own.openings and own.zone:
            sure = self._clock.trust() is not Trust.GUESSED or self.rules.admit_on_guessed_clock
            until = unlocked_until(own.openings, own.zone, own.holidays, at.wall, self._last_entry)
            unlocked = until is not None and sure
            self._take(doorstate.set_hours(self.state, unlocked, at, own.timing))
        pressed = self._levels.active_for("exit_button", at.monotonic)
        stuck = bool(own.stuck_after) and pressed >= own.stuck_after
        self.condition.alarm("exit_button stuck", stuck, "pressed for long: look after the button")
        for part, active in self._levels.calmed(at.monotonic):
            self.condition.alarm(f"{part} flutter", False, "")
            self._moved(part, active, "it stands so since it fluttered", found=True)
        for reader in self._reads.calmed(at.monotonic):
            self.condition.alarm(f"{reader} flood", False, "")

    def _move_lock(self) -> None:
        at, timing, state = self._at(), self.settings.timing, self.state
        wanted = state.released_at(at, timing) and (self.released or not self._barred())
        if not wanted:
            self._bolt.secure()
        elif state.free_at(at.wall, timing):
            self._bolt.release(at.monotonic + 86400)
        else:
            let = state.released_until if self.mode is Mode.NORMAL else 0.0
            self._bolt.release(max(let, state.exit_until))
        self.condition.health("lock", not self._bolt.fault, self._bolt.fault)
        if self.settings.partners:
            shut = state.phase is Phase.LOCKED and not self.released and not self._bolt.fault
            self._interlock.set_shut(self.id, shut and self._levels.sure("contact"))

    def _barred(self) -> str:
        """The partner that keeps this door shut; if none does, it keeps its partners shut now."""
        burning = self.state.fire and self.settings.timing.fire_unlocks
        if burning or not self.settings.partners:
            return ""
        return self._interlock.claim(self.id, self.settings.partners)
