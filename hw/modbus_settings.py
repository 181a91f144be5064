"""Where a Modbus device is: a serial line or a TCP address, and the unit on it."""

import os
from collections.abc import Hashable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from controller.config import Attached, Strict
from hw.relay_frames import host_port
from hw.serial_ports import checked_port, is_local


def _port(value: str) -> str:
    port = checked_port(value)
    if not is_local(port):
        raise ValueError(f'{value!r} is no serial port; write host = "10.0.0.5" for Modbus TCP')
    return port


def _host(value: str) -> str:
    host_port(value)
    return value


class ModbusPlace(Strict):
    """Exactly one of `port` and `host`."""

    port: Annotated[str, AfterValidator(_port)] | None = Field(
        default=None, description="the path of the RS-485 adapter, or its USB vendor:product"
    )
    host: Annotated[str, AfterValidator(_host)] | None = Field(
        default=None, description="for Modbus TCP: '10.0.0.5', or '10.0.0.5:4196'"
    )
    baud: int = Field(default=9600, ge=1200, le=921_600, description="bits per second")
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1
    unit: int = Field(default=1, ge=1, le=247, description="the board's address on its line")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.port is None) == (self.host is None):
            raise ValueError('needs exactly one of port = "/dev/…" and host = "10.0.0.5"')
        return self

    @property
    def line(self) -> tuple[Hashable, ...]:
        """The same for all that are on one line, as it is written: what it leads to may change
        with every replugging.
        """
        if self.host is not None:
            return ("tcp", *host_port(self.host))
        return ("port", self.port)

    def shared(self, *part: object) -> list[Attached]:
        """What `part` of this unit occupies: others may be on the line, and in the unit."""
        speaks: tuple[object, ...] = ("modbus", self.baud, self.parity, self.stopbits)
        if self.host is not None:
            return [Attached("host", self.line, ("modbus",), (self.unit, *part))]
        port = self.port or ""
        line = ("port", os.path.realpath(port) if port.startswith("/") else port)
        return [Attached("port", line, speaks, (self.unit, *part))]
