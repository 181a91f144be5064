"""Locks on Modbus relay boards, over RS-485 or TCP.

With `pulse = "board"` the board ends each release itself (frames and source: `hw.relay_frames`),
whatever becomes of this program and of the line.
"""

import math
from collections.abc import Callable
from typing import Literal

from pydantic import Field

from controller.config import Attached
from controller.errors import HardwareError
from hw.modbus_line import ILLEGAL_FUNCTION, LINES, TRIES, Line, Refused
from hw.modbus_settings import ModbusPlace
from hw.relay_frames import FLASH_OFF, FLASH_ON, LONGEST_FLASH, OFF, ON
from hw.relay_lock import After, Energize, RelayLock


class ModbusRelaySettings(ModbusPlace):
    """Which board, which of its relays, who ends a release, and what current does to the lock."""

    driver: Literal["modbus-relay"] = "modbus-relay"
    channel: int = Field(default=1, ge=1, le=256, description="which relay, from 1 (coil 0)")
    energize: Energize = Field(
        default="unlock", description="what current does: 'unlock', or 'lock' for a magnet"
    )
    pulse: Literal["host", "board"] = Field(
        default="host", description="'board': it ends a release itself (Waveshare and the like)"
    )

    def attached(self) -> list[Attached]:
        return self.shared("coil", self.channel)


class ModbusRelay(RelayLock):
    """Every command is confirmed by the board, or it failed.

    That is an echo, which a faulty adapter makes as well: so what is shut is also read back.
    """

    Settings = ModbusRelaySettings

    def __init__(
        self,
        settings: ModbusRelaySettings,
        name: str,
        *,
        after: After | None = None,
        line: Callable[[ModbusPlace], Line] = Line,
    ) -> None:
        super().__init__(name, settings.energize, after)
        self._settings = settings
        self._line = LINES.take(settings.line, lambda: line(settings))
        self.begin()

    def drive(self, seconds: float) -> None:
        own = self._settings
        coil, unlocks = own.channel - 1, own.energize == "unlock"
        if seconds and own.pulse == "board":
            flash = FLASH_ON if unlocks else FLASH_OFF
            tenths = min(math.ceil(seconds * 10), LONGEST_FLASH)
            self._line.write(own.unit, flash + coil, tenths)
            return
        on = bool(seconds) == unlocks
        self._line.write(own.unit, coil, ON if on else OFF)
        if not seconds:
            self._look(coil, on=on)

    def _look(self, coil: int, *, on: bool) -> None:
        try:
            (found,) = self._line.read(self._settings.unit, "coil", coil, tries=TRIES)
        except Refused as error:
            if error.code == ILLEGAL_FUNCTION:  # some boards cannot tell
                return
            raise
        if bool(found) != on:
            place = self._settings.port or self._settings.host
            raise HardwareError(
                f"{place} unit {self._settings.unit} says that relay {coil + 1} is "
                f"{'off' if on else 'on'}, though it was told otherwise. "
                "To do: see what else switches it; check the board"
            )

    def let_go(self) -> None:
        LINES.give_back(self._settings.line)
