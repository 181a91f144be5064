"""The two ways to a PN532: a serial line, and I²C. And one question after the other over it."""

import errno
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Protocol

import serial

from controller.errors import HardwareError
from hw.pn532_frames import ACK, WAKE_UP, Answers, command

I2C_SLAVE = 0x0703  # linux/i2c-dev.h
I2C_READY = 0x01  # first byte of every read: a frame follows
I2C_PAUSE = 0.005  # seconds between two looks whether the chip has something to say
MOST = 64  # bytes; no answer to a question of ours is longer
PATIENCE = 0.5  # seconds; a search for a card takes a tenth of that

Clock = Callable[[], float]


class Port(Protocol):
    """OSError from any method means that the way to the chip is gone."""

    def wake(self) -> None: ...
    def write(self, frame: bytes) -> None: ...
    def read(self, seconds: float, most: int) -> bytes:
        """What came within so many seconds, b"" if nothing did; `most`: bytes, if that matters."""

    def close(self) -> None: ...


class File(Protocol):
    """What is used of an unbuffered file."""

    def read(self, size: int, /) -> bytes | None: ...
    def write(self, data: bytes, /) -> int | None: ...
    def close(self) -> None: ...


class SerialPort:
    """`ready` waits for a descriptor, as `ReaderLoop.ready` does."""

    def __init__(self, path: str, baud: int, ready: Callable[[int, float], bool]) -> None:
        self._ready = ready
        self._line = serial.Serial(path, baud, timeout=0, write_timeout=1.0, exclusive=True)

    def wake(self) -> None:
        self.write(WAKE_UP)

    def write(self, frame: bytes) -> None:
        self._line.reset_input_buffer()  # an answer that came too late is to no question
        self._line.write(frame)

    def read(self, seconds: float, most: int) -> bytes:  # noqa: ARG002 - it has no frames
        if not self._ready(self._line.fileno(), seconds):
            return b""
        return bytes(self._line.read(self._line.in_waiting or 1))

    def close(self) -> None:
        with suppress(OSError):
            self._line.close()


class I2cPort:
    """`pause` waits so many seconds; the bus has no way to tell that something came."""

    def __init__(self, file: File, pause: Callable[[float], object]) -> None:
        self._file, self._pause = file, pause

    def wake(self) -> None:
        """A sleeping chip wakes up by being addressed, and does not acknowledge that."""
        with suppress(OSError):
            self._file.read(1)
        self._pause(I2C_PAUSE)

    def write(self, frame: bytes) -> None:
        with _addressed():
            self._file.write(frame)

    def read(self, seconds: float, most: int) -> bytes:
        for _ in range(max(1, round(seconds / I2C_PAUSE))):
            with _addressed():
                came = self._file.read(1 + most)
            if came and came[0] & I2C_READY:
                return came[1:]
            if self._pause(I2C_PAUSE):
                break
        return b""

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


@contextmanager
def _addressed() -> Iterator[None]:
    """Nobody at the address may be noise: it is asked again before the way counts as gone."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EREMOTEIO):
            raise HardwareError("nothing answers to this address") from error
        raise


def i2c_file(path: str, address: int) -> File:
    """The bus as a file that speaks to that address; OSError."""
    file = Path(path).open("r+b", buffering=0)  # noqa: SIM115 - its port closes it
    try:
        fcntl.ioctl(file, I2C_SLAVE, address)
    except OSError:
        file.close()
        raise
    return file


class Chip:
    """Asks one question after the other, until `stopping` is set."""

    def __init__(self, port: Port, clock: Clock, stopping: Event) -> None:
        self._port, self._clock, self._stopping = port, clock, stopping

    def ask(self, code: int, data: bytes) -> bytes:
        """What the chip answers to that command; HardwareError if nothing, or nothing readable."""
        until = self._clock() + PATIENCE
        answers, taken = Answers(), False
        self._port.write(command(code, data))
        while (left := until - self._clock()) > 0 and not self._stopping.is_set():
            most = MOST if taken else len(ACK)
            for answer in answers.feed(self._port.read(left, most)):
                if answer.fault:
                    raise HardwareError(answer.fault)
                if taken and answer.code == code + 1:
                    return answer.data
                taken = taken or not answer.code
        raise HardwareError(f"the chip does not {'answer' if taken else 'take commands'}")
