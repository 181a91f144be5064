"""Sees to it that a platform still calls us: some give up after a while, and say nothing of it."""

import threading

import structlog

from controller.errors import DoorwardError
from controller.logs import Once
from controller.ports import Clock
from sync.webhooks import Installed, Ordered, Webhooks

log = structlog.get_logger(__name__)

LOOK = 300.0  # seconds between two calls of `look`, and after a failure between two attempts
_DAY = 86_400.0


class Minder:
    """Our orders at one platform, seen to by one thread at a time; what came of it is kept."""

    def __init__(self, name: str, webhooks: Webhooks, clock: Clock) -> None:
        self.failure = ""
        self.webhooks = webhooks
        self._name, self._clock = name, clock
        self._guard = threading.Lock()
        self._good_until: float | None = None  # monotonic
        self._once = Once(log)

    def look(self) -> None:
        """Once a day: put right what is missing. Tells of trouble, and raises none."""
        now = self._clock.monotonic()
        if self._good_until is None or now >= self._good_until:
            try:
                self.install()
            except DoorwardError as error:
                self._once.trouble(
                    "install", "webhooks not seen to", platform=self._name, error=str(error)
                )

    def install(self) -> Installed:
        """See to it now. Raises `DoorwardError`."""
        with self._guard:
            try:
                done = self.webhooks.install()
            except DoorwardError as error:
                self.failure, self._good_until = str(error), None
                raise
            self._good_until = self._clock.monotonic() + _DAY
            self.failure = _refusals(done)
        if self.failure:
            self._once.trouble("install", self.failure, platform=self._name)
        else:
            self._once.fine("install", "webhooks are in order again", platform=self._name)
        log.info("webhooks seen to", platform=self._name, **_counts(done))
        return done

    def remove(self) -> list[str]:
        """Have the platform call us no more. Raises `DoorwardError`."""
        with self._guard:
            gone = self.webhooks.remove()
            self.failure, self._good_until = "", self._clock.monotonic() + _DAY
        return gone

    def listed(self) -> list[Ordered]:
        return self.webhooks.listed()


def _refusals(done: Installed) -> str:
    said = "; ".join(f"{event}: {words}" for event, words in done.refused.items())
    return f"webhooks refused: {said}" if said else ""


def _counts(done: Installed) -> dict[str, int]:
    parts = ("kept", "created", "renewed", "removed", "refused")
    return {part: len(getattr(done, part)) for part in parts}
