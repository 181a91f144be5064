"""Who may have a right now, reckoned apart from the product: by what each platform has said."""

from collections.abc import Iterable


class Rights:
    """One platform's people over time. Which of its rosters is in force is known up to a span."""

    def __init__(self, people: Iterable[str]) -> None:
        self._versions = [frozenset(people)]
        self._since = 0  # the oldest that can still be in force
        self.sure = False  # has any roster been put in force, and no clock moved since?

    def change(self, people: Iterable[str]) -> None:
        """The platform says otherwise from now on; a fetch may bring that at any time."""
        self._versions.append(frozenset(people))

    def fetching(self) -> int:
        """Call before a fetch; hand it to `fetched` if it was put in force."""
        return len(self._versions) - 1

    def fetched(self, version: int) -> None:
        self._since, self.sure = version, True

    def may(self, person: str) -> bool:
        """Has somebody a right by any roster that can be in force?"""
        return any(person in each for each in self._versions[self._since :])

    def must(self, person: str) -> bool:
        """Has somebody a right by all of them?"""
        return self.sure and all(person in each for each in self._versions[self._since :])
