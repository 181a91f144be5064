"""When to try a line again. Pure: monotonic seconds and chance come from outside."""


class Backoff:
    """Grows from `first` to `longest` seconds, doubling at each failure, spread by a quarter.

    One per line to a platform, shared by pull and push: what one learns the other heeds. The
    longest rest, spread and all, leaves time to be back at work within a minute of the network.
    """

    def __init__(self, first: float = 2.0, longest: float = 45.0) -> None:
        self._first, self._longest = first, longest
        self.failures = 0
        self.until = 0.0  # monotonic

    def failed(self, now: float, chance: float, at_least: float | None = None) -> float:
        """Note a failure; returns the seconds to wait. `chance` is uniform in [0, 1)."""
        wait = min(self._longest, self._first * 2 ** min(self.failures, 16))
        wait *= 0.875 + chance / 4
        self.failures += 1
        self.until = now + max(wait, at_least or 0.0)
        return self.until - now

    def worked(self) -> None:
        self.failures, self.until = 0, 0.0

    def wait(self, now: float) -> float:
        """Seconds until the line may be tried again; 0 if now."""
        return max(0.0, self.until - now)
