"""A contact, a button or an alarm's output on a GPIO pin, through gpiozero.

The kernel debounces the pin and tells its edges (see `hw.gpiod_pins`); the level is read again
every second, lest a lost edge leaves a door open in our books, or shut.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import structlog
from gpiozero import InputDevice
from pydantic import Field

from controller.config import Attached, Seconds, Strict
from controller.ports import Level, Tell
from hw.gpio_pins import Pin, Pins, pins_of, reason
from hw.reader_loop import Again, ReaderLoop

log = structlog.get_logger(__name__)

REREAD = 1.0  # seconds
GRACE = 0.1  # seconds that an edge may take from the pin to here
PULL_UP = {"up": True, "down": False, "none": None}  # as gpiozero says it


class InputSettings(Strict):
    """Which pin, and how its circuit is at rest."""

    driver: Literal["gpio-input"] = "gpio-input"
    pin: Pin = Field(description='the GPIO number, e.g. 17, or a name such as "BOARD11"')
    chip: str = Field(default="", description="label of the GPIO chip; a Pi's header if left out")
    normally: Literal["open", "closed"] = Field(
        description="how the circuit is while the door is shut, nobody presses, nothing is wrong"
    )
    pull: Literal["up", "down", "none"] = Field(
        default="up", description="'up': the circuit closes to ground; 'down': to 3.3 V"
    )
    debounce: Seconds = Field(default=0.05, le=2, description="shorter changes are not seen")

    def attached(self) -> list[Attached]:
        return [Attached("pin", ("pin", self.chip, self.pin))]

    @property
    def active_high(self) -> bool:
        """Is the pin high when the circuit is not as at rest?"""
        return (self.normally == "closed") != (self.pull == "down")


class _Waiting:
    """Levels on their way from the thread that sees edges to the one that tells of them."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._guard = threading.Lock()  # lest an edge that comes last rings at a closed descriptor
        self._levels: deque[bool] = deque()

    def put(self, at: float, high: bool) -> None:  # noqa: ARG002, FBT001 - as gpiozero calls it
        with self._guard:
            if self.fd >= 0:
                self._levels.append(bool(high))
                os.eventfd_write(self.fd, 1)

    def take(self) -> Iterator[bool]:
        os.eventfd_read(self.fd)
        while self._levels:
            yield self._levels.popleft()

    def close(self) -> None:
        with self._guard:
            os.close(self.fd)
            self.fd = -1


class GpioInput:
    """Tells how the pin stands, then each change. A missing chip is looked for for ever."""

    Settings = InputSettings

    def __init__(
        self,
        settings: InputSettings,
        name: str,
        *,
        pins: Pins = pins_of,
        again: Again | None = None,
        reread: float = REREAD,
    ) -> None:
        self.name = name
        self._settings, self._pins, self._reread = settings, pins, reread
        self._told: bool | None = None
        self._loop = ReaderLoop(name, self._session, self._explained, again, part="input")

    def start(self, tell: Tell) -> None:
        self._loop.start(tell)

    def stop(self) -> None:
        self._loop.stop()

    def _session(self) -> None:
        with self._opened() as (device, waiting):
            self._told = None
            level = _high(device)
            self._loop.works()
            self._tell(level)
            while not self._loop.stopping.is_set():
                self._listen(device, waiting)

    def _listen(self, device: InputDevice, waiting: _Waiting) -> None:
        if self._loop.ready(waiting.fd, self._reread):
            for high in waiting.take():
                self._tell(high)
        elif self._differs(device) and self._silent(waiting) and self._tell(_high(device)):
            log.warning("an edge was lost; the level was read instead", input=self.name)

    def _silent(self, waiting: _Waiting) -> bool:
        """Nor is the edge still on its way."""
        return not self._loop.ready(waiting.fd, GRACE) and not self._loop.stopping.is_set()

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputDevice, _Waiting]]:
        own = self._settings
        up = PULL_UP[own.pull]
        floats = {"active_state": True} if up is None else {}
        waiting = _Waiting()
        try:
            pins = self._pins(own.chip)
            device = InputDevice(own.pin, pull_up=up, pin_factory=pins, **floats)
            try:
                device.pin.bounce = own.debounce or None
                device.pin.edges = "both"
                device.pin.when_changed = waiting.put
                yield device, waiting
            finally:
                device.close()
        finally:
            waiting.close()

    def _differs(self, device: InputDevice) -> bool:
        return (_high(device) == self._settings.active_high) is not self._told

    def _tell(self, high: bool) -> bool:  # noqa: FBT001 - a level
        """Tell it if it is news."""
        active = high == self._settings.active_high
        news = active is not self._told
        if news:
            self._told = active
            self._loop.tell(Level(active))
        return news

    def _explained(self, error: Exception) -> str:
        why = reason(error, f"GPIO pin {self._settings.pin}")
        return (
            f"input {self.name}: {why}. It is not known how it stands; it is tried again by itself"
        )


def _high(device: InputDevice) -> bool:
    return bool(device.pin.state)
