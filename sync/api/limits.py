"""How often somebody may ask: so many at once, and so many a second from then on. Pure."""

from collections import OrderedDict
from dataclasses import dataclass

_MOST = 4096  # who is remembered; who has not asked for longest is forgotten first


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, `per_second` in the long run."""

    burst: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Of requests by one token, of doors opened by it, of requests from one address without one."""

    requests: Rate = Rate(200, 20)
    openings: Rate = Rate(10, 0.5)
    strangers: Rate = Rate(20, 1)


class Allowance:
    """What is left of one rate to each who asks. For one thread at a time."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, now: float) -> float:
        """Take one; seconds to wait if there is none, else 0. `now` is monotonic."""
        left, at = self._left.pop(who, (self._rate.burst, now))
        left = min(self._rate.burst, left + (now - at) * self._rate.per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate.per_second
        self._left[who] = (left if wait else left - 1, now)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)
        return wait
