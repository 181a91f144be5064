"""The kernel's simulated GPIO chip: levels from outside, and the history of every line.

It was built to keep the level of a line whose owner is gone, as the chip of a Raspberry Pi does.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.machine.guest.lab import call, wait

LABEL = "doorsim"
LINES = 32
HIGH, LOW = "high", "low"
_CONFIG = Path("/sys/kernel/config/gpio-sim")
_TRACING = Path("/sys/kernel/tracing")
_VALUE = r"gpio_value: (?P<driven>[0-9]+) set (?P<level>[01])"
_DIRECTION = r"gpio_direction: (?P<let_go>[0-9]+) +in "
_TOLD = re.compile(rf"(?P<at>[0-9]+\.[0-9]+): (?:{_VALUE}|{_DIRECTION})")


class Step(NamedTuple):
    """A line was driven to a level, at that second of the monotonic clock.

    Or made an input: then it has the level to which its wiring pulls it.
    """

    at: float
    line: int
    level: str


def is_plugged_in() -> bool:
    return (_CONFIG / "door").exists()


def plug_in() -> None:
    """Make the chip, once, and have the kernel note every command to a line from now on."""
    if is_plugged_in():
        return
    call("modprobe", "gpio-sim")
    bank = _CONFIG / "door" / "b0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text(str(LINES))
    (bank / "label").write_text(LABEL)
    (_CONFIG / "door" / "live").write_text("1")
    if not (_TRACING / "trace").exists():
        call("mount", "-t", "tracefs", "tracefs", _TRACING)
    (_TRACING / "trace_clock").write_text("mono")
    (_TRACING / "buffer_size_kb").write_text("4096")
    (_TRACING / "events/gpio/gpio_value/filter").write_text("get == 0")
    for kind in ("gpio_value", "gpio_direction"):
        (_TRACING / "events/gpio" / kind / "enable").write_text("1")


def forget() -> None:
    """Begin the history anew."""
    (_TRACING / "trace").write_text("")


def history(line: int) -> list[Step]:
    """What was done to the line since `forget`, in order."""
    return [step for step in _steps() if step.line == line]


def level(line: int) -> str:
    """The level on the wire, whoever drives it, or nobody."""
    return HIGH if (_line(line) / "value").read_text().strip() == "1" else LOW


def pull(line: int, to: str) -> None:
    """What is wired to the line pulls it there: the level of an input."""
    (_line(line) / "pull").write_text("pull-up" if to == HIGH else "pull-down")


def pulses(lines: Sequence[int], down: float, up: float) -> None:
    """One line after the other down and up again, each for so many seconds: a Wiegand reader."""
    with ExitStack() as stack:
        ends = {
            line: stack.enter_context((_line(line) / "pull").open("wb", buffering=0))
            for line in set(lines)
        }
        for line in lines:
            for level, seconds in ((b"pull-down", down), (b"pull-up", up)):
                os.pwrite(ends[line].fileno(), level, 0)
                wait(seconds)


def _pulled(line: int) -> str:
    return HIGH if (_line(line) / "pull").read_text().strip() == "pull-up" else LOW


@cache
def _line(line: int) -> Path:
    return next(Path("/sys/devices/platform/gpio-sim.0").glob(f"gpiochip*/sim_gpio{line}"))


def _steps() -> Iterator[Step]:
    first = _first()
    for found in _TOLD.finditer((_TRACING / "trace").read_text()):
        line = int(found["driven"] or found["let_go"]) - first
        high = found["level"] == "1" if found["driven"] else _pulled(line) == HIGH
        yield Step(float(found["at"]), line, HIGH if high else LOW)


def _first() -> int:
    """The number by which the kernel's traces know our line 0."""
    for path in Path("/sys/class/gpio").glob("gpiochip*"):
        if (path / "label").read_text().strip() == LABEL:
            return int((path / "base").read_text())
    raise FileNotFoundError(f"no GPIO chip labelled {LABEL}")
