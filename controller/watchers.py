"""Who else is told what the devices of a door tell: a technician's screen."""

from collections.abc import Callable

from controller.ports import Told

Watcher = Callable[[str, Told], None]  # part, what it told


class Watchers:
    """May be used from any thread; watchers are called on the devices' own."""

    def __init__(self) -> None:
        self._all: tuple[Watcher, ...] = ()

    def add(self, watcher: Watcher) -> Callable[[], None]:
        """From now on; returns how to end it."""
        self._all = (*self._all, watcher)

        def end() -> None:
            self._all = tuple(each for each in self._all if each is not watcher)

        return end

    def tell(self, part: str, told: Told) -> None:
        for watcher in self._all:
            watcher(part, told)
