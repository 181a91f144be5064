"""gpiozero's devices over libgpiod v2: on a Raspberry Pi, and on any machine with a GPIO chip.

Level and direction of an output are asked for in one step, so that it never has another level. The
kernel debounces inputs and stamps their edges; what `hw.gpio_edges` says of them holds.
"""

import errno
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import MethodType, TracebackType
from typing import Any, Protocol, Self
from weakref import WeakMethod, ref

import gpiod
from gpiod.line import Bias, Clock, Direction, Edge, Value
from gpiozero.exc import (
    GPIOPinInUse,
    PinInvalidBounce,
    PinInvalidEdges,
    PinInvalidFunction,
    PinInvalidPin,
    PinInvalidPull,
    PinSetInput,
)
from gpiozero.pins import Factory, Pin, PinInfo

from hw.gpio_chips import line_of
from hw.gpio_edges import Edges, EdgeSource
from hw.reader_loop import monotonic

CONSUMER = "doorward"
BUFFER = 1024  # edges that the kernel keeps while this process does not run
PULLS = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "floating": Bias.DISABLED}
EDGES = {"both": Edge.BOTH, "rising": Edge.RISING, "falling": Edge.FALLING, "none": Edge.NONE}

# Lines → how they are to be, as gpiod has it.
Wanted = dict[Iterable[int | str] | int | str, gpiod.LineSettings | None]


class Request(EdgeSource, Protocol):
    """What is used of `gpiod.LineRequest`."""

    def get_value(self, line: int) -> Value: ...
    def set_value(self, line: int, value: Value) -> None: ...
    def reconfigure_lines(self, config: Wanted) -> None: ...
    def release(self) -> None: ...


class Chip(Protocol):
    """What is used of `gpiod.Chip`."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def line_offset_from_id(self, id: str) -> int: ...  # noqa: A002 - gpiod's own word
    def request_lines(self, config: Wanted, consumer: str, event_buffer_size: int) -> Request: ...


OpenChip = Callable[[str], Chip]


class GpiodFactory(Factory):  # type: ignore[misc]  # gpiozero is untyped
    """The lines of the chip at `path`, each for one device at a time.

    The chip is opened for each request alone: nothing is held while no device is there, and one
    that was unplugged is found again.
    """

    def __init__(self, path: str, open_chip: OpenChip | None = None) -> None:
        super().__init__()
        self.path = path
        self.edges = Edges()
        self._open_chip: OpenChip = open_chip or gpiod.Chip
        self._pins: dict[int, GpiodPin] = {}

    def reserve_pins(self, requester: object, *names: int | str) -> None:
        lines = [self._line(name) for name in names]
        with self._res_lock:
            for line in lines:
                owners = [owner() for owner in self._reservations[line]]
                if any(owner not in (None, requester) for owner in owners):
                    raise GPIOPinInUse(f"line {line} of {self.path} has another device here")
            for line in lines:
                self._reservations[line] = [ref(requester)]

    def release_pins(self, reserver: object, *names: int | str) -> None:
        self._release(reserver, [self._line(name) for name in names])

    def release_all(self, reserver: object) -> None:
        self._release(reserver, list(self._reservations))

    def pin(self, name: int | str) -> "GpiodPin":
        line = self._line(name)
        with self._res_lock:
            return self._pins.setdefault(line, GpiodPin(self, line))

    def close(self) -> None:
        for pin in list(self._pins.values()):
            pin.close()

    def ticks(self) -> float:
        return monotonic()

    def ticks_diff(self, later: float, earlier: float) -> float:
        return later - earlier

    def request(self, line: int, settings: gpiod.LineSettings) -> Request:
        """The line for ourselves, so set from the first moment.

        Raises OSError; PinInvalidPin: no such line; GPIOPinInUse: another program has it.
        """
        try:
            with self._open_chip(self.path) as chip:
                return chip.request_lines({line: settings}, CONSUMER, BUFFER)
        except ValueError as error:
            raise PinInvalidPin(f"{self.path} has no line {line}") from error
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise GPIOPinInUse(f"another program has line {line} of {self.path}") from error
            raise

    def _release(self, reserver: object, lines: Iterable[int]) -> None:
        with self._res_lock:
            for line in lines:
                kept = [owner for owner in self._reservations[line] if owner() is not reserver]
                self._reservations[line] = kept

    def _line(self, name: int | str) -> int:
        """Its number; a chip is asked for names alone, so that numbers need none."""
        line = line_of(name)
        if isinstance(line, int):
            return line
        try:
            with self._open_chip(self.path) as chip:
                return chip.line_offset_from_id(line)
        except (ValueError, FileNotFoundError) as error:
            raise PinInvalidPin(f"{self.path} has no line called {name!r}") from error

    def _get_board_info(self) -> None:
        return None


class GpiodPin(Pin):  # type: ignore[misc]
    """One line. An input is asked for when it is first read or listened to, with all its settings.

    An output needs its level at once: gpiozero's `initial_value=None` is refused, for it would
    leave a lock to chance.
    """

    def __init__(self, factory: GpiodFactory, line: int) -> None:
        super().__init__()
        self._factory, self._line = factory, line
        self._guard = threading.RLock()  # gpiod wants one caller at a time
        self._request: Request | None = None
        self._forget()

    def __repr__(self) -> str:
        return f"line {self._line} of {self._factory.path}"

    def close(self) -> None:
        """Let go of the line: it floats, unless its driver keeps levels (see docs/hardware.md)."""
        with self._guard:
            request, self._request = self._request, None
            self._forget()
            if request is not None:
                self._factory.edges.forget(request)
                request.release()

    def output_with_state(self, state: object) -> None:
        with self._guard:
            self._apply(gpiod.LineSettings(direction=Direction.OUTPUT, output_value=_value(state)))
            self._function = "output"

    def _forget(self) -> None:
        self._function, self._pull, self._edges = "input", "floating", "both"
        self._bounce: float | None = None
        self._when_changed: Callable[[], Any] | None = None  # a weak reference, as gpiozero has it

    def _apply(self, settings: gpiod.LineSettings) -> None:
        if self._request is None:
            self._request = self._factory.request(self._line, settings)
        else:
            self._request.reconfigure_lines({self._line: settings})

    def _listen(self) -> None:
        """Ask for the input as it is set now; told of its edges if anybody wants to be."""
        wanted = EDGES[self._edges] if self._when_changed else Edge.NONE
        self._apply(
            gpiod.LineSettings(
                direction=Direction.INPUT,
                bias=PULLS[self._pull],
                edge_detection=wanted,
                debounce_period=timedelta(seconds=self._bounce or 0.0),
                event_clock=Clock.MONOTONIC,
            )
        )
        assert self._request is not None
        self._factory.edges.forget(self._request)
        if wanted is not Edge.NONE:
            self._factory.edges.watch(self._request, repr(self), self._changed)

    def _set_again(self) -> None:
        if self._request is not None and self._function == "input":
            self._listen()

    def _changed(self, at: float, high: bool) -> None:  # noqa: FBT001 - as gpiozero calls it
        weak = self._when_changed
        if call := weak and weak():
            call(at, high)

    def _get_info(self) -> PinInfo:
        name = str(self._line)
        return PinInfo(self._line, name, frozenset({name}), "", 0, 0, frozenset({"gpio"}))

    def _get_function(self) -> str:
        return self._function

    def _set_function(self, value: str) -> None:
        if value != "input":
            raise PinInvalidFunction(f"{self!r} becomes an output with its level or not at all")
        with self._guard:
            self._function = "input"
            self._set_again()

    def _get_state(self) -> int:
        with self._guard:
            if self._request is None:
                self._listen()
            assert self._request is not None
            return int(self._request.get_value(self._line) is Value.ACTIVE)

    def _set_state(self, value: object) -> None:
        with self._guard:
            if self._function != "output" or self._request is None:
                raise PinSetInput(f"{self!r} is no output")
            self._request.set_value(self._line, _value(value))

    def _get_pull(self) -> str:
        return self._pull

    def _set_pull(self, value: str) -> None:
        if value not in PULLS:
            raise PinInvalidPull(f"pull is one of {', '.join(PULLS)}")
        with self._guard:
            self._pull = value
            self._set_again()

    def _get_bounce(self) -> float | None:
        return self._bounce

    def _set_bounce(self, value: float | None) -> None:
        if value is not None and not value >= 0:
            raise PinInvalidBounce("bounce is a number of seconds, or None")
        with self._guard:
            self._bounce = value
            self._set_again()

    def _get_edges(self) -> str:
        return self._edges

    def _set_edges(self, value: str) -> None:
        if value not in EDGES:
            raise PinInvalidEdges(f"edges is one of {', '.join(EDGES)}")
        with self._guard:
            self._edges = value
            self._set_again()

    def _get_when_changed(self) -> Callable[..., None] | None:
        return self._when_changed and self._when_changed()

    def _set_when_changed(self, value: Callable[..., None] | None) -> None:
        with self._guard:
            if value is None:
                self._when_changed = None
                self._set_again()
            else:
                self._when_changed = (
                    WeakMethod(value) if isinstance(value, MethodType) else ref(value)
                )
                self._listen()


def _value(state: object) -> Value:
    return Value.ACTIVE if state else Value.INACTIVE
