"""Of whom something new was heard: keys of people, from many threads to one that acts on them."""

import threading
from collections.abc import Iterable


class News:
    """A set of keys to wait for. However much is told of one person, they are in it once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._keys = set[str]()
        self._meanwhile = set[str]()

    def add(self, keys: Iterable[str]) -> None:
        with self._changed:
            self._keys.update(keys)
            self._meanwhile.update(self._keys)
            self._changed.notify_all()

    def take(self, timeout: float) -> set[str]:
        """Everybody new, at once; empty if nobody was for so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._keys), timeout)
            keys, self._keys = self._keys, set()
            return keys

    def begin(self) -> None:
        """From here on `meanwhile` counts."""
        with self._changed:
            self._meanwhile = set()

    def meanwhile(self) -> set[str]:
        """Everybody added since `begin`, taken or not."""
        with self._changed:
            return set(self._meanwhile)
