"""The order in which `decide` looks, its trail, and what holds whatever the facts are."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.decide import CHECKS, Trail, decide
from controller.model import (
    Allowance,
    Decision,
    Demand,
    DoorRules,
    Duration,
    Facts,
    Grant,
    Holder,
    Labels,
    Mode,
    Now,
    Pass,
    Person,
    Reason,
    RosterState,
    Span,
    StaleRule,
    Strength,
    Trust,
    Visit,
)
from controller.passes import remaining
from tests.fakes import MONDAY
from tests.worlds import BERLIN, DAY, HOUR, facts, holder, roster_state, rules, span

NOW = Now(MONDAY)
STALE_PLANS = (StaleRule(Labels(["plan:*"]), warn_after=DAY, deny_after=7 * DAY),)
STRICT = replace(
    rules(anti_passback=60.0), staleness=STALE_PLANS, demands=(Demand(strength=Strength.SECURE),)
)
NOBODY = Person("cobot", "ada", "Ada", MONDAY + DAY, MONDAY - DAY, blocked=True)
NOTHING = Grant("extra:oven", MONDAY + 1, MONDAY, (span("22:00-5:59"),), uses_pass=True)


@dataclass(frozen=True)
class Scan:
    """Everything that goes into one decision."""

    mode: Mode = Mode.LOCKDOWN
    known: bool = False
    copies: int = 0  # how many people hold the card
    card_blocked: bool = False
    trust: Trust = Trust.GUESSED
    person: Person = NOBODY
    grant: Grant = NOTHING
    passes: tuple[Pass, ...] = ()
    synced_at: float = MONDAY - 8 * DAY
    last_entry: float | None = MONDAY
    strength: Strength | None = Strength.WEAK
    door: DoorRules = STRICT

    def but(self, **mended: Any) -> "Scan":
        person = self.person._replace(**mended.pop("person", {}))
        grant = self.grant._replace(**mended.pop("grant", {}))
        return replace(self, person=person, grant=grant, **mended)

    def reason(self) -> Reason:
        one = holder(
            self.grant,
            person=self.person,
            roster=roster_state(self.synced_at),
            passes=self.passes,
            last_entry=self.last_entry,
        )
        known = facts(*[one] * self.copies, blocked=self.card_blocked, known=self.known)
        known = known._replace(strength=self.strength)
        return decide(self.door, self.mode, known, Now(MONDAY, self.trust)).reason


# What is mended, and what is the reason then. At first nothing is right.
STEPS: tuple[tuple[dict[str, Any], Reason], ...] = (
    ({}, Reason.LOCKDOWN),
    ({"mode": Mode.NORMAL}, Reason.NO_CACHE),
    ({"known": True}, Reason.UNKNOWN),
    ({"copies": 2, "card_blocked": True}, Reason.AMBIGUOUS),
    ({"copies": 1}, Reason.BLOCKED),
    ({"card_blocked": False}, Reason.BLOCKED),
    ({"person": {"blocked": False}}, Reason.NOT_YET),
    ({"person": {"since": None}}, Reason.EXPIRED),
    ({"person": {"until": None}}, Reason.NO_LABEL),
    ({"grant": {"label": "plan:1"}}, Reason.NOT_YET),
    ({"grant": {"since": None}}, Reason.EXPIRED),
    ({"grant": {"until": MONDAY + DAY}}, Reason.OUT_OF_HOURS),
    ({"grant": {"until": MONDAY + DAY, "hours": ()}}, Reason.NO_PASS),
    ({"passes": (Pass("a"),)}, Reason.STALE),
    ({"synced_at": MONDAY}, Reason.CLOCK),
    ({"trust": Trust.HELD}, Reason.PASSBACK),
    ({"last_entry": None}, Reason.WEAK),
    ({"strength": Strength.SECURE}, Reason.GRANTED),
)


def test_mended_one_by_one_each_time_the_next_is_the_reason() -> None:
    scan, met = Scan(), []
    for mended, _ in STEPS:
        scan = scan.but(**mended)
        met.append(scan.reason())
    assert met == [reason for _, reason in STEPS]
    left_to_the_door = {Reason.NO_FACTOR, Reason.ALONE, Reason.ATTEMPTS, Reason.INTERLOCK}
    left_to_the_door |= {Reason.ELSEWHERE}
    assert set(met) == set(Reason) - left_to_the_door, "no reason was left out"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"mode": Mode.LOCKDOWN}, Reason.LOCKDOWN),
        ({"copies": 0, "known": False}, Reason.NO_CACHE),
        ({"copies": 0}, Reason.UNKNOWN),
        ({"copies": 2}, Reason.AMBIGUOUS),
        ({"card_blocked": True}, Reason.BLOCKED),
        ({"person": {"blocked": True}}, Reason.BLOCKED),
        ({"person": {"since": MONDAY + 1}}, Reason.NOT_YET),
        ({"person": {"until": MONDAY}}, Reason.EXPIRED),
        ({"grant": {"label": "extra:oven"}}, Reason.NO_LABEL),
        ({"grant": {"since": MONDAY + 1}}, Reason.NOT_YET),
        ({"grant": {"until": MONDAY}}, Reason.EXPIRED),
        ({"grant": {"hours": (span("22:00-5:59"),)}}, Reason.OUT_OF_HOURS),
        ({"passes": ()}, Reason.NO_PASS),
        ({"synced_at": MONDAY - 8 * DAY}, Reason.STALE),
        ({"trust": Trust.GUESSED}, Reason.CLOCK),
        ({"last_entry": MONDAY}, Reason.PASSBACK),
    ],
)
def test_each_check_alone_keeps_the_door_shut(broken: dict[str, Any], reason: Reason) -> None:
    """All is right but one thing: no check leans on another."""
    right = Scan()
    for mended, _ in STEPS:
        right = right.but(**mended)
    assert right.but(**broken).reason() is reason


def test_the_trail_names_each_check_up_to_the_one_that_failed() -> None:
    trail: Trail = []
    decide(rules(), Mode.NORMAL, facts(holder("extra:oven")), NOW, trail)
    names = [name for name, _ in CHECKS]
    assert trail[-1] == ("holds a label this door admits", False)
    assert [name for name, _ in trail] == names[: len(trail)]
    assert all(passed for _, passed in trail[:-1])


def test_the_trail_of_an_entry_names_all_checks() -> None:
    trail: Trail = []
    assert decide(rules(), Mode.NORMAL, facts(holder("plan:1")), NOW, trail).granted
    assert trail == [(name, True) for name, _ in CHECKS]


moments = st.sampled_from([n * HOUR for n in (-800, -80, -25, -1, 0, 1, 25, 80)]).map(
    MONDAY.__add__
)
maybe_moments = st.none() | moments
texts = st.sampled_from(["plan:1", "plan:2", "extra:oven"])
weekdays = st.frozensets(st.integers(1, 7), max_size=3)
minutes = st.integers(0, 1439)
windows = st.builds(Span, minutes, minutes, weekdays) | st.builds(Duration, st.just(90), weekdays)
hours = st.lists(windows, max_size=2).map(tuple)
grants = st.builds(
    Grant, texts, maybe_moments, maybe_moments, hours, st.booleans(), st.booleans(), st.booleans()
)
passes = st.builds(Pass, st.sampled_from("abc"), maybe_moments, hours)
allowances = st.builds(
    Allowance, st.just("0"), st.integers(0, 2), st.sampled_from(("week", "month")), hours
)
people = st.builds(
    Person,
    st.just("cobot"),
    st.just("ada"),
    st.just("Ada"),
    maybe_moments,
    maybe_moments,
    st.booleans(),
    st.booleans(),
)
rosters = st.builds(
    RosterState,
    st.just("cobot"),
    st.just(BERLIN),
    moments | st.just(0.0),
    st.sampled_from((0, 240, 1439)),
    st.just(72 * HOUR),
    st.booleans(),
)
holders = st.builds(
    Holder,
    people,
    rosters,
    st.lists(grants, max_size=4).map(tuple),
    st.lists(passes, max_size=3).map(tuple),
    st.lists(allowances, max_size=1).map(tuple),
    st.lists(st.builds(Visit, moments, moments), max_size=2).map(tuple),
    st.frozensets(st.sampled_from("abc")),
    maybe_moments,
)
labels = st.lists(texts | st.sampled_from(["*", "plan:*", "cobot/*", "hive/*"])).map(Labels)
limits = st.sampled_from((None, 0.0, DAY))
doors = st.builds(
    DoorRules,
    st.just("front"),
    labels,
    labels,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from((0.0, HOUR)),
    st.lists(st.builds(StaleRule, labels, limits, limits), max_size=2).map(tuple),
)
all_facts = st.builds(Facts, st.lists(holders, max_size=2).map(tuple), st.booleans(), st.booleans())
nows = st.builds(Now, moments, st.sampled_from(Trust))
# Somebody like this is let in most of the time, so that the properties of entries are tried too.
doors_for_most = st.builds(
    DoorRules, st.just("front"), st.just(Labels(["*"])), st.just(Labels()), st.booleans()
)
members = st.builds(
    Holder,
    st.just(Person("cobot", "ada", "Ada")),
    rosters,
    st.lists(grants, min_size=1, max_size=4).map(tuple),
    st.lists(passes, max_size=3).map(tuple),
    st.lists(allowances, max_size=1).map(tuple),
    st.lists(st.builds(Visit, moments, moments), max_size=2).map(tuple),
    st.frozensets(st.sampled_from("abc")),
    st.none(),
)
MEMBER = holder(Grant("plan:1", uses_pass=True), passes=[Pass("a")])


@given(doors, st.sampled_from(Mode), all_facts, nows)
def test_any_facts_give_one_reason_and_the_same_again(
    door: DoorRules, mode: Mode, known: Facts, now: Now
) -> None:
    trail: Trail = []
    decision = decide(door, mode, known, now, trail)
    assert decision == decide(door, mode, known, now)
    assert isinstance(decision.reason, Reason)
    assert [name for name, _ in trail] == [name for name, _ in CHECKS[: len(trail)]]
    assert [passed for _, passed in trail] == [
        *[True] * (len(trail) - 1),
        decision.reason is Reason.GRANTED,
    ]
    if not decision.granted:
        nothing = ("", "", "", None, False)
        assert decision[2:7] == nothing, "a denial buys nothing and uses nothing up"


@given(doors | doors_for_most, members, nows)
@example(rules(), MEMBER, NOW)
def test_nobody_enters_without_a_grant_in_force_that_the_door_admits(
    door: DoorRules, member: Holder, now: Now
) -> None:
    decision = decide(door, Mode.NORMAL, facts(member), now)
    if decision.granted:
        assert ("cobot", decision.label) in door.admits
        held = [g for g in member.grants if g.label == decision.label]
        assert any(_in_force(g, member, now.wall) for g in held)
        assert not any(
            ("cobot", g.label) in door.refuses and _in_force(g, member, now.wall)
            for g in member.grants
        )


@given(doors | doors_for_most, members, nows)
@example(rules(), MEMBER, NOW)
def test_a_pass_is_used_once_and_only_for_a_new_visit(
    door: DoorRules, member: Holder, now: Now
) -> None:
    first = decide(door, Mode.NORMAL, facts(member), now)
    _is_consistent(first, door, member, now)
    if first.visit == "new" and first.visit_until:
        visits = (*member.visits, Visit(now.wall, first.visit_until))
        back = member._replace(visits=visits, used=member.used | {first.pass_key})
        second = decide(door, Mode.NORMAL, facts(back), now)
        assert (second.visit, second.pass_key) in {("again", ""), ("", "")}
        assert second.granted or second.reason is Reason.CLOCK


def _is_consistent(decision: Decision, door: DoorRules, member: Holder, now: Now) -> None:
    if decision.pass_key:
        assert decision.visit == "new"
        assert decision.pass_key in {p.key for p in remaining(member, now.wall)}
        assert decision.pass_key not in member.used
    assert not decision.checks_in or (decision.visit == "new" and door.check_in)
    assert (decision.visit == "") == (decision.visit_until is None)
    if decision.visit_until is not None:
        assert decision.visit_until > now.wall


def _in_force(grant: Grant, member: Holder, wall: float) -> bool:
    """The same rule once more, in other words."""
    if grant.since is not None and grant.since > wall:
        return False
    if grant.until is None or grant.until > wall:
        return True
    bridged = grant.renews and member.roster.synced_at < grant.until
    return bridged and wall - grant.until < member.roster.renewal_grace
