"""Readers that pretend to be a USB keyboard: digits or letters, then Enter.

The device is grabbed, so that no card number is typed into a console's login. Format: that of the
kernel, see `hw.input_events`; which key means which character is `layout`.
"""

import errno
import os
import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from controller.config import Attached, Strict
from controller.errors import HardwareError
from controller.model import Strength
from controller.ports import Card, Tell
from hw.input_events import EVENT, Events, Keyboard, grabbed, keyboards
from hw.reader_loop import STALE, Again, ReaderLoop, monotonic
from hw.wedge_keys import SILENCE, Typed, Typist

AT_ONCE = 64 * EVENT.size  # bytes
IDS = re.compile(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}")


def _device(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; write a path in /dev/input/by-id, vendor:product, or a name")
    return value


class WedgeSettings(Strict):
    """Which keyboard it is, and how it is laid out."""

    driver: Literal["wedge"] = "wedge"
    device: Annotated[str, AfterValidator(_device)] = Field(
        description="a path in /dev/input/by-id, vendor:product such as 'FFFF:0035', or a name"
    )
    layout: Literal["us", "uk", "de", "fr"] = Field(
        default="us", description="the keyboard layout that the reader is set to"
    )

    def attached(self) -> list[Attached]:
        where = self.device.upper() if IDS.fullmatch(self.device) else self.device
        line = os.path.realpath(where) if where.startswith("/") else where
        return [Attached("device", ("input", line))]


OpenDevice = Callable[[WedgeSettings], int]


class WedgeReader:
    """One thread reads the keyboard, which types for nobody else as long as it is held."""

    Settings = WedgeSettings

    def __init__(
        self,
        settings: WedgeSettings,
        name: str,
        *,
        open_device: OpenDevice | None = None,
        again: Again | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._settings = settings
        self._open_device = open_device or opened
        self._clock = clock
        self._loop = ReaderLoop(name, self._session, self._explained, again)

    def start(self, tell: Tell) -> None:
        self._loop.start(tell)

    def stop(self) -> None:
        self._loop.stop()

    def _session(self) -> None:
        fd = self._open_device(self._settings)
        try:
            self._loop.works()
            self._listen(fd)
        finally:
            os.close(fd)

    def _listen(self, fd: int) -> None:
        events, typist = Events(), Typist(self._settings.layout)
        while not self._loop.stopping.is_set():
            if not self._loop.ready(fd, SILENCE if typist.typing else None):
                lines = typist.silence()
            else:
                chunk = os.read(fd, AT_ONCE)
                if not chunk:
                    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
                lines = [line for event in events.feed(chunk) for line in typist.feed(event)]
            for line in lines:
                self._deliver(line)

    def _deliver(self, line: Typed) -> None:
        if line.refused:
            self._loop.refuse(line.refused, line.raw)
        elif self._clock() - line.at > STALE:
            self._loop.refuse("it was typed while this machine was busy or asleep", line.raw)
        else:
            self._loop.tell(Card(line.text, Strength.WEAK, line.raw))

    def _explained(self, error: Exception) -> str:
        what, remedy = str(error), "plug it in, or set device to one that is here"
        if isinstance(error, OSError):
            what, remedy = _CAUSES.get(error.errno or 0, _OTHER)
            what = f"{self._settings.device} {what} ({error.strerror or error})"
        here = ", ".join(map(str, keyboards())) or "none"
        return (
            f"reader {self.name}: {what}; keyboards here: {here}. This reader takes no cards; "
            f"all else goes on, and it is tried again by itself. To do: {remedy}."
        )


def opened(settings: WedgeSettings) -> int:
    """The device, found and grabbed; OSError, or HardwareError if none or several fit."""
    if settings.device.startswith("/"):
        return grabbed(settings.device)
    return grabbed(found(settings.device, keyboards()).path)


def found(wanted: str, here: list[Keyboard]) -> Keyboard:
    """The one keyboard of these ids, or of this name."""
    fits = [each for each in here if wanted.upper() == each.ids or wanted == each.name]
    if not fits:
        raise HardwareError(f"no keyboard {wanted!r} is plugged in")
    if len(fits) > 1:
        raise HardwareError(f"{len(fits)} keyboards are {wanted!r}; write the path of one")
    return fits[0]


_MISSING = ("is not there", "plug the reader in, or set device to one that is here")
_FORBIDDEN = ("may not be opened", "let the service's user into the group input")
_NONE = ("is no input device", "set device to one that is here")
_OTHER = ("does not work", "check the reader and its cable")
_CAUSES = {
    errno.ENOENT: _MISSING,
    errno.ENODEV: ("was unplugged or lost power", "plug the reader in again, check its cable"),
    errno.ENXIO: _MISSING,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EBUSY: ("is in use", "stop the other program that has grabbed it"),
    errno.ENOTTY: _NONE,
    errno.EINVAL: _NONE,
    errno.EISDIR: _NONE,
}
