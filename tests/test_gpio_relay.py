"""A relay on gpiozero's mock pins: off at first, off at last, never on for longer than allowed."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from hw.gpio_relay import RETRY, GpioRelay, RelaySettings, ring_after
from tests.contract_hw import PATIENCE, LockContract, LockRig


class Pin(MockPin):  # type: ignore[misc]  # gpiozero is untyped
    """A pin that tells each level it takes, and can break."""

    def __init__(self, *args: Any) -> None:
        self.levels: queue.Queue[bool] = queue.Queue()
        self.broken = False
        super().__init__(*args)

    def _set_state(self, value: bool) -> None:
        if self.broken:
            raise OSError("the chip does not answer")
        super()._set_state(value)
        self.levels.put(bool(value))

    def history(self) -> list[bool]:
        """The level it was found at, and every change since."""
        return [change.state for change in self.states]


@dataclass
class Alarms:
    """Alarms that ring when the test says so."""

    pending: dict[int, tuple[float, Callable[[], None]]] = field(default_factory=dict)
    count: int = 0

    def __call__(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        self.count += 1
        number = self.count
        self.pending[number] = seconds, action
        return lambda: self.pending.pop(number, None) and None

    @property
    def seconds(self) -> list[float]:
        return [seconds for seconds, _ in self.pending.values()]

    def ring(self) -> None:
        (number,) = self.pending
        _, action = self.pending.pop(number)
        action()


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    board = MockFactory(pin_class=Pin)
    monkeypatch.setattr(Device, "pin_factory", board)
    yield board
    board.reset()


@pytest.fixture
def pin(board: MockFactory) -> Pin:
    found: Pin = board.pin(17)
    return found


@pytest.fixture
def alarms() -> Alarms:
    return Alarms()


@pytest.fixture
def relay(board: MockFactory, alarms: Alarms) -> Iterator[GpioRelay]:
    relay = GpioRelay(RelaySettings(pin=17), "front/lock", after=alarms)
    yield relay
    relay.stop()


class TestActiveHigh(LockContract):
    @pytest.fixture
    def rig(self, relay: GpioRelay, pin: Pin) -> LockRig:
        return LockRig(relay, lambda: bool(pin.state))


class TestActiveLow(LockContract):
    @pytest.fixture
    def rig(self, board: MockFactory, pin: Pin) -> Iterator[LockRig]:
        relay = GpioRelay(RelaySettings(pin=17, active_high=False), "front/lock")
        yield LockRig(relay, lambda: pin.function == "output" and not pin.state)
        relay.stop()


class TestTheLevels:
    def test_of_a_relay_that_pulls_at_high(self, relay: GpioRelay, pin: Pin) -> None:
        assert pin.function == "output"
        relay.release()
        relay.release()
        relay.secure()
        relay.release()
        relay.stop()

        assert pin.history() == [False, True, False, True, False]
        assert pin.function == "input"

    def test_of_a_relay_that_pulls_at_low(self, board: MockFactory, pin: Pin) -> None:
        relay = GpioRelay(RelaySettings(pin=17, active_high=False), "front/lock")
        assert (pin.function, pin.state) == ("output", True)
        pin.clear_states()

        relay.release()
        relay.secure()
        relay.stop()

        assert pin.history() == [True, False, True]
        assert pin.function == "input"

    def test_a_pin_found_high_is_driven_low_at_the_start(
        self, board: MockFactory, pin: Pin
    ) -> None:
        pin.drive_high()
        relay = GpioRelay(RelaySettings(pin=17), "front/lock")
        assert (pin.function, pin.state) == ("output", False)
        relay.stop()

    def test_the_pin_is_free_again_after_stop(self, relay: GpioRelay) -> None:
        relay.stop()
        GpioRelay(RelaySettings(pin=17), "front/lock").stop()


class TestTheBound:
    """The relay's own: it holds even if the door's thread hangs."""

    def test_a_forgotten_release_ends_by_itself(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release()
        assert alarms.seconds == [60.0]

        with capture_logs() as logs:
            alarms.ring()

        assert not pin.state
        assert not alarms.pending
        assert [(log["log_level"], log["lock"], log["seconds"]) for log in logs] == [
            ("warning", "front/lock", 60.0)
        ]

    def test_each_release_counts_anew(self, relay: GpioRelay, pin: Pin, alarms: Alarms) -> None:
        for _ in range(3):
            relay.release()
        assert (alarms.count, alarms.seconds) == (3, [60.0])
        assert pin.history() == [False, True]

    def test_secure_and_stop_call_it_off(self, relay: GpioRelay, alarms: Alarms) -> None:
        relay.release()
        relay.secure()
        assert not alarms.pending

        relay.release()
        relay.stop()
        assert not alarms.pending

    def test_an_alarm_that_is_overtaken_by_a_release_has_nothing_to_say(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release()
        ((_, overtaken),) = alarms.pending.values()
        relay.release()

        overtaken()

        assert pin.state
        assert alarms.seconds == [60.0]

    def test_none_is_set_where_the_installer_wants_none(
        self, board: MockFactory, pin: Pin, alarms: Alarms
    ) -> None:
        relay = GpioRelay(RelaySettings(pin=17, max_release=0), "front/lock", after=alarms)
        relay.release()
        assert pin.state
        assert not alarms.count
        relay.stop()

    def test_the_alarm_that_ships_does_ring(self, board: MockFactory, pin: Pin) -> None:
        def soon(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
            return ring_after(seconds / 1000, action)

        relay = GpioRelay(RelaySettings(pin=17, max_release=10), "front/lock", after=soon)
        assert pin.levels.get(timeout=PATIENCE) is False  # at the start

        relay.release()

        assert pin.levels.get(timeout=PATIENCE) is True
        assert pin.levels.get(timeout=PATIENCE) is False
        relay.stop()

    def test_stop_leaves_no_thread_behind(self, board: MockFactory) -> None:
        before = set(threading.enumerate())
        relay = GpioRelay(RelaySettings(pin=17, max_release=3600), "front/lock")
        for _ in range(5):
            relay.release()
        relay.stop()

        for thread in set(threading.enumerate()) - before:
            thread.join(PATIENCE)
            assert not thread.is_alive()


class TestABrokenBoard:
    def test_a_release_that_fails_says_so_and_opens_nothing(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        pin.broken = True
        with capture_logs(), pytest.raises(HardwareError, match=r"front/lock.*does not answer"):
            relay.release()
        assert not pin.state

    def test_a_lock_that_cannot_be_secured_cries_once_and_is_tried_until_it_is(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release()
        pin.broken = True
        with capture_logs() as logs:
            relay.secure()
            relay.secure()
            for _ in range(3):
                assert alarms.seconds == [RETRY]
                alarms.ring()
        assert pin.state
        assert [log["log_level"] for log in logs] == ["critical"]
        assert "may stand open" in logs[0]["event"]

        pin.broken = False
        with capture_logs() as logs:
            alarms.ring()
        assert not pin.state
        assert not alarms.pending
        assert [log["event"] for log in logs] == ["lock is secured again"]

    def test_stop_gives_up_without_raising(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release()
        pin.broken = True
        with capture_logs() as logs:
            relay.stop()
        assert [log["log_level"] for log in logs] == ["critical"]
        assert not alarms.pending
        assert pin.function == "input"

    def test_no_release_without_a_bound(self, board: MockFactory, pin: Pin) -> None:
        def no_threads_left(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
            raise RuntimeError("can't start new thread")

        relay = GpioRelay(RelaySettings(pin=17), "front/lock", after=no_threads_left)
        with pytest.raises(HardwareError, match="new thread"):
            relay.release()
        assert pin.history() == [False]
        relay.stop()


class TestTheInstaller:
    """is told at once what is wrong with a pin, and what to do."""

    @pytest.mark.parametrize("same", [17, "GPIO17", "17", "BOARD11"])
    def test_two_relays_on_one_pin(self, relay: GpioRelay, pin: Pin, same: int | str) -> None:
        relay.release()
        settings = RelaySettings.model_validate({"driver": "gpio-relay", "pin": same})

        with pytest.raises(HardwareError, match=r"back/lock.*is in use.*a pin of its own"):
            GpioRelay(settings, "back/lock")

        assert pin.state

    def test_a_pin_that_does_not_exist(self, board: MockFactory) -> None:
        with pytest.raises(HardwareError, match=r"front/lock: GPIO pin 99 does not exist"):
            GpioRelay(RelaySettings(pin=99), "front/lock")

    def test_a_board_that_refuses(self, board: MockFactory, pin: Pin) -> None:
        pin.broken = True
        with pytest.raises(HardwareError, match=r"front/lock.*chip does not answer.*group gpio"):
            GpioRelay(RelaySettings(pin=17), "front/lock")

    def test_no_way_to_reach_any_pin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Device, "pin_factory", None)
        monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "none-such")
        with pytest.raises(HardwareError, match=r"none-such.*doorward\[gpio\].*Raspberry Pi"):
            GpioRelay(RelaySettings(pin=17), "front/lock")

    @pytest.mark.parametrize("written", [17, "17", "GPIO17", "gpio17", "BCM17"])
    def test_one_pin_has_one_name(self, written: int | str) -> None:
        assert RelaySettings(pin=written).pin == 17

    def test_other_names_stay_as_they_are(self) -> None:
        assert RelaySettings(pin="board11").pin == "BOARD11"
        assert RelaySettings(pin="J8:11").pin == "J8:11"

    @pytest.mark.parametrize("written", [-1, True, "", "the relay", "-17", 1.5, None, ["17"]])
    def test_what_is_no_pin(self, written: Any) -> None:
        with pytest.raises(ValidationError, match="must be a GPIO number"):
            RelaySettings(pin=written)

    def test_lengths_of_time_are_written_as_everywhere(self) -> None:
        settings = RelaySettings.model_validate({"pin": 17, "max_release": "2m"})
        assert (settings.max_release, settings.active_high) == (120.0, True)

    def test_a_bound_that_would_overtake_the_door(self) -> None:
        with pytest.raises(ValidationError, match="must be at least 10s, or 0"):
            RelaySettings.model_validate({"pin": 17, "max_release": "3s"})
