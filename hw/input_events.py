"""The kernel's input devices (evdev), by its own interface: no library, no compiler.

Structures and numbers: linux/input.h and linux/input-event-codes.h.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

EVENT = struct.Struct("@LLHHi")  # seconds, microseconds, type, code, value; longs of this process
EV_SYN, EV_KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3
RELEASED, PRESSED, REPEATED = 0, 1, 2
EVIOCGRAB = 0x40044590  # _IOW('E', 0x90, int)
EVIOCSCLOCKID = 0x400445A0  # _IOW('E', 0xa0, int)
CLOCK_MONOTONIC = 1

CLASS = Path("/sys/class/input")
NODES = Path("/dev/input")
_KEYBOARD = 1 << 28 | 0b1111111111 << 2  # Enter and the digits among a device's keys


class Event(NamedTuple):
    """`at`: seconds of the clock that was asked for."""

    at: float
    kind: int
    code: int
    value: int


@dataclass(frozen=True, slots=True)
class Keyboard:
    """A keyboard of this machine. `ids`: vendor and product, `FFFF:0035`."""

    path: str
    name: str
    ids: str

    def __str__(self) -> str:
        return f"{self.path} ({self.name}, {self.ids})"


class Events:
    """Bytes of an input device → events, however the bytes are cut up."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        chunk = self._rest + chunk
        whole = len(chunk) - len(chunk) % EVENT.size
        self._rest = chunk[whole:]
        for seconds, micros, kind, code, value in EVENT.iter_unpack(chunk[:whole]):
            yield Event(seconds + micros / 1e6, kind, code, value)


def grabbed(path: str) -> int:
    """A descriptor of that device, which from now on sends to nobody else; stamps are monotonic.

    Raises OSError: EBUSY if another program has it, ENOTTY if it is no input device.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, EVIOCGRAB, 1)
        fcntl.ioctl(fd, EVIOCSCLOCKID, struct.pack("i", CLOCK_MONOTONIC))
    except OSError:
        os.close(fd)
        raise
    return fd


def keyboards(devices: Path = CLASS, nodes: Path = NODES) -> list[Keyboard]:
    """Everything here that has digits and Enter, each by its most lasting path."""
    lasting: dict[Path, Path] = {}
    with suppress(OSError):
        lasting = {link.resolve(): link for link in sorted((nodes / "by-id").iterdir())}
    found = []
    for device in sorted(devices.glob("event*"), key=lambda each: (len(each.name), each.name)):
        with suppress(OSError, ValueError, IndexError):  # one that is just leaving
            about = device / "device"
            keys = int(_text(about / "capabilities/key").split()[-1], 16)
            if keys & _KEYBOARD == _KEYBOARD:
                node = nodes / device.name
                ids = ":".join(_text(about / "id" / each).upper() for each in ("vendor", "product"))
                found.append(Keyboard(str(lasting.get(node, node)), _text(about / "name"), ids))
    return found


def _text(path: Path) -> str:
    return path.read_text(errors="replace").strip()
