"""Contacts and buttons on gpiozero's mock pins. Debouncing is the kernel's: see test_gpiod_pins."""

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from hw.gpio_input import GpioInput, InputSettings
from hw.reader_loop import Again
from tests.contract_hw import PATIENCE, Heard, InputContract, InputRig
from tests.pins import Board, Pin

BRISK = Again(first=0.01, longest=0.02)
KINDS = [
    {"normally": normally, "pull": pull}
    for normally in ("open", "closed")
    for pull in ("up", "down", "none")
]


def settings(**keys: Any) -> InputSettings:
    return InputSettings.model_validate({"pin": 22, "normally": "open", **keys})


def level(keys: dict[str, str], closed: bool) -> bool:
    """Is the pin high? A resistor pulls it up, and the circuit, when closed, to the other side."""
    return closed if keys.get("pull") == "down" else not closed


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.reset()


@pytest.fixture
def pin(board: Board) -> Pin:
    found: Pin = board.pin(22)
    found.move(True)
    return found


@pytest.fixture
def listen(board: Board, pin: Pin) -> Iterator[Callable[..., Heard]]:
    """Start an input with these keys; gives what it tells."""
    inputs = []

    def start(reread: float = PATIENCE, **keys: Any) -> Heard:
        each = GpioInput(settings(**keys), "front/contact", pins=board, again=BRISK, reread=reread)
        inputs.append(each)
        heard = Heard()
        each.start(heard.tell)
        assert heard.next_health() == (True, "")
        return heard

    yield start
    for each in inputs:
        each.stop()


class TestContract(InputContract):
    @pytest.fixture(params=KINDS, ids=str)
    def rig(self, request: pytest.FixtureRequest, board: Board, pin: Pin) -> Iterator[InputRig]:
        keys = request.param
        rests_closed = keys["normally"] == "closed"

        def move(active: bool) -> None:
            pin.move(level(keys, closed=active is not rests_closed))

        move(False)
        each = GpioInput(settings(**keys), "front/contact", pins=board, again=BRISK)
        yield InputRig(each, move)
        each.stop()


def test_the_pin_is_set_as_the_wiring_needs_it(listen: Callable[..., Heard], pin: Pin) -> None:
    listen(pull="down", debounce="120ms")
    assert (pin.function, pin.pull, pin.bounce, pin.edges) == ("input", "down", 0.12, "both")


def test_by_default_the_circuit_is_to_ground_and_debounced(
    listen: Callable[..., Heard], pin: Pin
) -> None:
    listen()
    assert (pin.pull, pin.bounce) == ("up", 0.05)


def test_a_short_press_between_two_looks_is_told_whole(
    listen: Callable[..., Heard], pin: Pin
) -> None:
    heard = listen()
    pin.move(False)
    pin.move(True)
    told = [heard.levels.get(timeout=PATIENCE) for _ in range(3)]
    assert told == [False, True, False]


def test_an_edge_that_got_lost_is_noticed(listen: Callable[..., Heard], pin: Pin) -> None:
    with capture_logs() as logs:
        heard = listen(reread=0.01)
        assert heard.levels.get(timeout=PATIENCE) is False
        pin.move_unseen(False)
        assert heard.levels.get(timeout=PATIENCE) is True
        pin.move(True)
        assert heard.levels.get(timeout=PATIENCE) is False
    lost = [log for log in logs if "lost" in log["event"]]
    assert len(lost) == 1
    assert lost[0]["input"] == "front/contact"


class TestOutages:
    def test_a_chip_that_is_not_there_is_told_and_found_when_it_comes(
        self, board: Board, pin: Pin
    ) -> None:
        there: queue.Queue[bool] = queue.Queue()

        def pins(chip: str) -> Board:
            if there.empty():
                raise HardwareError(f"no GPIO chip {chip!r} is here")
            return board

        each = GpioInput(settings(chip="rp1"), "front/contact", pins=pins, again=BRISK)
        heard = Heard()
        each.start(heard.tell)
        ok, why = heard.next_health()
        assert not ok
        assert why.startswith("input front/contact: no GPIO chip 'rp1' is here")
        assert heard.levels.empty()

        there.put(True)
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is False
        each.stop()

    def test_one_that_goes_is_told_once_and_its_level_again_when_it_is_back(
        self, listen: Callable[..., Heard], pin: Pin
    ) -> None:
        heard = listen(reread=0.01)
        assert heard.levels.get(timeout=PATIENCE) is False
        pin.broken = True
        ok, why = heard.next_health()
        assert not ok
        assert "GPIO pin 22 does not work (the chip does not answer)" in why

        pin.broken = False
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is False
        assert heard.healths.empty()

    def test_a_pin_that_another_device_has(
        self, listen: Callable[..., Heard], board: Board
    ) -> None:
        listen()
        second = GpioInput(settings(), "front/exit_button", pins=board, again=BRISK)
        heard = Heard()
        second.start(heard.tell)
        ok, why = heard.next_health()
        second.stop()
        assert not ok
        assert "input front/exit_button: GPIO pin 22 is in use" in why

    def test_the_pin_is_given_back(self, listen: Callable[..., Heard], board: Board) -> None:
        first = GpioInput(settings(), "front/contact", pins=board, again=BRISK)
        heard = Heard()
        first.start(heard.tell)
        assert heard.next_health() == (True, "")
        first.stop()
        listen()

    def test_a_listener_that_fails_keeps_nobody_from_the_next_level(
        self, board: Board, pin: Pin
    ) -> None:
        heard = Heard()

        def tell(told: Any) -> None:
            heard.tell(told)
            raise RuntimeError("the door stumbled")

        each = GpioInput(settings(), "front/contact", pins=board, again=BRISK)
        with capture_logs():
            each.start(tell)
            assert heard.levels.get(timeout=PATIENCE) is False
            pin.move(False)
            assert heard.levels.get(timeout=PATIENCE) is True
            each.stop()


class TestTheInstaller:
    def test_says_how_the_circuit_is_at_rest(self) -> None:
        with pytest.raises(ValidationError, match="normally"):
            InputSettings.model_validate({"pin": 22})

    def test_two_devices_on_one_pin_are_noticed(self) -> None:
        (attached,) = settings(pin="BOARD15", chip="rp1").attached()
        assert attached == ("pin", ("pin", "rp1", 22), None, ())

    def test_a_debounce_that_would_miss_a_person(self) -> None:
        with pytest.raises(ValidationError, match="debounce"):
            settings(debounce="3s")

    def test_no_debounce_is_none(self, listen: Callable[..., Heard], pin: Pin) -> None:
        listen(debounce=0)
        assert pin.bounce is None
