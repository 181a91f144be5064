"""A Modbus board with relays, contacts and measured circuits: pymodbus's own server, with a memory.

It knows the pulses of Waveshare's boards, and ends them itself.
"""

import asyncio
import queue
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusServerContext
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import WriteSingleCoilRequest, WriteSingleCoilResponse
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simutils import SimUtils

from hw.relay_frames import FLASH_OFF, FLASH_ON
from tests.contract_hw import PATIENCE

COUNT = 16  # of each


class Command(NamedTuple):
    """A coil was written."""

    address: int
    value: int


class _Echo(WriteSingleCoilResponse):
    """Sends back what it was sent, as a board does; pymodbus's own makes FF00 of everything."""

    def __init__(self, command: Command) -> None:
        super().__init__(address=command.address, bits=[True])
        self.command = command

    def encode(self) -> bytes:
        return struct.pack(">HH", *self.command)


class ModbusBoard:
    """`on`: the relays that are on; `commands`: every coil written, in order.

    `reads`: each (function, address, count) that was asked. `tenth`: seconds that a tenth takes.
    """

    def __init__(self, tenth: float = 0.1) -> None:
        self.on: set[int] = set()
        self.commands: list[Command] = []
        self.reads: queue.SimpleQueue[tuple[int, int, int]] = queue.SimpleQueue()
        self.ended: queue.Queue[int] = queue.Queue()  # relays that the board itself switched back
        self.contacts = [False] * COUNT
        self.values = [0] * COUNT
        self.port = 0  # over TCP
        self.tenth = tenth
        self._ready = threading.Event()
        self._fault: BaseException | None = None

    @contextmanager
    def serving(self, line: Path | None, port: int = 0) -> Iterator["ModbusBoard"]:
        """On this end of a cable, or at a TCP port."""
        self.port = port
        thread = threading.Thread(target=self._run, args=(line,), daemon=True)
        thread.start()
        assert self._ready.wait(PATIENCE)
        if self._fault:
            raise self._fault
        yield self
        self._loop.call_soon_threadsafe(self._end.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()

    def _run(self, line: Path | None) -> None:
        asyncio.run(self._serve(line))

    async def _serve(self, line: Path | None) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = self._server(line)
            await server.serve_forever(background=True)
            if not line:
                self.port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        except BaseException as error:
            self._fault = error
            raise
        finally:
            self._ready.set()
        await self._end.wait()
        await server.shutdown()  # type: ignore[no-untyped-call]
        await asyncio.sleep(0)

    def _server(self, line: Path | None) -> ModbusSerialServer | ModbusTcpServer:
        bits = [SimData(0, count=COUNT, values=False, datatype=DataType.BITS)]
        words = [SimData(0, count=COUNT, values=0, datatype=DataType.REGISTERS)]
        device = SimDevice(id=0, simdata=(bits, [*bits], words, [*words]), action=self._seen)
        if line:
            return ModbusSerialServer(
                device,
                framer=FramerType.RTU,
                port=str(line),
                baudrate=9600,
                custom_pdu=[self._coil()],
                trace_pdu=self._asked,
            )
        return ModbusTcpServer(
            device,
            address=("127.0.0.1", self.port),
            custom_pdu=[self._coil()],
            trace_pdu=self._asked,
        )

    def _asked(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if not sending and pdu.function_code in (1, 2, 3, 4):
            self.reads.put((pdu.function_code, pdu.address, pdu.count))
        return pdu

    async def _seen(
        self, function: int, start: int, address: int, count: int, now: list[int], put: Any
    ) -> ExcCodes | None:
        """Before each access: what the contacts and circuits are at this moment."""
        if function == 1:
            now[:1] = SimUtils.bitsToRegisters([each + 1 in self.on for each in range(COUNT)])
        elif function == 2:
            now[:1] = SimUtils.bitsToRegisters(list(self.contacts))
        elif function in (3, 4):
            now[:COUNT] = self.values
        return None

    def _coil(self) -> type[ModbusPDU]:
        board = self

        class Coil(WriteSingleCoilRequest):
            """Keeps the value, of which pymodbus makes a bit."""

            def decode(self, data: bytes) -> None:
                super().decode(data)
                self.command = Command(*struct.unpack(">HH", data[:4]))

            async def datastore_update(
                self, context: ModbusServerContext, device_id: int
            ) -> ModbusPDU:
                if self.command.address % FLASH_ON >= COUNT:
                    return await super().datastore_update(context, device_id)  # it says no
                board.obey(self.command)
                return _Echo(self.command)

        return Coil

    def obey(self, command: Command) -> None:
        """On the server's thread."""
        self.commands.append(command)
        channel = command.address % FLASH_ON + 1
        flash = command.address - channel + 1
        on = flash == FLASH_ON if flash in (FLASH_ON, FLASH_OFF) else bool(command.value)
        self._switch(channel, on)
        if flash:
            self._loop.call_later(command.value * self.tenth, self._pulse_ends, channel, not on)

    def _pulse_ends(self, channel: int, on: bool) -> None:
        self._switch(channel, on)
        self.ended.put(channel)

    def _switch(self, channel: int, on: bool) -> None:
        (self.on.add if on else self.on.discard)(channel)
