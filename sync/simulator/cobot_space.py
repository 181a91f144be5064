"""A simulated coworking space: its members, passes, bookings and check-ins, and Cobot's rules.

Time is `now`, a function that may be replaced. What Cobot leaves open is taken in the way that
punishes a careless client: a second check-in is a second one, and uses another pass.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from controller.model import Hours, Span
from controller.schedule import day_end, midnight, open_until, period_end, period_start

WHOLE_DAY: Hours = (Span(240, 239),)  # Cobot's usual day pass: 4:00 to 3:59
_ROLLOVER = 240  # minute of the day at which a check-in without a span of its own ends


@dataclass(frozen=True, slots=True)
class PassType:
    """A sort of time pass of a plan; `included` new ones come with each `period`."""

    name: str = "Day"
    hours: Hours = WHOLE_DAY
    included: int = 0
    period: str = "month"


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of the space; without `types` it is unlimited."""

    id: str
    name: str = ""
    types: tuple[PassType, ...] = ()
    hidden: bool = False


@dataclass(slots=True)
class Member:
    """A membership. `oddities` replace or add fields in what Cobot says of it."""

    id: str
    name: str
    plan: Plan
    extras: tuple[str, ...] = ()
    confirmed: bool = True
    starts_at: date | None = None
    canceled_to: date | None = None
    upcoming: Plan | None = None
    plan_ends: date | None = None
    team: str | None = None
    fields: dict[str, str | None] = field(default_factory=dict)  # by label
    oddities: Mapping[str, Any] = field(default_factory=dict)

    def runs_on(self, day: date) -> bool:
        begun = self.starts_at is None or self.starts_at <= day
        return self.confirmed and begun and (self.canceled_to is None or day < self.canceled_to)


@dataclass(slots=True)
class TimePass:
    id: str
    member: str
    name: str
    hours: Hours
    created_at: float
    expires_at: float | None = None
    used_at: float | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """One check-in, at the time at which Cobot was told."""

    id: str
    member: str
    valid_from: float
    valid_until: float
    time_pass: str | None = None


@dataclass(slots=True)
class Booking:
    """A booked room; `visitor` if it belongs to no member."""

    id: str
    resource: str
    start: float
    end: float
    member: str | None = None
    visitor: "Visitor | None" = None


@dataclass(slots=True)
class Visitor:
    """Who made an external booking."""

    id: str
    name: str
    status: str = "approved"
    email: str | None = None


class Refused(Exception):
    """Cobot does not check this member in; the words are its own."""


class Space:
    """All that Cobot knows of one space. Whoever changes it holds the simulator's lock."""

    def __init__(self, now: Callable[[], float], subdomain: str, zone: str) -> None:
        self.now = now
        self.id = f"space-{subdomain}"
        self.subdomain, self.zone = subdomain, ZoneInfo(zone)
        self.plans: dict[str, Plan] = {}
        self.members: dict[str, Member] = {}
        self.tokens: list[tuple[str, str]] = []  # token, member
        self.passes: list[TimePass] = []
        self.check_ins: list[Stay] = []
        self.resources: dict[str, str] = {}
        self.bookings: list[Booking] = []
        self.field_labels: list[str] = []
        self._renewed: set[tuple[str, int, date]] = set()
        self._made = 0

    def today(self) -> date:
        return datetime.fromtimestamp(self.now(), self.zone).date()

    def made(self, kind: str) -> str:
        """The next id."""
        self._made += 1
        return f"{kind}-{self._made}"

    def add_plan(self, plan: Plan) -> Plan:
        self.plans[plan.id] = plan
        return plan

    def add_pass(
        self, member: str, *, expires_at: float | None = None, hours: Hours = WHOLE_DAY
    ) -> TimePass:
        """A bought one."""
        one = TimePass(self.made("tp"), member, "Day", hours, self.now(), expires_at)
        self.passes.append(one)
        return one

    def catch_up(self) -> None:
        """What comes about by itself: plans that change, and passes that come with plans."""
        today = self.today()
        for member in self.members.values():
            if member.upcoming and member.plan_ends and member.plan_ends <= today:
                member.plan, member.upcoming, member.plan_ends = member.upcoming, None, None
        self.renew_passes()

    def renew_passes(self) -> None:
        """Issue included passes for the present week or month, unless that has been done."""
        now = self.now()
        for member in list(self.members.values()):
            for place, kind in enumerate(member.plan.types):
                first = period_start(now, self.zone, kind.period)
                if kind.included and (member.id, place, first) not in self._renewed:
                    self._renewed.add((member.id, place, first))
                    self._issue(member, kind, midnight(period_end(first, kind.period), self.zone))

    def unused_passes(self) -> list[TimePass]:
        self.renew_passes()
        now = self.now()
        return [
            one
            for one in self.passes
            if one.used_at is None and (one.expires_at is None or now < one.expires_at)
        ]

    def check_ins_of(self, day: date) -> list[Stay]:
        """Those that began on a local day."""
        first, last = (midnight(date.fromordinal(day.toordinal() + n), self.zone) for n in (0, 1))
        return [stay for stay in self.check_ins if first <= stay.valid_from < last]

    def check_in(self, member: Member) -> Stay:
        """Check someone in now, and use the pass that expires first of those that fit."""
        if not member.runs_on(self.today()):
            raise Refused("Membership is not active.")
        now, until, one = self.now(), math.inf, None
        if member.plan.types:
            one = self._pass_for(member)
            one.used_at = now
            until = open_until(one.hours, now, self.zone) or math.inf
        if math.isinf(until):
            until = day_end(now, self.zone, _ROLLOVER)
        stay = Stay(self.made("ci"), member.id, now, until - 1, one.id if one else None)
        self.check_ins.append(stay)
        return stay

    def _pass_for(self, member: Member) -> TimePass:
        left = [one for one in self.unused_passes() if one.member == member.id]
        if not left:
            raise Refused("No time passes left.")
        fitting = [one for one in left if open_until(one.hours, self.now(), self.zone)]
        if not fitting:
            raise Refused("Your time passes are not valid at this time.")
        return min(fitting, key=lambda one: one.expires_at or math.inf)

    def _issue(self, member: Member, kind: PassType, expires_at: float) -> None:
        for _ in range(kind.included):
            made = self.made("tp")
            self.passes.append(
                TimePass(made, member.id, kind.name, kind.hours, self.now(), expires_at)
            )


def bookings_between(bookings: Iterable[Booking], since: float, until: float) -> list[Booking]:
    """Those that overlap."""
    return [b for b in bookings if b.start < until and since < b.end]
