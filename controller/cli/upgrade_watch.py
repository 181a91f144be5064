"""Watching the doors for a while after another program took them over."""

import threading
from dataclasses import dataclass

from controller.cli.upgrade_health import Well, worse
from controller.cli.upgrade_services import CONTROLLER, SYNC, Services
from controller.ports import Clock

COMES_UP = 45.0  # seconds that the doors have to be well for the first time
SYNC_COMES_UP = 90.0
_LOOK = 0.1  # seconds between looks


@dataclass(frozen=True, slots=True)
class Seen:
    """`why`: it is not well, "" if it is. `after`: seconds until all doors were well."""

    why: str
    after: float = 0.0


@dataclass(slots=True)
class Watch:
    """`before`: how each door was; `version` of the program that is to answer, "" if any."""

    services: Services
    clock: Clock
    before: Well
    version: str
    pause: threading.Event

    def doors(self, seconds: float, seq: int) -> Seen:
        """Until they are well, and then for so long; `seq` of the journal when they were begun."""
        came = self._well_within(COMES_UP)
        if came.why or not seconds:
            return came
        status = self.services.status() or {}
        pid, end = status.get("pid"), self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            if why := self._fatal(pid):
                return Seen(why)
            self.pause.wait(_LOOK)
        if (starts := self.services.starts(seq)) > 1:
            return Seen(f"the controller started {starts} times")
        return self._well_within(_LOOK * 5)

    def sync(self) -> str:
        """ "" once it answers."""
        end = self.clock.monotonic() + SYNC_COMES_UP
        while not self.services.sync_answers():
            if self.services.restarts(SYNC):
                return "syncd ends by itself soon after it was started"
            if self.clock.monotonic() > end:
                return "syncd does not answer"
            self.pause.wait(_LOOK)
        return ""

    def _well_within(self, seconds: float) -> Seen:
        began = self.clock.monotonic()
        while found := worse(self.before, self.services.status(), self.version):
            took = self.clock.monotonic() - began
            if self.services.restarts(CONTROLLER):
                return Seen("the controller ends by itself soon after it was started")
            if took > seconds:
                return Seen("; ".join(found))
            self.pause.wait(_LOOK)
        return Seen("", self.clock.monotonic() - began)

    def _fatal(self, pid: object) -> str:
        if self.services.restarts(CONTROLLER):
            return "the controller ended by itself and had to be started again"
        status = self.services.status()
        if status and status["pid"] != pid:
            return "the controller was started again"
        return ""
