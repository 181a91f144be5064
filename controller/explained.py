"""Why a decision came out as it did: each rule with the facts that mattered to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from controller.config_types import minute_text
from controller.decide import Trail, decide
from controller.model import (
    Decision,
    DoorRules,
    Facts,
    Grant,
    Holder,
    Mode,
    Now,
    Strength,
)
from controller.passage import Passback
from controller.passes import current_visit, remaining
from controller.timetable import demanded
from controller.wording import ago, counted, lasting, local
from controller.words import TRUST, grant_in_words, hours_in_words


@dataclass(frozen=True, slots=True)
class Case:
    """One decision, and all that it was made of."""

    rules: DoorRules
    mode: Mode
    facts: Facts
    now: Now
    decision: Decision
    trail: Trail

    @property
    def holder(self) -> Holder | None:
        """Whom the decision was about, as far as it came to one person."""
        person = self.decision.person
        return next((h for h in self.facts.holders if h.person == person), None)

    def told(self) -> Iterator[tuple[str, bool, list[str]]]:
        """Each rule that was looked at, whether it holds, and the facts it went by."""
        for name, passed in self.trail:
            yield name, passed, list(FACTS[name](self))


def decided(rules: DoorRules, mode: Mode, facts: Facts, now: Now) -> Case:
    """Decide as the door does, and keep what it was decided by."""
    trail: Trail = []
    return Case(rules, mode, facts, now, decide(rules, mode, facts, now, trail), trail)


def how(decision: Decision) -> Iterator[str]:
    """By what somebody is let in; nothing if they are not."""
    if not decision.granted:
        return
    yield f"by {decision.label}"
    if decision.pass_key:
        yield f"uses up the pass {decision.pass_key}"
    if decision.visit == "new":
        told = "the platform is told" if decision.checks_in else "no platform is told"
        yield f"begins a visit until {local(decision.visit_until)}; {told}"
    elif decision.visit:
        yield f"belongs to a visit until {local(decision.visit_until)}; nothing is used up"


def _mode(case: Case) -> Iterator[str]:
    yield f"the door's mode is {case.mode.value}"
    if case.mode is Mode.UNLOCKED:
        yield "it is open for everybody at present, whatever this decision"


def _rosters(case: Case) -> Iterator[str]:
    if not case.facts.known and not case.facts.holders:
        yield "no platform was ever fetched"


def _holders(case: Case) -> Iterator[str]:
    for holder in case.facts.holders:
        person = holder.person
        local_list = ", a keyholder" if holder.roster.keyholders else ""
        yield f"{person.name} ({person.platform}/{person.key}{local_list})"


def _nobody(case: Case) -> Iterator[str]:
    if not case.facts.holders:
        yield "it is on a block list, and nobody holds it" if case.facts.blocked else "nobody"


def _blocked(case: Case) -> Iterator[str]:
    if case.facts.blocked:
        yield "the credential is on a block list"
    if (holder := case.holder) and holder.person.blocked:
        yield f"{holder.person.name} is blocked at {holder.person.platform}"


def _since(case: Case) -> Iterator[str]:
    if (holder := case.holder) and holder.person.since is not None:
        yield f"since {local(holder.person.since)}"


def _until(case: Case) -> Iterator[str]:
    if (holder := case.holder) and holder.person.until is not None:
        yield f"until {local(holder.person.until)}"


def _labels(case: Case) -> Iterator[str]:
    holder = case.holder
    if holder is None:
        return
    held = sorted({grant.label for grant in holder.grants})
    yield f"holds {', '.join(held) or 'none'}"
    yield f"the door admits {', '.join(case.rules.admits.texts)}"
    platform = holder.roster.platform
    if refused := [label for label in held if (platform, label) in case.rules.refuses]:
        yield f"and refuses {', '.join(refused)}"


def _validity(case: Case) -> Iterator[str]:
    for grant in _admitted(case):
        since = f"from {local(grant.since)}" if grant.since else ""
        until = f"until {local(grant.until)}" if grant.until else "without end"
        yield ", ".join(filter(None, (grant.label, since, until, grant_in_words(grant))))
    if (holder := case.holder) and any(grant.renews for grant in _admitted(case)):
        grace = lasting(holder.roster.renewal_grace)
        yield f"a renewing one is good for {grace} more if no sync came through since it ended"


def _hours(case: Case) -> Iterator[str]:
    grants = [grant for grant in _admitted(case) if grant.hours]
    for grant in grants:
        yield f"{grant.label}: {hours_in_words(grant.hours)}"
    if grants:
        yield _clock_there(case)


def _passes(case: Case) -> Iterator[str]:
    holder, wall = case.holder, case.now.wall
    if holder is None or not any(grant.uses_pass for grant in _admitted(case)):
        yield "none is needed"
        return
    if visit := current_visit(holder, wall):
        yield f"a visit goes on until {local(visit.until)}; coming back is free"
    left = remaining(holder, wall)
    used = f", {len(holder.used)} used since the roster" if holder.used else ""
    yield f"{counted(len(left), 'pass', 'passes')} left{used}"
    for one in left[:3]:
        end = f"until {local(one.expires)}" if one.expires else "without end"
        yield f"{end}, {hours_in_words(one.hours)}"
    if any(one.hours for one in left):
        yield _clock_there(case)


def _age(case: Case) -> Iterator[str]:
    if holder := case.holder:
        roster = holder.roster
        when = f"{local(roster.synced_at)} ({ago(case.now.wall - roster.synced_at)})"
        yield f"{roster.platform} was fetched {when if roster.synced_at else 'never'}"
        for rule in case.rules.staleness:
            if rule.deny_after and any(
                (roster.platform, grant.label) in rule.labels for grant in holder.grants
            ):
                texts = ", ".join(rule.labels.texts)
                yield f"{texts}: denied after {lasting(rule.deny_after)} without a sync"


def _trust(case: Case) -> Iterator[str]:
    yield f"{case.now.trust.value}: {TRUST[case.now.trust]}"


def _passback(case: Case) -> Iterator[str]:
    if case.rules.anti_passback:
        last = case.holder.last_entry if case.holder else None
        yield f"last entry by this door: {local(last) or 'none known'}"
        yield f"the next may be {lasting(case.rules.anti_passback)} later"
    yield from _place(case)


def _place(case: Case) -> Iterator[str]:
    """By areas, on the way in."""
    way, holder = case.rules.passage, case.holder
    if way is None or way.passback is Passback.OFF:
        return
    yield f"the door leads from {_area(way.here)} to {_area(way.there)}: {way.passback} passback"
    place = holder.place if holder else None
    if place is None:
        yield "where the person is, nobody knows; that never refuses"
        return
    yield f"by the record the person is in {_area(place.area)}, since {local(place.since)}"
    if way.forgive_at is not None:
        yield f"that is forgotten every day at {minute_text(way.forgive_at)}"


def _area(name: str) -> str:
    return f"area {name}" if name else "the street"


def _demands(case: Case) -> Iterator[str]:
    demand = demanded(case.rules, case.now.wall)
    if demand.strength is not Strength.PIN:
        yield f"now only a credential of strength {demand.strength.value} or more will do"
        yield _strength(case)
    if demand.pin:
        yield "now the person's PIN must follow the card"
    if demand.persons > 1:
        yield f"now {demand.persons} persons must present themselves, one after the other"


def _strength(case: Case) -> str:
    if case.facts.strength is not None:
        return f"it is of strength {case.facts.strength.value}"
    return "how strong a card is hangs on the reader it is held to; here it is taken for enough"


# Every check of `controller.decide` by its name.
FACTS: dict[str, Callable[[Case], Iterator[str]]] = {
    "no lockdown": _mode,
    "a roster is known": _rosters,
    "credential known": _nobody,
    "one person holds it": _holders,
    "not blocked": _blocked,
    "membership has begun": _since,
    "membership has not ended": _until,
    "holds a label this door admits": _labels,
    "the label is in force": _validity,
    "within hours": _hours,
    "a pass is left, or none is needed": _passes,
    "roster fresh enough": _age,
    "clock trusted enough": _trust,
    "no passback": _passback,
    "presented strongly enough": _demands,
}


def _admitted(case: Case) -> list[Grant]:
    """The person's grants that this door admits."""
    holder = case.holder
    if holder is None:
        return []
    platform = holder.roster.platform
    return [grant for grant in holder.grants if (platform, grant.label) in case.rules.admits]


def _clock_there(case: Case) -> str:
    """What the clock on the platform's wall shows."""
    assert case.holder is not None
    zone = case.holder.roster.zone
    return f"there it is {datetime.fromtimestamp(case.now.wall, zone):%a %H:%M} ({zone})"
