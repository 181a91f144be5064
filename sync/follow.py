"""Acting on hints: what they are about is read again; if that is too much, everything is.

However many hints come, this asks no more of a platform than its limits leave besides rosters and
questions at the door.
"""

from collections import deque
from collections.abc import Callable

import structlog

from controller.errors import DoorwardError, StoreError, Unauthorized, Unavailable
from controller.logs import Once
from sync.deadline import NotNow, within
from sync.hints import Hint
from sync.line import Line
from sync.platform import Hinting

log = structlog.get_logger(__name__)

_SETTLE = 0.1  # seconds: one change is often hinted at more than once
_MOST, _MINUTE = 20, 60.0  # things read again, one by one
_PULL_AGAIN = 60.0  # seconds from one roster that is owed to hints to the next
_LONGEST = 20.0  # seconds for reading again


class Follower:
    """Follows the hints of one line; one thread calls `step`, over and over.

    `pull` has a whole roster fetched, soon and on another thread; `wait` sleeps.
    """

    def __init__(self, line: Line, pull: Callable[[], None], wait: Callable[[float], bool]) -> None:
        assert isinstance(line.platform, Hinting)
        self._line, self._pull, self._wait = line, pull, wait
        self._hints = line.platform.hints
        self._lately = deque[float](maxlen=_MOST)
        self._owed = False  # a whole roster is
        self._pulled: float | None = None
        self._once = Once(log)

    def step(self, timeout: float) -> None:
        """Wait at most so long for hints, and act on them. Raises `StoreError`."""
        if self._hints.wait(timeout):
            self._wait(_SETTLE)
        hints = self._hints.take()
        if hints is None or not self._affordable(len(hints)):
            self._owed = True
        elif hints:
            self._read_again(hints)
        if self._owed:
            self._pull_when_due()

    def _affordable(self, count: int) -> bool:
        """May so many be read one by one now? If so, they count."""
        now = self._line.clock.monotonic()
        while self._lately and now - self._lately[0] >= _MINUTE:
            self._lately.popleft()
        if len(self._lately) + count > _MOST:
            return False
        self._lately.extend([now] * count)
        return True

    def _read_again(self, hints: frozenset[Hint]) -> None:
        line = self._line
        if line.resting():
            line.retry = True
            return
        try:
            with within(line.clock.monotonic() + _LONGEST):
                all_found = line.read_again(hints)
        except StoreError:
            self._owed = True
            raise
        except DoorwardError as error:
            self._failed(error)
        else:
            self._once.fine("read", "hints are followed again", platform=line.platform.name)
            self._owed = self._owed or not all_found

    def _failed(self, error: DoorwardError) -> None:
        """A roster will tell: at once if that may help, else when the line has rested."""
        line = self._line
        self._once.trouble(
            "read", "a hint was not followed", platform=line.platform.name, error=str(error)
        )
        if isinstance(error, Unavailable | Unauthorized) and not isinstance(error, NotNow):
            line.failed(error)
            line.retry = True
        else:
            self._owed = True

    def _pull_when_due(self) -> None:
        line, now = self._line, self._line.clock.monotonic()
        if self._pulled is not None and now - self._pulled < _PULL_AGAIN:
            return
        if line.resting():
            self._owed, line.retry = False, True
        elif not line.busy.locked():  # one under way may have begun before the change
            self._owed, self._pulled = False, now
            log.info("everything is read again, as hinted", platform=line.platform.name)
            self._pull()
