"""A roster that records all that can be poured into one."""

from controller.model import Allowance, Grant, Hours, Pass, Person, Visit
from sync.platform import Booked


class Recorded:
    """A `sync.platform.Roster`: what was poured, by person; nothing is dropped or merged."""

    def __init__(self) -> None:
        self.persons: list[Person] = []
        self.cards: dict[str, list[str]] = {}
        self.blocked: list[str] = []
        self.grants: dict[str, list[Grant]] = {}
        self.passes: dict[str, list[Pass]] = {}
        self.allowances: dict[str, list[Allowance]] = {}
        self.visits: dict[str, list[Visit]] = {}
        self.visitors: dict[str, list[Booked]] = {}
        self.zones: list[str] = []
        self.warnings: list[str] = []

    def person(self, person: Person) -> None:
        self.persons.append(person)

    def card(self, key: str, canonical: str) -> None:
        self.cards.setdefault(key, []).append(canonical)

    def block(self, canonical: str) -> None:
        self.blocked.append(canonical)

    def grant(self, key: str, grant: Grant) -> None:
        self.grants.setdefault(key, []).append(grant)

    def single_pass(self, key: str, pass_key: str, expires: float | None, hours: Hours) -> None:
        self.passes.setdefault(key, []).append(Pass(pass_key, expires, hours))

    def allowance(self, key: str, pass_type: str, count: int, period: str, hours: Hours) -> None:
        self.allowances.setdefault(key, []).append(Allowance(pass_type, count, period, hours))

    def visit(self, key: str, since: float, until: float) -> None:
        self.visits.setdefault(key, []).append(Visit(since, until))

    def booked(self, key: str, booked: Booked) -> None:
        self.visitors.setdefault(key, []).append(booked)

    def forget(self, key: str) -> None:
        self.persons = [person for person in self.persons if person.key != key]
        for held in (self.cards, self.grants, self.passes, self.allowances, self.visits):
            held.pop(key, None)
        self.visitors.pop(key, None)

    def zone(self, name: str) -> None:
        self.zones.append(name)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def known(self, key: str) -> Person:
        """The one person with this key, as last poured."""
        return [person for person in self.persons if person.key == key][-1]

    def labels(self, key: str) -> list[str]:
        return [grant.label for grant in self.grants.get(key, [])]

    def everything(self) -> dict[str, object]:
        """All of it, to compare two rosters."""
        return dict(vars(self))
