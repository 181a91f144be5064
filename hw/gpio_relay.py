"""A lock behind a relay on a GPIO pin, through gpiozero."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import structlog
from pydantic import Field

from controller.config import Attached, Strict
from controller.errors import HardwareError
from hw.gpio_pins import Output, Pin, Pins, pins_of, reason

log = structlog.get_logger(__name__)

SLACK = 1.0  # seconds that the door's own thread has for securing the lock itself
RETRY = 1.0  # seconds until a pin that could not be switched is tried again

After = Callable[[float, Callable[[], None]], Callable[[], None]]


class RelaySettings(Strict):
    """Which pin, which level pulls the relay, and what the relay does when it is pulled."""

    driver: Literal["gpio-relay"] = "gpio-relay"
    pin: Pin = Field(description='the GPIO number, e.g. 17, or a name such as "BOARD11"')
    chip: str = Field(default="", description="label of the GPIO chip; a Pi's header if left out")
    active_high: bool = Field(default=True, description="false: the relay pulls at low level")
    energize: Literal["unlock", "lock"] = Field(
        default="unlock", description="'lock': the relay is on while the door is shut"
    )

    def attached(self) -> list[Attached]:
        return [Attached("pin", ("pin", self.chip, self.pin))]


class GpioRelay:
    """Shut from the moment the pin is an output until it is given back.

    Each release ends `SLACK` after its seconds, should nobody call again. A pin that cannot be
    switched is opened anew, every second, until the door is shut.
    """

    Settings = RelaySettings

    def __init__(
        self,
        settings: RelaySettings,
        name: str,
        *,
        pins: Pins = pins_of,
        after: After | None = None,
    ) -> None:
        self.name = name
        self._settings, self._pins = settings, pins
        self._after = after or ring_after
        self._guard = threading.RLock()
        self._alarm = 0  # counts; an alarm that is not the last one set has nothing to say
        self._cancel: Callable[[], None] | None = None
        self._stopped = False
        self._stuck = ""  # why it cannot be secured
        try:
            self._device: Output | None = self._opened()
        except Exception as error:
            raise HardwareError(
                f"lock {name}: {self._reason(error)}. The door does not work and is left as its "
                "wiring holds it; it is tried again by itself"
            ) from error

    def release(self, seconds: float) -> None:
        with self._guard:
            if self._stopped:
                raise HardwareError(f"lock {self.name} is stopped; the door stays shut")
            try:
                self._set_alarm(seconds + SLACK)  # first: no release that nothing would end
                self._switch(released=True)
            except Exception as error:
                shut = "it may stand open" if self.secure() else "it stays shut"
                raise HardwareError(
                    f"lock {self.name}: {self._reason(error)}. The door does not open; {shut}"
                ) from error

    def secure(self) -> str:
        with self._guard:
            self._clear_alarm()
            if not self._stopped:
                try:
                    self._shut()
                except Exception as error:  # noqa: BLE001 - each pin factory has errors of its own
                    self._stays(self._reason(error))
                else:
                    self._is_shut()
            return self._stuck

    def stop(self) -> None:
        """Secure, then give the pin back: from now on the wiring holds the door."""
        with self._guard:
            self.secure()
            self._clear_alarm()
            self._stopped = True
            self._let_go()

    def _opened(self) -> Output:
        own = self._settings
        on = own.energize == "lock"
        return Output(own.pin, on=on, active_high=own.active_high, pins=self._pins(own.chip))

    def _switch(self, *, released: bool) -> None:
        if self._device is None:
            raise HardwareError(f"GPIO pin {self._settings.pin} is lost")
        self._device.value = released == (self._settings.energize == "unlock")

    def _shut(self) -> None:
        """By a new request if the old one fails: its chip may have been unplugged meanwhile."""
        try:
            self._switch(released=False)
        except Exception as error:  # noqa: BLE001 - as in `secure`; the second failure counts
            self._let_go()
            self._device = self._opened()
            log.warning("the pin had to be opened anew", lock=self.name, why=self._reason(error))

    def _let_go(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            try:
                device.close()
            except Exception:
                log.exception("the pin could not be given back", lock=self.name)

    def _is_shut(self) -> None:
        if self._stuck:
            log.warning("lock is secured again", lock=self.name)
        self._stuck = ""

    def _stays(self, why: str) -> None:
        with suppress(RuntimeError):  # no thread to be had: the next command tries again
            self._set_alarm(RETRY)
        if not self._stuck:
            log.critical(
                "lock cannot be secured: the door may stand open; "
                "it is tried again every second and at every command. Cut its power to be sure",
                lock=self.name,
                why=why,
            )
        self._stuck = (
            f"lock {self.name} cannot be secured: {why}. The door may stand open; it is tried "
            "again every second. Cut the lock's power to be sure"
        )

    def _reason(self, error: Exception) -> str:
        return reason(error, f"GPIO pin {self._settings.pin}")

    def _set_alarm(self, seconds: float) -> None:
        self._clear_alarm()
        mine = self._alarm
        self._cancel = self._after(seconds, lambda: self._ring(mine))

    def _clear_alarm(self) -> None:
        self._alarm += 1
        if self._cancel:
            self._cancel()
            self._cancel = None

    def _ring(self, alarm: int) -> None:
        with self._guard:
            if alarm != self._alarm:
                return  # a newer command came while this alarm was on its way
            tried_before = self._stuck
            if not (self.secure() or tried_before):
                log.warning("nobody secured the lock in time; it secured itself", lock=self.name)


def ring_after(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
    """Call `action` after so long, on a thread of its own; returns how to call it off."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer.cancel
