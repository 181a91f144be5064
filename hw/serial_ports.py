"""Which serial port is meant: by path, by address, or by what its USB adapter is."""

import errno
import os
import re
from collections.abc import Sequence

from controller.errors import HardwareError
from hw.present import Present, serial_ports

PORTS = re.compile(r"/.+|(socket|rfc2217)://[^/:]+:[0-9]+(/.*)?|loop://")
USB = re.compile(r"(?:hwgrep://)?([0-9A-Fa-f]{4}:[0-9A-Fa-f]{4})")


def checked_port(value: str) -> str:
    """How a port may be written; USB ids as `1A86:7523`. ValueError says how."""
    if usb := USB.fullmatch(value):
        return usb[1].upper()
    if not PORTS.fullmatch(value):
        raise ValueError(
            f"{value!r} is no port; write a path such as /dev/serial/by-id/usb-…, the adapter's "
            "USB vendor:product such as 1A86:7523, or socket://host:port or rfc2217://host:port"
        )
    return value


def is_local(port: str) -> bool:
    return "://" not in port


def found_port(port: str, here: Sequence[Present] | None = None) -> str:
    """What to open: of USB ids the path of the one adapter that has them.

    OSError if there is none, HardwareError if several have them: the first may be another door's.
    """
    if not USB.fullmatch(port):
        return port
    fits = [each for each in (serial_ports() if here is None else here) if each.usb == port]
    if not fits:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), port)
    if len(fits) > 1:
        names = ", ".join(each.name for each in fits)
        raise HardwareError(
            f"are {len(fits)} adapters: {names}; set port to the path of one of them"
        )
    return fits[0].node


def present_ports() -> list[str]:
    """The serial ports of this machine, each by its most lasting name, with what it says it is."""
    return [f"{each.name} ({each.what})" for each in serial_ports()]
