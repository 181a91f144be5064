"""A GPIO chip without metal, at gpiod's border: what is asked of it is written down, and edges come
over a real descriptor, numbered as the kernel numbers them.
"""

import errno
import os
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

import gpiod
from gpiod.line import Direction, Value

LINES = 54
NAMES = {"DOOR_LOCK": 17, "CONTACT": 22}

Config = dict[Iterable[int | str] | int | str, gpiod.LineSettings | None]


class FakeRequest:
    """One line as the kernel keeps it. `levels`: all it was driven to as an output, in order."""

    def __init__(self, chip: "FakeChip", line: int, settings: gpiod.LineSettings) -> None:
        self.fd, self._far = os.pipe()
        self.chip, self.line = chip, line
        self.settings: list[gpiod.LineSettings] = []
        self.levels: list[bool] = []
        self.high = True
        self.released = False
        self._events: deque[gpiod.EdgeEvent] = deque()
        self._guard = threading.Lock()
        self._number = 0
        self._set(settings)

    def _set(self, settings: gpiod.LineSettings) -> None:
        self.settings.append(settings)
        if settings.direction is Direction.OUTPUT:
            self.levels.append(settings.output_value is Value.ACTIVE)

    def reconfigure_lines(self, config: Config) -> None:
        self._answer()
        (line, settings), *others = config.items()
        assert (line, others) == (self.line, [])
        assert settings
        self._set(settings)

    def get_value(self, line: int) -> Value:
        self._answer()
        assert line == self.line
        return Value.ACTIVE if self.high else Value.INACTIVE

    def set_value(self, line: int, value: Value) -> None:
        self._answer()
        assert line == self.line
        self.levels.append(value is Value.ACTIVE)

    def edge(self, high: bool, at: float = 0.0) -> None:
        """The line takes that level at that time (monotonic seconds)."""
        self.high = high
        kind = gpiod.EdgeEvent.Type
        edge = kind.RISING_EDGE if high else kind.FALLING_EDGE
        with self._guard:
            self._number += 1
            ns = round(at * 1e9)
            self._events.append(
                gpiod.EdgeEvent(edge.value, ns, self.line, self._number, self._number)
            )
            if len(self._events) == 1:
                os.write(self._far, b"!")

    def lose(self, edges: int) -> None:
        """Edges that nobody will ever fetch: the kernel counts them and keeps them not."""
        self._number += edges

    def read_edge_events(self) -> list[gpiod.EdgeEvent]:
        self._answer()
        with self._guard:
            os.read(self.fd, 1)
            events = list(self._events)
            self._events.clear()
        return events

    def hang_up(self) -> None:
        with suppress(OSError):
            far, self._far = self._far, -1
            os.close(far)

    def release(self) -> None:
        assert not self.released, "released twice"
        self.released = True
        os.close(self.fd)  # whoever still waits for it learns nothing, as with the kernel
        self.chip.held.pop(self.line, None)

    def _answer(self) -> None:
        assert not self.released, "used after its release"
        if not self.chip.plugged:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


@dataclass
class FakeChip:
    """Opened as `gpiod.Chip`: call it with the path."""

    held: dict[int, FakeRequest] = field(default_factory=dict)
    asked: list[FakeRequest] = field(default_factory=list)  # every request there ever was
    foreign: set[int] = field(default_factory=set)  # lines that another program has
    plugged: bool = True
    opened: int = 0  # how often it is open now

    def __call__(self, path: str) -> "FakeChip":
        if not self.plugged:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self.opened += 1
        return self

    def __enter__(self) -> "FakeChip":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.opened -= 1

    def line_offset_from_id(self, id: str) -> int:  # noqa: A002 - gpiod's own word
        if id not in NAMES:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return NAMES[id]

    def request_lines(self, config: Config, consumer: str, event_buffer_size: int) -> FakeRequest:
        assert consumer == "doorward"
        ((line, settings),) = config.items()
        assert isinstance(line, int)
        assert settings
        if line >= LINES:
            raise ValueError("line offset of out range")
        if line in self.foreign or line in self.held:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self.held[line] = FakeRequest(self, line, settings)
        self.asked.append(self.held[line])
        return self.held[line]

    def unplug(self) -> None:
        self.plugged = False
        for request in self.held.values():
            request.hang_up()
