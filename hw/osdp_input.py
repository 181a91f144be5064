"""A contact or button on an input of an OSDP device.

Input status as in SIA OSDP 2.2, osdp_ISTATR: a byte for each input, 0 or 1. 1 is taken as closed.
"""

from collections.abc import Mapping
from typing import Any, Literal

import structlog
from osdp import Command, Event, StatusReportType
from pydantic import Field

from controller.config import Attached
from controller.errors import HardwareError
from controller.ports import Health, Level, Tell, Told
from hw.osdp_bus import BUSES, Buses
from hw.osdp_settings import OsdpPlace
from hw.osdp_station import Order, Part, State
from hw.osdp_words import explained

log = structlog.get_logger(__name__)

LOOK = 10  # ticks of the bus between questions: a device should tell changes by itself
MEANWHILE = "How this input stands is not known"


class OsdpInputSettings(OsdpPlace):
    """Which input of the device, and how its circuit is at rest."""

    driver: Literal["osdp-input"] = "osdp-input"
    input: int = Field(default=0, ge=0, le=31, description="which input of the device, from 0")
    normally: Literal["open", "closed"] = Field(
        description="how its circuit is at rest: door shut, button not pressed, no fire"
    )

    def attached(self) -> list[Attached]:
        return self.shared("input", self.input)


class OsdpInput(Part):
    """Told of on the thread of its line."""

    Settings = OsdpInputSettings

    def __init__(
        self, settings: OsdpInputSettings, name: str, *, buses: Buses | None = None
    ) -> None:
        self.name = name
        self._settings = settings
        self._buses = buses or BUSES
        self._tell: Tell | None = None
        self._stopped = False
        self._there = False
        self._health: Health | None = None
        self._level: Level | None = None
        self._ticks = 0

    def start(self, tell: Tell) -> None:
        if self._tell is not None or self._stopped:
            raise HardwareError(f"input {self.name} was started before; make a new one")
        self._tell = tell
        try:
            self._buses.join(self._settings, self)
        except HardwareError as error:
            self._say(Health(False, f"input {self.name}: {error}. {MEANWHILE}"))

    def stop(self) -> None:
        self._stopped = True
        if self.link is not None:
            self.link.leave()

    # ---- on the bus's thread

    def changed(self, state: State) -> None:
        self._there = state.ok
        if state.ok:
            self._be(Health(True))
        else:
            why = explained(f"input {self.name}", self._settings, state, MEANWHILE)
            self._be(Health(False, why))

    def ready(self) -> None:
        self._ask()

    def tick(self) -> None:
        self._ticks += 1
        if self._there and self._ticks % LOOK == 0:
            self._ask()

    def took(self, event: Mapping[str, Any]) -> None:
        if event["event"] != Event.Status or event["type"] != StatusReportType.Input:
            return
        report, own = bytes(event["report"]), self._settings
        if own.input >= len(report):
            why = f"the device has {len(report)} inputs, and none of number {own.input}"
            self._unwell(why, "correct input")
        elif report[own.input] > 1:
            # Never taken for a pressed button, whatever it may be.
            self._unwell(f"it tells {report[own.input]}, no state of a contact", "check its wires")
        else:
            self._be(Health(True))
            self._stands(closed=bool(report[own.input]))

    def _stands(self, *, closed: bool) -> None:
        level = Level(closed == (self._settings.normally == "open"))
        if level != self._level:
            self._level = level
            self._say(level)

    def _ask(self) -> None:
        status = {"command": Command.Status, "type": StatusReportType.Input}
        if self.link is not None and not self.link.send(Order(status, _whatever, self)):
            self._unwell("the device refuses to tell how its inputs stand", "check that it has any")

    def _unwell(self, why: str, remedy: str) -> None:
        place = f"address {self._settings.address} at {self._settings.port}"
        self._be(Health(False, f"input {self.name}: {place}: {why}. {MEANWHILE}. To do: {remedy}."))

    def _be(self, health: Health) -> None:
        if health == self._health:
            return
        before, self._health = self._health, health
        if health.ok:
            log.info("input is there", input=self.name)
        elif before is None or before.ok:
            log.warning("input lost", input=self.name, why=health.why)
        self._say(health)

    def _say(self, what: Told) -> None:
        """A fault of whoever listens must not end the line's thread."""
        if self._stopped or self._tell is None:
            return
        try:
            self._tell(what)
        except Exception:
            log.exception("an input could not be handed on", input=self.name)


def _whatever(done: bool) -> None:  # noqa: FBT001
    """Whether it was carried out shows by what it tells."""
