"""A keyboard that is a program: the kernel's own event bytes over a pipe."""

import errno
import os
import time
from contextlib import suppress
from dataclasses import dataclass

from hw.input_events import EVENT
from hw.wedge_keys import LAYOUTS
from hw.wedge_reader import WedgeSettings

SYN, KEY, MSC = 0, 1, 4
REPORT, DROPPED, SCAN = 0, 3, 4
ENTER, KEYPAD_ENTER, LEFT_SHIFT, RIGHT_SHIFT, CAPS, TAB = 28, 96, 42, 54, 58, 15

Stroke = tuple[int, int, int]  # type, code, value


def stroke(code: int) -> list[Stroke]:
    """One key pressed and let go, as a USB keyboard reports it."""
    return [
        *((MSC, SCAN, 0x70000 + code), (KEY, code, 1), (SYN, REPORT, 0)),
        *((MSC, SCAN, 0x70000 + code), (KEY, code, 0), (SYN, REPORT, 0)),
    ]


def shifted(code: int, shift: int = LEFT_SHIFT) -> list[Stroke]:
    return [(KEY, shift, 1), *stroke(code), (KEY, shift, 0), (SYN, REPORT, 0)]


def typed(text: str, layout: str = "us", enter: int = ENTER) -> list[Stroke]:
    """The strokes by which a reader set to that layout types this, and Enter."""
    places = {
        char: (code, chars.index(char))
        for code, chars in LAYOUTS[layout].items()  # the rows come after the keypad
        for char in chars
    }
    strokes = [places[char] for char in text]
    keys = [shifted(code) if shift else stroke(code) for code, shift in strokes]
    return [event for key in [*keys, stroke(enter)] for event in key]


@dataclass
class Wedge:
    """A keyboard that can be unplugged, and the program that holds it."""

    plugged: bool = True
    error: int = errno.ENOENT  # what opening it says while it is not plugged
    far: int = -1
    opened: int = 0
    failed: int = 0

    def open(self, settings: WedgeSettings) -> int:
        if not self.plugged:
            self.failed += 1
            raise OSError(self.error, os.strerror(self.error))
        near, self.far = os.pipe()
        os.set_blocking(near, False)
        self.opened += 1
        return near

    def send(self, strokes: list[Stroke], ago: float = 0.0) -> None:
        now = time.monotonic() - ago
        stamp = int(now), int(now % 1 * 1e6)
        os.write(self.far, b"".join(EVENT.pack(*stamp, *each) for each in strokes))

    def type(self, text: str) -> None:
        self.send(typed(text))

    def unplug(self) -> None:
        self.plugged = False
        with suppress(OSError):
            far, self.far = self.far, -1
            os.close(far)

    def plug(self) -> None:
        self.plugged = True
