"""Looking at a serial line that no door uses: its raw bytes, and what framing they have."""

import errno
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import serial

from controller.errors import HardwareError
from hw.framing import Framer, Lines, Stx
from hw.present import present

Framing = Literal["auto", "lines", "stx"]
PAUSE = 0.2  # seconds of silence that end a burst
LONGEST = 512  # bytes of a burst


class Judged(NamedTuple):
    """What a burst is: `framing` and its settings as in the configuration, the texts in it.

    `why`: what is wrong with it and what to do; with texts too, where there is something to mend.
    """

    framing: str
    texts: tuple[str, ...]
    why: str = ""
    settings: str = ""


class Tap:
    """An open line. `burst` waits for bytes until there is a pause in them."""

    def __init__(self, line: serial.Serial, port: str) -> None:
        self._line, self._port = line, port

    def burst(self) -> bytes:
        """What came, b"" if nothing did for `PAUSE`. HardwareError once the line is lost."""
        taken = b""
        try:
            while chunk := self._line.read(1):
                taken += chunk + self._line.read(self._line.in_waiting)
                if len(taken) >= LONGEST:
                    break
        except (OSError, serial.SerialException, termios.error) as error:
            raise HardwareError(
                f"{self._port} was unplugged or lost power ({error}); plug it in and begin again"
            ) from error
        return taken


@contextmanager
def tapped(port: str, baud: int) -> Iterator[Tap]:
    """Open `port` for this program alone, 8N1. HardwareError says what is there instead."""
    try:
        line = serial.serial_for_url(port, baudrate=baud, timeout=PAUSE, exclusive=True)
    except (OSError, serial.SerialException, termios.error, ValueError) as error:
        raise HardwareError(_unopened(port, error)) from error
    with line:
        yield Tap(line, port)


def judge(burst: bytes, framing: Framing = "auto") -> Judged:
    """Recognise the framing, or say why the bytes have not the one that is asked for. Pure."""
    if framing == "auto":
        return _recognised(burst)
    texts, refused = _framed(Lines() if framing == "lines" else Stx(), burst)
    return Judged(framing if texts else "", texts, "; ".join(refused), f'framing = "{framing}"')


def _recognised(burst: bytes) -> Judged:
    stx, _ = _framed(Stx(), burst)
    if stx:
        return Judged("stx", stx, settings='framing = "stx"')
    clone, _ = _framed(Stx(require_checksum=False), burst)
    if clone:
        why = "its checksums are wrong, as those of some clones are: take it only if it must be"
        return Judged("stx", clone, why, 'framing = "stx"\nrequire_checksum = false')
    lines, refused = _framed(Lines(), burst)
    if lines and not refused:
        return Judged("lines", lines, settings='framing = "lines"')
    return Judged("", (), _unknown(burst))


def _unknown(burst: bytes) -> str:
    text = burst.strip(b"\r\n")
    if all(0x20 <= byte < 0x7F for byte in text):
        return "text without CR or LF at its end: set the reader to send CR after each number"
    if burst.lstrip(b"\xff").startswith(b"\x53"):
        return 'this may be OSDP (begins with 53): such a reader wants driver = "osdp"'
    if b"\x00\x00\xff" in burst:
        return 'this may be a PN532 (00 00 FF): it wants driver = "pn532"'
    return (
        "neither lines of text nor STX..ETX. Most often the speed is wrong: try --baud 9600, "
        "19200, 38400, 57600 or 115200; then A and B, or RX and ground"
    )


def _framed(framer: Framer, burst: bytes) -> tuple[tuple[str, ...], list[str]]:
    frames = framer.feed(burst)
    texts = dict.fromkeys(frame.text for frame in frames if not frame.refused)
    return tuple(texts), list(dict.fromkeys(frame.refused for frame in frames if frame.refused))


_CAUSES = {
    errno.ENOENT: ("is not there", "plug it in, or name one of these"),
    errno.EACCES: ("may not be opened", "use sudo, or join the group of the device (dialout)"),
    errno.EPERM: ("may not be opened", "use sudo, or join the group of the device (dialout)"),
    errno.EBUSY: ("is in use", "if the controller has it: doorward hw watch DOOR; else stop who"),
    errno.EAGAIN: ("is in use", "if the controller has it: doorward hw watch DOOR; else stop who"),
    errno.ENOTTY: ("is no serial port", "name one of these"),
    errno.EISDIR: ("is no serial port", "name one of these"),
}


def _unopened(port: str, error: BaseException) -> str:
    number = 0
    cause: BaseException | None = error
    while cause is not None and not number:
        number = cause.args[0] if cause.args and isinstance(cause.args[0], int) else 0
        cause = cause.__context__
    what, remedy = _CAUSES.get(number, ("cannot be opened", "check the name and the cable"))
    there = ", ".join(each.name for each in present() if each.sort == "serial") or "none"
    why = os.strerror(number) if number > 0 else str(error)
    return f"{port} {what} ({why}); serial ports here: {there}. To do: {remedy}"
