"""Contacts and buttons on Modbus boards: a discrete input, or a register that measures a circuit.

A supervised circuit has resistors at its end, so that a cut and a short differ from any position of
the contact. Which values stand for which is measured at the door and written down.
"""

import threading
from collections.abc import Callable
from typing import Annotated, Literal, Self

import structlog
from pydantic import AfterValidator, Field, model_validator

from controller.config import Attached, Seconds
from controller.errors import HardwareError
from controller.ports import Health, Level, Tell
from hw.modbus_line import Line
from hw.modbus_poll import POLLS, Poll, Quiet, Watch
from hw.modbus_settings import ModbusPlace

log = structlog.get_logger(__name__)

SURE = 3  # reads in a row that show a fault; a moving contact passes through such values


def _range(value: tuple[int, int]) -> tuple[int, int]:
    low, high = value
    if not 0 <= low <= high <= 65535:
        raise ValueError("must be [lowest, highest], each 0 to 65535")
    return value


def _pace(value: float) -> float:
    if not 0.01 <= value <= 5:
        raise ValueError('must be from "10ms" to "5s"')
    return value


Range = Annotated[tuple[int, int], AfterValidator(_range)]


class ModbusInputSettings(ModbusPlace):
    """Which input, how its circuit is at rest, and for a register what its values mean."""

    driver: Literal["modbus-input"] = "modbus-input"
    channel: int = Field(ge=1, le=65536, description="which input, from 1 (address 0)")
    table: Literal["discrete", "coil", "input-register", "holding-register"] = Field(
        default="discrete", description="where the board keeps it"
    )
    normally: Literal["open", "closed"] = Field(
        description="'open' or 'closed': the circuit at rest (door shut, button not pressed)"
    )
    value_closed: Range | None = Field(
        default=None, description="values of a closed circuit, [lowest, highest]; registers only"
    )
    value_open: Range | None = Field(
        default=None, description="values of an open circuit, [lowest, highest]; registers only"
    )
    every: Annotated[Seconds, AfterValidator(_pace)] = Field(
        default=0.05, description="how often it is read"
    )

    @model_validator(mode="after")
    def _meaning(self) -> Self:
        ranges = [each for each in (self.value_closed, self.value_open) if each]
        if not self.table.endswith("register"):
            if ranges:
                raise ValueError("value_closed and value_open are for registers only")
        elif len(ranges) < 2:
            raise ValueError("a register needs value_closed and value_open, e.g. [900, 1100]")
        elif max(low for low, _ in ranges) <= min(high for _, high in ranges):
            raise ValueError("value_closed and value_open must not overlap")
        return self

    def attached(self) -> list[Attached]:
        return self.shared(self.table, self.channel)

    def closed(self, value: int) -> bool | str:
        """Is the circuit closed? Or what is wrong with it.

        Beyond the closed values the resistance is lower than any contact's: a short.
        """
        if self.value_closed is None or self.value_open is None:
            return bool(value)
        for low, high in (self.value_closed, self.value_open):
            if low <= value <= high:
                return (low, high) == self.value_closed
        least, most = sorted((self.value_closed, self.value_open))
        if least[1] < value < most[0]:
            return "is between open and closed"
        low_end = value < least[0]
        return "is short" if low_end == (least == self.value_closed) else "is cut"


class ModbusInput:
    """Its value comes from the poll of its unit, on that thread."""

    Settings = ModbusInputSettings

    def __init__(
        self,
        settings: ModbusInputSettings,
        name: str,
        *,
        quiet: Quiet | None = None,
        line: Callable[[ModbusPlace], Line] = Line,
    ) -> None:
        self.name = name
        self._settings, self._quiet, self._line = settings, quiet or Quiet(), line
        self._guard = threading.RLock()
        self._poll: Poll | None = None
        self._tell: Tell | None = None
        self._active: bool | None = None
        self._healthy: bool | None = None
        self._faults = 0
        own = settings
        self._watch = Watch(own.table, own.channel - 1, own.every, self._value, self._lost)

    def start(self, tell: Tell) -> None:
        if self._poll:
            raise HardwareError(f"input {self.name} was started before; make a new one")
        self._tell = tell
        self._poll = POLLS.take(self._key, self._new_poll)
        self._poll.join(self._watch)

    def stop(self) -> None:
        with self._guard:  # nothing is told after this
            told, self._tell = self._tell, None
        if told and self._poll:
            self._poll.leave(self._watch)
            POLLS.give_back(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        return (self._settings.line, self._settings.unit)

    def _new_poll(self) -> Poll:
        return Poll(self._settings, self._quiet, lambda: self._line(self._settings))

    def _value(self, value: int) -> None:
        closed = self._settings.closed(value)
        if isinstance(closed, str):
            self._faults += 1
            if self._faults >= SURE:
                self._lost(
                    f"the circuit {closed} (value {value}). To do: check its wire and resistors"
                )
            return
        self._faults = 0
        self._works()
        active = closed != (self._settings.normally == "closed")
        if active != self._active:
            self._active = active
            self._say(Level(active))

    def _works(self) -> None:
        if not self._healthy:
            self._healthy = True
            log.info("input is there", input=self.name)
            self._say(Health(True))

    def _lost(self, why: str) -> None:
        if self._healthy is not False:
            self._healthy = False
            text = f"input {self.name}: {why}. All else goes on; it is tried again by itself"
            log.warning("input lost", input=self.name, why=text)
            self._say(Health(False, text))

    def _say(self, what: Level | Health) -> None:
        with self._guard:
            if self._tell:
                self._tell(what)
