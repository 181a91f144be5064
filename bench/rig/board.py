"""A Modbus relay board with four relays and eight inputs, on a pty, in a process of its own.

pymodbus answers. What the boards of Waveshare's kind do besides (relays that are told to be on for
a while) is added here. The pty cannot be its own other end: a thread carries bytes between two.
"""

import asyncio
import os
import struct
import threading
import time
import tty
from pathlib import Path
from typing import Any

from pymodbus.datastore import ModbusServerContext
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadDiscreteInputsRequest,
    ReadDiscreteInputsResponse,
    WriteSingleCoilRequest,
)
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from bench.child import Child, Talk
from bench.rig.history import History, Move
from bench.rig.lines import Line

UNIT, RELAYS, INPUTS = 1, 4, 8
_FLASH = 0x0200  # the board's own pulse: relay + this, tenths of a second


class _Relays:
    """The relays' state over time; `relay` 0 is the lock's."""

    def __init__(self) -> None:
        self.history = [History() for _ in range(RELAYS)]
        self.inputs = [False] * INPUTS
        self.writes = 0
        self._ends: dict[int, threading.Timer] = {}

    def write(self, address: int, value: int) -> None:
        at, relay = time.monotonic(), address & 0xFF
        self.writes += 1
        if relay >= RELAYS:
            return
        if end := self._ends.pop(relay, None):
            end.cancel()
        flash = address & ~0xFF == _FLASH
        self.history[relay].note(bool(value), at)
        if flash and value:
            end = self._ends[relay] = threading.Timer(value / 10, self._over, [relay])
            end.daemon = True
            end.start()

    def _over(self, relay: int) -> None:
        self.history[relay].note(False)


_RELAYS = _Relays()


class _Echo(ModbusPDU):
    function_code = 5
    rtu_frame_size = 8

    def __init__(self, request: "_Write") -> None:
        super().__init__(dev_id=request.dev_id, transaction_id=request.transaction_id)
        self._words = (request.address, request.value)

    def encode(self) -> bytes:
        return struct.pack(">HH", *self._words)


class _Write(WriteSingleCoilRequest):
    """Function 5, of which the board takes more than on and off."""

    value = 0

    def decode(self, data: bytes) -> None:
        super().decode(data)
        self.value = int.from_bytes(data[2:4], "big")

    async def datastore_update(self, context: ModbusServerContext, device_id: int) -> ModbusPDU:  # noqa: ARG002
        _RELAYS.write(self.address, self.value)
        return _Echo(self)


class _Read(ReadDiscreteInputsRequest):
    """Function 2."""

    async def datastore_update(self, context: ModbusServerContext, device_id: int) -> ModbusPDU:  # noqa: ARG002
        wanted = _RELAYS.inputs[self.address : self.address + self.count]
        return ReadDiscreteInputsResponse(
            bits=wanted, dev_id=self.dev_id, transaction_id=self.transaction_id
        )


def board(path: str) -> Talk:
    """Child: a board at this path. Asked {"do": …}, it tells what relays did, moves inputs."""
    line = Line(Path(path))
    far, near = os.openpty()
    tty.setraw(near)
    for begin, end in ((line.far, far), (far, line.far)):
        threading.Thread(target=_carry, args=(begin, end), daemon=True).start()
    ready = threading.Event()
    threading.Thread(target=_serve, args=(os.ttyname(near), ready), daemon=True).start()
    assert ready.wait(10.0)
    answer: Any = "ready"
    while True:
        answer = _answer((yield answer))


def _answer(asked: dict[str, Any]) -> Any:
    history = _RELAYS.history[asked.get("relay", 0)]
    match asked["do"]:
        case "moves":
            return history.moves()
        case "wait":
            return history.wait_for(asked["open"], asked["since"], asked["seconds"])
        case "input":
            _RELAYS.inputs[asked["number"]] = asked["on"]
    return {"writes": _RELAYS.writes}


def _carry(begin: int, end: int) -> None:
    while chunk := os.read(begin, 4096):
        os.write(end, chunk)


def _serve(port: str, ready: threading.Event) -> None:
    async def forever() -> None:
        blank = SimData(0, count=8, values=0, datatype=DataType.REGISTERS)
        device = SimDevice(UNIT, simdata=[blank])
        server = ModbusSerialServer(
            device,
            port=port,
            baudrate=9600,
            custom_pdu=[_Write, _Read],
            ignore_missing_devices=True,
        )
        await server.serve_forever(background=True)
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(forever())


class FarBoard:
    """The board as its parent sees it."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def moves(self, relay: int = 0) -> list[Move]:
        return [Move(*each) for each in self._child.ask({"do": "moves", "relay": relay})]

    def wait_for(self, opened: bool, since: float, seconds: float, relay: int = 0) -> Move | None:
        asked = {"do": "wait", "open": opened, "since": since, "seconds": seconds, "relay": relay}
        found = self._child.ask(asked)
        return Move(*found) if found else None

    def set_input(self, number: int, on: bool) -> None:
        self._child.ask({"do": "input", "number": number, "on": on})
