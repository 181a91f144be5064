"""One Modbus line, serial (RTU) or TCP, shared by all devices on it: one question at a time.

Modbus Application Protocol 1.1b3 and Modbus over Serial Line 1.02, by way of pymodbus. A serial
frame has no number, so whose answer it is follows from address, function and length, for a command
from all of its bytes, and whatever came before the question is thrown away.
"""

import errno
import logging
import select
import socket
import struct
import termios
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import serial
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.client.base import ModbusBaseSyncClient
from pymodbus.exceptions import ConnectionException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from controller.errors import HardwareError
from hw.line_faults import cause
from hw.modbus_settings import ModbusPlace
from hw.reader_loop import monotonic
from hw.relay_frames import host_port, rtu
from hw.serial_ports import found_port, present_ports
from hw.shared_lines import Shared

logging.getLogger("pymodbus.logging").disabled = True  # it dumps frames; we say what is wrong

WAIT = 0.3  # seconds for an answer to begin; boards take a few hundredths
TRIES = 2  # of a command: one frame in many is lost to noise
ILLEGAL_FUNCTION = 1
_REFUSAL = 5  # bytes of a serial frame that says no

_READS = {
    "coil": ReadCoilsRequest,
    "discrete": ReadDiscreteInputsRequest,
    "holding-register": ReadHoldingRegistersRequest,
    "input-register": ReadInputRegistersRequest,
}
_REFUSALS = {
    1: "it does not know this command",
    2: "it has no such channel",
    3: "it does not take this value",
    4: "it has failed",
    6: "it is busy",
    10: "the gateway has no such line",
    11: "the gateway hears nothing from it",
}
_FAULTS = (OSError, termios.error, ValueError, HardwareError, ConnectionException)


class NoAnswer(HardwareError):
    """Nothing came in time that answers the question; the line itself is there."""


class Refused(HardwareError):
    """The board said no. `code`: of the Modbus exception."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Line:
    """Opened when something is to be asked, and again after a loss. All errors: `HardwareError`."""

    def __init__(
        self, place: ModbusPlace, wait: float = WAIT, clock: Callable[[], float] = monotonic
    ) -> None:
        self._place, self._wait, self._clock = place, wait, clock
        self._guard = threading.Lock()
        self._client: ModbusBaseSyncClient | None = None
        self._sent = self._heard = b""
        self._length = 0  # of the frame that is the answer
        self._strays = 0
        self._quiet_from = clock()

    def write(self, unit: int, address: int, value: int) -> None:
        """Write a coil; done when the board has sent the same back. Tried `TRIES` times."""
        self._ask(_WriteCoil(unit, address, value), TRIES)

    def read(
        self, unit: int, table: str, address: int, count: int = 1, tries: int = 1
    ) -> Sequence[int]:
        """Bits or registers. The answer to a second try may be one to the first that came late."""
        answer = self._ask(_READS[table](dev_id=unit, address=address, count=count), tries)
        return (answer.bits or answer.registers)[:count]

    def close(self) -> None:
        with self._guard:
            self._shut()

    def listen(self) -> int:
        """Throw away what came in unasked; how often there was something, ever."""
        with self._guard:
            try:
                self._drop_old()
            except _FAULTS:
                self._shut()
            return self._strays

    def _ask(self, question: ModbusPDU, tries: int) -> ModbusPDU:
        with self._guard:
            while True:
                tries -= 1
                fresh = self._client is None
                try:
                    return self._exchange(self._opened(), question)
                except NoAnswer:
                    if tries <= 0:
                        raise
                except Refused:
                    raise
                except _FAULTS as error:
                    self._shut()
                    if fresh:
                        raise self._lost(error) from error

    def _exchange(self, client: ModbusBaseSyncClient, question: ModbusPDU) -> ModbusPDU:
        self._settle()
        self._heard, self._length = b"", _length(question)
        try:
            answer = client.execute(False, question)
        except (ConnectionException, OSError, termios.error):
            raise
        except Exception as error:  # of all kinds, when pymodbus meets odd bytes
            if self._place.host is not None:
                self._shut()  # what comes late, comes to nobody
            heard = "answers, but not to the question" if self._heard else "does not answer"
            raise NoAnswer(f"{self._where(question)} {heard}. {_REMEDY}") from error
        finally:
            self._quiet_from = self._clock()
        if answer.isError():
            why = _REFUSALS.get(answer.exception_code, "no reason is known")
            raise Refused(
                f"{self._where(question)} refuses ({why}; Modbus exception "
                f"{answer.exception_code}). Check channel and driver against its manual",
                answer.exception_code,
            )
        if not self._fits(question, answer):
            raise NoAnswer(f"{self._where(question)} answers something else. {_REMEDY}")
        return answer

    def _fits(self, question: ModbusPDU, answer: ModbusPDU) -> bool:
        if answer.function_code != question.function_code:
            return False
        if isinstance(question, _WriteCoil):
            return self._sent in self._heard
        if answer.registers:
            return len(answer.registers) == question.count
        return len(answer.bits) == (question.count + 7) // 8 * 8

    def _settle(self) -> None:
        """3.5 characters of silence before a frame (Serial Line 1.02, 2.5.1.1)."""
        if self._place.host is None:
            pause = max(3.5 * 11 / self._place.baud, 0.00175)
            rest = self._quiet_from + pause - self._clock()
            if rest > 0:
                threading.Event().wait(min(rest, pause))
            self._drop_old()

    def _drop_old(self) -> None:
        line = self._client.socket if isinstance(self._client, _Rtu) else None
        if line is not None and line.in_waiting:
            self._strays += 1
            line.reset_input_buffer()

    def _opened(self) -> ModbusBaseSyncClient:
        if self._client is None:
            self._client = self._tcp() if self._place.host is not None else self._rtu()
        return self._client

    def _rtu(self) -> ModbusBaseSyncClient:
        own = self._place
        line = serial.Serial(
            found_port(own.port or ""),
            own.baud,
            parity=own.parity[0].upper(),
            stopbits=own.stopbits,
            timeout=0,
            write_timeout=self._wait,
            exclusive=True,
        )
        line.reset_input_buffer()
        client = _Rtu("", timeout=self._wait, retries=0, trace_packet=self._trace)
        client.socket = line
        return client

    def _tcp(self) -> ModbusBaseSyncClient:
        host, port = host_port(self._place.host or "")
        line = socket.create_connection((host, port), self._wait)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = ModbusTcpClient(
            host, port=port, timeout=self._wait, retries=0, trace_packet=self._trace
        )
        client.socket = line
        return client

    def _trace(self, sending: bool, packet: bytes) -> bytes:  # noqa: FBT001 - pymodbus calls it
        """Keeps what goes over the line; of a serial one hands on the answer alone.

        pymodbus takes the first bytes that might be a frame for one, and else drops all.
        """
        if sending:
            self._sent = packet
            return packet
        self._heard = packet
        return packet if self._place.host is not None else self._answer_in(packet)

    def _answer_in(self, packet: bytes) -> bytes:
        """The frame in it from the unit and with the function that were asked, or refusing it."""
        unit, function = self._sent[:2]
        for head, length in ((function, self._length), (function | 0x80, _REFUSAL)):
            at = packet.find(bytes([unit, head]))
            while at >= 0:
                frame = packet[at : at + length]
                if len(frame) == length and rtu(unit, frame[1:-2]) == frame:
                    return frame
                at = packet.find(bytes([unit, head]), at + 1)
        return b""

    def _shut(self) -> None:
        """Before it is opened again: else the adapter comes back under another name."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(*_FAULTS):
                client.close()  # type: ignore[no-untyped-call]

    def _where(self, question: ModbusPDU) -> str:
        return f"{self._place.port or self._place.host} unit {question.dev_id}"

    def _lost(self, error: Exception) -> HardwareError:
        if self._place.host is not None:
            return HardwareError(
                f"{self._place.host} cannot be reached ({error}). To do: check its address, power "
                "and network, and that the controller's unit allows the network (docs/hardware.md)"
            )
        port = self._place.port or ""
        if isinstance(error, ConnectionException):
            error = OSError(errno.EIO, "")
        what, remedy = cause(port, error, present_ports())
        return HardwareError(f"{port} {what}. To do: {remedy}")


def _length(question: ModbusPDU) -> int:
    """Of the serial frame that answers it: address, function, count, values, checksum."""
    if isinstance(question, _WriteCoil):
        return 8
    bits = isinstance(question, ReadCoilsRequest)  # and its child for discrete inputs
    return 5 + ((question.count + 7) // 8 if bits else 2 * question.count)


class _WriteCoil(WriteSingleCoilRequest):
    """With any value: boards with pulses of their own take a length of time there."""

    def __init__(self, unit: int, address: int, value: int) -> None:
        super().__init__(dev_id=unit, address=address, bits=[bool(value)])
        self._value = value

    def encode(self) -> bytes:
        return struct.pack(">HH", self.address, self._value)


class _Rtu(ModbusSerialClient):
    """Waits on the line itself: pymodbus waits by the wall clock, which can be set back."""

    def recv(self, size: int | None) -> bytes:  # noqa: ARG002 - as pymodbus calls it
        if self.socket is None:
            raise ConnectionException("closed")
        ready, _, _ = select.select([self.socket], (), (), self.comm_params.timeout_connect)
        if not ready:
            return b""
        chunk = bytes(self.socket.read(max(1, self.socket.in_waiting)))
        if not chunk:
            raise ConnectionException("hung up")
        return chunk


_REMEDY = (
    "To do: see that it has power, that unit, baud and parity are right, and A and B connected"
)
LINES: Shared[Line] = Shared()
