"""How well a door is: devices that are lost, alarms that stand, reads that are refused."""

from collections.abc import Callable, Iterable
from typing import Any

import structlog

from controller.logs import Once
from controller.model import Kind

log = structlog.get_logger(__name__)


class Condition:
    """Tells each change to the journal once, by `record(kind, **detail)`."""

    def __init__(self, door: str, record: Callable[..., object]) -> None:
        self.unwell: dict[str, str] = {}  # part → what is wrong with it
        self.alarms: dict[str, str] = {}  # part and what → why
        self._record, self._log = record, log.bind(door=door)
        self._once = Once(self._log)
        self._refused: dict[str, int] = {}

    def health(self, part: str, ok: bool, why: str) -> None:  # noqa: FBT001
        if ok and self.unwell.pop(part, None) is not None:
            self._once.fine(part, "device is back", part=part)
            self._record(Kind.DEVICE_BACK, part=part)
        elif not ok:
            if part not in self.unwell:
                self._once.trouble(part, "device lost", part=part, why=why)
                self._record(Kind.DEVICE_LOST, part=part, why=why)
            self.unwell[part] = why

    def lost(self, parts: Iterable[str]) -> bool:
        """Are they all?"""
        return all(part in self.unwell for part in parts)

    def alarm(self, what: str, on: bool, why: str) -> None:  # noqa: FBT001
        if on and what not in self.alarms:
            self.alarms[what] = why
            self._log.warning("alarm", what=what, why=why)
            self._record(Kind.ALARM, what=what, why=why)
        elif not on and self.alarms.pop(what, None) is not None:
            self._record(Kind.ALARM_OVER, what=what)

    def refused(self, reader: str, why: str) -> None:
        """Something came that is no card."""
        self._once.trouble(f"read {reader}", "read refused", reader=reader, why=why)
        times = self._refused[reader] = self._refused.get(reader, 0) + 1
        # A noisy line must not fill the journal: the first is told, then each power of two.
        if times & (times - 1) == 0:
            detail: dict[str, Any] = {"reader": reader, "why": why, "times": times}
            self._record(Kind.READ_REFUSED, **detail)

    def understood(self, reader: str) -> None:
        """A card came that is one."""
        if self._refused.pop(reader, 0):
            self._once.fine(f"read {reader}", "reads understood again", reader=reader)
