"""From the last byte or bit at a driver until the command to the lock is seen at its far end.

The real controller with four doors on the ends of the rig: ptys, a libosdp peripheral, a pymodbus
board, and GPIO mock pins inside of it. Decision and synced journal are within the span.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from bench.bare import round_trips
from bench.crowd import EVENTS, PEOPLE, card, frequent, stocked
from bench.figures import Figures, percentile, spread
from bench.four import four_doors
from bench.rig.ends import Ends
from bench.rig.history import Move
from bench.scan import floor

GAP = 0.03  # seconds of silence that end a Wiegand frame, as is set by default
_PROMPT = 5.0
_ROUND = 1.2  # seconds; inputs that change faster are taken for broken


def measure(
    work: Path, *, people: int = PEOPLE, events: int = EVENTS, scans: int = 200, warm_up: int = 40
) -> Figures:
    """So many cards at each door and presses of its button, one after the other."""
    place = stocked(work, people, events)
    cards = iter([card(number) for number in frequent(people, 4 * (scans + warm_up))])
    spans: dict[str, list[float]] = {}
    syncs: list[float] = []
    with four_doors(place) as four, floor(place / "data") as insert:
        for _ in range(scans + warm_up):
            began = time.monotonic()
            for name, span in _round(four.ends, cards):
                spans.setdefault(name, []).append(span)
                syncs.append(insert() / 1e9)
            time.sleep(max(0.0, began + _ROUND - time.monotonic()))
    bare = round_trips(work, max(scans, 20))
    print(f"  floors: pty and back {_told(bare)}")
    print(f"          synced row   {_told(syncs)}")
    figures: Figures = {}
    for name, all_spans in spans.items():
        measured = all_spans[warm_up:]
        print(f"  {name:12} {_told(measured)}")
        figures[f"wire_to_lock_{name}_p99_ms"] = round(percentile(measured, 0.99) * 1000, 2)
    return figures


def _round(far: Ends, cards: Iterator[str]) -> Iterator[tuple[str, float]]:
    """A card at each door, and a press of the button: which driver, and its span."""
    drivers = {"front": "serial", "studio": "osdp", "gym": "modbus", "yard": "wiegand"}
    for door, driver in drivers.items():
        end = far.doors[door]
        at = end.show(next(cards))
        opened = _moved(end.wait_for(True, at, _PROMPT), door)
        yield driver, opened.at - at - (GAP if driver == "wiegand" else 0.0)
        _moved(end.wait_for(False, opened.at, _PROMPT), door)
    at = far.pins.press(True)
    opened = _moved(far.pins.wait_for(True, at, _PROMPT), "yard")
    yield "gpio", opened.at - at
    far.pins.press(False)
    _moved(far.pins.wait_for(False, opened.at, _PROMPT), "yard")


def _moved(move: Move | None, door: str) -> Move:
    if move is None:
        raise RuntimeError(f"the lock of {door} did not move")
    return move


def _told(seconds: list[float]) -> str:
    return spread([span * 1e9 for span in seconds])
