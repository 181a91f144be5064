"""Memberships: who they are, from when to when, on which plans, and which labels that gives."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from controller.errors import BadReply
from controller.model import Duration, Grant, Hours, Person
from controller.schedule import midnight
from sync.platform import Roster
from sync.platforms.cobot_parse import Row, hours

_PERIODS = ("week", "month")
_NAMED = 5  # people whom one warning names


@dataclass(frozen=True, slots=True)
class PassType:
    """One sort of time pass of a plan; `count` new ones come with each `period`."""

    id: str
    count: int
    period: str
    hours: Hours


@dataclass(frozen=True, slots=True)
class Term:
    """A plan that a member is on in [since, until). A plan with types of passes is limited."""

    plan: str  # id of the space's plan; "" if the member's own plan comes from none
    extras: tuple[str, ...]
    types: tuple[PassType, ...]
    since: float | None = None
    until: float | None = None

    @property
    def limited(self) -> bool:
        return bool(self.types)

    @property
    def labels(self) -> tuple[str, ...]:
        plan = (f"plan:{self.plan}",) if self.plan else ()
        return (*plan, *(f"extra:{extra}" for extra in self.extras))


@dataclass(frozen=True, slots=True)
class Member:
    """One membership. `terms` are those that open doors, now or later; none if `blocked`."""

    id: str
    name: str
    since: float | None
    until: float | None
    terms: tuple[Term, ...]
    blocked: bool
    in_team: bool
    note: str

    @property
    def limited(self) -> bool:
        return any(term.limited for term in self.terms)


class Memberships:
    """Reads memberships of one space as of `now`; remembers what staff should know of them."""

    def __init__(self, zone: ZoneInfo, no_access_plans: Collection[str], now: float) -> None:
        self._zone, self._now = zone, now
        self._no_access = frozenset(no_access_plans)
        self._noted: dict[str, list[str]] = {}

    def read(self, row: Row) -> Member:
        member, name = row.id(), row.text("name")
        row = Row(f"Cobot membership {member}", row.raw)
        name = name or f"member {member}"
        since, until = self._midnight(row, "starts_at"), self._midnight(row, "canceled_to")
        terms = self._terms(row, name, until)
        present, later = terms[:1], terms[1:]
        blocked = any(term.plan in self._no_access for term in present)
        if later and later[0].plan in self._no_access:
            until = min(end for end in (until, later[0].since) if end is not None)
            terms = present
        note = self._note(row, blocked=blocked)
        if blocked or not _confirmed(row):
            terms = ()
        in_team = "team_id" in row
        return Member(member, name, since, until, terms, blocked, in_team, note)

    def warnings(self) -> Iterator[str]:
        for text, names in self._noted.items():
            some = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
            yield f"{len(names)} × {text}: {some}"

    def _note(self, row: Row, *, blocked: bool) -> str:
        if not _confirmed(row):
            return "sign-up not confirmed"
        return "on a plan that opens no door" if blocked else ""

    def _terms(self, row: Row, name: str, until: float | None) -> tuple[Term, ...]:
        """The plan in force, and the one to follow if that can be read."""
        if "plan" in row.raw and "plan" not in row:
            self._remember("a membership without a plan opens no door", name)
            return ()
        present = self._term(row.row("plan"), name)
        following = self._following(row, name)
        if not present.plan:
            self._remember("a plan that comes from no plan of the space has no plan label", name)
        if following is None or (until is not None and (following.since or 0.0) >= until):
            return (present,)
        if following.since is not None and following.since <= self._now:
            return (following,)
        return replace(present, until=following.since), following

    def _following(self, row: Row, name: str) -> Term | None:
        if "upcoming_plan" not in row:
            return None
        try:
            switch = self._midnight(row.row("plan"), "canceled_to")
            term = self._term(row.row("upcoming_plan"), name)
        except BadReply:
            switch, term = None, None
        if term is None or switch is None or not term.plan:
            self._remember("an upcoming plan cannot be read; the present one goes on", name)
            return None
        return replace(term, since=switch)

    def _term(self, plan: Row, name: str) -> Term:
        parent = plan.row("parent_plan") if "parent_plan" in plan else Row(plan.what, {})
        extras = plan.rows("extras") if "extras" in plan else []
        types = tuple(self._type(row, name) for row in plan.rows("time_passes"))
        names = tuple(extra.text("name") for extra in extras if extra.text("name"))
        return Term(parent.id() if "id" in parent else "", names, types)

    def _type(self, row: Row, name: str) -> PassType:
        count, period = row.whole("included_per_timespan", 0), row.text("included_timespan")
        if count and period not in _PERIODS:
            self._remember("passes come anew in a period that is neither week nor month", name)
            count = 0
        return PassType(row.id(), count, period, hours(row))

    def _midnight(self, row: Row, field: str) -> float | None:
        day = row.day(field)
        return None if day is None else midnight(day, self._zone)

    def _remember(self, text: str, name: str) -> None:
        names = self._noted.setdefault(text, [])
        if name not in names:
            names.append(name)


def pour(platform: str, member: Member, more_labels: Iterable[str], roster: Roster) -> None:
    """The person, what they hold, and the passes they will get anew."""
    m = member
    roster.person(Person(platform, m.id, m.name, m.since, m.until, blocked=m.blocked, note=m.note))
    more_labels = tuple(more_labels)
    for term in m.terms:
        for label in (*term.labels, *more_labels):
            roster.grant(m.id, Grant(label, term.since, term.until, uses_pass=term.limited))
    # Only one plan's: both would renew at the same turn of the month.
    limited = next((term for term in m.terms if term.limited), None)
    for kind in limited.types if limited else ():
        if kind.count:
            roster.allowance(m.id, kind.id, kind.count, kind.period, kind.hours)


def longest_stay(windows: Iterable[Hours]) -> float:
    """Seconds for which the longest of the passes that count from the check-in lasts."""
    lasting = (w.minutes for each in windows for w in each if isinstance(w, Duration))
    return 60.0 * max(lasting, default=0)


def _confirmed(row: Row) -> bool:
    """Without `all=true` Cobot lists only confirmed ones, so the key must say otherwise."""
    return "confirmed_at" not in row.raw or bool(row.text("confirmed_at"))
