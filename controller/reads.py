"""Which reads at a door count: a card that stays is one, and a flood is nobody's. Pure."""

from collections.abc import Iterable

from controller.flutter import Flutter

MOST = 50  # reads by one reader in ten seconds; more are no people
FEW = 5  # reads in five seconds: somebody who tries again and again is no flood


class Reads:
    """Instants are monotonic."""

    def __init__(self, readers: Iterable[str], repeat_after: float) -> None:
        self._repeat_after = repeat_after
        self._seen: dict[str, tuple[str, float]] = {}  # reader → what it read last, and when
        self._floods = {reader: Flutter(MOST, FEW) for reader in readers}

    def again(self, reader: str, text: str, at: float) -> bool:
        """The same card held to the reader: readers repeat it several times a second."""
        before, when = self._seen.get(reader, ("", 0.0))
        self._seen[reader] = (text, at)
        return before == text and at - when < self._repeat_after

    def flood(self, reader: str, at: float) -> bool:
        """Are that more than people present? A broken reader, or somebody who tries them all."""
        return not self._floods[reader].changed(at)

    def calmed(self, at: float) -> list[str]:
        """Readers that are to be listened to again."""
        return [reader for reader, flood in self._floods.items() if flood.calmed(at)]
