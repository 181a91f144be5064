"""How the inputs of a door stand, and since when; and whether they are to be believed. Pure."""

from controller.flutter import Flutter


class Levels:
    """Instants are monotonic."""

    def __init__(self) -> None:
        self._stands: dict[str, tuple[bool, float]] = {}  # input → active, since when
        self._flutter: dict[str, Flutter] = {}

    def told(self, part: str, active: bool, at: float) -> str:  # noqa: FBT001
        """What this means: "found" so, "moved" to there, "" no change, or it "flutters"."""
        before = self._stands.get(part)
        if before and before[0] == active:
            return ""
        self._stands[part] = (active, at)
        flutter = self._flutter.setdefault(part, Flutter())
        if before is None:
            # After a start or an outage: nobody was seen to press or to open anything.
            return "found"
        return "moved" if flutter.changed(at) else "flutters"

    def forget(self, part: str) -> None:
        """The device is lost; what it tells when it is back is found so."""
        self._stands.pop(part, None)

    def sure(self, part: str) -> bool:
        """Does one know how it stands?"""
        flutter = self._flutter.get(part)
        return part in self._stands and not (flutter and flutter.on)

    def active_for(self, part: str, at: float) -> float:
        """Seconds for which it has been active; 0 if it is not."""
        active, since = self._stands.get(part, (False, at))
        return at - since if active else 0.0

    def calmed(self, at: float) -> list[tuple[str, bool]]:
        """Inputs that fluttered and are to be believed again, and how they stand."""
        calm = [part for part, flutter in self._flutter.items() if flutter.calmed(at)]
        return [(part, self._stands.get(part, (False, at))[0]) for part in calm]
