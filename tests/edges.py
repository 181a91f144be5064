"""Two Wiegand wires without metal: what the kernel would hand on, over a real descriptor."""

import errno
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import gpiod

from hw.wiegand_reader import Lines, WiegandSettings

D0, D1 = 17, 18  # their numbers on the chip
SPACING = 1_000_000  # nanoseconds
GAP = 30_000_000
FALLING = gpiod.EdgeEvent.Type.FALLING_EDGE.value


class Stamp(NamedTuple):
    """One edge: nanoseconds, and the bit it stands for."""

    at: int
    bit: int


def stamps(bits: str, begin: int = 0, spacing: int = SPACING) -> list[Stamp]:
    return [Stamp(begin + place * spacing, int(bit)) for place, bit in enumerate(bits)]


class FakeLines:
    """One request as the kernel keeps it: numbered edges, and of too many the oldest are dropped.

    `fd` is readable while there are any, and hangs up when the chip is unplugged.
    """

    def __init__(self, kept: int = 1024) -> None:
        self.fd, self._far = os.pipe()
        self._guard = threading.Lock()
        self._kept: deque[gpiod.EdgeEvent] = deque(maxlen=kept)
        self._number = 0
        self._line_numbers = [0, 0]
        self.released = False

    def put(self, edges: Sequence[Stamp], disorder: bool = False) -> None:
        """Edges in order of time; with `disorder` those of one line come before the other's."""
        with self._guard:
            waiting = bool(self._kept)
            events = [self._event(edge) for edge in edges]
            if disorder:
                events.sort(key=lambda event: event.line_offset)
            self._kept.extend(events)
            if edges and not waiting:
                os.write(self._far, b"!")

    def lose(self, bit: int) -> None:
        """An edge that nobody will ever fetch: it is counted and not kept."""
        self._number += 1
        self._line_numbers[bit] += 1

    @property
    def idle(self) -> bool:
        return not self._kept

    def _event(self, edge: Stamp) -> gpiod.EdgeEvent:
        self.lose(edge.bit)
        line, number = (D0, D1)[edge.bit], self._line_numbers[edge.bit]
        return gpiod.EdgeEvent(FALLING, edge.at, line, self._number, number)

    def hang_up(self) -> None:
        with self._guard, suppress(OSError):
            far, self._far = self._far, -1
            os.close(far)

    def read_edge_events(self) -> list[gpiod.EdgeEvent]:
        with self._guard:
            os.read(self.fd, 1)
            events = list(self._kept)
            self._kept.clear()
        return events

    def release(self) -> None:
        assert not self.released, "released twice"
        self.released = True
        os.close(self.fd)
        self.hang_up()


@dataclass
class Wires:
    """A chip with two lines that can be unplugged, and a Wiegand reader at them."""

    plugged: bool = True
    error: int = errno.ENODEV  # what opening them says while they are not plugged
    requests: list[FakeLines] = field(default_factory=list)
    _quiet: int = 0  # nanoseconds; when the last frame's gap is over

    def open(self, settings: WiegandSettings) -> Lines:
        if not self.plugged:
            raise OSError(self.error, os.strerror(self.error))
        self.requests.append(FakeLines())
        return Lines(self.requests[-1], (D0, D1))

    @property
    def line(self) -> FakeLines:
        return self.requests[-1]

    def send(
        self, bits: str, spacing: int = SPACING, ago: float = 0.0, disorder: bool = False
    ) -> None:
        """One frame whose last bit comes now, or so many seconds ago; never within another."""
        length = spacing * (len(bits) - 1)
        begin = max(time.monotonic_ns() - round(ago * 1e9) - length, self._quiet)
        self._quiet = begin + length + 2 * GAP
        self.line.put(stamps(bits, begin, spacing), disorder)

    def unplug(self) -> None:
        self.plugged = False
        if self.requests:
            self.requests[-1].hang_up()

    def plug(self) -> None:
        self.plugged = True


def framed(payload: str) -> str:
    """A payload of 24, 32 or 35 bits between its parity bits (26, 34, 37)."""
    half = {24: 12, 32: 16, 35: 18}[len(payload)]
    even = payload[:half].count("1") % 2
    odd = 1 - payload[-half:].count("1") % 2
    return f"{even}{payload}{odd}"
