"""One command to a relay board, by a program that is started for it and has a second.

The controller's drivers keep their lines open on threads of their own; this is for `lock-all`.
"""

import socket
from threading import Event
from typing import Literal, NamedTuple

import serial

from controller.errors import HardwareError

TRIES = 3
WAIT = 0.3  # seconds for an answer; at 1,200 baud one takes a quarter of that
GAP = 0.05  # seconds between two copies of what is not answered
MOST = 256  # bytes read in search of an answer
_REMEDY = "See that it has power and that its address is right; cut the lock's power to be sure"


class Line(NamedTuple):
    """A serial line: path or URL, and how it is set."""

    port: str
    baud: int = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1


def tell(line: Line, frame: bytes) -> None:
    """Send what the board does not answer.

    More than once: whoever was killed in the middle of a frame has left half of it at the board.
    Raises `OSError`, `EAGAIN` or `EBUSY` while another program has the line.
    """
    with _opened(line) as port:
        for _ in range(TRIES):
            port.write(frame)
            port.flush()
            Event().wait(GAP)


def ask(line: Line, frame: bytes, answer: bytes) -> None:
    """Send it until the board answers so. Raises `HardwareError`, or `OSError` as `tell`.

    What else comes is passed over: answers to a program that is no more.
    """
    with _opened(line) as port:
        for _ in range(TRIES):
            port.reset_input_buffer()
            port.write(frame)
            if port.read_until(answer, MOST).endswith(answer):
                return
    raise HardwareError(f"{line.port} does not confirm it. {_REMEDY}")


def ask_tcp(host: str, port: int, frame: bytes, answer: bytes) -> None:
    """The same over a connection of its own. Raises `HardwareError` or `OSError`."""
    with socket.create_connection((host, port), WAIT * TRIES) as line:
        line.settimeout(WAIT)
        got = b""
        for _ in range(TRIES):
            line.sendall(frame)
            try:
                while len(got) < MOST and (came := line.recv(MOST)):
                    got += came
                    if answer in got:
                        return
            except TimeoutError:
                continue
    raise HardwareError(f"{host}:{port} does not confirm it. {_REMEDY}")


def _opened(line: Line) -> serial.Serial:
    return serial.serial_for_url(
        line.port,
        baudrate=line.baud,
        parity=line.parity[0].upper(),
        stopbits=line.stopbits,
        timeout=WAIT,
        write_timeout=WAIT,
        exclusive=True,
    )
