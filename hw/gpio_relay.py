"""A lock behind a relay on a GPIO pin of a Raspberry Pi, through gpiozero."""

import re
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Literal

import structlog
from gpiozero import GPIOPinInUse, OutputDevice, PinInvalidPin
from pydantic import AfterValidator, BeforeValidator, Field

from controller.config import Seconds, Strict
from controller.errors import HardwareError

log = structlog.get_logger(__name__)

RETRY = 1.0  # seconds until a pin that would not go off is tried again
LEAST = 10.0  # seconds; a door repeats a lasting release every few, and must not be overtaken

After = Callable[[float, Callable[[], None]], Callable[[], None]]


def _pin(value: object) -> object:
    """GPIO17, BCM17 and "17" are all 17, so that two devices on one pin are noticed."""
    if isinstance(value, str):
        parts = re.fullmatch(r"(GPIO|BCM)?([0-9]{1,3})|([A-Z][A-Z0-9]*:?[0-9]+)", value.upper())
        value = (parts[3] or int(parts[2])) if parts else None
    if isinstance(value, bool) or not isinstance(value, int | str) or str(value).startswith("-"):
        raise ValueError('must be a GPIO number, e.g. 17, or a name, e.g. "BOARD11"')
    return value


def _bound(value: float) -> float:
    if 0 < value < LEAST:
        raise ValueError(f"must be at least {LEAST:g}s, or 0 for a lock that never secures itself")
    return value


class RelaySettings(Strict):
    """Which pin, which level releases the door, and how long at most."""

    driver: Literal["gpio-relay"] = "gpio-relay"
    pin: Annotated[int | str, BeforeValidator(_pin)] = Field(
        description='the GPIO number, e.g. 17, or a name such as "BOARD11"'
    )
    active_high: bool = Field(default=True, description="false: the relay pulls at low level")
    max_release: Annotated[Seconds, AfterValidator(_bound)] = Field(
        default=60.0, description="secured so long after the last release; 0: never by itself"
    )


class GpioRelay:
    """Relay off = door shut: so it begins and so it ends.

    Should nobody call `secure`, it secures itself `max_release` seconds after the last `release`.
    Each `release` counts that time anew, so whoever holds a door open calls it again in time.
    """

    Settings = RelaySettings

    def __init__(self, settings: RelaySettings, name: str, *, after: After | None = None) -> None:
        self.name = name
        self._after = after or ring_after
        self._bound = settings.max_release
        self._guard = threading.RLock()
        self._alarm = 0  # counts; an alarm that is not the last one set has nothing to say
        self._cancel: Callable[[], None] | None = None
        self._stuck = False
        self._device: OutputDevice | None = _opened(settings, name)

    def release(self) -> None:
        with self._guard:
            if self._device is None:
                raise HardwareError(f"lock {self.name} is stopped; the door stays shut")
            try:
                self._set_alarm(self._bound)  # first: no release that nothing would end
                self._device.on()
            except Exception as error:
                self.secure()
                shut = "it may stand open" if self._stuck else "it stays shut"
                raise HardwareError(
                    f"lock {self.name}: the relay cannot be switched ({_words(error)}). The door "
                    f"does not open; {shut}. Check the board and that no other program uses the pin"
                ) from error

    def secure(self) -> None:
        with self._guard:
            self._clear_alarm()
            if self._device is not None:
                self._switch_off(self._device)

    def stop(self) -> None:
        """Secure, then give the pin back: it floats, and the wiring keeps the relay off."""
        with self._guard:
            self.secure()
            self._clear_alarm()
            device, self._device = self._device, None
            if device is not None:
                try:
                    device.close()
                except Exception:
                    log.exception("the pin could not be given back", lock=self.name)

    def _switch_off(self, device: OutputDevice) -> None:
        try:
            device.off()
        except Exception as error:  # noqa: BLE001 - each pin factory has errors of its own
            self._stays_on(error)
        else:
            if self._stuck:
                log.warning("lock is secured again", lock=self.name)
            self._stuck = False

    def _stays_on(self, error: Exception) -> None:
        with suppress(RuntimeError):  # no thread to be had: the next command tries again
            self._set_alarm(RETRY)
        if not self._stuck:
            self._stuck = True
            log.critical(
                "lock cannot be secured: the door may stand open; "
                "it is tried again every second and at every command. Cut its power to be sure",
                lock=self.name,
                why=_words(error),
            )

    def _set_alarm(self, seconds: float) -> None:
        self._clear_alarm()
        if seconds > 0:
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
            self.secure()
            if not (tried_before or self._stuck):
                log.warning(
                    "nobody secured the lock in time; it secured itself",
                    lock=self.name,
                    seconds=self._bound,
                )


def ring_after(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
    """Call `action` after so long, on a thread of its own; returns how to call it off."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer.cancel


def _opened(settings: RelaySettings, name: str) -> OutputDevice:
    """The pin as an output, off. The initial value is never left to chance."""
    where = f"lock {name}: GPIO pin {settings.pin}"
    with warnings.catch_warnings(record=True) as fallbacks:
        warnings.simplefilter("always")
        try:
            device = OutputDevice(
                settings.pin, active_high=settings.active_high, initial_value=False
            )
        except GPIOPinInUse as error:
            raise HardwareError(f"{where} is in use; give each device a pin of its own") from error
        except PinInvalidPin as error:
            raise HardwareError(f"{where} does not exist on this board; correct pin") from error
        except Exception as error:
            tried = "; ".join(dict.fromkeys([*(str(w.message) for w in fallbacks), _words(error)]))
            raise HardwareError(f"{where} cannot be driven ({tried}). {_REMEDY}") from error
    for fallback in fallbacks:
        log.warning("GPIO works, but not by the best way", lock=name, why=str(fallback.message))
    return device


_REMEDY = (
    "The door stays shut. To do: install the extra doorward[gpio], run on a Raspberry Pi, let the "
    "service's user into the group gpio, and see that no other program uses the pin"
)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
