"""Who gets in, and why not: each reason, and what a decision says besides."""

from dataclasses import replace

import pytest

from controller.decide import decide
from controller.model import (
    Decision,
    DoorRules,
    Grant,
    Holder,
    Labels,
    Mode,
    Now,
    Pass,
    Person,
    Reason,
    RosterState,
    StaleRule,
    Trust,
    Visit,
)
from tests.fakes import MONDAY
from tests.worlds import BERLIN, DAY, HOUR, at, facts, holder, roster_state, rules, span

NOW = Now(MONDAY)
ADA = Person("cobot", "ada", "Ada Quill")
LIMITED = Grant("plan:1", uses_pass=True)
STALE_PLANS = (StaleRule(Labels(["plan:*"]), warn_after=DAY, deny_after=7 * DAY),)


def ask(
    *who: Holder | Grant | str,
    at_door: DoorRules | None = None,
    mode: Mode = Mode.NORMAL,
    now: Now | float = NOW,
) -> Decision:
    """What the front door answers to these holders, or to Ada with these grants."""
    holders = [h for h in who if isinstance(h, Holder)]
    grants = [g for g in who if not isinstance(g, Holder)]
    known = facts(*holders, *([holder(*grants)] if grants else []))
    return decide(at_door or rules(), mode, known, now if isinstance(now, Now) else Now(now))


def test_a_member_comes_in_and_their_visit_begins() -> None:
    assert ask("plan:1") == Decision(
        Reason.GRANTED, ADA, "plan:1", "", "new", at("2026-01-06 04:00"), checks_in=True
    )


def test_lockdown_keeps_everybody_out_even_keyholders() -> None:
    chief = holder("plan:1", roster=roster_state(keyholders=True))
    denied = ask(chief, mode=Mode.LOCKDOWN)
    assert denied == Decision(Reason.LOCKDOWN), "and it is nobody's business who asked"


def test_an_unlocked_door_still_knows_who_comes() -> None:
    assert ask("plan:1", mode=Mode.UNLOCKED).visit == "new"
    assert ask(mode=Mode.UNLOCKED).reason is Reason.UNKNOWN


def test_no_roster_was_ever_fetched() -> None:
    assert decide(rules(), Mode.NORMAL, facts(known=False), NOW).reason is Reason.NO_CACHE


def test_keyholders_get_in_before_any_roster_was_fetched() -> None:
    chief = holder("plan:1", roster=roster_state(keyholders=True))
    assert decide(rules(), Mode.NORMAL, facts(chief, known=False), NOW).granted


def test_a_stranger() -> None:
    assert ask() == Decision(Reason.UNKNOWN)


def test_two_people_with_one_card() -> None:
    bo = holder("plan:1", person=Person("cobot", "bo", "Bo Lind"))
    assert ask(holder("plan:1"), bo) == Decision(Reason.AMBIGUOUS)


def test_a_keyholder_settles_whose_card_it_is() -> None:
    chief = holder("plan:2", person=Person("local", "chief", "Chief"))
    chief = chief._replace(roster=roster_state(keyholders=True))
    assert ask(holder("plan:1"), chief).person == chief.person
    assert ask(holder("plan:1"), chief, chief).reason is Reason.AMBIGUOUS, "two keyholders do not"


def test_a_blocked_card_beats_every_grant() -> None:
    chief = holder("plan:1", roster=roster_state(keyholders=True))
    for known in (facts(holder("plan:1"), blocked=True), facts(chief, blocked=True)):
        assert decide(rules(), Mode.NORMAL, known, NOW).reason is Reason.BLOCKED


def test_a_blocked_card_is_told_from_an_unknown_one() -> None:
    assert decide(rules(), Mode.NORMAL, facts(blocked=True), NOW) == Decision(Reason.BLOCKED)


def test_a_blocked_person() -> None:
    assert ask(holder("plan:1", person=ADA._replace(blocked=True))).reason is Reason.BLOCKED


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        (MONDAY + 0.001, None, Reason.NOT_YET),
        (MONDAY, None, Reason.GRANTED),
        (None, MONDAY + 0.001, Reason.GRANTED),
        (None, MONDAY, Reason.EXPIRED),
        (MONDAY + 1, MONDAY - 1, Reason.NOT_YET),
    ],
)
class TestBeginningAndEnd:
    def test_of_a_membership(
        self, since: float | None, until: float | None, reason: Reason
    ) -> None:
        assert ask(holder("plan:1", person=ADA._replace(since=since, until=until))).reason is reason

    def test_of_a_grant(self, since: float | None, until: float | None, reason: Reason) -> None:
        assert ask(Grant("plan:1", since, until)).reason is reason


def test_of_several_grants_one_in_force_is_enough() -> None:
    over, current, later = (
        Grant("plan:1", None, MONDAY),
        Grant("plan:2"),
        Grant("plan:3", MONDAY + 1),
    )
    assert ask(over, current, later).label == "plan:2"
    assert ask(over, later).reason is Reason.NOT_YET, "what is to come tells more than what is over"


@pytest.mark.parametrize(
    ("admits", "reason"),
    [
        ("plan:1", Reason.GRANTED),
        ("cobot/plan:1", Reason.GRANTED),
        ("plan:*", Reason.GRANTED),
        ("cobot/plan:*", Reason.GRANTED),
        ("cobot/*", Reason.GRANTED),
        ("*", Reason.GRANTED),
        ("plan:12", Reason.NO_LABEL),
        ("plan", Reason.NO_LABEL),
        ("hive/plan:1", Reason.NO_LABEL),
        ("hive/*", Reason.NO_LABEL),
        ("extra:*", Reason.NO_LABEL),
    ],
)
def test_a_door_admits_labels(admits: str, reason: Reason) -> None:
    assert ask("plan:1", at_door=rules(admits)).reason is reason


def test_somebody_without_any_label() -> None:
    assert ask(holder()).reason is Reason.NO_LABEL


def test_refusing_a_label_beats_admitting_another() -> None:
    no_trial = rules("plan:*", refuses=["plan:trial"])
    assert ask("plan:1", at_door=no_trial).granted
    assert ask("plan:1", "plan:trial", at_door=no_trial).reason is Reason.NO_LABEL
    assert ask("plan:1", Grant("plan:trial", None, MONDAY), at_door=no_trial).granted, "it is over"
    night = Grant("plan:trial", hours=(span("22:00-5:59"),))
    assert ask("plan:1", night, at_door=no_trial).reason is Reason.NO_LABEL, "whatever the hour"


def test_outside_hours() -> None:
    nights = Grant("plan:1", hours=(span("22:00-5:59"),))
    assert ask(nights).reason is Reason.OUT_OF_HOURS
    assert ask(nights, "plan:2").label == "plan:2", "another grant has no hours"
    assert ask(nights, now=at("2026-01-05 22:00")).granted


def test_hours_are_those_of_the_platforms_zone() -> None:
    ten_to_eleven = Grant("plan:1", hours=(span("10:00-10:59"),))
    assert ask(ten_to_eleven, now=at("2026-01-05 10:30", BERLIN)).granted
    utc = RosterState("cobot", type(BERLIN)("UTC"), MONDAY)
    assert ask(holder(ten_to_eleven, roster=utc), now=at("2026-01-05 10:30")).reason is (
        Reason.OUT_OF_HOURS
    )


class TestPasses:
    def test_the_first_to_expire_is_used(self) -> None:
        came = ask(holder(LIMITED, passes=[Pass("bought"), Pass("month", MONDAY + DAY)]))
        assert (came.pass_key, came.visit, came.checks_in) == ("month", "new", True)

    def test_the_visit_lasts_as_long_as_the_pass(self) -> None:
        morning = Pass("morning", hours=(span("8:00-11:59"),))
        assert ask(holder(LIMITED, passes=[morning])).visit_until == at("2026-01-05 12:00")

    def test_none_left(self) -> None:
        out = ask(holder(LIMITED, passes=[Pass("a")], used=["a"]))
        assert (out.reason, out.person) == (Reason.NO_PASS, ADA)

    def test_only_one_for_other_hours(self) -> None:
        night = Pass("night", hours=(span("22:00-5:59"),))
        assert ask(holder(LIMITED, passes=[night])).reason is Reason.OUT_OF_HOURS

    def test_one_for_other_hours_is_passed_over(self) -> None:
        night = Pass("night", MONDAY + DAY, (span("22:00-5:59"),))
        assert ask(holder(LIMITED, passes=[night, Pass("day")])).pass_key == "day"

    def test_coming_back_within_the_visit_costs_nothing(self) -> None:
        until = MONDAY + HOUR
        again = ask(holder(LIMITED, passes=[Pass("a")], visits=[Visit(MONDAY - HOUR, until)]))
        assert again == Decision(Reason.GRANTED, ADA, "plan:1", "", "again", until)

    def test_coming_back_after_the_visit_costs_the_next(self) -> None:
        over = Visit(MONDAY - HOUR, MONDAY)
        again = ask(holder(LIMITED, passes=[Pass("a"), Pass("b")], visits=[over], used=["a"]))
        assert (again.pass_key, again.visit, again.checks_in) == ("b", "new", True)

    def test_an_unlimited_plan_spares_the_pass(self) -> None:
        came = ask(holder(LIMITED, "plan:2", passes=[Pass("a")]))
        assert (came.label, came.pass_key, came.visit) == ("plan:2", "", "new")

    def test_unless_it_is_not_for_this_door(self) -> None:
        came = ask(holder(LIMITED, "plan:2", passes=[Pass("a")]), at_door=rules("plan:1"))
        assert (came.label, came.pass_key) == ("plan:1", "a")

    def test_an_operator_may_let_them_in_without(self) -> None:
        came = ask(holder(LIMITED), at_door=rules(admit_without_pass=True))
        assert (came.reason, came.pass_key, came.notes) == (Reason.GRANTED, "", ("without_pass",))
        assert (came.visit, came.checks_in) == ("new", True), "and the platform is told"

    def test_and_says_so_only_if_there_was_none(self) -> None:
        came = ask(holder(LIMITED, passes=[Pass("a")]), at_door=rules(admit_without_pass=True))
        assert (came.pass_key, came.notes) == ("a", ())

    def test_a_door_without_check_in_wants_a_pass_but_uses_none(self) -> None:
        inner = rules(check_in=False)
        came = ask(holder(LIMITED, passes=[Pass("a")]), at_door=inner)
        assert came == Decision(Reason.GRANTED, ADA, "plan:1")
        assert ask(holder(LIMITED), at_door=inner).reason is Reason.NO_PASS


class TestBookedRooms:
    BOOKING = Grant("resource:7", MONDAY - HOUR, MONDAY + HOUR, attends=False)
    ROOM = rules("resource:7", "plan:*")

    def test_entering_one_uses_no_pass_and_is_no_check_in(self) -> None:
        came = ask(holder(LIMITED, self.BOOKING, passes=[Pass("a")]), at_door=self.ROOM)
        assert came == Decision(Reason.GRANTED, ADA, "resource:7")

    def test_but_whoever_attends_freely_checks_in_as_well(self) -> None:
        came = ask(self.BOOKING, "plan:2", at_door=self.ROOM)
        assert (came.label, came.visit) == ("plan:2", "new")


def test_someone_the_platform_cannot_be_told_of_has_a_visit_all_the_same() -> None:
    came = ask(holder("plan:1", person=ADA._replace(checks_in=False)))
    assert (came.visit, came.checks_in) == ("new", False)


class TestStaleRosters:
    def test_young_enough(self) -> None:
        came = self._after(DAY)
        assert (came.reason, came.notes) == (Reason.GRANTED, ())

    def test_somebody_is_warned(self) -> None:
        came = self._after(DAY + 1)
        assert (came.reason, came.notes) == (Reason.GRANTED, ("stale_roster",))
        assert self._after(7 * DAY).granted

    def test_too_old(self) -> None:
        assert self._after(7 * DAY + 1).reason is Reason.STALE

    def test_only_for_the_labels_named(self) -> None:
        assert self._after(8 * DAY, "plan:1", "extra:oven").label == "extra:oven"
        assert self._after(8 * DAY, "plan:1").reason is Reason.STALE

    def test_the_first_rule_that_fits_counts(self) -> None:
        patient = (StaleRule(Labels(["plan:1"])), *STALE_PLANS)
        assert self._after(8 * DAY, "plan:1", staleness=patient).notes == ()
        assert self._after(8 * DAY, "plan:2", staleness=patient).reason is Reason.STALE

    def test_rules_may_name_a_platform(self) -> None:
        others = (StaleRule(Labels(["hive/*"]), deny_after=0.0),)
        assert self._after(8 * DAY, staleness=others).granted
        ours = (StaleRule(Labels(["cobot/*"]), deny_after=0.0),)
        assert self._after(8 * DAY, staleness=ours).reason is Reason.STALE

    def _after(
        self, age: float, *labels: str, staleness: tuple[StaleRule, ...] = STALE_PLANS
    ) -> Decision:
        door = replace(rules("plan:*", "extra:*"), staleness=staleness)
        return ask(*(labels or ("plan:1",)), at_door=door, now=MONDAY + age)


class TestRenewalGrace:
    """The paid period ended while the platform could not be asked whether it was renewed."""

    END = MONDAY + DAY
    PAID = Grant("plan:1", until=END, renews=True)

    def test_bridges_an_outage(self) -> None:
        came = ask(self.PAID, now=self.END + 1)
        assert (came.reason, came.notes) == (Reason.GRANTED, ("renewal_grace",))

    def test_for_so_long(self) -> None:
        assert ask(self.PAID, now=self.END + 72 * HOUR - 1).granted
        assert ask(self.PAID, now=self.END + 72 * HOUR).reason is Reason.EXPIRED

    def test_not_if_a_sync_since_would_have_told(self) -> None:
        synced = roster_state(self.END)
        assert ask(holder(self.PAID, roster=synced), now=self.END + 1).reason is Reason.EXPIRED

    def test_not_for_an_end_that_is_one(self) -> None:
        ends = self.PAID._replace(renews=False)
        assert ask(ends, now=self.END + 1).reason is Reason.EXPIRED

    def test_is_not_mentioned_while_the_period_runs(self) -> None:
        assert ask(self.PAID).notes == ()

    def test_is_not_mentioned_if_another_grant_holds(self) -> None:
        assert ask(self.PAID, "plan:2", now=self.END + 1).notes == ()


class TestGuessedClock:
    """After a power cut, without network: the time may be much later than the clock says."""

    GUESS = Now(MONDAY, Trust.GUESSED)

    @pytest.mark.parametrize("trust", [Trust.SYNCHRONIZED, Trust.HELD])
    def test_a_clock_kept_right_is_trusted(self, trust: Trust) -> None:
        came = ask(Grant("plan:1", until=MONDAY + 1), now=Now(MONDAY, trust))
        assert (came.reason, came.notes) == (Reason.GRANTED, ())

    @pytest.mark.parametrize(
        "certain",
        [
            holder("plan:1"),
            holder(Grant("plan:1", since=MONDAY - DAY)),
            holder(LIMITED, passes=[Pass("bought")]),
            holder(Grant("plan:1", until=MONDAY + DAY), "plan:2"),
        ],
    )
    def test_who_may_come_at_any_time_may_come(self, certain: Holder) -> None:
        came = ask(certain, now=self.GUESS)
        assert (came.reason, came.notes) == (Reason.GRANTED, ())

    @pytest.mark.parametrize(
        "uncertain",
        [
            holder(Grant("plan:1", until=MONDAY + DAY)),
            holder(Grant("plan:1", hours=(span("0:00-23:59"),))),
            holder("plan:1", person=ADA._replace(until=MONDAY + DAY)),
            holder(LIMITED, passes=[Pass("month", MONDAY + DAY)]),
            holder(LIMITED, passes=[Pass("day", hours=(span("4:00-3:59"),))]),
            holder(LIMITED, visits=[Visit(MONDAY - 1, MONDAY + 1)]),
        ],
    )
    def test_where_hours_or_an_end_decide_the_operator_does(self, uncertain: Holder) -> None:
        assert ask(uncertain, now=self.GUESS).reason is Reason.CLOCK
        came = ask(uncertain, now=self.GUESS, at_door=rules(admit_on_guessed_clock=True))
        assert (came.reason, came.notes) == (Reason.GRANTED, ("clock_guessed",))

    def test_the_age_of_a_roster_cannot_be_known_either(self) -> None:
        for rule, reason in (
            (StaleRule(Labels(["plan:*"]), deny_after=7 * DAY), Reason.CLOCK),
            (StaleRule(Labels(["plan:*"]), warn_after=7 * DAY), Reason.GRANTED),
        ):
            door = replace(rules(), staleness=(rule,))
            assert ask(holder("plan:1"), now=self.GUESS, at_door=door).reason is reason

    def test_choice_does_not_open_to_whom_the_guess_already_denies(self) -> None:
        over = holder(Grant("plan:1", until=MONDAY))
        door = rules(admit_on_guessed_clock=True)
        assert ask(over, now=self.GUESS, at_door=door).reason is Reason.EXPIRED


class TestAntiPassback:
    DOOR = rules(anti_passback=60.0)

    @pytest.mark.parametrize(
        ("ago", "reason"),
        [
            (0, Reason.PASSBACK),
            (59.9, Reason.PASSBACK),
            (60, Reason.GRANTED),
            (None, Reason.GRANTED),
        ],
    )
    def test_not_twice_in_so_long(self, ago: float | None, reason: Reason) -> None:
        last = None if ago is None else MONDAY - ago
        assert ask(holder("plan:1", last_entry=last), at_door=self.DOOR).reason is reason

    def test_a_clock_set_back_locks_nobody_out(self) -> None:
        assert ask(holder("plan:1", last_entry=MONDAY + DAY), at_door=self.DOOR).granted

    def test_is_off_unless_asked_for(self) -> None:
        assert ask(holder("plan:1", last_entry=MONDAY)).granted
