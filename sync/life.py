"""Signs of life of the threads that systemd is told of: who gives none for too long is stuck."""

import threading

from controller.ports import Clock

_SILENT = 120.0  # seconds without a sign; one request with all its waiting for answers takes 60


class Life:
    """Any thread may call. A pause whose end is known is a sign of life that lasts until then."""

    def __init__(self, clock: Clock, stopping: threading.Event) -> None:
        self._clock, self._stopping = clock, stopping
        self.begun = clock.monotonic()  # when this process began
        self._mine = threading.local()
        self._until: dict[str, float] = {}  # name → to when it lives, monotonic

    def sign(self, name: str) -> None:
        """The thread that calls goes by this name from now on, and lives."""
        self._mine.name = name
        self._until[name] = self._clock.monotonic()

    def wait(self, seconds: float) -> bool:
        """Sleep; True if the program is stopping. 0 is a sign of life only."""
        self._live_on(seconds)
        stopping = self._stopping.wait(seconds)
        self._live_on(0.0)
        return stopping

    def stuck(self) -> list[str]:
        """Names of those who gave no sign of life for too long."""
        now = self._clock.monotonic()
        return [name for name, until in dict(self._until).items() if now - until > _SILENT]

    def _live_on(self, seconds: float) -> None:
        if name := getattr(self._mine, "name", None):
            self._until[name] = self._clock.monotonic() + seconds
