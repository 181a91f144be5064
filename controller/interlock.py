"""Doors of which only one may be open at a time: a mantrap, a sluice."""

import threading
from collections.abc import Iterable


class Interlock:
    """Which doors are shut for sure; shared by the doors of one controller, asked from any thread.

    A door that never told, or whose contact is lost, is not: its partners stay locked.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._shut: set[str] = set()

    def barring(self, partners: Iterable[str]) -> str:
        """The first partner that is not shut for sure; "" if all are."""
        with self._guard:
            return self._first(partners)

    def claim(self, door: str, partners: Iterable[str]) -> str:
        """The same; and if all are shut, `door` is not from now on."""
        with self._guard:
            partner = self._first(partners)
            if not partner:
                self._shut.discard(door)
            return partner

    def set_shut(self, door: str, shut: bool) -> None:  # noqa: FBT001
        """A door tells whether it is shut and locked, and sees that it is."""
        with self._guard:
            (self._shut.add if shut else self._shut.discard)(door)

    def _first(self, partners: Iterable[str]) -> str:
        return next((each for each in partners if each not in self._shut), "")
