"""Devices without metal: full implementations of the ports, driven by a program or a test.

Every one is safe to use from any thread and tells its `state()` for display.
"""

import threading
from collections import deque
from typing import Literal

from controller.cards import mask
from controller.config import Strict
from controller.errors import HardwareError
from controller.model import Strength
from controller.ports import Card, Health, Keys, Level, Signal, Tell

REMEMBERED = 1000  # how much of a device's past is kept


class SimSettings(Strict):
    """All there is to set: that the device is simulated."""

    driver: Literal["sim"] = "sim"


class SimReader:
    """A reader to which a program presents cards, and whose cable it can pull."""

    Settings = SimSettings

    def __init__(self, settings: SimSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self._guard = threading.RLock()
        self._tell: Tell | None = None
        self._plugged = True
        self._reads = 0
        self._last = ""

    def start(self, tell: Tell) -> None:
        with self._guard:
            self._tell = tell
            self._report()

    def stop(self) -> None:
        with self._guard:
            self._tell = None

    def present(self, text: str) -> None:
        """Hold a card to the reader; HardwareError if it is unplugged or not started."""
        with self._guard:
            tell = self._listener()
            self._reads += 1
            self._last = mask(text) if len(text) >= 8 else "…"  # a PIN has nothing to show
            tell(Card(text, Strength.WEAK, text))

    def press(self, keys: str) -> None:
        """Press keys of its keypad; HardwareError as for `present`."""
        with self._guard:
            tell = self._listener()
            for key in keys:
                tell(Keys(key))

    def unplug(self) -> None:
        self._set_plugged(False)

    def plug(self) -> None:
        self._set_plugged(True)

    def state(self) -> dict[str, object]:
        with self._guard:
            return {"plugged": self._plugged, "reads": self._reads, "last": self._last}

    def _set_plugged(self, plugged: bool) -> None:  # noqa: FBT001 - the one thing it is told
        with self._guard:
            if self._plugged != plugged:
                self._plugged = plugged
                self._report()

    def _listener(self) -> Tell:
        if not self._plugged:
            raise HardwareError(f"reader {self.name} is unplugged; plug it in first")
        if self._tell is None:
            raise HardwareError(f"reader {self.name} is not started; start the controller")
        return self._tell

    def _report(self) -> None:
        if self._tell:
            lost = f"reader {self.name}: unplugged (simulated); it reads nothing until plugged in"
            self._tell(Health(self._plugged, "" if self._plugged else lost))


class SimLock:
    """A lock that remembers. `history` holds "released" and "secured" for every change."""

    Settings = SimSettings

    def __init__(self, settings: SimSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self._changed = threading.Condition()
        self._released = False
        self._stopped = False
        self._jammed = False
        self._history: deque[str] = deque(maxlen=REMEMBERED)
        self._commands = 0
        self.seconds = 0.0  # of the last release

    def release(self, seconds: float) -> None:
        with self._changed:
            if self._stopped or self._jammed:
                why = "stopped" if self._stopped else "jammed (simulated)"
                raise HardwareError(f"lock {self.name} is {why}; the door stays shut")
            self._commands += 1
            self.seconds = seconds
            self._move(released=True)

    def secure(self) -> str:
        with self._changed:
            self._move(released=False)
        return f"lock {self.name} is jammed (simulated)" if self._jammed else ""

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._move(released=False)

    def jam(self) -> None:
        """From now on `release` fails, until `free`."""
        self._jammed = True

    def free(self) -> None:
        self._jammed = False

    @property
    def released(self) -> bool:
        return self._released

    @property
    def history(self) -> tuple[str, ...]:
        with self._changed:
            return tuple(self._history)

    @property
    def releases(self) -> int:
        """How often `release` was called, also while already released."""
        return self._commands

    def wait_for(self, *, released: bool, timeout: float) -> bool:
        """Wait until the lock is in this state; False if it is not within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._released == released, timeout)

    def state(self) -> dict[str, object]:
        with self._changed:
            return {"released": self._released, "jammed": self._jammed, "releases": self._commands}

    def _move(self, *, released: bool) -> None:
        if self._released != released:
            self._released = released
            self._history.append("released" if released else "secured")
            self._changed.notify_all()


class SimInput:
    """A contact or a button that a program moves."""

    Settings = SimSettings

    def __init__(self, settings: SimSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self._guard = threading.RLock()
        self._tell: Tell | None = None
        self._active = False
        self._plugged = True

    def start(self, tell: Tell) -> None:
        with self._guard:
            self._tell = tell
            tell(Health(self._plugged))
            tell(Level(self._active))

    def stop(self) -> None:
        with self._guard:
            self._tell = None

    @property
    def active(self) -> bool:
        return self._active

    def set(self, active: bool) -> None:  # noqa: FBT001 - the one thing it is told
        """Open or close the contact, press or let go the button."""
        with self._guard:
            if self._active == active:
                return
            self._active = active
            if self._tell:
                self._tell(Level(active))

    def set_plugged(self, plugged: bool) -> None:  # noqa: FBT001
        """Cut its wire, or mend it."""
        with self._guard:
            self._plugged = plugged
            if self._tell:
                cut = f"input {self.name}: its wire is cut (simulated)"
                self._tell(Health(plugged, "" if plugged else cut))

    def state(self) -> dict[str, object]:
        return {"active": self._active}


class SimIndicator:
    """A light and a line of text. `shown` is what a person sees now."""

    Settings = SimSettings

    def __init__(self, settings: SimSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self._changed = threading.Condition()
        self._shown = (Signal.IDLE, "")
        self._history: deque[tuple[Signal, str]] = deque(maxlen=REMEMBERED)

    def show(self, signal: Signal, text: str = "") -> None:
        with self._changed:
            self._shown = (signal, text)
            self._history.append(self._shown)
            self._changed.notify_all()

    def stop(self) -> None:
        """The light goes out."""
        with self._changed:
            self._shown = (Signal.IDLE, "")
            self._changed.notify_all()

    @property
    def shown(self) -> tuple[Signal, str]:
        return self._shown

    @property
    def history(self) -> tuple[tuple[Signal, str], ...]:
        with self._changed:
            return tuple(self._history)

    def wait_for(self, signal: Signal, timeout: float) -> bool:
        """Wait until this is shown; False if it is not within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._shown[0] is signal, timeout)

    def state(self) -> dict[str, object]:
        signal, text = self._shown
        return {"signal": signal.value, "text": text}
