"""What went wrong with a serial line, in words for whoever installs or runs the door."""

import errno
import os

from controller.errors import HardwareError
from hw.serial_ports import is_local


def explained(name: str, port: str, error: Exception, present: list[str]) -> str:
    """What is wrong with a reader's line, what goes on, and what to do about it."""
    what, remedy = cause(port, error, present)
    return (
        f"reader {name}: {port} {what}. "
        "This reader takes no cards; all else goes on, and it is tried again by itself. "
        f"To do: {remedy}."
    )


def cause(port: str, error: Exception, present: list[str]) -> tuple[str, str]:
    """What is wrong with a line (`/dev/ttyUSB0 …`) and what is there instead; what to do."""
    if isinstance(error, HardwareError):  # it says itself what to do
        what, _, remedy = str(error).partition("; ")
        return what, remedy
    number = _number(error)
    what, remedy = _CAUSES.get(number, _GONE if is_local(port) else _SILENT)
    there = f"; serial ports here: {', '.join(present) or 'none'}" if is_local(port) else ""
    return f"{what} ({os.strerror(number) if number > 0 else error}){there}", remedy


_GONE = ("was unplugged or lost power", "plug the adapter in again, check cable and power")
_SILENT = ("does not answer", "check the address, and power and network of the serial server")
_MISSING = ("is not there", "plug the adapter in, or set port to one that is there")
_FORBIDDEN = (
    "may not be opened",
    "let the service's user into the group of the device (usually dialout)",
)
_IN_USE = (
    "is in use",
    "stop the other program that holds it, and give each reader a port of its own",
)
_NO_LINE = ("is no serial port", "set port to one that is")
_CAUSES = {
    errno.ENOENT: _MISSING,
    errno.ENODEV: _MISSING,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EAGAIN: _IN_USE,
    errno.EBUSY: _IN_USE,
    errno.ENOTTY: _NO_LINE,
    errno.EISDIR: _NO_LINE,
    errno.EINVAL: (
        "does not take these settings",
        "check baud, parity, stopbits and bytesize",
    ),
}


def _number(error: BaseException | None) -> int:
    """The errno; pyserial keeps that of some errors only in what it raised them from."""
    while error is not None:
        if error.args and isinstance(error.args[0], int):
            return error.args[0]
        error = error.__context__
    return 0
