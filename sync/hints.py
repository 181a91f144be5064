"""Hints: a platform says that something changed, and is asked what. From many threads to one.

They may be lost: whoever polls misses nothing. So they are kept in memory, and not many of them.
"""

import threading
from typing import NamedTuple

MOST = 10  # things hinted at together; of more, everything is to be read


class Hint(NamedTuple):
    """Something that changed: `kind` in the platform's own words, and the id it has there."""

    kind: str
    id: str

    def __repr__(self) -> str:
        return f"Hint({self.kind!r})"  # an id may be a card


class Hints:
    """What is to be read again. However often something is told, it is in here once."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._things = set[Hint]()
        self._everything = False

    def add(self, hint: Hint | None) -> None:
        """`None`: something changed, and nobody can tell what."""
        with self._changed:
            if hint is not None and not self._everything:
                self._things.add(hint)
            if hint is None or len(self._things) > self._most:
                self._everything = True
                self._things.clear()
            self._changed.notify_all()

    def wait(self, timeout: float) -> bool:
        """Is there anything, if need be after so many seconds?"""
        with self._changed:
            return self._changed.wait_for(lambda: self._everything or bool(self._things), timeout)

    def take(self) -> frozenset[Hint] | None:
        """All there are, which are then gone; None: everything is to be read again."""
        with self._changed:
            things, everything = frozenset(self._things), self._everything
            self._things.clear()
            self._everything = False
            return None if everything else things
