"""Are the PINs long enough for as many as there are?"""

from typing import TYPE_CHECKING

from controller.errors import StoreError
from controller.files import cache_of
from controller.model import Strength
from controller.tries import digits_needed
from controller.wording import counted

if TYPE_CHECKING:
    from controller.cache import Cache
    from controller.config import Config


def too_short(config: "Config", cache: "Cache") -> str:
    """What is wrong with them and what to do; "" if nothing is. Raises `StoreError`."""
    pins, duress = cache.pins(), any(door.duress for door in config.doors.values())
    needed, digits = digits_needed(pins, duress=duress), config.site.pin_digits
    doors = [name for name in config.doors if _opens_by_pin(config, name)]
    if needed <= digits or not doors:
        return ""
    twice = ", each with a second one for help (duress)" if duress else ""
    return (
        f"{counted(pins, 'PIN')} known{twice}, and PINs of {digits} digits open doors "
        f"({', '.join(doors)}): too easy to hit by trying. Give everybody one of {needed} digits "
        f"or more at the platforms, then say [site] pin_digits = {needed}; or ask for the PIN "
        "after a card: [[doors.<door>.demands]] pin = true"
    )


def problem(config: "Config") -> str:
    """The same by the roster in force, if there is one."""
    try:
        with cache_of(config) as cache:
            return too_short(config, cache)
    except StoreError:
        return ""


def _opens_by_pin(config: "Config", door: str) -> bool:
    """Does a PIN alone open it, at some time?"""
    always = [each for each in config.doors[door].demands if each.begin is None]
    return not any(each.pin or each.strength is not Strength.PIN for each in always)
