"""How close together the bits of a Wiegand frame may come before the software loses one.

Interrupts and wires are not in it: what the kernel of a loaded Pi loses is to be tried on a Pi.
"""

import threading
import time
from collections import deque
from pathlib import Path

from bench.figures import Figures
from controller.ports import Card, Told
from hw.wiegand_bits import decoded
from hw.wiegand_edges import Edge, Framer
from hw.wiegand_reader import WiegandReader, WiegandSettings
from tests.edges import D0, D1, GAP, Stamp, Wires, framed, stamps

BITS = framed(f"{0x123456789:035b}")  # 37, the longest format
TRIED = (100, 80, 60, 50, 40, 30, 20, 15, 10, 8, 6, 5, 4, 3, 2)  # microseconds


def measure(_: Path, frames: int = 200) -> Figures:
    """Bits of Wiegand frames: how close they may come, and how many are decoded in a second."""
    return {
        "wiegand_min_spacing_us": wiegand_min_spacing_us(frames),
        "wiegand_decoded_bits_per_s": decoded_bits_per_s(frames),
    }


def wiegand_min_spacing_us(frames: int = 200) -> float:
    """Microseconds between bits at which a real `WiegandReader` still reads every frame.

    The bits come one by one in real time through a descriptor that holds as many as the kernel's,
    and frame after frame without a pause, which no reader does: infinite if even 100 are too few.
    """
    found = float("inf")
    for spacing in TRIED:
        if frames_read(frames, spacing) < frames:
            break
        found = float(spacing)
    return found


def frames_read(frames: int, spacing: float) -> int:
    """How many of so many frames are read whose bits come so many microseconds apart."""
    wires, cards, started = Wires(), deque[Told](), threading.Event()

    def tell(told: Told) -> None:
        started.set()
        if isinstance(told, Card):
            cards.append(told)

    settings = WiegandSettings(d0=D0, d1=D1, spacing=0)
    reader = WiegandReader(settings, "bench", open_lines=wires.open, clock=lambda: 0.0)
    reader.start(tell)
    started.wait(10.0)
    _send(wires, [edge for number in range(frames) for edge in _frame(number, spacing)], spacing)
    _settled(wires)
    reader.stop()
    return len(cards)


def decoded_bits_per_s(frames: int = 200) -> float:
    """Bits in a second from stamped edges to cards, without any reading."""
    edges = [edge for number in range(frames) for edge in _frame(number, 1000)]
    numbered = [Edge(edge.at, edge.bit, number) for number, edge in enumerate(edges, 1)]
    begin = time.perf_counter()
    framer, cards = Framer(GAP, 0), 0
    for first in range(0, len(numbered), len(BITS)):
        for frame in framer.feed(numbered[first : first + len(BITS)]):
            cards += not decoded(frame.bits).refused
    cards += sum(not decoded(frame.bits).refused for frame in framer.silence())
    if cards != frames:
        raise RuntimeError(f"{cards} of {frames} frames were decoded")
    return round(len(edges) / (time.perf_counter() - begin))


def _frame(number: int, spacing: float) -> list[Stamp]:
    """The gap that parts two frames is in their stamps alone."""
    step = round(spacing * 1000)
    return stamps(BITS, number * (len(BITS) * step + 2 * GAP), step)


def _send(wires: Wires, edges: list[Stamp], spacing: float) -> None:
    begin = time.monotonic()
    for number, edge in enumerate(edges):
        due = begin + number * spacing / 1e6
        while time.monotonic() < due:  # a nap would be longer than the time between two bits
            time.sleep(0)
        wires.line.put([edge])


def _settled(wires: Wires) -> None:
    """Until everything was fetched, and the gap after the last frame is over."""
    until = time.monotonic() + 10.0
    while not wires.line.idle and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.2)
