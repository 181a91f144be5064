"""Serial lines without hardware: ptys behind paths that last, card readers and a relay at them."""

import os
import select
import threading
import time
import tty
from contextlib import suppress
from functools import reduce
from operator import xor
from pathlib import Path

from bench.rig.history import History

_VERSION = "6F"  # the first of the five bytes that an RDM6300 sends; no part of a card's 32 bits


class Line:
    """A pty whose near end lies behind a link, as udev's names do: to be pulled and put back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.far = self._near = -1
        self.plug()

    def plug(self) -> None:
        self.far, self._near = os.openpty()  # the near end stays open: else the far one hangs up
        tty.setraw(self._near)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._near))

    def unplug(self) -> None:
        """Whoever has the near end open finds the device gone."""
        self.path.unlink()
        self.close()

    def close(self) -> None:
        far, near, self.far, self._near = self.far, self._near, -1, -1
        for end in (far, near):
            with suppress(OSError):
                os.close(end)


class SerialCards:
    """A reader that sends what an RDM6300 sends: STX, ten hex digits, their XOR, ETX."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def show(self, card: str) -> float:
        """Eight hex digits; when (monotonic) the last byte was handed to the line."""
        digits = f"{_VERSION}{card}"
        return self.send(f"\x02{digits}{reduce(xor, bytes.fromhex(digits)):02X}\x03".encode())

    def send(self, raw: bytes) -> float:
        at = time.monotonic()
        os.write(self.line.far, raw)
        return at


class RelayRecorder:
    """The far end of an LCUS board: `A0 channel state sum`, no answer. Keeps what it was told."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.history = History()
        self.frames = 0
        self.strange = b""  # what was no frame
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._stopped)
        self._thread.join()
        os.close(self._stop)

    def _run(self) -> None:
        rest = b""
        while True:
            ready, _, _ = select.select([self.line.far, self._stop], (), ())
            if self._stop in ready:
                return
            at = time.monotonic()
            rest = self._take(rest + os.read(self.line.far, 4096), at)

    def _take(self, rest: bytes, at: float) -> bytes:
        while len(rest) >= 4:
            if rest[0] == 0xA0 and rest[3] == sum(rest[:3]) & 0xFF:
                self.frames += 1
                self.history.note(rest[2] & 1 == 1, at)
                rest = rest[4:]
            else:
                self.strange += rest[:1]
                rest = rest[1:]
        return rest
