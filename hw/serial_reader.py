"""Card readers on serial lines: USB adapters, a Pi's UART, or a serial server over TCP."""

import re
import socket
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import serial
import structlog
from pydantic import AfterValidator, Field
from serial.tools import list_ports

from controller.config import Strict
from controller.errors import HardwareError
from hw.framing import Frame, Framer, Lines, Stx
from hw.line_faults import explained

log = structlog.get_logger(__name__)

PORTS = re.compile(r"/.+|(socket|rfc2217)://[^/:]+:[0-9]+(/.*)?|hwgrep://.+|loop://")
BY_ID = Path("/dev/serial/by-id")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: how long one read waits, the first wait before opening again, and the longest."""

    read: float = 0.2
    first: float = 0.5
    longest: float = 5.0


def _port(value: str) -> str:
    if not PORTS.fullmatch(value):
        raise ValueError(
            f"{value!r} is no port; write a path such as /dev/serial/by-id/usb-…, "
            "or socket://host:port, rfc2217://host:port or hwgrep://vendor:product"
        )
    return value


class SerialSettings(Strict):
    """How to reach the reader, and how it frames what it sends."""

    driver: Literal["serial"] = "serial"
    port: Annotated[str, AfterValidator(_port)] = Field(
        description="a path, best one in /dev/serial/by-id, or socket://host:port"
    )
    baud: int = Field(default=9600, ge=50, le=4_000_000, description="bits per second")
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1
    bytesize: Literal[7, 8] = 8
    framing: Literal["lines", "stx"] = Field(
        default="lines", description="'lines' of text, or 'stx' for RDM6300, ID-12, ID-20"
    )
    require_checksum: bool = Field(
        default=True, description="false only for stx modules that send wrong checksums"
    )


class SerialReader:
    """One thread holds the line open and, after a loss, opens it again for ever.

    The first `on_health` says how things stand at the start. To be started once. What the reader
    sent while the line was shut is thrown away: nobody is let in for a card shown an hour ago.
    """

    Settings = SerialSettings

    def __init__(self, settings: SerialSettings, name: str, *, pace: Pace | None = None) -> None:
        self.name = name
        self._settings = settings
        self._pace = pace or Pace()
        self._wait = self._pace.first
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        # Of `_open`, lest `cancel_read` writes to a descriptor that was closed and used again.
        self._guard = threading.Lock()
        self._open: serial.Serial | None = None
        self._healthy: bool | None = None
        self._refused = 0

    def start(self, on_text: Callable[[str], None], on_health: Callable[[bool, str], None]) -> None:
        if self._thread:
            raise HardwareError(f"reader {self.name} was started before; make a new one")
        self._on_text, self._on_health = on_text, on_health
        self._thread = threading.Thread(target=self._run, name=f"reader {self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No callback begins after this. Safe at any time, any number of times."""
        self._stopping.set()
        with self._guard:
            cancel = getattr(self._open, "cancel_read", None)  # TCP ports have none
            if cancel:
                with suppress(OSError):
                    cancel()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(2.0)  # longer only while a TCP connect hangs; it then ends by itself

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._opened() as port:
                    self._listen(port)
            except (OSError, serial.SerialException, termios.error, ValueError) as error:
                self._lost(error)
            except Exception as error:
                log.exception("serial reader failed in an unforeseen way", reader=self.name)
                self._lost(error)
            if self._stopping.wait(self._wait):
                return
            self._wait = min(2 * self._wait, self._pace.longest)

    @contextmanager
    def _opened(self) -> Iterator[serial.Serial]:
        """The port, its old input flushed; closed before anyone opens it again."""
        own = self._settings
        port = serial.serial_for_url(
            own.port,
            do_not_open=True,  # what fails half way must be closed all the same
            baudrate=own.baud,
            parity=own.parity[0].upper(),
            stopbits=own.stopbits,
            bytesize=own.bytesize,
            timeout=self._pace.read,
            exclusive=True,
        )
        try:
            port.open()
            with self._guard:
                self._open = port
            if own.port.startswith("socket://"):
                _notice_a_silent_death(port)
            yield port
        finally:
            with self._guard:
                self._open = None
                _close(port)

    def _listen(self, port: serial.Serial) -> None:
        framer = _framer(self._settings)
        silence = 0.0
        while not self._stopping.is_set():
            chunk = port.read(1)
            if chunk:
                chunk += port.read(port.in_waiting)
            else:
                silence += self._pace.read
            self._works()
            if silence >= self._pace.longest:  # it holds; a line that flaps is tried ever slower
                self._wait = self._pace.first
            for frame in framer.feed(chunk):
                self._deliver(frame)

    def _deliver(self, frame: Frame) -> None:
        if not frame.refused:
            self._tell(self._on_text, frame.text)
            return
        self._refused += 1
        if self._refused in (1, 10, 100) or self._refused % 1000 == 0:
            log.warning(
                "reader sent what cannot be read; nothing is taken from it",
                reader=self.name,
                why=frame.refused,
                bytes=len(frame.raw),
                times=self._refused,
            )

    def _works(self) -> None:
        """The line gave an answer, be it silence: only now is it more than an open file."""
        if not self._healthy:
            self._healthy = True
            log.info("reader is there", reader=self.name, port=self._settings.port)
            self._tell(self._on_health, True, "")

    def _lost(self, error: Exception) -> None:
        if self._healthy is not False and not self._stopping.is_set():
            self._healthy = False
            why = explained(self.name, self._settings.port, error, present_ports())
            log.warning("reader lost", reader=self.name, why=why)
            self._tell(self._on_health, False, why)

    def _tell(self, callback: Callable[..., None], *what: object) -> None:
        """A fault of whoever listens must not end the reading."""
        if self._stopping.is_set():
            return
        try:
            callback(*what)
        except Exception:
            log.exception("a read could not be handed on", reader=self.name)


def present_ports() -> list[str]:
    """The serial ports of this machine, each by its most lasting name, with what it says it is."""
    lasting: dict[str, str] = {}
    with suppress(OSError):
        lasting = {str(link.resolve()): str(link) for link in sorted(BY_ID.iterdir())}
    try:
        found = sorted(list_ports.comports())
    except (OSError, TypeError, ValueError):  # pyserial trips over a device that is just leaving
        return sorted(lasting.values())
    return [f"{lasting.get(each.device, each.device)} ({each.description})" for each in found]


def _framer(settings: SerialSettings) -> Framer:
    if settings.framing == "stx":
        return Stx(require_checksum=settings.require_checksum)
    return Lines()


def _close(port: serial.Serial) -> None:
    line: socket.socket | None = getattr(port, "_socket", None)
    with suppress(OSError, termios.error):
        port.close()
    if line is not None:  # pyserial forgets to close a socket that the other end has reset
        line.close()


def _notice_a_silent_death(port: serial.Serial) -> None:
    """A TCP line on which we only listen would hang for ever after a power cut at the far end."""
    with socket.socket(fileno=socket.dup(port.fileno())) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
