"""The GPIO pins that drivers use: how they are written, whose they are, what is wrong with one."""

import errno
import os
import threading
from collections.abc import Callable
from typing import Annotated, Any

import structlog
from gpiozero import Device, GPIOPinInUse, OutputDevice, PinInvalidPin
from pydantic import BeforeValidator

from controller.errors import HardwareError
from hw.gpio_chips import find_chip, line_of

log = structlog.get_logger(__name__)

Factory = Any  # gpiozero.pins.Factory, which is untyped
Pins = Callable[[str], Factory]  # a chip, as the configuration names it → its pins

_SHARED: dict[str, Factory] = {}  # by the chip's path; one that nobody uses holds nothing
_GUARD = threading.Lock()


def pins_of(chip: str) -> Factory:
    """The pins of that chip, shared in this process; HardwareError if it is not there.

    For tests and rigs gpiozero's stand-ins go first: the factory that `Device.pin_factory` was set
    to, then mock pins if GPIOZERO_PIN_FACTORY=mock. No other value of that variable counts.
    """
    if Device.pin_factory is not None:
        return Device.pin_factory
    with _GUARD:
        if os.environ.get("GPIOZERO_PIN_FACTORY") == "mock":
            return _mock()
        path = find_chip(chip)
        from hw.gpiod_pins import GpiodFactory  # noqa: PLC0415 - needs the extra doorward[gpio]

        return _SHARED.setdefault(path, GpiodFactory(path))


class Output(OutputDevice):  # type: ignore[misc]  # gpiozero is untyped
    """An output that has its first level from its first moment, or else is not there at all."""

    def __init__(self, pin: int | str, *, on: bool, active_high: bool, pins: Factory) -> None:
        try:
            super().__init__(pin, active_high=active_high, initial_value=on, pin_factory=pins)
        except BaseException:
            self.close()  # so that the next attempt does not find its pin taken
            raise


def reason(error: Exception, what: str) -> str:
    """Why `what` ("GPIO pin 17") does not work, and what to do, for whoever installs the door."""
    if isinstance(error, HardwareError):
        return str(error)
    if isinstance(error, GPIOPinInUse):
        return (
            f"{what} is in use ({error}). Give each device a pin of its own, and stop other "
            "programs that use it"
        )
    if isinstance(error, PinInvalidPin):
        return f"{what} does not exist on this board ({error}). Correct pin, or chip"
    if isinstance(error, OSError):
        why, remedy = _CAUSES.get(error.errno or 0, ("does not work", _LOOK))
        return f"{what} {why} ({error.strerror or error}). {remedy}"
    return f"{what} does not work ({type(error).__name__}: {error}). {_LOOK}"


def _mock() -> Factory:
    from gpiozero.pins.mock import MockFactory  # noqa: PLC0415 - for tests and rigs

    if "mock" not in _SHARED:
        log.warning("GPIO pins are mock pins, as GPIOZERO_PIN_FACTORY says: no lock moves")
        _SHARED["mock"] = MockFactory()
    return _SHARED["mock"]


def _pin(value: object) -> object:
    if isinstance(value, str) and value.strip() == value != "" and value[0] != "-":
        try:
            return line_of(value)
        except HardwareError as error:
            raise ValueError(str(error)) from None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError('must be a GPIO number, e.g. 17, or a name, e.g. "BOARD11"')
    return value


# 17, "17", GPIO17, BCM17 and BOARD11 are all 17; other names are those of lines on their chip.
Pin = Annotated[int | str, BeforeValidator(_pin)]

_LOOK = "Check the board, its power, and that no other program uses the pin"
_GROUP = ("may not be used", "Let the service's user into the group gpio")
_SETTINGS = ("does not take these settings", 'Try pull = "none"; correct pin, or chip')
_CAUSES = {
    errno.EACCES: _GROUP,
    errno.EPERM: _GROUP,
    errno.ENODEV: ("is gone", "Plug the GPIO adapter in again, check its power"),
    errno.ENOENT: ("is gone", "Plug the GPIO adapter in again, check its power"),
    errno.EINVAL: _SETTINGS,
    errno.ENOTSUP: _SETTINGS,
}
