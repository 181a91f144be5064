"""A relay on gpiozero's mock pins: shut at first, shut at last, never released for too long."""

import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from hw.gpio_relay import GpioRelay
from hw.relay_lock import RETRY, SLACK, ring_after
from tests.contract_hw import PATIENCE, LockContract, LockRig
from tests.pins import Board, Pin
from tests.relays import KINDS, Alarms, alarms, board, make, pin, settings

__all__ = ["alarms", "board", "make", "pin"]  # fixtures


@pytest.fixture
def relay(make: Callable[..., GpioRelay]) -> GpioRelay:
    return make()


class TestContract(LockContract):
    @pytest.fixture(params=KINDS, ids=str)
    def rig(
        self, request: pytest.FixtureRequest, make: Callable[..., GpioRelay], pin: Pin
    ) -> LockRig:
        """Where nobody drives the pin its wiring keeps the door shut."""
        relay = make(**request.param)
        on = request.param["active_high"]
        opens = on if request.param["energize"] == "unlock" else not on
        return LockRig(relay, lambda: pin.function == "output" and bool(pin.state) is opens)


class TestTheBound:
    """The relay's own: it holds even if the door's thread hangs."""

    def test_a_forgotten_release_ends_by_itself(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release(5)
        assert alarms.seconds == [5 + SLACK]

        with capture_logs() as logs:
            alarms.ring()

        assert not pin.state
        assert not alarms.pending
        assert [(log["log_level"], log["lock"]) for log in logs] == [("warning", "front/lock")]

    def test_each_release_counts_anew(self, relay: GpioRelay, pin: Pin, alarms: Alarms) -> None:
        for seconds in (3, 10, 7):
            relay.release(seconds)
            assert alarms.seconds == [seconds + SLACK]
        assert pin.history() == [False, True]

    def test_secure_and_stop_call_it_off(self, relay: GpioRelay, alarms: Alarms) -> None:
        relay.release(5)
        assert relay.secure() == ""
        assert not alarms.pending

        relay.release(5)
        relay.stop()
        assert not alarms.pending

    def test_an_alarm_that_is_overtaken_by_a_release_has_nothing_to_say(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release(5)
        ((_, overtaken),) = alarms.pending.values()
        relay.release(5)

        overtaken()

        assert pin.state
        assert alarms.seconds == [5 + SLACK]

    def test_the_alarm_that_ships_does_ring(self, make: Callable[..., GpioRelay], pin: Pin) -> None:
        def soon(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
            return ring_after(seconds / 1000, action)

        relay = make(after=soon)
        assert pin.levels.get(timeout=PATIENCE) is False  # at the start

        relay.release(5)

        assert pin.levels.get(timeout=PATIENCE) is True
        assert pin.levels.get(timeout=PATIENCE) is False

    def test_stop_leaves_no_thread_behind(self, make: Callable[..., GpioRelay]) -> None:
        before = set(threading.enumerate())
        relay = make(after=ring_after)
        for _ in range(5):
            relay.release(3600)
        relay.stop()

        for thread in set(threading.enumerate()) - before:
            thread.join(PATIENCE)
            assert not thread.is_alive()


class TestABrokenBoard:
    def test_a_release_that_fails_says_so_and_opens_nothing(
        self, relay: GpioRelay, pin: Pin
    ) -> None:
        pin.broken = True
        with (
            capture_logs(),
            pytest.raises(HardwareError, match=r"front/lock.*does not answer.*may stand open"),
        ):
            relay.release(5)
        pin.broken = False
        assert not pin.state

    def test_a_lock_that_cannot_be_secured_cries_once_and_is_tried_until_it_is(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release(5)
        pin.broken = True
        with capture_logs() as logs:
            assert "front/lock: GPIO pin 17 does not work" in relay.secure()
            assert "does not answer" in relay.secure()
            for _ in range(3):
                assert alarms.seconds == [RETRY]
                alarms.ring()
        assert pin.history()[-1]
        assert [log["log_level"] for log in logs] == ["critical"]
        assert "may stand open" in logs[0]["why"]

        pin.broken = False
        with capture_logs() as logs:
            alarms.ring()
        assert not pin.state
        assert not alarms.pending
        assert [log["event"] for log in logs][-1] == "lock is secured again"
        assert relay.secure() == ""

    def test_a_chip_that_was_unplugged_is_asked_for_anew(
        self, relay: GpioRelay, board: Board, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release(5)
        pin.broken = True
        with capture_logs():
            relay.secure()
        board.reset()  # it is another chip now
        with capture_logs():
            alarms.ring()
        again: Pin = board.pin(17)
        assert (again.function, again.state) == ("output", False)

        relay.release(5)
        assert again.state
        assert pin.history()[-1]  # what was lost is not touched any more

    def test_stop_gives_up_without_raising(
        self, relay: GpioRelay, pin: Pin, alarms: Alarms
    ) -> None:
        relay.release(5)
        pin.broken = True
        with capture_logs() as logs:
            relay.stop()
        assert [log["log_level"] for log in logs] == ["critical"]
        assert not alarms.pending


class TestTheInstaller:
    """is told at once what is wrong with a pin, and what to do."""

    @pytest.mark.parametrize("same", [17, "GPIO17", "17", "BOARD11"])
    def test_two_relays_on_one_pin(
        self, make: Callable[..., GpioRelay], board: Board, pin: Pin, same: int | str
    ) -> None:
        make().release(5)

        with pytest.raises(HardwareError, match=r"back/lock.*is in use.*a pin of its own"):
            GpioRelay(settings(pin=same), "back/lock", pins=board)

        assert pin.state

    def test_a_pin_that_does_not_exist(self, make: Callable[..., GpioRelay]) -> None:
        with pytest.raises(HardwareError, match=r"front/lock: GPIO pin 99 does not exist"):
            make(pin=99)

    def test_a_board_that_refuses(self, make: Callable[..., GpioRelay], pin: Pin) -> None:
        pin.broken = True
        with pytest.raises(HardwareError, match=r"front/lock.*chip does not answer.*Check the"):
            make()

    def test_a_chip_that_is_not_there(self) -> None:
        def none(chip: str) -> Any:
            raise HardwareError(f"no GPIO chip {chip!r} is here")

        with pytest.raises(HardwareError, match=r"front/lock: no GPIO chip 'rp1' is here.*tried"):
            GpioRelay(settings(chip="rp1"), "front/lock", pins=none)

    def test_the_pin_is_free_again_after_stop(
        self, make: Callable[..., GpioRelay], board: Board
    ) -> None:
        make(chip="pinctrl-rp1").stop()
        make()
        assert board.asked == ["pinctrl-rp1", ""]

    @pytest.mark.parametrize("written", [17, "17", "GPIO17", "gpio17", "BCM17", "board11"])
    def test_one_pin_has_one_name(self, written: int | str) -> None:
        assert settings(pin=written).pin == 17
        (attached,) = settings(pin=written, chip="rp1").attached()
        assert attached == ("pin", ("pin", "rp1", 17), None, ())

    def test_other_names_stay_as_they_are(self) -> None:
        assert settings(pin="DOOR_LOCK").pin == "DOOR_LOCK"

    @pytest.mark.parametrize("written", [-1, True, "", " 17", "-17", 1.5, None, ["17"]])
    def test_what_is_no_pin(self, written: Any) -> None:
        with pytest.raises(ValidationError, match="must be a GPIO number"):
            settings(pin=written)

    def test_a_place_of_the_header_that_is_no_gpio(self) -> None:
        with pytest.raises(ValidationError, match="BOARD1 is no GPIO of the header"):
            settings(pin="BOARD1")

    def test_the_wrong_word_for_what_the_relay_does(self) -> None:
        with pytest.raises(ValidationError, match="energize"):
            settings(energize="open")


def test_an_alarm_keeps_no_program_from_ending() -> None:
    rung: queue.Queue[bool] = queue.Queue()
    before = set(threading.enumerate())
    ring_after(0, lambda: rung.put(threading.current_thread().daemon))
    assert rung.get(timeout=PATIENCE)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
