"""The decision: pure, the same for a scan, for `doorward explain` and for the tests.

Each check returns the reason to refuse, or None. They run in the order of `CHECKS`, and the first
refusal is the answer. A check may narrow `case.grants` to those that pass it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from controller.areas import out_of_place
from controller.model import (
    Decision,
    DoorRules,
    Facts,
    Grant,
    Holder,
    Mode,
    Now,
    Pass,
    Reason,
    StaleRule,
    Strength,
    Trust,
    Visit,
)
from controller.passage import Passback
from controller.passes import current_visit, remaining, visit_end
from controller.schedule import open_until
from controller.timetable import demanded


@dataclass(slots=True)
class Case:
    """One decision in the making."""

    rules: DoorRules
    mode: Mode
    facts: Facts
    now: Now
    holder: Holder | None = None
    grants: list[Grant] = field(default_factory=list)
    visit: Visit | None = None
    one: Pass | None = None
    notes: list[str] = field(default_factory=list)


Trail = list[tuple[str, bool]]  # name of each check that ran, and whether it passed


def decide(
    rules: DoorRules, mode: Mode, facts: Facts, now: Now, trail: Trail | None = None
) -> Decision:
    """May the holder of this credential enter now? `trail` collects the checks that ran."""
    case = Case(rules, mode, facts, now)
    for name, check in CHECKS:
        reason = check(case)
        if trail is not None:
            trail.append((name, reason is None))
        if reason is not None:
            person = case.holder.person if case.holder else None
            return Decision(reason, person, notes=tuple(case.notes))
    return _granted(case)


def _granted(case: Case) -> Decision:
    holder = case.holder
    assert holder is not None
    grant = case.grants[0]
    counts = case.rules.check_in and grant.attends
    visit, until = "", None
    if counts:
        visit = "again" if case.visit else "new"
        until = (
            case.visit.until if case.visit else visit_end(case.one, holder.roster, case.now.wall)
        )
    return Decision(
        Reason.GRANTED,
        holder.person,
        grant.label,
        case.one.key if case.one and visit == "new" else "",
        visit,
        until,
        visit == "new" and holder.person.checks_in,
        tuple(case.notes),
    )


def _no_lockdown(case: Case) -> Reason | None:
    return Reason.LOCKDOWN if case.mode is Mode.LOCKDOWN else None


def _cache_present(case: Case) -> Reason | None:
    found = case.facts.known or case.facts.holders
    return None if found else Reason.NO_CACHE


def _credential_known(case: Case) -> Reason | None:
    return None if case.facts.holders or case.facts.blocked else Reason.UNKNOWN


def _one_person(case: Case) -> Reason | None:
    holders = case.facts.holders
    if len(holders) > 1:
        # Who keeps the door has written that list by hand, for this door: it settles the matter.
        holders = tuple(h for h in holders if h.roster.keyholders)
        if len(holders) != 1:
            return Reason.AMBIGUOUS
    case.holder = holders[0] if holders else None
    return None


def _not_blocked(case: Case) -> Reason | None:
    holder = case.holder
    blocked = case.facts.blocked or holder is None or holder.person.blocked
    return Reason.BLOCKED if blocked else None


def _already_valid(case: Case) -> Reason | None:
    since = _holder(case).person.since
    return Reason.NOT_YET if since is not None and case.now.wall < since else None


def _still_valid(case: Case) -> Reason | None:
    until = _holder(case).person.until
    return Reason.EXPIRED if until is not None and case.now.wall >= until else None


def _label_admitted(case: Case) -> Reason | None:
    holder, rules = _holder(case), case.rules
    platform = holder.roster.platform
    case.grants = [g for g in holder.grants if (platform, g.label) in rules.admits]
    if rules.refuses and any(
        (platform, g.label) in rules.refuses and _in_force(case, g) for g in holder.grants
    ):
        return Reason.NO_LABEL
    return None if case.grants else Reason.NO_LABEL


def _grant_in_force(case: Case) -> Reason | None:
    current = [g for g in case.grants if _in_force(case, g)]
    if not current:
        wall = case.now.wall
        to_come = any(g.since is not None and wall < g.since for g in case.grants)
        return Reason.NOT_YET if to_come else Reason.EXPIRED
    case.grants = current
    if all(g.until is not None and case.now.wall >= g.until for g in current):
        case.notes.append("renewal_grace")
    return None


def _within_hours(case: Case) -> Reason | None:
    zone = _holder(case).roster.zone
    case.grants = [
        g for g in case.grants if not g.hours or open_until(g.hours, case.now.wall, zone)
    ]
    return None if case.grants else Reason.OUT_OF_HOURS


def _pass_left(case: Case) -> Reason | None:
    holder, wall = _holder(case), case.now.wall
    case.visit = current_visit(holder, wall)
    free = [g for g in case.grants if not g.uses_pass]
    if free:
        case.grants = sorted(free, key=lambda g: not g.attends)
        return None
    if case.visit:
        return None
    left = remaining(holder, wall)
    zone = holder.roster.zone
    case.one = next((p for p in left if open_until(p.hours, wall, zone)), None)
    if case.one is None:
        if not case.rules.admit_without_pass:
            return Reason.OUT_OF_HOURS if left else Reason.NO_PASS
        case.notes.append("without_pass")
    return None


def _fresh_enough(case: Case) -> Reason | None:
    roster = _holder(case).roster
    age = case.now.wall - roster.synced_at
    rules = case.rules.staleness
    fresh = [g for g in case.grants if not _older(rules, roster.platform, g, age, "deny_after")]
    if not fresh:
        return Reason.STALE
    case.grants = fresh
    if _older(rules, roster.platform, fresh[0], age, "warn_after"):
        case.notes.append("stale_roster")
    return None


def _clock_trusted(case: Case) -> Reason | None:
    if case.now.trust is not Trust.GUESSED:
        return None
    certain = [] if _needs_time(case) else [g for g in case.grants if _always(case, g)]
    if certain:
        case.grants = certain
        return None
    if not case.rules.admit_on_guessed_clock:
        return Reason.CLOCK
    case.notes.append("clock_guessed")
    return None


def _not_passed_back(case: Case) -> Reason | None:
    holder, rules, wall = _holder(case), case.rules, case.now.wall
    last = holder.last_entry
    if rules.anti_passback and last is not None and 0 <= wall - last < rules.anti_passback:
        return Reason.PASSBACK
    way = rules.passage
    if way and out_of_place(way, holder.place, wall, rules.zone):
        if way.passback is Passback.HARD and way.there:  # into the open everybody may go
            return Reason.PASSBACK
        case.notes.append("passed_back")
    return None


def _strong_enough(case: Case) -> Reason | None:
    strength = case.facts.strength
    if strength is None or not case.rules.demands:
        return None
    demand = demanded(case.rules, case.now.wall)
    # Where a PIN is asked for, it follows a card.
    least = Strength.WEAK if demand.pin and demand.strength is Strength.PIN else demand.strength
    return None if strength.reaches(least) else Reason.WEAK


Check = Callable[[Case], Reason | None]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("no lockdown", _no_lockdown),
    ("a roster is known", _cache_present),
    ("credential known", _credential_known),
    ("one person holds it", _one_person),
    ("not blocked", _not_blocked),
    ("membership has begun", _already_valid),
    ("membership has not ended", _still_valid),
    ("holds a label this door admits", _label_admitted),
    ("the label is in force", _grant_in_force),
    ("within hours", _within_hours),
    ("a pass is left, or none is needed", _pass_left),
    ("roster fresh enough", _fresh_enough),
    ("clock trusted enough", _clock_trusted),
    ("no passback", _not_passed_back),
    ("presented strongly enough", _strong_enough),
)


def _holder(case: Case) -> Holder:
    assert case.holder is not None
    return case.holder


def _in_force(case: Case, grant: Grant) -> bool:
    wall, roster = case.now.wall, _holder(case).roster
    if grant.since is not None and wall < grant.since:
        return False
    if grant.until is None or wall < grant.until:
        return True
    # Only an outage across the renewal is bridged: a sync since then would have told the new end.
    return (
        grant.renews
        and roster.synced_at < grant.until
        and wall < grant.until + roster.renewal_grace
    )


def _older(rules: Iterable[StaleRule], platform: str, grant: Grant, age: float, name: str) -> bool:
    limit = _limit(rules, platform, grant, name)
    return limit is not None and age > limit


def _limit(rules: Iterable[StaleRule], platform: str, grant: Grant, name: str) -> float | None:
    """How old a roster may be for this grant: the first rule that names its label says."""
    for rule in rules:
        if (platform, grant.label) in rule.labels:
            seconds: float | None = getattr(rule, name)
            return seconds
    return None


def _needs_time(case: Case) -> bool:
    """Does more than the grant itself hang on the clock: the membership's end, a visit, a pass?"""
    if _holder(case).person.until is not None:
        return True
    if not case.grants[0].uses_pass or "without_pass" in case.notes:
        return False
    return case.one is None or case.one.expires is not None or bool(case.one.hours)


def _always(case: Case, grant: Grant) -> bool:
    """Does it hold whatever the time really is? How old the roster is cannot be known either."""
    rules, platform = case.rules.staleness, _holder(case).roster.platform
    ages = _limit(rules, platform, grant, "deny_after") is not None
    return grant.until is None and not grant.hours and not ages
