"""Doors at which nobody is: processor time and memory of the controller.

What has to be asked all the time (OSDP, Modbus inputs) costs for every line of it; that is measured
by itself, and besides it doors on serial lines and GPIO, which tell by themselves.
"""

import time
from contextlib import ExitStack
from pathlib import Path

from bench.crowd import EVENTS, PEOPLE, card, frequent, stocked
from bench.figures import Figures
from bench.four import ADMITS, HEAD, PLATFORM, Four, all_well, four_doors, launcher, secret
from bench.machine import busy, memory
from bench.place import running
from bench.rig.doors import doors, lines
from bench.rig.lines import Line

_PROMPT = 5.0


def measure(
    work: Path,
    *,
    people: int = PEOPLE,
    events: int = EVENTS,
    scans: int = 25,
    seconds: float = 30.0,
) -> Figures:
    """Four doors on serial lines, OSDP, Modbus and GPIO after some scans; four without polling."""
    place = stocked(work, people, events)
    with four_doors(place) as four:
        for text in map(card, frequent(people, scans)):
            _enter(four, text)
        resident, peak = memory(four.controller.pid)
        polling = _share(four.controller.pid, seconds)
    print(f"  {peak} MiB at its peak")
    return {
        "controller_four_doors_rss_mib": resident,
        "controller_polling_cpu_percent": polling,
        "controller_idle_cpu_percent": _silent(work / "idle", seconds),
    }


def _enter(four: Four, text: str) -> None:
    for end in four.ends.doors.values():
        at = end.show(text)
        opened = end.wait_for(True, at, _PROMPT)
        if not opened or not end.wait_for(False, opened.at, _PROMPT):
            raise RuntimeError(f"the lock of {end.door} did not open and shut")


def _share(pid: int, seconds: float) -> float:
    """Per cent of one core over so long."""
    before, begin = busy(pid), time.monotonic()
    time.sleep(seconds)
    return round((busy(pid) - before) / (time.monotonic() - begin) * 100, 2)


def _silent(place: Path, seconds: float) -> float:
    """The door on GPIO, and three with serial readers and relay boards."""
    secret(place)
    text = doors(place, ADMITS)
    front = text[: text.index("[doors.studio]")]
    yard = text[text.index("[doors.yard]") :]
    more = [front.replace("front", name) for name in ("left", "right")]
    config = place / "doorward.toml"
    config.write_text("".join([HEAD, front, *more, yard, PLATFORM]))
    with ExitStack() as stack:
        for door in ("front", "left", "right"):
            for end in ("reader", "relay"):
                stack.callback(Line(lines(place) / f"{door}-{end}").close)
        controller = stack.enter_context(running("controller", config, launcher(place)))
        all_well(place)
        return _share(controller.pid, seconds)
