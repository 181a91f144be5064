"""Which GPIO chip is meant: by label, path or name; else the pins of a Raspberry Pi's header.

Light on purpose: `doorward lock-all` imports it. Labels, unlike numbers, outlive a kernel update:
the header of a Raspberry Pi 5 was gpiochip4 and became gpiochip0.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from controller.errors import HardwareError

# Raspberry Pi up to 3 and Zero, 4, 5.
HEADERS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")
CHIPS = Path("/dev")
# Place on the header of 40 pins → GPIO number, the same on every Raspberry Pi that has it.
# fmt: off
PLACES = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9,
    22: 25, 23: 11, 24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16,
    37: 26, 38: 20, 40: 21,
}
# fmt: on


class Chip(NamedTuple):
    """A GPIO chip of this machine. `why`: it cannot be asked for its label, and why."""

    path: str
    label: str = ""
    lines: int = 0
    why: str = ""

    def __str__(self) -> str:
        return f"{self.path} ({self.label or self.why})"


def find_chip(wanted: str = "", chips: Sequence[Chip] | None = None) -> str:
    """The path of the chip of that label, path or name (`gpiochip0`); HardwareError if none.

    Without a name it is the header of a Raspberry Pi, else the only chip there is. `chips` is
    what `found_chips` gives.
    """
    chips = found_chips() if chips is None else chips
    fits = [chip for chip in chips if _is(chip, wanted)] if wanted else _default(chips)
    if len(fits) == 1:
        return fits[0].path
    what = f"GPIO chip {wanted!r}" if wanted else "GPIO chip"
    there = ", ".join(map(str, chips)) or "none"
    if fits:
        raise HardwareError(
            f"more than one {what} is here; write chip = with the path of the one that is meant. "
            f"There are: {there}"
        )
    raise HardwareError(f"no {what} is here. There are: {there}. {_remedy(wanted, chips)}")


def line_of(pin: int | str) -> int | str:
    """The line on its chip: 17 for 17, "17", "GPIO17", "BCM17", "BOARD11"; else a line's name."""
    parts = re.fullmatch(r"(?:GPIO|BCM)?([0-9]{1,3})|BOARD([0-9]{1,2})", str(pin).upper())
    if parts is None:
        return pin
    if parts[1]:
        return int(parts[1])
    if int(parts[2]) not in PLACES:
        raise HardwareError(f"{pin} is no GPIO of the header; write the GPIO number, e.g. 17")
    return PLACES[int(parts[2])]


def drive(wanted: str, pin: int | str, high: bool) -> str:  # noqa: FBT001 - a level
    """Make the line an output of that level in one step, without a pulse, and let go of it.

    Returns which line it was. Raises `HardwareError`, and `OSError`: EBUSY while another has it.
    """
    path, line = find_chip(wanted), line_of(pin)
    import gpiod  # noqa: PLC0415 - as in `_asked`
    from gpiod.line import Direction, Value  # noqa: PLC0415

    level = Value.ACTIVE if high else Value.INACTIVE
    settings = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=level)
    with gpiod.Chip(path) as chip:
        chip.request_lines({line: settings}, consumer="doorward lock-all").release()
    return f"line {line} of {path}"


def found_chips() -> list[Chip]:
    """Every GPIO chip once: a Raspberry Pi 5 has one under two names."""
    paths = {path.resolve() for path in CHIPS.glob("gpiochip*")}
    return [_asked(str(path)) for path in sorted(paths)]


def _asked(path: str) -> Chip:
    try:
        import gpiod  # noqa: PLC0415 - 15 ms, for those who have a chip
    except ImportError as error:
        raise HardwareError(
            f"GPIO needs the extra doorward[gpio] ({error}). To do: pip install --require-hashes "
            "-r requirements-hardware.lock"
        ) from error
    try:
        with gpiod.Chip(path) as chip:
            info = chip.get_info()
            return Chip(path, info.label, info.num_lines)
    except OSError as error:
        return Chip(path, why=error.strerror or str(error))


def _is(chip: Chip, wanted: str) -> bool:
    if wanted.startswith("/"):
        return str(Path(wanted).resolve()) == chip.path
    return wanted in (chip.label, Path(chip.path).name)


def _default(chips: Sequence[Chip]) -> list[Chip]:
    for label in HEADERS:
        if header := [chip for chip in chips if chip.label == label]:
            return header
    return list(chips)


def _remedy(wanted: str, chips: Sequence[Chip]) -> str:
    if any(chip.why for chip in chips):
        return "Let the service's user into the group gpio"
    if wanted:
        return "Correct chip = to the label of one of these"
    return "Run on a Raspberry Pi or a machine with GPIO, and load its kernel driver"
