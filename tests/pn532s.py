"""A PN532 that is a program: at the far end of a pty, or as a file that stands for an I²C bus.

It is as stubborn as the real one: asleep until it has seen 55, no card before it was configured,
and silent for ever if it was not told to give up looking for one.
"""

import errno
import os
import select
import threading
import tty
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ACK = bytes.fromhex("0000FF00FF00")
FAULT = bytes.fromhex("0000FF01FF7F8100")
SHOWN, BETWEEN = 2, 7  # looks for which a card is in the field, and for which none is


def frame(content: bytes) -> bytes:
    check = (256 - sum(content)) % 256
    return bytes([0, 0, 255, len(content), (256 - len(content)) % 256, *content, check, 0])


@dataclass
class Chip:
    """What the chip knows and answers. `lying`: UIDs in the field until they are taken away."""

    awake: bool = False
    configured: bool = False
    patient: bool = True  # looks for a card for ever
    silent: bool = False
    spoilt: deque[bytes] = field(default_factory=deque)  # sent instead of the next answers
    lying: list[str] = field(default_factory=list)
    coming: deque[str] = field(default_factory=deque)  # one look each
    looks: int = 0

    def present(self, uid: str) -> None:
        """Hold a card to the reader for a moment, after those that were held before."""
        self.coming.extend([uid] * SHOWN + [""] * BETWEEN)

    def answers(self, sent: bytes) -> list[bytes]:
        """What it sends back to these bytes: what wakes it, or one whole frame, or both."""
        self.awake |= sent.startswith(b"\x55")
        sent = sent[max(0, sent.find(b"\0\0\xff")) :]
        if not self.awake or self.silent or sent.startswith(b"\x55"):
            return []
        assert sent == frame(sent[5:-2]), "the host sent a frame that is none"
        answer = self._answer(sent[6], sent[7:-2])
        if answer and self.spoilt:
            answer = self.spoilt.popleft()
        return [ACK, answer] if answer else [ACK]

    def _answer(self, code: int, data: bytes) -> bytes:
        if code == 0x14 and data[:1] == b"\x01":
            self.configured = True
            return frame(b"\xd5\x15")
        if code == 0x32 and data[:1] == b"\x05":
            self.patient = data[3] == 0xFF
            return frame(b"\xd5\x33")
        if code == 0x4A and data == b"\x01\x00" and self.configured:
            return self._look()
        return FAULT

    def _look(self) -> bytes:
        self.looks += 1
        uid = self.coming.popleft() if self.coming else ""
        if not uid and self.lying:
            uid = self.lying[self.looks % len(self.lying)]
        if uid:
            whole = bytes.fromhex(uid)
            return frame(b"\xd5\x4b\x01\x01\x00\x44\x00" + bytes([len(whole)]) + whole)
        return b"" if self.patient else frame(b"\xd5\x4b\x00")


class SerialChip(Chip):
    """At a pty whose name is `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._thread: threading.Thread | None = None
        self.plug()

    def plug(self) -> None:
        self.awake, self.configured, self.patient = False, False, True
        self._far, self._near = os.openpty()
        tty.setraw(self._far)
        tty.setraw(self._near)
        self._bell, self._ring = os.pipe()
        self._thread = threading.Thread(target=self._run, name="pn532", daemon=True)
        self._thread.start()
        self.path.symlink_to(os.ttyname(self._near))

    def unplug(self) -> None:
        if self._thread:
            os.write(self._ring, b"!")
            self._thread.join()
            self._thread = None
            self.path.unlink()
            for fd in (self._far, self._near, self._bell, self._ring):
                os.close(fd)

    def send(self, sent: bytes) -> None:
        """What nobody asked for."""
        os.write(self._far, sent)

    def _run(self) -> None:
        while True:
            readable, _, _ = select.select([self._far, self._bell], [], [])
            if self._bell in readable:
                return
            with suppress(OSError):
                for answer in self.answers(os.read(self._far, 300)):
                    os.write(self._far, answer[:3])  # a serial line keeps nothing together
                    os.write(self._far, answer[3:])


class I2cChip(Chip):
    """Reads and writes of the bus's file, each with the chip's address."""

    def __init__(self) -> None:
        super().__init__(awake=True)
        self.plugged = True
        self.busy = 0  # reads until it has something to say
        self.closed = 0
        self._sent: deque[bytes] = deque()

    def read(self, size: int, /) -> bytes:
        self._there()
        if size == 1 or not self._sent:
            return b"\x00" * size
        if self.busy:
            self.busy -= 1
            return b"\x00" * size
        frame = self._sent.popleft()
        assert len(frame) < size, "the rest of a frame that was not fetched is lost"
        return (b"\x01" + frame).ljust(size, b"\x80")

    def write(self, data: bytes, /) -> int:
        self._there()
        self._sent.clear()
        self._sent.extend(self.answers(data))
        return len(data)

    def close(self) -> None:
        self.closed += 1

    def unplug(self) -> None:
        self.plugged = False

    def plug(self) -> None:
        self.plugged, self.configured, self.patient = True, False, True

    def _there(self) -> None:
        if not self.plugged:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
