"""Bytes from a serial line → frames. Pure: however the bytes are cut up, the frames are the same.

A frame that is not exactly right is refused with a reason, never repaired. Nothing raises, and no
more than `LONGEST` bytes are kept.
"""

from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Protocol

LONGEST = 64  # bytes; several times the longest number a reader sends
SILENCE = 2.0  # seconds; so long no reader rests within a frame, not even behind a slow network

_STX, _ETX = 0x02, 0x03
_LINE_ENDS = b"\r\n"
_PRINTABLE = range(0x20, 0x7F)
_HEX = frozenset(b"0123456789ABCDEFabcdef")


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing a reader sent: its `text` as it was sent, or why it was `refused`.

    `raw` may be a whole card number: for a technician's screen, never for a log.
    """

    raw: bytes = field(repr=False)
    text: str = field(default="", repr=False)
    refused: str = ""


class Framer(Protocol):
    """One connection's worth of bytes; a new connection takes a new framer. Counts its frames.

    `waiting`: something has begun and not ended. When nothing came for `SILENCE`, call `silence`:
    halves of two frames never become one.
    """

    accepted: int
    refused: int

    @property
    def waiting(self) -> bool: ...
    def feed(self, chunk: bytes) -> list[Frame]: ...
    def silence(self) -> list[Frame]: ...


class Lines:
    """Lines of printable ASCII, ended by CR, LF or both; empty lines mean nothing."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self._line = bytearray()
        self._skipping = False  # the rest of a line that was too long
        self._late = False  # what comes may be the rest of a line that a silence cut off

    def feed(self, chunk: bytes) -> list[Frame]:
        frames = [frame for byte in chunk if (frame := self._take(byte))]
        _count(self, frames)
        return frames

    @property
    def waiting(self) -> bool:
        return bool(self._line) or self._skipping

    def silence(self) -> list[Frame]:
        self._skipping = False
        if not self._line:
            return []
        self._late = True
        why = f"no end of line within {SILENCE:g} s: let the reader send CR or LF"
        frames = [Frame(_taken(self._line), refused=why)]
        _count(self, frames)
        return frames

    def _take(self, byte: int) -> Frame | None:
        if byte in _LINE_ENDS:
            return self._end_of_line()
        if self._skipping:
            return None
        self._line.append(byte)
        if len(self._line) <= LONGEST:
            return None
        self._skipping = True
        why = f"no end of line within {LONGEST} bytes: let the reader send CR or LF"
        return Frame(_taken(self._line), refused=why)

    def _end_of_line(self) -> Frame | None:
        late, self._late, self._skipping = self._late, False, False
        if not self._line:
            return None
        raw = _taken(self._line)
        if late:
            return Frame(raw, refused="may be the rest of a line cut off: present it again")
        odd = next((byte for byte in raw if byte not in _PRINTABLE), None)
        if odd is None:
            return Frame(raw, raw.decode("ascii"))
        hint = ': a reader that sends this wants framing = "stx"' if odd in (_STX, _ETX) else ""
        return Frame(raw, refused=f"byte {odd:02X} is not printable{hint}")


class Stx:
    """STX, ten hex digits, two of checksum (XOR of the five bytes), perhaps CR LF, ETX.

    Sent by RDM6300 and most EM4100 modules (no CR LF) and by ID-12/ID-20. The text is the ten
    digits: 40 bits. Without `require_checksum` the two digits are there but may be wrong.
    """

    def __init__(self, *, require_checksum: bool = True) -> None:
        self.accepted = 0
        self.refused = 0
        self._require_checksum = require_checksum
        self._inside = False
        self._bytes = bytearray()  # of this frame, or of the noise between two

    def feed(self, chunk: bytes) -> list[Frame]:
        frames = [frame for byte in chunk if (frame := self._take(byte))]
        _count(self, frames)
        return frames

    @property
    def waiting(self) -> bool:
        return self._inside or bool(self._bytes)

    def silence(self) -> list[Frame]:
        spoilt = self._spoilt(f"cut off: nothing more came within {SILENCE:g} s")
        frames = [spoilt] if spoilt else []
        _count(self, frames)
        return frames

    def _take(self, byte: int) -> Frame | None:
        if byte == _STX:
            cut_off = self._spoilt("cut off: the next one began before it ended")
            self._inside = True
            return cut_off
        if byte == _ETX and self._inside:
            self._inside = False
            return self._judged(_taken(self._bytes))
        if not self._inside and (byte == _ETX or byte in _LINE_ENDS):
            return self._spoilt("")
        self._bytes.append(byte)
        if len(self._bytes) <= LONGEST:
            return None
        return self._spoilt(f"no ETX (03) within {LONGEST} bytes")

    def _spoilt(self, why: str) -> Frame | None:
        """What was collected so far cannot become a frame any more. Outside one it is noise."""
        inside, self._inside = self._inside, False
        if not self._bytes:
            return None
        noise = 'outside a frame: no STX (02) before it; lines of text want framing = "lines"'
        return Frame(_taken(self._bytes), refused=why if inside else noise)

    def _judged(self, raw: bytes) -> Frame:
        body = raw.removesuffix(b"\r\n")
        if len(body) != 12 or not _HEX.issuperset(body):
            return Frame(raw, refused="not ten hex digits and two of checksum")
        text = body[:10].decode("ascii")
        sent, right = int(body[10:], 16), reduce(xor, bytes.fromhex(text))
        if self._require_checksum and sent != right:
            return Frame(raw, refused=f"checksum {sent:02X} is wrong, {right:02X} would be right")
        return Frame(raw, text)


def _taken(buffer: bytearray) -> bytes:
    taken = bytes(buffer)
    buffer.clear()
    return taken


def _count(framer: Framer, frames: list[Frame]) -> None:
    refused = sum(1 for frame in frames if frame.refused)
    framer.refused += refused
    framer.accepted += len(frames) - refused
