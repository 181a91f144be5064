"""`doorward hw test`: each device of a door tried with the help of a person; ends with a protocol.

One step's failure keeps no other from being tried. No card number and no PIN is in the protocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

from controller.cli.hw_ears import Ears, Hands, Seen, level_of
from controller.cli.hw_person import NoAnswer, Person
from controller.cli.hw_words import canonical_forms, hidden, is_pin, kept, level
from controller.cli.output import counted, lasting
from controller.config import ReaderStanza
from controller.errors import DoorwardError
from controller.ports import Card, Keys, Refused, Signal

Outcome = Literal["passed", "failed", "skipped"]
SETTLES = 5.0  # seconds in which every part has told how it stands
RELAY = 3.0  # seconds of the release that is looked at
DOORWAY = 10.0  # seconds of the release in which the door is opened
SHOWN = 2.0  # seconds of one signal


class Step(NamedTuple):
    """One thing tried. `device`: driver and where it is attached."""

    part: str
    device: str
    outcome: Outcome
    seen: str


@dataclass
class Bench:
    """One door under test. `devices`: part → driver and place; `wait` passes seconds."""

    door: str
    devices: Mapping[str, str]
    readers: Mapping[str, ReaderStanza]
    hands: Hands
    ears: Ears
    person: Person
    wait: Callable[[float], Any]
    patience: float = 30.0  # seconds for a person to do what they are asked
    steps: list[Step] = field(default_factory=list)

    def run(self) -> None:
        """Try everything; `steps` holds what was done so far, whatever ends this."""
        self._try("health", self._health)
        self._try("lock", self._lock)
        self._try("indicator", self._indicator)
        self._try("contact", self._contact)
        for part, do, undo in _MOVED:
            self._try(part, partial(self._moved, part, do, undo))
        if "fire" in self.devices:
            self._note("fire", "skipped", _FIRE)
        for reader in self.readers:
            self._try(reader, partial(self._scan, reader))

    def _try(self, part: str, step: Callable[[], tuple[Outcome, str]]) -> None:
        if part != "health" and part not in self.devices:
            if part in ("contact", "exit_button", "indicator"):
                self._note(part, "skipped", "not configured")
            return
        try:
            self.ears.forget()
            outcome, seen = step() if self._well(part) else ("failed", "not there: see health")
        except NoAnswer:
            self._note(part, "skipped", "nobody answered")
            raise
        except DoorwardError as error:
            outcome, seen = "failed", str(error)
        self._note(part, outcome, seen)

    def _well(self, part: str) -> bool:
        health = self.ears.healths.get((self.door, part))
        return health is None or health.ok

    def _note(self, part: str, outcome: Outcome, seen: str) -> None:
        step = Step(part, self.devices.get(part, ""), outcome, hidden(seen))
        self.steps.append(step)
        self.person.say(f"  → {part}: {outcome.upper()}: {seen}")

    # Steps: each returns how it went and what was seen.

    def _health(self) -> tuple[Outcome, str]:
        asked = dict.fromkeys(part for part in self.devices if part != "indicator")

        def all_told(_: Seen | None = None) -> bool | None:
            return asked.keys() <= {part for _, part in self.ears.healths} or None

        self.person.say("Looking at the devices …")
        if not all_told():
            self.ears.first(all_told, SETTLES)
        ill = {p: h.why for (_, p), h in self.ears.healths.items() if not h.ok and p in asked}
        ill.update(
            dict.fromkeys(asked.keys() - {part for _, part in self.ears.healths}, "told nothing")
        )
        if ill:
            return "failed", "; ".join(f"{part}: {why}" for part, why in sorted(ill.items()))
        return "passed", f"{counted(len(asked), 'device')} there and well: {', '.join(asked)}"

    def _lock(self) -> tuple[Outcome, str]:
        if not self.person.consents(f"The door will be unlocked for {lasting(RELAY)}. Go on?"):
            return "skipped", "no consent to unlock the door"
        self.hands.release(RELAY)
        self.person.say(f"Released for {lasting(RELAY)}: listen and try the door.")
        self.wait(RELAY + 1.0)
        if why := self.hands.trouble():
            return "failed", why
        released = self.person.saw("Did the lock release?")
        if released is False:
            return "failed", f"released for {lasting(RELAY)}, but the lock did not move: {_WIRES}"
        if self.person.saw("Is it locked again?") is False:
            return "failed", "it did not lock again: cut its power, then see `energize` and wiring"
        by = "seen by a person" if released else "nobody was asked whether it moved"
        return "passed", f"released for {lasting(RELAY)} and locked again; {by}"

    def _indicator(self) -> tuple[Outcome, str]:
        unseen, asked = [], False
        for signal in Signal:
            self.person.say(f"Showing {signal.value.upper()} …")
            self.hands.show(signal, SHOWN)
            self.wait(SHOWN)
            seen = self.person.saw(f"Did the indicator show {signal.value}?")
            asked = asked or seen is not None
            if seen is False:
                unseen.append(signal.value)
        self.hands.show(Signal.IDLE, SHOWN)
        if unseen:
            return "failed", f"not shown: {', '.join(unseen)}; check wiring and pins"
        by = "each seen by a person" if asked else "nobody was asked what they looked like"
        return "passed", f"{counted(len(Signal), 'signal')} shown; {by}"

    def _contact(self) -> tuple[Outcome, str]:
        if self.ears.levels.get((self.door, "contact")):
            return "failed", f"tells open before the door was opened: shut it; else {_WRONG_WAY}"
        question = f"The door will be unlocked for {lasting(DOORWAY)} to be opened. Go on?"
        if not self.person.consents(question):
            return "skipped", "no consent to unlock the door"
        self.hands.release(DOORWAY)
        try:
            return self._moved("contact", "Open the door.", "Shut the door.")
        finally:
            self.hands.trouble()

    def _moved(self, part: str, do: str, undo: str) -> tuple[Outcome, str]:
        told = []
        for word, active in ((do, True), (undo, False)):
            self.person.say(word)
            moved = self.ears.first(level_of(part), self.patience)
            if moved is None:
                return "failed", f"nothing came within {lasting(self.patience)}: {_NOTHING}"
            told.append(level(part, active=moved))
            if moved is not active:
                return "failed", f"told {told[-1]!r} at {word!r}: {_WRONG_WAY}"
        return "passed", " → ".join(told)

    def _scan(self, reader: str) -> tuple[Outcome, str]:
        refused: list[str] = []

        def read(seen: Seen) -> Seen | None:
            if seen.part == reader and isinstance(seen.told, Refused):
                refused.append(seen.told.why)
            fits = seen.part == reader and isinstance(seen.told, Card | Keys)
            return seen if fits else None

        self.person.say(f"Hold a card to reader {reader} (at a keypad: press a key).")
        seen = self.ears.first(read, self.patience)
        before = f"; refused before: {'; '.join(dict.fromkeys(refused))}" if refused else ""
        if seen is None and refused:
            return "failed", f"nothing but refused reads: {'; '.join(dict.fromkeys(refused))}"
        if seen is None:
            return "failed", f"no read within {lasting(self.patience)}: {_NOTHING}"
        if isinstance(seen.told, Card) and not is_pin(seen, self.readers[reader]):
            return self._card(reader, seen.told, before)
        return "passed", f"a key or PIN came{before}"

    def _card(self, reader: str, card: Card, before: str) -> tuple[Outcome, str]:
        self.person.say(f"Read: {card.text}")
        fits = ", ".join(name for name, _ in canonical_forms(card.text))
        told = f"card {kept(card)} ({card.strength.value}; fits {fits})"
        try:
            self.readers[reader].card.card_format().canonical(card.text)
        except ValueError as error:
            why = f"by this reader's card = … it {error}; doorward hw learn names what fits"
            return "failed", f"{told}, but {why}{before}"
        return "passed", told + before


_MOVED = (
    ("exit_button", "Press the exit button.", "Let go of it."),
    ("tamper", "Open the housing.", "Close it."),
)
_FIRE = "tried with whoever runs the fire alarm, and doorward hw watch; so is its own release"
_WIRES = "check the lock's supply, the relay's terminals and `energize`"
_NOTHING = "check wiring, power and the pin or address; doorward hw watch shows what comes"
_WRONG_WAY = "its polarity is the wrong way round; doorward hw learn says what to write"
