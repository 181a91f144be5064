"""Wiegand readers on two GPIO lines, through libgpiod v2: the kernel stamps every edge.

Formats and timing: see `hw.wiegand_bits` and `hw.wiegand_edges`. The wires carry no secret and no
answer: whoever gets at them can copy a card, and a reader that is gone looks like one at rest.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, Self

import gpiod
from gpiod.line import Bias, Clock, Direction
from gpiod.line import Edge as Falling
from pydantic import AfterValidator, Field, model_validator

from controller.config import Attached, Seconds, Strict
from controller.errors import HardwareError
from controller.model import Strength
from controller.ports import Card, Keys, Tell
from hw.gpio_chips import find_chip, line_of
from hw.reader_loop import STALE, Again, ReaderLoop, monotonic
from hw.wiegand_bits import LONGEST, SHORTEST, decoded, key
from hw.wiegand_edges import Edge, Frame, Framer

BUFFER = 1024  # edges that the kernel keeps while this process does not run
BURSTS = (4, 8)  # bits of one key
BIAS = {"up": Bias.PULL_UP, "none": Bias.AS_IS}
EDGES = {"falling": Falling.FALLING, "rising": Falling.RISING}


def _pin(value: int | str) -> int | str:
    try:
        line = line_of(value)
    except HardwareError as error:
        raise ValueError(str(error)) from None
    if line == "" or (isinstance(line, int) and line < 0):
        raise ValueError('must be a GPIO number, e.g. 17, or the name of a line, e.g. "GPIO17"')
    return line


Pin = Annotated[int | str, AfterValidator(_pin)]
Bits = Annotated[int, Field(ge=SHORTEST, le=LONGEST)]


class WiegandSettings(Strict):
    """Which two lines, and what may come over them."""

    driver: Literal["wiegand"] = "wiegand"
    d0: Pin = Field(description="the GPIO of DATA0 (often green), e.g. 17")
    d1: Pin = Field(description="the GPIO of DATA1 (often white), e.g. 18")
    chip: str = Field(default="", description="label of the GPIO chip; a Pi's header if left out")
    formats: tuple[Literal["26", "34", "35", "37"], ...] = Field(
        default=("26", "34", "35", "37"), description="frames with parity that are taken"
    )
    raw: tuple[Bits, ...] = Field(
        default=(), description="so many bits are taken whole, without any parity being checked"
    )
    keypad: bool = Field(default=False, description="bursts of 4 and 8 bits are keys")
    pin_facility: int | None = Field(
        default=None, ge=0, le=255, description="26 bits of this facility are a PIN, not a card"
    )
    pin_digits: int = Field(default=4, ge=1, le=5, description="and have so many digits, or more")
    gap: Seconds = Field(default=0.03, ge=0.005, le=1, description="silence that ends a frame")
    spacing: Seconds = Field(default=0.0001, le=0.01, description="bits closer than that are noise")
    edge: Literal["falling", "rising"] = Field(
        default="falling", description="'rising' behind a level shifter that inverts"
    )
    pull: Literal["up", "none"] = Field(default="up", description="the chip's own resistor")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.d0 == self.d1:
            raise ValueError("d0 and d1 are the same line; the reader has two data wires")
        both = [bits for bits in self.raw if str(bits) in self.formats]
        if both:
            raise ValueError(f"raw: {both[0]} bits are in formats already; take them out of one")
        if self.pin_facility is not None and "26" not in self.formats:
            raise ValueError('pin_facility: PINs come as 26 bits; add "26" to formats')
        if not (self.formats or self.raw or self.keypad):
            raise ValueError("formats is empty, and so is raw: nothing would be taken")
        return self

    def attached(self) -> list[Attached]:
        pins = {"d0": self.d0, "d1": self.d1}
        return [Attached(name, ("pin", self.chip, pin)) for name, pin in pins.items()]


class Request(Protocol):
    """What is used of `gpiod.LineRequest`."""

    @property
    def fd(self) -> int: ...
    def read_edge_events(self) -> list[gpiod.EdgeEvent]: ...
    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Both lines in one request, and the numbers of D0 and D1 on their chip."""

    request: Request
    offsets: tuple[int, int]


OpenLines = Callable[[WiegandSettings], Lines]


class WiegandReader:
    """One thread sleeps until the kernel has edges; it may come late, for they are stamped."""

    Settings = WiegandSettings

    def __init__(
        self,
        settings: WiegandSettings,
        name: str,
        *,
        open_lines: OpenLines | None = None,
        again: Again | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._settings = settings
        self._open_lines = open_lines or opened
        self._clock = clock
        self._loop = ReaderLoop(name, self._session, self._explained, again)

    def start(self, tell: Tell) -> None:
        self._loop.start(tell)

    def stop(self) -> None:
        self._loop.stop()

    def _session(self) -> None:
        lines = self._open_lines(self._settings)
        try:
            self._loop.works()
            self._listen(lines)
        finally:
            lines.request.release()

    def _listen(self, lines: Lines) -> None:
        own = self._settings
        framer = Framer(round(own.gap * 1e9), round(own.spacing * 1e9))
        while not self._loop.stopping.is_set():
            if self._loop.ready(lines.request.fd, own.gap if framer.waiting else None):
                events = lines.request.read_edge_events()
                frames = framer.feed(_edge(event, lines.offsets) for event in events)
            else:
                frames = framer.silence()
            for frame in frames:
                self._deliver(frame)

    def _deliver(self, frame: Frame) -> None:
        if frame.refused:
            self._refuse(frame.refused, frame.bits)
        elif self._clock() - frame.ended / 1e9 > STALE:
            self._refuse("it was sent while this machine was busy or asleep", frame.bits)
        elif len(frame.bits) in BURSTS and self._settings.keypad:
            self._key(frame.bits)
        else:
            self._card(frame.bits)

    def _key(self, bits: str) -> None:
        pressed = key(bits)
        if pressed:
            self._loop.tell(Keys(pressed))
        else:
            self._refuse(f"{len(bits)} bits that are no key", bits)

    def _card(self, bits: str) -> None:
        own = self._settings
        card = decoded(bits, own.formats, own.raw)
        if card.refused:
            hint = ": a key? Then set keypad = true" if len(bits) in BURSTS else ""
            self._refuse(card.refused + hint, bits)
        elif len(bits) == 26 and int(bits[1:9], 2) == own.pin_facility:
            pin = str(int(bits[9:25], 2)).zfill(own.pin_digits)
            self._loop.tell(Keys(f"*{pin}#"))
        else:
            self._loop.tell(Card(card.text, Strength.WIEGAND, bits))

    def _refuse(self, why: str, bits: str) -> None:
        """What may be a key or a PIN is shown to nobody."""
        pin = len(bits) == 26 and self._settings.pin_facility is not None
        self._loop.refuse(why, "" if pin or len(bits) in BURSTS else bits)

    def _explained(self, error: Exception) -> str:
        own = self._settings
        what = f"GPIO lines {own.d0} and {own.d1}"
        why, remedy = str(error), ""
        if isinstance(error, OSError):
            why, remedy = _CAUSES.get(error.errno or 0, _OTHER)
            why = f"{what} {why} ({error.strerror or error})"
        return (
            f"reader {self.name}: {why}. This reader takes no cards; all else goes on, and it is "
            f"tried again by itself.{remedy}"
        )


def opened(settings: WiegandSettings) -> Lines:
    """Both lines, asked for at once, with a long buffer and without any debouncing.

    OSError, or HardwareError if there is no such chip or line.
    """
    path = find_chip(settings.chip)
    with gpiod.Chip(path) as chip:
        try:
            d0, d1 = (chip.line_offset_from_id(pin) for pin in (settings.d0, settings.d1))
            request = chip.request_lines(
                {(d0, d1): line_settings(settings)}, "doorward wiegand", BUFFER
            )
        except (ValueError, FileNotFoundError) as error:
            raise HardwareError(
                f"{path} has no lines {settings.d0} and {settings.d1} ({error}). "
                "Correct d0 and d1, or chip"
            ) from error
    return Lines(request, (d0, d1))


def line_settings(settings: WiegandSettings) -> gpiod.LineSettings:
    """An input that tells each edge with a stamp of the clock that `hw.reader_loop` reads."""
    return gpiod.LineSettings(
        direction=Direction.INPUT,
        bias=BIAS[settings.pull],
        edge_detection=EDGES[settings.edge],
        event_clock=Clock.MONOTONIC,
    )


def _edge(event: gpiod.EdgeEvent, offsets: tuple[int, int]) -> Edge:
    return Edge(event.timestamp_ns, offsets.index(event.line_offset), event.global_seqno)


_OTHER = ("do not work", " To do: check that the chip is there and can tell edges.")
_CAUSES = {
    errno.EBUSY: (
        "are in use",
        " To do: stop the other program, and give each device lines of its own.",
    ),
    errno.EACCES: ("may not be opened", " To do: let the service's user into the group gpio."),
    errno.EPERM: ("may not be opened", " To do: let the service's user into the group gpio."),
    errno.ENODEV: ("are gone", " To do: plug the GPIO adapter in again, check its power."),
    errno.ENOTSUP: ("do not take these settings", ' To do: try pull = "none".'),
    errno.EINVAL: ("do not take these settings", ' To do: try pull = "none"; check d0 and d1.'),
}
