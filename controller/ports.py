"""What the door's logic asks of the world: promises of one to three methods.

Drivers live in `hw`, one module each. A driver that cannot open its device raises `HardwareError`;
there is no silent stand-in. Callbacks come from any thread; they put on a queue and return.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from controller.model import Trust


class Signal(StrEnum):
    """What an indicator tells the person in front of the door."""

    IDLE = "idle"
    GRANTED = "granted"
    DENIED = "denied"
    WAIT = "wait"
    LOCKDOWN = "lockdown"
    UNLOCKED = "unlocked"


class Reader(Protocol):
    """Sends what is presented. `on_text(raw)` for each read, `on_health(ok, why)` when it changes.

    A missing device is no error at `start`: it is reported by `on_health` and tried again for ever.
    """

    def start(
        self, on_text: Callable[[str], None], on_health: Callable[[bool, str], None]
    ) -> None: ...
    def stop(self) -> None: ...


class Lock(Protocol):
    """Holds one door shut. `secure` is idempotent, never raises, and is the state after `stop`."""

    def release(self) -> None:
        """Let the door be opened until `secure` is called; raises `HardwareError`."""

    def secure(self) -> None: ...
    def stop(self) -> None: ...


class Indicator(Protocol):
    """Shows one signal until the next. Never raises and never blocks for long."""

    def show(self, signal: Signal, text: str = "") -> None: ...
    def stop(self) -> None: ...


class Input(Protocol):
    """A contact or a button. `on_change(active)`: contact active = open, button active = pressed.

    `start` calls back once at once with the present state.
    """

    def start(self, on_change: Callable[[bool], None]) -> None: ...
    def stop(self) -> None: ...


class Clock(Protocol):
    """The only source of time.

    Wall time for hours and log, monotonic for durations, boottime for lockouts.
    """

    def wall(self) -> float: ...
    def monotonic(self) -> float: ...
    def boottime(self) -> float: ...
    def trust(self) -> Trust: ...
