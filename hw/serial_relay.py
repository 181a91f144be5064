"""Locks on relay boards with a serial line and no answer: LCUS-1, LCUS-2 and what else has a CH340.

The frames and their source: `hw.relay_frames`. Such a board keeps a relay on for as long as it has
power, so the lock ends each release itself, and `doorward lock-all` when the controller is gone.
"""

import os
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Literal

import serial
from pydantic import AfterValidator, Field

from controller.config import Attached, Strict
from controller.errors import HardwareError
from hw.line_faults import cause
from hw.relay_frames import lcus
from hw.relay_lock import After, Energize, RelayLock
from hw.serial_ports import checked_port, found_port, is_local, present_ports
from hw.shared_lines import Shared

BAUD = 9600
WAIT = 0.5  # seconds that a write may take
GAP = 0.02  # seconds between two copies of a frame
_FAULTS = (OSError, termios.error, ValueError, HardwareError)


def _port(value: str) -> str:
    port = checked_port(value)
    if not is_local(port):
        raise ValueError(
            f"{value!r} may be dead without anybody noticing, as the board never answers; write a "
            "path such as /dev/serial/by-id/usb-…, or the USB vendor:product such as 1A86:7523"
        )
    return port


class SerialRelaySettings(Strict):
    """Which board, which of its relays, and what current does to the lock."""

    driver: Literal["serial-relay"] = "serial-relay"
    port: Annotated[str, AfterValidator(_port)] = Field(
        description="a path, best one in /dev/serial/by-id or by-path, or USB vendor:product"
    )
    channel: int = Field(default=1, ge=1, le=16, description="which relay of the board, from 1")
    energize: Energize = Field(
        default="unlock", description="what current does: 'unlock', or 'lock' for a magnet"
    )

    def attached(self) -> list[Attached]:
        line = os.path.realpath(self.port) if self.port.startswith("/") else self.port
        return [Attached("port", ("port", line), ("lcus",), (self.channel, "relay"))]


class Board:
    """The line to one board, opened when something is to be sent, and again after a loss."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._guard = threading.Lock()
        self._open: serial.Serial | None = None

    def send(self, frame: bytes) -> None:
        """Raises `HardwareError`, but not if the board has come back since the last command.

        Twice on a fresh line: a killed program leaves half a frame at the board.
        """
        with self._guard:
            while True:
                fresh = self._open is None
                try:
                    return self._send(frame)
                except _FAULTS as error:
                    self._shut()
                    if fresh:
                        what, remedy = cause(self._port, error, present_ports())
                        raise HardwareError(f"{self._port} {what}. To do: {remedy}") from error

    def close(self) -> None:
        with self._guard:
            self._shut()

    def _send(self, frame: bytes) -> None:
        if self._open is None:
            self._open = _opened(self._port)
            self._open.write(frame)
            threading.Event().wait(GAP)
        self._open.write(frame)

    def _shut(self) -> None:
        """Before it is opened again: else the adapter comes back under another name."""
        port, self._open = self._open, None
        if port is not None:
            with suppress(*_FAULTS):
                port.close()


BOARDS: Shared[Board] = Shared()


class SerialRelay(RelayLock):
    """One relay of such a board; several locks share its line."""

    Settings = SerialRelaySettings

    def __init__(
        self,
        settings: SerialRelaySettings,
        name: str,
        *,
        after: After | None = None,
        board: Callable[[str], Board] = Board,
    ) -> None:
        super().__init__(name, settings.energize, after)
        self._port, self._channel = settings.port, settings.channel
        # As it is written: what that leads to may change with every replugging.
        self._board = BOARDS.take(self._port, lambda: board(self._port))
        self.begin()

    def drive(self, seconds: float) -> None:
        on = bool(seconds) == (self._energize == "unlock")
        self._board.send(lcus(self._channel, on=on))

    def let_go(self) -> None:
        BOARDS.give_back(self._port)


def _opened(port: str) -> serial.Serial:
    return serial.Serial(found_port(port), BAUD, write_timeout=WAIT, exclusive=True)
