"""What the door's logic asks of the world: promises of one to three methods.

Drivers live in `hw`, one module each. A lock whose device is missing raises `HardwareError` when it
is made; readers, inputs and indicators tell what is missing and try again for ever. There is no
silent stand-in. Callbacks come from any thread; they put on a queue and return.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol

from controller.model import Strength, Trust


class Signal(StrEnum):
    """What an indicator tells the person in front of the door."""

    IDLE = "idle"
    GRANTED = "granted"
    DENIED = "denied"
    WAIT = "wait"
    LOCKDOWN = "lockdown"
    UNLOCKED = "unlocked"
    HELD = "held"
    OFFLINE = "offline"


class Card(NamedTuple):
    """A credential presented. `raw`: what came over the wire; for a technician's screen alone."""

    text: str
    strength: Strength
    raw: str = ""


class Keys(NamedTuple):
    """Keys pressed on a keypad, in order: digits, `*` (begin anew) and `#` (done)."""

    text: str


class Refused(NamedTuple):
    """Something came that cannot be taken. `raw` as in `Card`."""

    why: str
    raw: str = ""


class Level(NamedTuple):
    """An input stands so: contact active = open, button active = pressed, tamper = opened."""

    active: bool


class Health(NamedTuple):
    """The device works, or does not: which one, what goes on, and what to do about it."""

    ok: bool
    why: str = ""


class Alarm(NamedTuple):
    """Something is wrong at a device that works otherwise, or is over: tamper, power, insecure."""

    what: str
    on: bool
    why: str = ""


Told = Card | Keys | Refused | Level | Health | Alarm
Tell = Callable[[Told], None]


class Reader(Protocol):
    """Tells each `Card`, `Keys`, `Refused`, `Alarm`; and its `Health`, first soon after `start`.

    A missing device is no error at `start`: it is told, and tried again for ever.
    """

    def start(self, tell: Tell) -> None: ...
    def stop(self) -> None: ...


class Lock(Protocol):
    """Holds one door shut, from the moment it is made and after `stop`. All methods are prompt."""

    def release(self, seconds: float) -> None:
        """Let the door be opened; raises `HardwareError`.

        Until `secure`, or until another release, or for `seconds` should neither come: what lasts
        longer is repeated by the caller.
        """

    def secure(self) -> str:
        """Shut it. Idempotent, never raises: "", or why it may stand open and what to do.

        Called every few seconds while the door is to be shut, so that a lost device is noticed.
        """

    def stop(self) -> None: ...


class Indicator(Protocol):
    """Shows one signal until the next. Never raises and never blocks for long."""

    def show(self, signal: Signal, text: str = "") -> None: ...
    def stop(self) -> None: ...


class Input(Protocol):
    """A contact or a button. Tells each `Level` that differs from the last, and its `Health`.

    `start` tells the present level as soon as it is known.
    """

    def start(self, tell: Tell) -> None: ...
    def stop(self) -> None: ...


class Clock(Protocol):
    """The only source of time.

    Wall time for hours and log, monotonic for durations, boottime for lockouts.
    """

    def wall(self) -> float: ...
    def monotonic(self) -> float: ...
    def boottime(self) -> float: ...
    def trust(self) -> Trust: ...
