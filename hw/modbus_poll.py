"""Reads all inputs of one Modbus unit, again and again, and hands each its value.

`POLLS` holds those of this process: a poll begins with its first input and ends with its last.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from controller.errors import HardwareError
from hw.modbus_line import LINES, Line, NoAnswer
from hw.modbus_settings import ModbusPlace
from hw.shared_lines import Shared

log = structlog.get_logger(__name__)

MOST = 64  # addresses in one read; those between two inputs are read along


@dataclass(frozen=True, slots=True)
class Quiet:
    """Seconds in which a unit that gave no answer is not asked again: at first, and at most.

    What it sends in that time is too late, and lengthens it: it must not pass for the next answer.
    """

    first: float = 1.0
    longest: float = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """One input: where it is, how often it is read (seconds), and who hears of it."""

    table: str
    address: int
    every: float
    value: Callable[[int], None]
    lost: Callable[[str], None]


class Span(NamedTuple):
    """Neighbours in one table that are read at once."""

    table: str
    first: int
    watches: list[Watch]

    @property
    def length(self) -> int:
        return self.watches[-1].address - self.first + 1


def spans(watches: list[Watch]) -> Iterator[Span]:
    """As few reads as possible."""
    span: Span | None = None
    for watch in sorted(watches, key=lambda each: (each.table, each.address)):
        if span and span.table == watch.table and watch.address - span.first < MOST:
            span.watches.append(watch)
            continue
        if span:
            yield span
        span = Span(watch.table, watch.address, [watch])
    if span:
        yield span


class Poll:
    """The thread that asks one unit."""

    def __init__(self, place: ModbusPlace, quiet: Quiet, line: Callable[[], Line]) -> None:
        self._place, self._quiet = place, quiet
        self._line = LINES.take(place.line, line)
        self._watches: list[Watch] = []
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"modbus {place.line[1]} {place.unit}", daemon=True
        )

    def join(self, watch: Watch) -> None:
        self._watches = [*self._watches, watch]
        self._woken.set()
        if not self._thread.ident:
            self._thread.start()

    def leave(self, watch: Watch) -> None:
        self._watches = [each for each in self._watches if each is not watch]

    def close(self) -> None:
        self._stopping.set()
        self._woken.set()
        if self._thread.ident and self._thread is not threading.current_thread():
            self._thread.join(2.0)
        LINES.give_back(self._place.line)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            watches = self._watches
            try:
                self._read(watches)
            except HardwareError as error:
                failures += 1
                if failures > 1 or not isinstance(error, NoAnswer):  # one is noise
                    for watch in watches:
                        self._hand(watch.lost, str(error))
                self._keep_quiet(min(self._quiet.first * 2 ** (failures - 1), self._quiet.longest))
                continue
            failures = 0
            self._woken.clear()
            if self._watches == watches and not self._stopping.is_set():
                self._woken.wait(min((each.every for each in watches), default=1.0))

    def _read(self, watches: list[Watch]) -> None:
        for span in spans(watches):
            values = self._line.read(self._place.unit, span.table, span.first, span.length)
            for watch in span.watches:
                self._hand(watch.value, values[watch.address - span.first])

    def _keep_quiet(self, seconds: float) -> None:
        """Until so long nothing came in that nobody had asked for, or stopped."""
        strays = self._line.listen()
        while not self._stopping.wait(seconds):
            before, strays = strays, self._line.listen()
            if strays == before:
                return

    def _hand(self, to: Callable[[Any], None], what: object) -> None:
        """A fault of whoever listens must not end the reading."""
        try:
            to(what)
        except Exception:
            log.exception("an input could not be handed on", unit=self._place.unit)


POLLS: Shared[Poll] = Shared()
