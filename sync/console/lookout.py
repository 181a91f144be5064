"""How everything is, looked up once for all who want to know at the same time."""

import threading
from typing import Any

from controller.overview import gather
from sync.commands import SyncCommands
from sync.console.enrolments import Enrolments
from sync.office import Office

_GOOD_FOR = 1.0  # seconds


class Lookout:
    """Any thread may use it."""

    def __init__(self, office: Office) -> None:
        self._office, self._commands = office, SyncCommands(office)
        self._looking = threading.Lock()
        self._found: dict[str, Any] = {}
        self._at = 0.0
        self.enrolments = Enrolments(office, self.forget)

    def look(self) -> dict[str, Any]:
        """What `controller.overview.gather` finds, at most a second old."""
        with self._looking:
            now = self._office.clock.monotonic()
            if not self._found or not 0 <= now - self._at < _GOOD_FOR:
                syncd = {"running": True, **self._commands.status({}, "", lambda _: None)}
                self._found, self._at = gather(self._office.config, syncd), now
                self._found["enrolments"] = self.enrolments.turn
            return self._found

    def forget(self) -> None:
        """Something was done: look again."""
        with self._looking:
            self._found = {}
