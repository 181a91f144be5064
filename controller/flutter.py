"""What changes faster than people do: a broken wire, a motor beside it, a mad reader. Pure."""

from collections import deque

MOST = 20  # changes ...
WITHIN = 10.0  # ... in so many seconds are a door in use, more are none
CALM = 5.0  # seconds of peace after which it is believed again


class Flutter:
    """One input, or one reader; instants are monotonic.

    `few`: so many changes within `CALM` are peace as well.
    """

    def __init__(self, most: int = MOST, few: int = 0) -> None:
        self.on = False
        self._few = few
        self._changes: deque[float] = deque(maxlen=most + 1)

    def changed(self, at: float) -> bool:
        """Note a change; is it to be believed?"""
        self._changes.append(at)
        full = len(self._changes) == self._changes.maxlen
        self.on = self.on or (full and at - self._changes[0] < WITHIN)
        return not self.on

    def calmed(self, at: float) -> bool:
        """Is it to be believed again, for the first time since it fluttered?"""
        if not self.on or at - self._changes[-1 - self._few] < CALM:
            return False
        self.on = False
        self._changes.clear()
        return True
