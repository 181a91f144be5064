"""Card readers on serial lines: USB adapters, a Pi's UART, or a serial server over TCP.

Formats: see `hw.framing`. The number is neither secret nor signed: whoever knows it can copy it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import serial
from pydantic import AfterValidator, Field

from controller.config import Attached, Strict
from controller.model import Strength
from controller.ports import Card, Tell
from hw.framing import SILENCE, Frame, Framer, Lines, Stx
from hw.line_faults import explained
from hw.reader_loop import Again, ReaderLoop, monotonic
from hw.serial_line import descriptor, opened, taken
from hw.serial_ports import checked_port, found_port, present_ports


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: how long one read waits, the first wait before opening again, and the longest."""

    read: float = 0.2
    first: float = 0.5
    longest: float = 5.0


class SerialSettings(Strict):
    """How to reach the reader, and how it frames what it sends."""

    driver: Literal["serial"] = "serial"
    port: Annotated[str, AfterValidator(checked_port)] = Field(
        description="a path, best one in /dev/serial/by-id; USB vendor:product; or socket://host:port"
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

    def attached(self) -> list[Attached]:
        line = os.path.realpath(self.port) if self.port.startswith("/") else self.port
        return [Attached("port", ("port", line))]


class SerialReader:
    """One thread holds the line open and, after a loss, opens it again for ever.

    What the reader sent while the line was shut is thrown away: nobody is let in for a card shown
    an hour ago.
    """

    Settings = SerialSettings

    def __init__(
        self,
        settings: SerialSettings,
        name: str,
        *,
        pace: Pace | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._settings = settings
        self._pace = pace or Pace()
        self._clock = clock
        again = Again(self._pace.first, self._pace.longest)
        self._loop = ReaderLoop(name, self._session, self._explained, again)

    def start(self, tell: Tell) -> None:
        self._loop.start(tell)

    def stop(self) -> None:
        self._loop.stop()

    def _session(self) -> None:
        own = self._settings
        line = opened(
            found_port(own.port),
            baudrate=own.baud,
            parity=own.parity[0].upper(),
            stopbits=own.stopbits,
            bytesize=own.bytesize,
            timeout=self._pace.read,
        )
        with line as port:
            self._listen(port)

    def _listen(self, port: serial.Serial) -> None:
        framer, came, answered = _framer(self._settings), self._clock(), False
        while not self._loop.stopping.is_set():
            chunk = self._read(port, watched=framer.waiting or not answered)
            now, answered = self._clock(), True
            self._loop.works()  # it gave an answer, be it silence
            frames = framer.silence() if framer.waiting and now - came > SILENCE else []
            if chunk:
                frames, came = frames + framer.feed(chunk), now
            for frame in frames:
                self._deliver(frame)

    def _read(self, port: serial.Serial, *, watched: bool) -> bytes:
        """What came; if `watched`, b"" after a while in which nothing did."""
        fd = descriptor(port)
        if fd is None or self._loop.ready(fd, self._pace.read if watched else None):
            return taken(port)
        return b""

    def _deliver(self, frame: Frame) -> None:
        shown = f"{frame.raw.hex(' ').upper()}  {printable(frame.raw)}"
        if frame.refused:
            self._loop.refuse(frame.refused, shown)
        else:
            self._loop.tell(Card(frame.text, Strength.WEAK, shown))

    def _explained(self, error: Exception) -> str:
        return explained(self.name, self._settings.port, error, present_ports())


def printable(raw: bytes) -> str:
    """Bytes as a person would see them in a terminal: what has no glyph is a dot."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in raw)


def _framer(settings: SerialSettings) -> Framer:
    if settings.framing == "stx":
        return Stx(require_checksum=settings.require_checksum)
    return Lines()
