"""LED, buzzer and display of an OSDP reader, as far as it says that it has them.

Commands as in SIA OSDP 2.2: osdp_LED (permanent settings alone, so that the reader goes back to
them after lights of its own), osdp_BUZ, osdp_TEXT. Times are in 100 ms.
"""

import unicodedata
from typing import Any, Literal, NamedTuple

import structlog
from osdp import Capability, Command
from osdp import CommandLEDColor as Colour
from pydantic import Field

from controller.config import Attached
from controller.errors import HardwareError
from controller.ports import Signal
from hw.osdp_bus import BUSES, Buses
from hw.osdp_settings import OsdpPlace
from hw.osdp_station import Order, Part

log = structlog.get_logger(__name__)

SETTLE = 0.5  # seconds that `stop` waits for the last signal to be shown
_NO_TONE, _TONE = 1, 2
_SHOWN_WITH_WRAP = 2


class Light(NamedTuple):
    """Two colours in turn, so long each; steady if the second has no time."""

    colour: int
    on: int = 1
    other: int = Colour.Black
    off: int = 0


class Tone(NamedTuple):
    on: int
    off: int
    times: int


# Colours that also readers have which know red and green alone, and their mixture.
LIGHTS = {
    Signal.IDLE: Light(Colour.Red),
    Signal.GRANTED: Light(Colour.Green),
    Signal.DENIED: Light(Colour.Red, 2, Colour.Black, 2),
    Signal.WAIT: Light(Colour.Amber, 5, Colour.Black, 5),
    Signal.LOCKDOWN: Light(Colour.Red, 15, Colour.Black, 5),
    Signal.UNLOCKED: Light(Colour.Green, 15, Colour.Black, 5),
    Signal.HELD: Light(Colour.Red, 5, Colour.Amber, 5),
    Signal.OFFLINE: Light(Colour.Amber),
}
TONES = {
    Signal.GRANTED: Tone(2, 1, 1),
    Signal.DENIED: Tone(1, 1, 3),
    Signal.WAIT: Tone(1, 1, 1),
    Signal.HELD: Tone(5, 5, 60),  # a minute; should nobody end it, it ends
}
TEXTS = {
    Signal.IDLE: "",
    Signal.GRANTED: "Welcome",
    Signal.DENIED: "No entry",
    Signal.WAIT: "Please wait",
    Signal.LOCKDOWN: "Locked down",
    Signal.UNLOCKED: "Open",
    Signal.HELD: "Please shut the door",
    Signal.OFFLINE: "Out of order",
}


class OsdpIndicatorSettings(OsdpPlace):
    """Which LED, and whether to use the others."""

    driver: Literal["osdp-indicator"] = "osdp-indicator"
    reader: int = Field(default=0, ge=0, le=7, description="which, of a device that has several")
    led: int = Field(default=0, ge=0, le=31, description="which LED of it, from 0")
    buzzer: bool = Field(default=True, description="false: it stays silent")
    display: bool = Field(default=True, description="false: no text is shown")

    def attached(self) -> list[Attached]:
        return self.shared("indicator", self.reader, self.led)


class OsdpIndicator(Part):
    """Shows what it was told last, again whenever the device comes back."""

    Settings = OsdpIndicatorSettings

    def __init__(
        self, settings: OsdpIndicatorSettings, name: str, *, buses: Buses | None = None
    ) -> None:
        self.name = name
        self._settings = settings
        self._signal, self._text = Signal.IDLE, ""
        self._stopped = False
        self._sounding = False
        self._lights, self._sounds, self._columns = False, False, 0
        try:
            (buses or BUSES).join(settings, self)
        except HardwareError as error:
            log.warning("indicator shows nothing", indicator=name, why=str(error))

    def show(self, signal: Signal, text: str = "") -> None:
        if not self._stopped:
            self._signal, self._text = signal, text
            self._show_lasting()
            self._sound()

    def stop(self) -> None:
        if self._stopped:
            return
        self.show(Signal.IDLE)
        self._stopped = True
        if self.link is not None:
            if self._lights or self._columns:
                self.link.settled(SETTLE)
            self.link.leave()

    # ---- on the bus's thread

    def ready(self) -> None:
        if self.link is None:
            return
        own = self._settings
        level, leds = self.link.capability(Capability.LEDControl)
        self._lights = bool(level) and own.led < leds
        level, _ = self.link.capability(Capability.AudibleControl)
        self._sounds = bool(level) and own.buzzer
        level, displays = self.link.capability(Capability.TextOutput)
        self._columns = (16 if level == 1 else 32) if level and displays and own.display else 0
        self._show_lasting()

    # ---- below: how

    def _show_lasting(self) -> None:
        if self._lights:
            self._send("light", _led(self._settings, LIGHTS[self._signal]))
        if self._columns:
            text = (self._text or TEXTS[self._signal]).ljust(self._columns)
            self._send("text", _text(self._settings, _plain(text)[: self._columns]))

    def _sound(self) -> None:
        tone = TONES.get(self._signal)
        if self._sounds and (tone or self._sounding):
            self._send("sound", _buzzer(self._settings, tone))
            self._sounding = self._signal is Signal.HELD

    def _send(self, what: str, command: dict[str, Any]) -> None:
        if self.link is not None:
            self.link.send(Order(command, _whatever, (id(self), what)))


def _led(own: OsdpIndicatorSettings, light: Light) -> dict[str, Any]:
    return {
        "command": Command.LED,
        "reader": own.reader,
        "led_number": own.led,
        "temporary": False,
        "control_code": 1,
        "on_color": light.colour,
        "off_color": light.other,
        "on_count": light.on,
        "off_count": light.off,
    }


def _buzzer(own: OsdpIndicatorSettings, tone: Tone | None) -> dict[str, Any]:
    on, off, times = tone or Tone(0, 0, 1)
    return {
        "command": Command.Buzzer,
        "reader": own.reader,
        "control_code": _TONE if tone else _NO_TONE,
        "on_count": on,
        "off_count": off,
        "rep_count": times,
    }


def _text(own: OsdpIndicatorSettings, text: str) -> dict[str, Any]:
    return {
        "command": Command.Text,
        "reader": own.reader,
        "control_code": _SHOWN_WITH_WRAP,
        "temp_time": 0,
        "offset_row": 1,
        "offset_col": 1,
        "data": text,
    }


def _plain(text: str) -> str:
    """As a display can show it: no accents, nothing but ASCII."""
    letters = (
        unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    )
    return "".join(letter if letter.isprintable() else " " for letter in letters)


def _whatever(done: bool) -> None:  # noqa: FBT001
    """The next one comes soon."""
