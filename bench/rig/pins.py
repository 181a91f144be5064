"""Inside the controller of the rig: mock pins that remember, and wires for a Wiegand reader.

Each change of a pin is in the file `pins.log` before the pin's driver goes on, so that it outlives
any death of the process: `monotonic GPIO function level`, a line each.
"""

import os
import time
from pathlib import Path
from typing import Any

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from bench.rig.history import LOG
from controller.control import Answer, Command, Request, Say, Server
from hw.wiegand_reader import WiegandReader, WiegandSettings
from tests.edges import Wires

SOCKET = "pins.sock"


class RecordedPin(MockPin):  # type: ignore[misc]
    """An output has its first level together with its function, as a line of the kernel."""

    def output_with_state(self, state: bool) -> None:
        self._function, self._state = "output", bool(state)
        self._note()

    def close(self) -> None:
        super().close()
        self._note()

    def _set_function(self, value: str) -> None:
        super()._set_function(value)
        self._note()

    def _change_state(self, value: bool) -> bool:
        changed: bool = super()._change_state(value)
        if changed:
            self._note()
        return changed

    def _note(self) -> None:
        self.factory.note(self.info.name, self._function, self._state)


class RecordedPins(MockFactory):  # type: ignore[misc]
    """The pins of a board, in a process that may be killed at any moment."""

    def __init__(self, log: Path) -> None:
        super().__init__(pin_class=RecordedPin)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, name: str, function: str, state: bool) -> None:
        line = f"{time.monotonic():.6f} {name} {function} {int(state)}\n"
        os.write(self._log, line.encode())


class WiredWiegand(WiegandReader):
    """A Wiegand reader whose lines are a descriptor of this process."""

    wires: dict[str, Wires] = {}  # noqa: RUF012 - one board for all

    def __init__(self, settings: WiegandSettings, name: str) -> None:
        self.wires[name] = Wires()
        super().__init__(settings, name, open_lines=self.wires[name].open)


class Board:
    """What the socket does: moves and reads pins, and sends frames of bits."""

    def __init__(self, place: Path) -> None:
        self.factory = RecordedPins(place / LOG)
        Device.pin_factory = self.factory
        self.server = Server(place / SOCKET, self._commands())

    def _commands(self) -> dict[str, Command]:
        return {"status": self._status, "drive": self._drive, "wiegand": self._wiegand}

    def _status(self, _request: Request, _author: str, _say: Say) -> Answer:
        return {"pid": os.getpid()}

    def _drive(self, request: Request, _author: str, _say: Say) -> Answer:
        """From outside bring an input to a level; the answer's `at` is the moment before."""
        pin: Any = self.factory.pin(request["pin"])
        at = time.monotonic()
        (pin.drive_high if request["high"] else pin.drive_low)()
        return {"at": at}

    def _wiegand(self, request: Request, _author: str, _say: Say) -> Answer:
        """One frame whose last bit falls now: `at`."""
        at = time.monotonic()
        WiredWiegand.wires[request["reader"]].send(request["bits"])
        return {"at": at}
