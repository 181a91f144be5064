"""No stray pulse: all that ever happens to a relay's pin, for every way in which it is wired."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller.errors import HardwareError
from hw.gpio_relay import GpioRelay
from tests.pins import Pin
from tests.relays import KINDS, Alarms, alarms, board, make, pin

__all__ = ["alarms", "board", "make", "pin"]  # fixtures


class Watch:
    """Everything that is done to a pin, as a person with a voltmeter would write it down."""

    def __init__(self, pin: Pin, shut: bool) -> None:
        self._pin, self._shut = pin, shut

    def seen(self) -> list[str]:
        """What the door did since it was last asked, without what changed nothing."""
        seen = []
        while not self._pin.levels.empty():
            seen.append("shut" if self._pin.levels.get() is self._shut else "open")
        return [now for now, before in zip(seen, [None, *seen], strict=False) if now != before]


@pytest.mark.parametrize("keys", KINDS, ids=str)
class TestNoStrayPulse:
    """Whatever happens, the pin is never given the level that opens but by `release`."""

    @pytest.fixture
    def watch(self, pin: Pin, keys: dict[str, Any]) -> Watch:
        return Watch(pin, keys["active_high"] is (keys["energize"] == "lock"))

    @pytest.mark.parametrize("found", [False, True])
    def test_at_the_start_whatever_the_pin_was_before(
        self, make: Callable[..., GpioRelay], pin: Pin, watch: Watch, keys: Any, found: bool
    ) -> None:
        pin.move(found)
        make(**keys)
        assert pin.function == "output"
        assert watch.seen() == ["shut"]

    def test_over_a_life(
        self, make: Callable[..., GpioRelay], alarms: Alarms, watch: Watch, keys: Any, pin: Pin
    ) -> None:
        relay = make(**keys)
        for _ in range(3):
            relay.secure()
        relay.release(5)
        relay.release(5)
        assert watch.seen() == ["shut", "open"]

        relay.secure()
        assert watch.seen() == ["shut"]

        relay.release(5)
        alarms.ring()
        assert watch.seen() == ["open", "shut"]

        relay.stop()
        relay.secure()
        relay.stop()
        assert watch.seen() == ["shut"]
        assert pin.function == "input"

    def test_when_it_is_stopped_while_released(
        self, make: Callable[..., GpioRelay], watch: Watch, keys: Any, pin: Pin
    ) -> None:
        relay = make(**keys)
        relay.release(5)
        relay.stop()
        assert watch.seen() == ["shut", "open", "shut"]
        assert pin.function == "input"

    def test_when_it_cannot_be_made(
        self, make: Callable[..., GpioRelay], watch: Watch, keys: Any, pin: Pin
    ) -> None:
        pin.broken = True
        with pytest.raises(HardwareError):
            make(**keys)
        pin.broken = False
        assert watch.seen() == []

    def test_when_another_wants_its_pin(
        self, make: Callable[..., GpioRelay], watch: Watch, keys: Any, pin: Pin
    ) -> None:
        relay = make(**keys)
        with pytest.raises(HardwareError):
            make(**keys)
        with pytest.raises(HardwareError):
            make(**{**keys, "active_high": not keys["active_high"]})
        assert watch.seen() == ["shut"]
        relay.release(5)
        assert watch.seen() == ["open"]

    def test_when_the_chip_fails_and_recovers(
        self, make: Callable[..., GpioRelay], alarms: Alarms, watch: Watch, keys: Any, pin: Pin
    ) -> None:
        relay = make(**keys)
        pin.broken = True
        with capture_logs(), pytest.raises(HardwareError):
            relay.release(5)
        pin.broken = False
        with capture_logs():
            alarms.ring()
        assert watch.seen() == ["shut"]

    def test_when_no_thread_can_be_had(
        self, make: Callable[..., GpioRelay], watch: Watch, keys: Any
    ) -> None:
        def no_threads_left(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
            raise RuntimeError("can't start new thread")

        relay = make(after=no_threads_left, **keys)
        with pytest.raises(HardwareError, match="new thread"):
            relay.release(5)
        assert watch.seen() == ["shut"]
