"""Which labels a platform really has, and how many people hold each."""

from collections import defaultdict
from typing import NamedTuple

from controller.model import Grant, Hours, Person
from sync.platform import Booked

_NAMED = 2  # people by whom a label is recognised


class Label(NamedTuple):
    """`some`: a few of the people who hold it."""

    name: str
    people: int
    some: tuple[str, ...]


class Labels:
    """A `sync.platform.Roster` in memory that keeps who holds what, and no card."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._names: dict[str, str] = {}
        self._held: defaultdict[str, set[str]] = defaultdict(set)

    @property
    def people(self) -> int:
        return len(self._names)

    def found(self) -> list[Label]:
        """What most people hold comes first."""
        made = [
            Label(
                name, len(keys), tuple(self._names.get(key, key) for key in sorted(keys)[:_NAMED])
            )
            for name, keys in self._held.items()
        ]
        return sorted(made, key=lambda label: (-label.people, label.name))

    def person(self, person: Person) -> None:
        self._names[person.key] = person.name

    def grant(self, key: str, grant: Grant) -> None:
        self._held[grant.label].add(key)

    def forget(self, key: str) -> None:
        self._names.pop(key, None)
        for keys in self._held.values():
            keys.discard(key)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def zone(self, name: str) -> None:
        """Not needed for counting; nor are the others."""

    def card(self, key: str, canonical: str) -> None: ...
    def block(self, canonical: str) -> None: ...
    def single_pass(self, key: str, pass_key: str, expires: float | None, hours: Hours) -> None: ...
    def allowance(
        self, key: str, pass_type: str, count: int, period: str, hours: Hours
    ) -> None: ...
    def visit(self, key: str, since: float, until: float) -> None: ...
    def booked(self, key: str, booked: Booked) -> None: ...
