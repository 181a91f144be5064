"""Lamps and a buzzer on gpiozero's mock pins, watched by eyes that know what signals look like."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from queue import Queue
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from controller.ports import Signal
from hw.gpio_indicator import LAMPS, SHOWN, TICK, GpioIndicator, IndicatorSettings, Shown, steps
from tests.contract_hw import PATIENCE, IndicatorContract, IndicatorRig
from tests.pins import Board, Pin

GREEN, RED, BUZZER = 5, 6, 13
FOR_EVER = 1000  # ticks
LOOK = 24  # ticks within which every signal can be told from every other


def settings(**keys: Any) -> IndicatorSettings:
    return IndicatorSettings.model_validate(keys or {"green": GREEN, "red": RED, "buzzer": BUZZER})


def line(signal: Signal, ticks: int = LOOK) -> list[tuple[bool, ...]]:
    """What is on at each tick from the beginning."""
    found: list[tuple[bool, ...]] = []
    for step in steps(SHOWN[signal]):
        found += [step.on] * (FOR_EVER if step.seconds is None else round(step.seconds / TICK))
        if len(found) >= ticks:
            break
    return found[:ticks]


class Eyes:
    """Stand where the indicator waits: they see the pins, and let time pass in no time."""

    def __init__(self, board: Board, active_high: bool = True) -> None:
        self._pins = [board.pin(number) for number in (GREEN, RED, BUZZER)]
        self._active_high = active_high
        self._looked = threading.Condition()
        self._news: threading.Event | None = None
        self._ticks: list[tuple[bool, ...]] = []  # since the last signal

    def wait(self, news: threading.Event, seconds: float | None) -> bool:
        with self._looked:
            self._news = news
            if len(self._ticks) < LOOK:
                ticks = FOR_EVER if seconds is None else round(seconds / TICK)
                self._ticks += [self.lit] * ticks
            self._looked.notify_all()
        changed = news.wait(None if seconds is None else 0.001)
        if changed:
            with self._looked:
                self._ticks = []
        return changed

    @property
    def lit(self) -> tuple[bool, ...]:
        return tuple(
            pin.function == "output" and bool(pin.state) is self._active_high for pin in self._pins
        )

    @property
    def given_back(self) -> bool:
        return all(pin.function == "input" for pin in self._pins)

    def shown(self) -> Signal:
        """The signal that looks and sounds like that from its first moment on."""
        with self._looked:
            assert self._looked.wait_for(self._seen_enough, PATIENCE)
            if self.given_back:
                return Signal.IDLE
            (signal,) = [each for each in Signal if line(each) == self._ticks[:LOOK]]
            return signal

    def _seen_enough(self) -> bool:
        if self._news is None:
            return False
        return self.given_back or (not self._news.is_set() and len(self._ticks) >= LOOK)


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.reset()


@pytest.fixture
def eyes(board: Board) -> Eyes:
    return Eyes(board)


@pytest.fixture
def make(board: Board, eyes: Eyes) -> Iterator[Callable[..., GpioIndicator]]:
    made = []

    def make(wait: Any = None, pins: Any = None, **keys: Any) -> GpioIndicator:
        each = GpioIndicator(
            settings(**keys), "front/indicator", pins=pins or board, wait=wait or eyes.wait
        )
        made.append(each)
        return each

    yield make
    for each in made:
        each.stop()


class TestContract(IndicatorContract):
    @pytest.fixture
    def rig(self, make: Callable[..., GpioIndicator], eyes: Eyes) -> IndicatorRig:
        return IndicatorRig(make(), eyes.shown)


class TestActiveLow(IndicatorContract):
    @pytest.fixture
    def rig(self, make: Callable[..., GpioIndicator], board: Board) -> IndicatorRig:
        eyes = Eyes(board, active_high=False)
        wired = {"green": GREEN, "red": RED, "buzzer": BUZZER, "active_high": False}
        return IndicatorRig(make(wait=eyes.wait, **wired), eyes.shown)


class TestSignals:
    @pytest.mark.parametrize("lamps", [("green", "red"), LAMPS], ids=" ".join)
    def test_each_is_like_no_other_within_seconds(self, lamps: tuple[str, ...]) -> None:
        """With or without a buzzer."""
        seen = [tuple(tick[: len(lamps)] for tick in line(signal)) for signal in Signal]
        assert len(set(seen)) == len(seen)

    def test_colours_need_not_be_told_apart_where_it_matters(self) -> None:
        """Granted and denied differ by sound, and no two that last by rhythm alone."""
        assert [tick[2] for tick in line(Signal.GRANTED)] != [t[2] for t in line(Signal.DENIED)]
        lasting = (Signal.UNLOCKED, Signal.LOCKDOWN, Signal.HELD, Signal.OFFLINE)
        rhythms = {tuple(any(tick[:2]) for tick in line(signal)) for signal in lasting}
        assert len(rhythms) == len(lasting)

    def test_every_one_has_its_pattern(self) -> None:
        assert set(SHOWN) == set(Signal)

    def test_granted_is_green_for_as_long_as_it_lasts_and_one_beep(self) -> None:
        *beep, last = steps(SHOWN[Signal.GRANTED])
        assert [step.on for step in beep] == [(True, False, True)]
        assert beep[0].seconds == pytest.approx(0.3)
        assert last == ((True, False, False), None)

    def test_a_door_held_open_is_heard_again_and_again(self) -> None:
        beeps = [tick[2] for tick in line(Signal.HELD, 60)]
        assert [beeps[at : at + 12].count(True) for at in range(0, 60, 12)] == [2] * 5

    def test_only_what_warns_sounds_on_and_on(self) -> None:
        noisy = {signal for signal in Signal if any(t[2] for t in line(signal, 500)[100:])}
        assert noisy == {Signal.HELD}

    def test_rows_of_one_signal_begin_together_each_time(self) -> None:
        for shown in SHOWN.values():
            lengths = [len(row) for row in shown[:3]]
            assert [max(lengths) % length for length in lengths] == [0, 0, 0]

    def test_the_table_is_read_tick_by_tick(self) -> None:
        found = islice(steps(Shown("#.", ".", "..##", "##")), 5)
        assert [("".join("-x"[on] for on in step.on), step.seconds) for step in found] == [
            ("x-x", TICK),
            ("--x", TICK),
            ("x--", TICK),
            ("---", TICK),
            ("x-x", TICK),
        ]


class TestTheLamps:
    def test_a_lamp_alone_is_enough(
        self, make: Callable[..., GpioIndicator], board: Board, eyes: Eyes
    ) -> None:
        indicator = make(red=RED)
        indicator.show(Signal.DENIED)
        red: Pin = board.pin(RED)
        assert red.levels.get(timeout=PATIENCE) is False
        assert red.levels.get(timeout=PATIENCE) is True
        assert board.pin(GREEN).function == "input"

    def test_nothing_flashes_when_they_are_made(
        self, make: Callable[..., GpioIndicator], board: Board, eyes: Eyes
    ) -> None:
        """A lamp that is on at low level is off from its first moment."""
        indicator = make(
            wait=Eyes(board, active_high=False).wait, green=GREEN, red=RED, active_high=False
        )
        indicator.show(Signal.IDLE)
        red: Pin = board.pin(RED)
        assert red.levels.get(timeout=PATIENCE) is True
        indicator.stop()
        assert set(red.levels.queue) == {True}

    def test_the_pattern_that_ships_takes_real_time(
        self, make: Callable[..., GpioIndicator], board: Board
    ) -> None:
        indicator = make(wait=threading.Event.wait, green=GREEN, red=RED)
        indicator.show(Signal.WAIT)
        red: Pin = board.pin(RED)
        told: list[bool] = []
        while told[-2:] != [True, False]:  # once off and on and off again
            told.append(red.levels.get(timeout=PATIENCE))
        indicator.stop()

    def test_stop_gives_the_pins_back_and_ends_the_thread(
        self, make: Callable[..., GpioIndicator], eyes: Eyes
    ) -> None:
        before = set(threading.enumerate())
        indicator = make()
        indicator.show(Signal.HELD)
        assert eyes.shown() is Signal.HELD
        indicator.stop()
        assert eyes.given_back
        assert set(threading.enumerate()) <= before
        indicator.show(Signal.GRANTED)
        assert set(threading.enumerate()) <= before

    def test_nothing_runs_before_there_is_something_to_show(
        self, make: Callable[..., GpioIndicator], board: Board
    ) -> None:
        before = set(threading.enumerate())
        make().stop()
        assert set(threading.enumerate()) <= before
        assert not board.asked


class TestABrokenBoard:
    def test_a_missing_chip_is_logged_once_and_tried_at_the_next_signal(
        self, make: Callable[..., GpioIndicator], board: Board
    ) -> None:
        asked: Queue[str] = Queue()
        there = threading.Event()

        def pins(chip: str) -> Board:
            asked.put(chip)
            if not there.is_set():
                raise HardwareError("no GPIO chip is here")
            return board

        with capture_logs() as logs:
            indicator = make(pins=pins)
            for signal in (Signal.GRANTED, Signal.IDLE, Signal.DENIED):
                indicator.show(signal)
                assert asked.get(timeout=PATIENCE) == ""
            there.set()
            indicator.show(Signal.LOCKDOWN)
            red: Pin = board.pin(RED)
            while not red.levels.get(timeout=PATIENCE):
                pass
            indicator.stop()
        assert [(log["log_level"], log["indicator"]) for log in logs] == [
            ("warning", "front/indicator"),
            ("info", "front/indicator"),
        ]
        assert "no GPIO chip is here" in logs[0]["why"]

    def test_a_lamp_that_breaks_is_no_reason_to_raise(
        self, make: Callable[..., GpioIndicator], board: Board
    ) -> None:
        waits: Queue[float | None] = Queue()

        def wait(news: threading.Event, seconds: float | None) -> bool:
            waits.put(seconds)
            return news.wait(seconds)

        with capture_logs() as logs:
            indicator = make(wait=wait)
            indicator.show(Signal.IDLE)
            assert waits.get(timeout=PATIENCE) is None
            red: Pin = board.pin(RED)
            red.broken = True
            indicator.show(Signal.DENIED)
            assert waits.get(timeout=PATIENCE) is None
            indicator.stop()
        assert [log["log_level"] for log in logs] == ["warning"]
        assert f"red {RED}" in logs[0]["why"]


class TestTheInstaller:
    def test_nothing_connected(self) -> None:
        with pytest.raises(ValidationError, match="write at least one of green, red and buzzer"):
            settings(active_high=False)

    def test_two_lamps_on_one_pin(self) -> None:
        with pytest.raises(ValidationError, match="need a pin each"):
            settings(green=5, red="GPIO5")

    def test_each_pin_is_taken(self) -> None:
        attached = settings(green=5, buzzer="BOARD33", chip="rp1").attached()
        assert [(each.key, each.line) for each in attached] == [
            ("green", ("pin", "rp1", 5)),
            ("buzzer", ("pin", "rp1", 13)),
        ]
