"""One object for each line of this process, for as long as any device is on it."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """A line, or whoever has one."""

    def close(self) -> None: ...


Line = TypeVar("Line", bound=Closable)


class Shared(Generic[Line]):
    """Made by the first who takes it, closed when the last has given it back."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[Hashable, tuple[Line, int]] = {}

    def take(self, key: Hashable, make: Callable[[], Line]) -> Line:
        """To be given back once for each time it was taken."""
        with self._guard:
            line, users = self._held.get(key) or (make(), 0)
            self._held[key] = line, users + 1
            return line

    def give_back(self, key: Hashable) -> None:
        with self._guard:
            line, users = self._held.pop(key)
            if users > 1:
                self._held[key] = line, users - 1
                return
            line.close()  # under the guard: nobody opens the same port before it is shut
