"""An open serial line, and how it is closed so that nothing of it is left."""

import errno
import socket
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import serial


@contextmanager
def opened(port: str, **settings: Any) -> Iterator[serial.Serial]:
    """The port, for this program alone, its old input flushed; closed before it is opened again.

    `settings` as pyserial has them; OSError, EINVAL for those that it does not know.
    """
    try:
        # What fails half way must be closed all the same.
        line = serial.serial_for_url(port, do_not_open=True, exclusive=True, **settings)
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from error
    try:
        _open(line)
        if port.startswith("socket://"):
            _notice_a_silent_death(line)
        yield line
    finally:
        _close(line)


def descriptor(line: serial.Serial) -> int | None:
    """What can be waited for; None where pyserial reads in a thread of its own (rfc2217, loop)."""
    try:
        return int(line.fileno())
    except OSError:
        return None


def taken(line: serial.Serial) -> bytes:
    """What has come; waits for the first byte as long as the line's own time-out."""
    first: bytes = line.read(1)
    return first + line.read(line.in_waiting) if first else b""


def _open(line: serial.Serial) -> None:
    try:
        line.open()
    except ValueError as error:  # a speed that this machine does not have
        raise OSError(errno.EINVAL, str(error)) from error


def _close(line: serial.Serial) -> None:
    connection: socket.socket | None = getattr(line, "_socket", None)
    with suppress(OSError, termios.error):
        line.close()
    if connection is not None:  # pyserial forgets a socket that the other end has reset
        connection.close()


def _notice_a_silent_death(line: serial.Serial) -> None:
    """A TCP line on which we only listen would hang for ever after a power cut at the far end."""
    with socket.socket(fileno=socket.dup(line.fileno())) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
