"""Lamps and a buzzer on GPIO pins, through gpiozero.

What each signal looks and sounds like: see `SHOWN`.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import cycle, groupby, islice
from typing import Literal, NamedTuple, Self

import structlog
from pydantic import Field, model_validator

from controller.config import Attached, Strict
from controller.ports import Signal
from hw.gpio_pins import Output, Pin, Pins, pins_of, reason

log = structlog.get_logger(__name__)

TICK = 0.1  # seconds
LAMPS = ("green", "red", "buzzer")

Wait = Callable[[threading.Event, float | None], bool]


class Shown(NamedTuple):
    """One character is one `TICK`: "#" on, "." off. All but `first` goes on and on.

    `first`: the buzzer when the signal begins; then `buzzer`.
    """

    green: str
    red: str
    buzzer: str = "."
    first: str = ""


# fmt: off
SHOWN = {
    #                      green                   red                     buzzer          first
    Signal.IDLE:     Shown(".",                    "."),
    Signal.GRANTED:  Shown("#",                    ".",                    ".",            "###"),
    Signal.DENIED:   Shown(".",                    "#",                    ".",            "#.#.#"),
    Signal.WAIT:     Shown("##..",                 "..##"),
    Signal.UNLOCKED: Shown("##################..", "."),
    Signal.LOCKDOWN: Shown(".",                    "#.#......."),
    Signal.HELD:     Shown(".",                    "##..",                 "##.........."),
    Signal.OFFLINE:  Shown("#...................", "#..................."),
}
# fmt: on


class Step(NamedTuple):
    """What is on, of `LAMPS`, for so many seconds; None: until the next signal."""

    on: tuple[bool, ...]
    seconds: float | None


def steps(shown: Shown) -> Iterator[Step]:
    """What happens, in order, for as long as the signal lasts."""
    lamps = shown.green, shown.red
    yield from _merged(zip(*map(cycle, lamps), shown.first, strict=False))
    rows = *lamps, shown.buzzer
    ticks = zip(*map(cycle, rows), strict=False)
    again = _merged(islice(ticks, max(map(len, rows))))
    yield from cycle(again) if len(again) > 1 else [again[0]._replace(seconds=None)]


def _merged(ticks: Iterable[tuple[str, ...]]) -> list[Step]:
    return [
        Step(tuple(mark == "#" for mark in tick), TICK * len(list(same)))
        for tick, same in groupby(ticks)
    ]


class IndicatorSettings(Strict):
    """Which of lamps and buzzer there are, and where."""

    driver: Literal["gpio-indicator"] = "gpio-indicator"
    green: Pin | None = Field(default=None, description="the pin of the green lamp")
    red: Pin | None = Field(default=None, description="the pin of the red lamp")
    buzzer: Pin | None = Field(
        default=None, description="the pin of a buzzer that sounds by itself"
    )
    chip: str = Field(default="", description="label of the GPIO chip; a Pi's header if left out")
    active_high: bool = Field(default=True, description="false: they are on at low level")

    @property
    def pins(self) -> dict[str, int | str]:
        """By lamp, those that there are."""
        return {lamp: pin for lamp in LAMPS if (pin := getattr(self, lamp)) is not None}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.pins:
            raise ValueError("nothing is connected; write at least one of green, red and buzzer")
        if len(set(self.pins.values())) < len(self.pins):
            raise ValueError("green, red and buzzer need a pin each")
        return self

    def attached(self) -> list[Attached]:
        return [Attached(lamp, ("pin", self.chip, pin)) for lamp, pin in self.pins.items()]


class GpioIndicator:
    """A thread of its own does the blinking. What does not work is logged once, and tried again at
    the next signal.
    """

    Settings = IndicatorSettings

    def __init__(
        self,
        settings: IndicatorSettings,
        name: str,
        *,
        pins: Pins = pins_of,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self.name = name
        self._settings, self._pins, self._wait = settings, pins, wait
        self._signal = Signal.IDLE
        self._news = threading.Event()
        self._stopped = False
        self._outputs: dict[str, Output] = {}
        self._failed = False
        self._thread: threading.Thread | None = None

    def show(self, signal: Signal, text: str = "") -> None:  # noqa: ARG002 - lamps show no text
        self._signal = signal
        self._news.set()
        if self._thread is None and not self._stopped:
            thread = threading.Thread(target=self._run, name=f"indicator {self.name}", daemon=True)
            with suppress(RuntimeError):  # no thread to be had; the next signal tries again
                thread.start()
                self._thread = thread

    def stop(self) -> None:
        """All off, and the pins given back."""
        self._stopped = True
        self._news.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stopped:
            self._news.clear()
            if not self._stopped:
                self._play(steps(SHOWN[self._signal]))
        self._let_go()

    def _play(self, steps: Iterator[Step]) -> None:
        for step in steps:
            lit = self._light(step.on)
            if self._wait(self._news, step.seconds if lit else None) or not lit:
                return

    def _light(self, on: tuple[bool, ...]) -> bool:
        try:
            self._outputs = self._outputs or self._opened()
            for lamp, lit in zip(LAMPS, on, strict=True):
                if lamp in self._outputs:
                    self._outputs[lamp].value = lit
        except Exception as error:  # noqa: BLE001 - nobody is kept out because a lamp is broken
            self._fails(error)
            return False
        if self._failed:
            log.info("indicator works again", indicator=self.name)
        self._failed = False
        return True

    def _opened(self) -> dict[str, Output]:
        own, opened = self._settings, {}
        pins = self._pins(own.chip)
        try:
            for lamp, pin in own.pins.items():
                opened[lamp] = Output(pin, on=False, active_high=own.active_high, pins=pins)
        except BaseException:
            _close(opened.values())
            raise
        return opened

    def _fails(self, error: Exception) -> None:
        self._let_go()
        if not self._failed:
            pins = ", ".join(f"{lamp} {pin}" for lamp, pin in self._settings.pins.items())
            why = reason(error, f"GPIO pin ({pins})")
            log.warning(
                "indicator does not work; it is tried again at the next signal",
                indicator=self.name,
                why=why,
            )
        self._failed = True

    def _let_go(self) -> None:
        outputs, self._outputs = self._outputs, {}
        _close(outputs.values())


def _close(outputs: Iterable[Output]) -> None:
    for output in outputs:
        with suppress(Exception):
            output.off()
        with suppress(Exception):
            output.close()
