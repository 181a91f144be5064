"""A lock on an output of an OSDP device, e.g. the relay in a reader.

Output control as in SIA OSDP 2.2, osdp_OUT: 1 and 2 are permanently off and on, 5 and 6 on and off
for a time (in 100 ms) after which the device itself goes back to what is permanent. So a release
needs nobody to end it: with a lock that opens by current the output is permanently off and on for a
time; with a magnet it is permanently on and off for a time. A magnet lets go when the device has no
power, and from its restart until it is told to hold again.
"""

import threading
from collections.abc import Callable
from typing import Literal

import structlog
from osdp import Command
from pydantic import Field

from controller.config import Attached
from controller.errors import HardwareError
from hw.osdp_bus import BUSES, Buses
from hw.osdp_settings import OsdpPlace
from hw.osdp_station import Order, Part, State
from hw.osdp_words import explained

log = structlog.get_logger(__name__)

MOST = 25.5  # seconds of one command: libosdp's Python passes on 8 bits of the timer's 16
FIRST = 2.5  # seconds that a new line may take until it is known whether the device is there
# Seconds in which a command is carried out, or taken back: before libosdp repeats it (after 1.0),
# lest a door open for somebody who was told that it does not.
WITHIN = 0.8
_OFF, _ON, _ON_FOR, _OFF_FOR = 1, 2, 5, 6
_STILL = "The door does not open"


class OsdpOutputSettings(OsdpPlace):
    """Which output of the device, and what current does to the lock."""

    driver: Literal["osdp-output"] = "osdp-output"
    output: int = Field(default=0, ge=0, le=31, description="which output of the device, from 0")
    energize: Literal["unlock", "lock"] = Field(
        default="unlock", description="what current does to the lock; a magnet: 'lock'"
    )

    def attached(self) -> list[Attached]:
        return self.shared("output", self.output)


class OsdpOutput(Part):
    """Told to shut whenever the device comes, also in the middle of a release."""

    Settings = OsdpOutputSettings

    def __init__(
        self, settings: OsdpOutputSettings, name: str, *, buses: Buses | None = None
    ) -> None:
        self.name = name
        self._settings = settings
        holds = settings.energize == "lock"
        self._shut, self._pulse = (_ON, _OFF_FOR) if holds else (_OFF, _ON_FOR)
        self._state: State | None = None
        self._known = threading.Event()  # whether the device is there
        self._stopped = False
        self._turn = threading.Lock()  # one command at a time
        try:
            (buses or BUSES).join(settings, self)
        except HardwareError as error:
            raise HardwareError(f"lock {name}: {error}. The door stays shut") from error

    def release(self, seconds: float) -> None:
        with self._turn:
            if self._stopped:
                raise HardwareError(f"lock {self.name} is stopped; the door stays shut")
            tenths = max(1, round(min(seconds, MOST) * 10))
            if not self._carried_out(self._pulse, tenths):
                raise HardwareError(self._why(_STILL))

    def secure(self) -> str:
        with self._turn:
            if self._stopped or self._carried_out(self._shut, 0):
                return ""
            return self._why(self._meanwhile())

    def stop(self) -> None:
        with self._turn:
            if self._stopped:
                return
            self._carried_out(self._shut, 0)
            self._stopped = True
        if self.link is not None:
            self.link.leave()

    # ---- on the bus's thread

    def changed(self, state: State) -> None:
        before, self._state = self._state, state
        self._known.set()
        if state.ok:
            log.info("lock is there", lock=self.name)
        elif before is None or before.ok:
            log.warning("lock lost", lock=self.name, why=self._why(self._meanwhile()))

    def ready(self) -> None:
        """What is permanent is unknown after a restart of the device."""
        self._sent(self._shut, 0, _whatever)

    # ---- below: how

    def _carried_out(self, code: int, tenths: int) -> bool:
        """Did the device do it, in time? What it did not is not done later either."""
        came = threading.Event()
        answers: list[bool] = []

        def done(well: bool) -> None:  # noqa: FBT001 - the one thing it is told
            answers.append(well)
            came.set()

        self._known.wait(FIRST)
        if not self._sent(code, tenths, done):
            return False
        if not came.wait(WITHIN) and self.link is not None:
            self.link.withdraw(self)
        return any(answers)

    def _sent(self, code: int, tenths: int, done: Callable[[bool], None]) -> bool:
        command = {
            "command": Command.Output,
            "output_no": self._settings.output,
            "control_code": code,
            "timer_count": tenths,
        }
        order = Order(command, done, self)
        return self.link is not None and self.link.send(order, urgent=True)

    def _why(self, meanwhile: str) -> str:
        own, state = self._settings, self._state
        if state is not None and not state.ok:
            return explained(f"lock {self.name}", own, state, meanwhile)
        device = f"the OSDP device of address {own.address} at {own.port}"
        why = (
            "has not answered yet" if state is None else f"does not switch its output {own.output}"
        )
        return (
            f"lock {self.name}: {device} {why}. {meanwhile}; it is tried again. To do: check that "
            "the device has such an output, and that it may be switched"
        )

    def _meanwhile(self) -> str:
        if self._settings.energize == "lock":
            return "Whether the magnet holds is not known"
        return f"The device ends a release by itself, within {MOST:g} s at most"


def _whatever(done: bool) -> None:  # noqa: FBT001
    """The door asks every few seconds whether it is shut."""
