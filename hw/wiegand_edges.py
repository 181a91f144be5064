"""Edges with kernel time stamps → frames of bits. Pure; what is not exactly right is refused.

D0 falls for a 0, D1 for a 1. Pulses last 20 to 100 µs, 0.2 to 20 ms apart (SIA AC-01); silence ends
a frame. The kernel may hand on the edges of two lines in the wrong order, and drops the oldest if
nobody fetches them: its time stamps put them in order, its numbers show what is missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

MOST = 128  # bits in a frame


class Edge(NamedTuple):
    """`at`: nanoseconds; `bit`: 0 or 1, by its line; `number`: counts both lines, from 1.

    The number is given before an edge can be lost in the kernel, that of a line only after.
    """

    at: int
    bit: int
    number: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Bits between two silences, or why they are `refused`; `ended`: nanoseconds, its last edge."""

    bits: str = field(repr=False)
    refused: str
    ended: int


class Framer:
    """One line request's worth of edges. `gap`, `spacing`: nanoseconds.

    Bits closer together than `spacing` are noise. Frames come out as soon as an edge shows that
    `gap` has passed; when nothing comes for so long, call `silence`.
    """

    def __init__(self, gap: int, spacing: int) -> None:
        self._gap, self._spacing = gap, spacing
        self._edges: list[Edge] = []  # of the frame that has not ended
        self._flooded = False  # it is longer than any frame, and that was told
        self._number = 0

    @property
    def waiting(self) -> bool:
        """A frame has begun and not ended."""
        return bool(self._edges)

    def feed(self, edges: Iterable[Edge]) -> list[Frame]:
        frames = []
        edges, self._edges = sorted([*self._edges, *edges]), []
        for edge in edges:
            if self._edges and edge.at - self._edges[-1].at > self._gap:
                frames += self.silence()
            self._edges.append(edge)
            if len(self._edges) > MOST or self._flooded:
                frames += self._flood()
        return frames

    def silence(self) -> list[Frame]:
        """Nothing came for `gap`: the frame that had begun is over."""
        edges, self._edges = self._edges, []
        told, self._flooded = self._flooded, False
        if told or not edges:
            return []
        return [Frame(_bits(edges), self._fault(edges), edges[-1].at)]

    def _flood(self) -> list[Frame]:
        """Of an endless frame only the last edge is kept, for the silence after it."""
        edges, self._edges = self._edges, self._edges[-1:]
        self._lost(edges)
        told, self._flooded = self._flooded, True
        why = f"more than {MOST} bits without a pause: noise on the wires, or gap is too long"
        return [] if told else [Frame(_bits(edges[:MOST]), why, edges[-1].at)]

    def _fault(self, edges: list[Edge]) -> str:
        lost = self._lost(edges)
        if lost:
            return "edges were lost on the way: the machine is overloaded, or the wires are noisy"
        steps = (later.at - edge.at for edge, later in pairwise(edges))
        closest = min(steps, default=self._spacing)
        if closest < self._spacing:
            return f"bits {closest / 1000:.0f} µs apart: faster than any reader, so it is noise"
        return ""

    def _lost(self, edges: list[Edge]) -> bool:
        """Is an edge missing among or right before these? A late one counts as well."""
        numbers = sorted(edge.number for edge in edges)
        begin, self._number = self._number + 1, max(self._number, numbers[-1])
        return numbers != list(range(begin, begin + len(numbers)))


def _bits(edges: list[Edge]) -> str:
    return "".join(str(edge.bit) for edge in edges)
