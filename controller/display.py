"""What a door's indicator shows: an answer for some seconds, else how the door is."""

from controller.doorstate import DoorState, Phase, Timing
from controller.model import Mode
from controller.ports import Clock, Indicator, Signal

SHOW_FOR = 2.0  # seconds an answer stays


class Display:
    """Used by the door's own thread; without an indicator it does nothing."""

    def __init__(self, indicator: Indicator | None, clock: Clock) -> None:
        self.until = 0.0  # monotonic: then it shows how the door is; 0: it does so already
        self._indicator, self._clock = indicator, clock

    def answer(self, signal: Signal, text: str = "", seconds: float = SHOW_FOR) -> None:
        if self._indicator:
            self._indicator.show(signal, text)
            self.until = self._clock.monotonic() + seconds

    def changed(self, *, at_once: bool = False) -> None:
        """The door is no longer as it was: show that, after the answer that stands or `at_once`."""
        if at_once or not self.until:
            self.until = self._clock.monotonic()

    def rest(self, signal: Signal) -> None:
        """To be called now and then with how the door is."""
        if self.until and self._clock.monotonic() >= self.until:
            self.until = 0.0
            if self._indicator:
                self._indicator.show(signal)

    def stop(self) -> None:
        if self._indicator:
            self._indicator.stop()


def resting(state: DoorState, wall: float, timing: Timing, *, lost: bool) -> Signal:
    """How a door is when nobody is in front of it; `lost`: nobody could be let in."""
    if state.mode_at(wall) is Mode.LOCKDOWN:
        return Signal.LOCKDOWN
    if state.free_at(wall, timing):
        return Signal.UNLOCKED
    if state.phase in (Phase.HELD, Phase.FORCED):
        return Signal.HELD
    return Signal.OFFLINE if lost else Signal.IDLE
