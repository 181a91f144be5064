"""From what is presented at a door to a decision on record: cards, PINs, two persons, the check-in.

Used by the door's own thread alone. Where hours demand more than a card, a granted card waits for
the rest; when all is there everything is decided anew and recorded at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from controller.areas import at_reader
from controller.cards import CardFormat, mask
from controller.decide import decide
from controller.interlock import Interlock
from controller.journal import Journal, Ticket
from controller.keypad import Keypad, meant_under_duress
from controller.knowledge import Knowledge
from controller.model import (
    Decision,
    DoorRules,
    Event,
    Holder,
    Kind,
    Mode,
    Person,
    Reason,
    Strength,
)
from controller.ports import Card, Clock
from controller.question import NO_ANSWER, WAITING, Heard, Question
from controller.strangers import Strangers
from controller.timetable import demanded
from controller.vigilance import Vigilance
from controller.whereabouts import Whereabouts

log = structlog.get_logger(__name__)

PIN_WITHIN = 15.0  # seconds after the card
COMPANY_WITHIN = 30.0  # seconds from one person to the next
_ASK_AT_ONCE = 4  # people of one door of whom the platforms are asked; of more, they are not


class Verdict(NamedTuple):
    """What became of something presented; `decision` is None while more is waited for."""

    decision: Decision | None
    ticket: Ticket | None = None
    wanted: str = ""  # what is waited for, in words for the person at the door
    asks: "Waiting | None" = None  # the platforms are to be asked; then call `heard`
    said: str = ""  # a platform's own reason for a refusal


class Presented(NamedTuple):
    """A credential in its canonical form, and where and how it was read."""

    canonical: str
    reader: str
    strength: Strength
    person: Person | None = None  # once known
    until: float = 0.0  # monotonic: so long the rest is waited for
    heard: Heard | None = None  # once the platforms were asked
    typed: str = ""  # a PIN after the card: "right" or "wrong"


class Waiting(NamedTuple):
    """Somebody of whom the platforms are being asked."""

    question: Question
    presented: Presented


class Expected(NamedTuple):
    """Somebody who was let in and has not opened yet."""

    presented: Presented
    decision: Decision
    checks_in: bool  # only the opening counts


@dataclass(slots=True)
class Entrance:
    """The door sets `expects_opening` and `counts_on_opening` before each thing presented."""

    rules: DoorRules
    knowledge: Knowledge
    journal: Journal
    clock: Clock
    interlock: Interlock
    partners: Sequence[str] = ()
    asks: frozenset[Reason] = frozenset()  # refusals before which the platforms are asked
    ask_within: float = 0.0  # seconds
    expects_opening: bool = False  # there is a contact that will tell of it
    counts_on_opening: bool = False  # and a check-in counts only then
    strangers: Strangers = field(default_factory=Strangers)
    ways: Whereabouts = field(init=False)
    _vigilance: Vigilance = field(init=False)
    _keypads: dict[str, Keypad] = field(default_factory=dict)
    _for_pin: dict[str, Presented] = field(default_factory=dict)  # reader → card that was shown
    _company: list[Presented] = field(default_factory=list)
    _expected: list[Expected] = field(default_factory=list)
    _asked: list[Waiting] = field(default_factory=list)

    def __post_init__(self) -> None:
        door, knowledge = self.rules.door, self.knowledge
        self.ways = Whereabouts(self.rules, knowledge, self.journal)
        self._vigilance = Vigilance(door, knowledge, self.clock, self._append)

    def card(self, reader: str, form: CardFormat, card: Card, mode: Mode) -> Verdict:
        """A card was read, or a PIN by a keypad that sends it whole. ValueError if it is none."""
        canonical = form.canonical(card.text)
        if canonical.startswith("pin:"):
            return self._pin(reader, canonical.removeprefix("pin:"), mode)
        return self._take(Presented(canonical, reader, card.strength), mode)

    def keys(self, reader: str, keys: str, mode: Mode) -> list[Verdict]:
        """Keys were pressed: a verdict for each PIN they complete."""
        pins = self._keypad(reader).feed(keys, self.clock.boottime())
        return [self._pin(reader, pin, mode) for pin in pins]

    def heard(self, waiting: Waiting, heard: Heard, mode: Mode) -> list[Verdict]:
        """The platforms were asked: decide anew, by what the cache holds now. [] if too late."""
        if waiting not in self._asked:
            return []
        self._asked.remove(waiting)
        return [self._take(waiting.presented._replace(heard=heard), mode)]

    def due(self, mode: Mode) -> list[Verdict]:
        """Whoever waited for too long for the rest is refused, or for an answer decided anew."""
        now = self.clock.monotonic()
        self.strangers.forget_old(now)
        unanswered = [each for each in self._asked if each.presented.until <= now]
        return self._late(now) + [v for w in unanswered for v in self.heard(w, NO_ANSWER, mode)]

    def _late(self, now: float) -> list[Verdict]:
        late = [(each, Reason.NO_FACTOR) for each in self._for_pin.values() if each.until <= now]
        late += [(each, Reason.ALONE) for each in self._company if each.until <= now]
        if late:
            self._for_pin = {r: each for r, each in self._for_pin.items() if each.until > now}
            self._company = [each for each in self._company if each.until > now]
        return [self._refused(each, reason) for each, reason in late]

    def next_due(self) -> float | None:
        """When (monotonic) the next waiting is over."""
        asked = (each.presented for each in self._asked)
        waiting = [*self._for_pin.values(), *self._company, *asked]
        return min((each.until for each in waiting), default=None)

    def opened(self, *, seen: bool = True) -> bool:
        """The door opened for all who were let in; was there anybody?

        Not `seen`: the contact was lost meanwhile. Then the grant counts, as without a contact.
        """
        expected, self._expected = self._expected, []
        for each in expected:
            if each.checks_in:
                self._enter(each, **({} if seen else {"unseen": True}))
            self.ways.went(each.decision.person, each.presented.reader, seen=seen)
        return bool(expected)

    def not_opened(self) -> None:
        """The door is locked again and nobody has opened it."""
        expected, self._expected = self._expected, []
        for presented, decision, _ in expected:
            self.journal.append(_event(Kind.NO_ENTRY, self.rules.door, decision, presented))

    def _take(self, presented: Presented, mode: Mode) -> Verdict:
        rules = at_reader(self.rules, presented.reader)
        demand = demanded(rules, self.clock.wall()) if rules.demands else None
        if demand is None or not (demand.pin or demand.persons > 1):
            return self._concluded([presented], mode, may_ask=True)
        with self.knowledge.turn:
            decision = self._decide(presented, mode)
        if asking := self._asks_first(presented, decision):
            return asking
        if not decision.granted:
            return self._recorded(presented, decision)
        presented = presented._replace(person=decision.person)
        if demand.pin and presented.strength is not Strength.PIN:
            return self._waits_for_pin(presented)
        return self._accompanied(presented, demand.persons, mode)

    def _asks_first(self, presented: Presented, decision: Decision) -> Verdict | None:
        """A platform may know better. Never about a PIN that is nobody's: most are mistyped."""
        unknown = decision.reason is Reason.UNKNOWN
        pin = presented.strength is Strength.PIN or presented.canonical.startswith("pin:")
        if presented.heard or decision.reason not in self.asks or (unknown and pin):
            return None
        same = presented.canonical, presented.reader
        if any(same == (each.presented.canonical, each.presented.reader) for each in self._asked):
            return Verdict(None, wanted=WAITING)
        if len(self._asked) >= _ASK_AT_ONCE:
            return None
        door, person = self.rules.door, decision.person
        question = Question(door, platform=person.platform, person=person.key) if person else None
        until = self.clock.monotonic() + self.ask_within
        waiting = Waiting(
            question or Question(door, presented.canonical), presented._replace(until=until)
        )
        self._asked.append(waiting)
        return Verdict(None, wanted=WAITING, asks=waiting)

    def _waits_for_pin(self, presented: Presented) -> Verdict:
        before = self._for_pin.get(presented.reader)
        if before and _whom(before) != _whom(presented):
            self._refused(before, Reason.NO_FACTOR)
        until = self.clock.monotonic() + PIN_WITHIN
        self._for_pin[presented.reader] = presented._replace(until=until)
        return Verdict(None, wanted="PIN, then #")

    def _pin(self, reader: str, pin: str, mode: Mode) -> Verdict:
        shown = self._shown_before(reader)
        presented = Presented(f"pin:{pin}", reader, Strength.PIN)
        whose = self._vigilance.counted(reader, shown.person if shown else None)
        if self._vigilance.silent(whose):
            return self._refused(shown or presented, Reason.ATTEMPTS)
        if len(pin) < self.rules.pin_digits:
            presented = presented._replace(canonical="pin:")  # nobody's, even if somebody has it
        self.knowledge.prepare(presented.canonical)
        if shown:
            verdict = self._card_and_pin(shown, presented, mode)
        else:
            verdict = self._take(self._perhaps_forced(presented), mode)
        self._vigilance.tried(whose, shown or presented, verdict.decision)
        return verdict

    def _keypad(self, reader: str) -> Keypad:
        return self._keypads.setdefault(reader, Keypad())

    def _shown_before(self, keypad: str) -> Presented | None:
        """The card to which a PIN typed there belongs; a keypad may stand beside the reader."""
        if keypad not in self._for_pin and len(self._for_pin) == 1:
            return self._for_pin.popitem()[1]
        return self._for_pin.pop(keypad, None)

    def _card_and_pin(self, shown: Presented, typed: Presented, mode: Mode) -> Verdict:
        if not self._is_theirs(shown, typed.canonical):
            forced = f"pin:{meant_under_duress(typed.canonical.removeprefix('pin:'))}"
            if not (self.rules.duress and self._is_theirs(shown, forced)):
                return self._refused(shown._replace(typed="wrong"), Reason.WEAK)
            self._call_for_help(shown)
        demand = demanded(self.rules, self.clock.wall())
        return self._accompanied(shown._replace(typed="right"), demand.persons, mode)

    def _perhaps_forced(self, typed: Presented) -> Presented:
        """Nobody's PIN may be somebody's who is forced to type it."""
        if not self.rules.duress or self._holders(typed.canonical):
            return typed
        forced = f"pin:{meant_under_duress(typed.canonical.removeprefix('pin:'))}"
        known = self._holders(forced)
        if not known:
            return typed
        meant = typed._replace(canonical=forced)
        self._call_for_help(meant._replace(person=known[0].person))
        return meant

    def _call_for_help(self, presented: Presented) -> None:
        """Whether the door opens or not; at the door nothing shows it."""
        log.critical("duress", door=self.rules.door)
        self._append(Kind.DURESS, Decision(Reason.GRANTED, presented.person), presented)

    def _is_theirs(self, shown: Presented, pin: str) -> bool:
        return any(h.person[:2] == _whom(shown) for h in self._holders(pin))

    def _holders(self, canonical: str) -> tuple[Holder, ...]:
        with self.knowledge.turn:
            return self.knowledge.facts(canonical, self.rules).holders

    def _accompanied(self, presented: Presented, persons: int, mode: Mode) -> Verdict:
        if persons < 2:
            return self._concluded([presented], mode)
        others = [each for each in self._company if _whom(each) != _whom(presented)]
        until = self.clock.monotonic() + COMPANY_WITHIN
        company = [each._replace(until=until) for each in (*others, presented)]
        missing = persons - len(company)
        self._company = company if missing > 0 else []
        if missing > 0:
            return Verdict(None, wanted=f"{missing} more")
        return self._concluded(company, mode)

    def _concluded(
        self, all_: Sequence[Presented], mode: Mode, *, may_ask: bool = False
    ) -> Verdict:
        """Decide for all of them anew, all or none, and record it while no other door decides."""
        with self.knowledge.turn:
            decisions = [self._decide(each, mode) for each in all_]
            if may_ask and (asking := self._asks_first(all_[0], decisions[0])):
                return asking
            pairs = zip(all_, decisions, strict=True)
            decisions = [self._vigilance.elsewhere(*pair) for pair in pairs]
            if all(d.granted for d in decisions) and self._barred():
                decisions = [Decision(Reason.INTERLOCK, d.person) for d in decisions]
            if len(decisions) > 1 and not all(d.granted for d in decisions):
                decisions = [
                    Decision(Reason.ALONE, d.person) if d.granted else d for d in decisions
                ]
            verdicts = [self._settled(*pair) for pair in zip(all_, decisions, strict=True)]
        refused = [v for v in verdicts if v.decision and not v.decision.granted]
        return (refused or verdicts)[-1]

    def _barred(self) -> str:
        return self.interlock.claim(self.rules.door, self.partners) if self.partners else ""

    def _settled(self, presented: Presented, decision: Decision) -> Verdict:
        """Record one conclusion; what counts only at the opening is kept until then."""
        if "passed_back" in decision.notes:
            self._append(Kind.PASSBACK, decision, presented)
        awaits = self.counts_on_opening and decision.granted and bool(decision.visit)
        if self.expects_opening and decision.granted:
            self._expect(Expected(presented, decision, awaits))
        if awaits:
            later = decision._replace(visit="", visit_until=None, pass_key="", checks_in=False)
            ticket = self._append(Kind.ACCESS, later, presented, awaits="opening")
            return Verdict(decision, ticket)
        verdict = self._recorded(presented, decision)
        if decision.granted and not self.expects_opening:
            self.ways.went(decision.person, presented.reader)
        return verdict

    def _expect(self, expected: Expected) -> None:
        """Whoever presents twice enters once."""
        whom = _whom(expected.decision)
        others = [each for each in self._expected if _whom(each.decision) != whom]
        self._expected = [*others, expected]

    def _enter(self, expected: Expected, **more: object) -> None:
        presented, granted, _ = expected
        with self.knowledge.turn:
            # At another door the pass may have become a visit meanwhile: this entry belongs to it.
            # The door is open whatever is found now.
            now = self._decide(presented, Mode.NORMAL)
            self._append(Kind.ENTERED, now if now.granted else granted, presented, **more)

    def _decide(self, presented: Presented, mode: Mode) -> Decision:
        rules = at_reader(self.rules, presented.reader)
        facts = self.knowledge.facts(presented.canonical, rules)
        if rules.demands:
            facts = facts._replace(strength=presented.strength)
        return decide(rules, mode, facts, self.knowledge.now())

    def _refused(self, presented: Presented, reason: Reason) -> Verdict:
        return self._recorded(presented, Decision(reason, presented.person))

    def _recorded(self, presented: Presented, decision: Decision) -> Verdict:
        said = presented.heard.words_for(decision) if presented.heard else ""
        return Verdict(decision, self._append(Kind.ACCESS, decision, presented), said=said)

    def _append(
        self, kind: Kind, decision: Decision, presented: Presented, **more: object
    ) -> Ticket:
        if kind is Kind.ACCESS:
            self.strangers.note(presented.canonical, decision, self.clock.monotonic())
        return self.journal.append(_event(kind, self.rules.door, decision, presented, **more))


def _whom(known: Presented | Decision) -> tuple[str, str]:
    """Platform and key of a person that is known by now."""
    assert known.person is not None
    return known.person[:2]


def _event(
    kind: Kind, door: str, decision: Decision, presented: Presented, **more: object
) -> Event:
    person = decision.person
    detail: dict[str, object] = {"reader": presented.reader, **more}
    if presented.heard and kind is Kind.ACCESS:
        detail["asked"] = presented.heard.detail()
    if presented.typed:
        detail["pin"] = presented.typed
    if decision.notes:
        detail["notes"] = list(decision.notes)
    counts = kind in (Kind.ACCESS, Kind.ENTERED)
    return Event(
        kind,
        door,
        decision.reason.value if counts else "",
        person.platform if person else "",
        person.key if person else "",
        person.name if person else "",
        _shown(presented.canonical),
        decision.label if counts else "",
        decision.pass_key if counts else "",
        decision.visit if counts else "",
        decision.visit_until if counts else None,
        counts and decision.checks_in,
        detail=detail,
    )


def _shown(canonical: str) -> str:
    """What the journal keeps of a card; nothing of a PIN."""
    return "PIN" if canonical.startswith("pin:") else mask(canonical.partition(":")[2])
