"""A lock behind a relay on a GPIO pin, through gpiozero."""

from typing import Literal

import structlog
from pydantic import Field

from controller.config import Attached, Strict
from controller.errors import HardwareError
from hw.gpio_pins import Output, Pin, Pins, pins_of, reason
from hw.relay_lock import After, Energize, RelayLock

log = structlog.get_logger(__name__)


class RelaySettings(Strict):
    """Which pin, which level pulls the relay, and what the relay does when it is pulled."""

    driver: Literal["gpio-relay"] = "gpio-relay"
    pin: Pin = Field(description='the GPIO number, e.g. 17, or a name such as "BOARD11"')
    chip: str = Field(default="", description="label of the GPIO chip; a Pi's header if left out")
    active_high: bool = Field(default=True, description="false: the relay pulls at low level")
    energize: Energize = Field(
        default="unlock", description="'lock': the relay is on while the door is shut"
    )

    def attached(self) -> list[Attached]:
        return [Attached("pin", ("pin", self.chip, self.pin))]


class GpioRelay(RelayLock):
    """Shut from the moment the pin is an output until it is given back to its wiring."""

    Settings = RelaySettings

    def __init__(
        self,
        settings: RelaySettings,
        name: str,
        *,
        pins: Pins = pins_of,
        after: After | None = None,
    ) -> None:
        super().__init__(name, settings.energize, after)
        self._settings, self._pins = settings, pins
        self._device: Output | None = None
        self.begin()

    def drive(self, seconds: float) -> None:
        try:
            if seconds:
                self._release()
            else:
                self._shut()
        except Exception as error:
            raise HardwareError(self._reason(error)) from error

    def let_go(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            try:
                device.close()
            except Exception:
                log.exception("the pin could not be given back", lock=self.name)

    def _release(self) -> None:
        if self._device is None:
            raise HardwareError(f"GPIO pin {self._settings.pin} is lost")
        self._device.value = self._settings.energize == "unlock"

    def _shut(self) -> None:
        """By a new request if the old one fails: its chip may have been unplugged meanwhile."""
        on, why = self._settings.energize == "lock", ""
        if self._device is not None:
            try:
                self._device.value = on
            except Exception as error:  # noqa: BLE001 - each pin factory has errors of its own
                why = self._reason(error)
                self.let_go()
            else:
                return
        own = self._settings
        pins = self._pins(own.chip)
        self._device = Output(own.pin, on=on, active_high=own.active_high, pins=pins)
        if why:
            log.warning("the pin had to be opened anew", lock=self.name, why=why)

    def _reason(self, error: Exception) -> str:
        return reason(error, f"GPIO pin {self._settings.pin}")
