"""libosdp's control panel without its thread: one owner calls `refresh` and takes the events.

libosdp 3.2.9 as it is: its own thread waits 300 s for a device that was lost; it keeps each event
in a queue of its own and leaks the event's dictionary, so that is emptied; it draws the numbers of
its handshakes from a `rand()` that nobody seeds, so we do; its status is a mask of 32 devices.
"""

import ctypes
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osdp import ControlPanel, Event, EventNotification, LibFlag, LogLevel, PDInfo

from hw.osdp_line import Line

MOST = 31  # devices on a line: as many as an RS-485 driver bears; and see above
Command = dict[str, Any]
Told = Mapping[str, Any]  # an event of libosdp

_libc = ctypes.CDLL(None)
_FLAGS = (LibFlag.EnableNotification, LibFlag.IgnoreUnsolicited)


class Panel:
    """The devices (address, key) of one line. All methods are for one thread alone.

    `enforce=False` is for pairing: libosdp then gives its key to a device in install mode.
    """

    def __init__(
        self, line: Line, devices: Sequence[tuple[int, bytes]], *, enforce: bool = True
    ) -> None:
        flags = [*_FLAGS, LibFlag.EnforceSecure] if enforce else [*_FLAGS, LibFlag.InstallMode]
        self._bits = {address: 1 << index for index, (address, _) in enumerate(devices)}
        infos = [PDInfo(address, line, scbk=key, flags=list(flags)) for address, key in devices]
        self._panel = ControlPanel(infos, log_level=LogLevel.Emergency)
        self._panel.lock = threading.Lock()  # what else its own thread would have made

    def refresh(self) -> None:
        self._panel.ctx.refresh()

    def online(self, address: int) -> bool:
        return bool(self._panel.ctx.status() & self._bits[address])

    def secure(self, address: int) -> bool:
        """Is it online over a secure channel under its own key?"""
        both = self._panel.ctx.status() & self._panel.ctx.sc_status()
        return bool(both & self._bits[address])

    def events(self, address: int) -> Iterator[Told]:
        """What came since the last call."""
        while (event := self._panel.get_event(address, timeout=-1)) is not None:
            taken = dict(event)
            event.clear()
            yield taken

    def submit(self, address: int, command: Command) -> bool:
        return bool(self._panel.submit_command(address, command))

    def forget(self, address: int) -> None:
        """Drop what was to be sent: it would be carried out when the device comes back."""
        self._panel.flush_commands(address)

    def disable(self, address: int) -> None:
        self._panel.disable_pd(address)

    def enable(self, address: int) -> None:
        self._panel.enable_pd(address)

    def enabled(self, address: int) -> bool:
        return bool(self._panel.is_pd_enabled(address))

    def capability(self, address: int, which: int) -> tuple[int, int]:
        """(compliance level, number of items) as the device stated; zeros if it did not."""
        level, items = self._panel.check_capability(address, which)
        return int(level), int(items)

    def close(self) -> None:
        self._panel.ctx = None


def went_offline(event: Told) -> bool:
    return _is_notification(event, EventNotification.PeripheralDeviceStatus) and not event["arg0"]


def completed(event: Told) -> bool | None:
    """Of a command: was it carried out? None if this tells nothing of one."""
    return bool(event["arg1"]) if _is_notification(event, EventNotification.Command) else None


def is_notification(event: Told) -> bool:
    return bool(event["event"] == Event.Notification)


def seed() -> None:
    """Make libosdp's challenges new ones: what repeats could be answered from a recording."""
    _libc.srand(int.from_bytes(secrets.token_bytes(4), "little"))


def _is_notification(event: Told, which: int) -> bool:
    return is_notification(event) and event["type"] == which
