"""The serial line of one OSDP bus, as libosdp wants it: nothing in here ever raises.

Frames as in SIA OSDP 2.2 (IEC 60839-11-5), section 5: an optional mark FF, then 53, the address
(bit 7 set in replies), the length in two bytes, low first, a control byte, perhaps a security block
(its length first), the code, data, checksum.
"""

import itertools
import os
import select
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import serial
from osdp import Channel

FAULTS = (OSError, serial.SerialException, termios.error, ValueError)
NAK = 0x41
CCRYPT = 0x76

_MARK = 0xFF
_SOM, _REPLY, _SECURE = 0x53, 0x80, 0x08
_SHORTEST, _LONGEST = 7, 1440
_ids = itertools.count(1)  # libosdp takes 0 for "no channel" and would let all talk at once


class Reply(NamedTuple):
    """A whole reply was seen: from whom, and which (SIA OSDP 2.2, annex A.2)."""

    address: int
    code: int


class Replies:
    """Finds the replies in what comes in. Their checksums are libosdp's business.

    `noise`: bytes so far that were no part of a whole frame.
    """

    def __init__(self) -> None:
        self._rest = b""
        self.noise = 0

    def forget(self) -> None:
        self._drop(len(self._rest))

    def feed(self, chunk: bytes) -> list[Reply]:
        self._rest = (self._rest + chunk)[-2 * _LONGEST :]
        found = []
        while frame := self._next():
            if frame[1] & _REPLY:
                found.append(Reply(frame[1] & 0x7F, _code(frame)))
        return found

    def _next(self) -> bytes:
        """The next whole frame, or b"" if there is none yet."""
        while (start := self._rest.find(_SOM)) >= 0:
            self._drop(start)
            if len(self._rest) < 6:
                return b""
            length = int.from_bytes(self._rest[2:4], "little")
            if _SHORTEST <= length <= _LONGEST:
                if len(self._rest) < length:
                    return b""
                frame, self._rest = self._rest[:length], self._rest[length:]
                return frame
            self._drop(1)
        self.forget()
        return b""

    def _drop(self, count: int) -> None:
        self.noise += count - self._rest[:count].count(_MARK)
        self._rest = self._rest[count:]


class Line(Channel):  # type: ignore[misc]
    """What libosdp reads from and writes to; the bus opens it, waits on it, and sees its faults.

    `muted`: addresses to which nothing is sent; libosdp then gives them up within a second.
    `asked`: when (by `clock`) something was sent to an address since it was last put to silence.
    """

    def __init__(self, port: str, baud: int, clock: Callable[[], float]) -> None:
        super().__init__()
        self.id = next(_ids)
        self.port = port
        self.fault: Exception | None = None
        self.writes = 0  # attempts to send
        self.muted: set[int] = set()
        self.asked: dict[int, float] = {}
        self.sent: list[bytes] | None = None  # for tests: what went out, if it is a list
        self._baud, self._clock = baud, clock
        self._serial: serial.Serial | None = None
        self._input = b""
        self._replies = Replies()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    @property
    def noise(self) -> int:
        """Bytes so far that were no part of a whole frame."""
        return self._replies.noise

    def open(self) -> bool:
        """Is it open now? If not, `fault` says why."""
        port = serial.Serial()
        port.port, port.baudrate = self.port, self._baud
        port.timeout = port.write_timeout = 0
        port.exclusive = True
        try:
            port.open()
            port.reset_input_buffer()
        except FAULTS as error:
            self.fault = error
            _close(port)
            return False
        self._serial, self.fault = port, None
        self._forget()
        return True

    def shut(self) -> None:
        """Closed before anybody opens it again: else the adapter comes back under another name."""
        port, self._serial = self._serial, None
        if port is not None:
            _close(port)

    def dispose(self) -> None:
        """For good. `wake` must not be called after this."""
        self.shut()
        os.close(self._wake)

    def wake(self) -> None:
        with suppress(BlockingIOError):  # so often that it is awake in any case
            os.eventfd_write(self._wake, 1)

    def listen(self, seconds: float) -> list[Reply]:
        """Wait until something comes in, or `wake`, or so long; the replies then complete."""
        port = self._serial
        watched = [self._wake] if port is None else [self._wake, port.fileno()]
        try:
            ready, _, _ = select.select(watched, (), (), seconds)
            if self._wake in ready:
                os.eventfd_read(self._wake)
            return self._take_in(port) if port and ready != [self._wake] and ready else []
        except FAULTS as error:
            self.fault = error
            return []

    def _take_in(self, port: serial.Serial) -> list[Reply]:
        chunk = os.read(port.fileno(), 4096)
        if not chunk:
            raise OSError(0, "the device is gone")
        self._input += chunk
        return self._replies.feed(chunk)

    def read(self, max_bytes: int) -> bytes:
        chunk, self._input = self._input[:max_bytes], self._input[max_bytes:]
        return chunk

    def write(self, buf: bytes) -> int:
        """The bytes sent; -1 makes libosdp give the device up."""
        self.writes += 1
        address = buf[2 if buf[:1] == b"\xff" else 1] & 0x7F if len(buf) > 2 else -1
        if self._serial is None or address in self.muted:
            return -1
        try:
            count = self._serial.write(buf) or 0
        except FAULTS as error:
            self.fault = error
            return -1
        if self.sent is not None:
            self.sent.append(bytes(buf))
        self.asked.setdefault(address, self._clock())
        return count

    def flush(self) -> None:
        """Before each command: what lies about cannot be its answer."""
        self._forget()
        if self._serial is not None:
            try:
                self._serial.reset_input_buffer()
            except FAULTS as error:
                self.fault = error

    def _forget(self) -> None:
        self._input = b""
        self._replies.forget()


def _code(frame: bytes) -> int:
    at = 5
    if frame[4] & _SECURE:
        at += frame[5]
    return frame[at] if at < len(frame) else 0


def _close(port: serial.Serial) -> None:
    with suppress(*FAULTS):
        port.close()
