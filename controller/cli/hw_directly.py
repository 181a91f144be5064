"""Hands at a door while no controller runs: its configured devices are made here."""

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from controller.cli.hw_ears import INPUTS, Hear, Seen
from controller.errors import HardwareError
from controller.ports import Health, Keys, Signal, Tell, Told

if TYPE_CHECKING:
    from controller.config import Config


class Directly:
    """No controller runs: the configured devices are made here. The lock only if it is asked for.

    However this ends, the lock is secured and given back.
    """

    how = "directly, while no controller runs"

    def __init__(self, config: "Config", door: str, hear: Hear, *, lock: bool) -> None:
        self._door, self._hear = door, hear
        self._stanzas = config.doors[door]
        self._stops: list[Any] = []
        self._timer: threading.Timer | None = None
        self._lock: Any = None
        self._no_lock = f"the lock of {door} was not taken"
        self._indicator: Any = None
        try:
            if lock:
                self._take_lock()
            self._take_others()
        except BaseException:
            self.close()
            raise

    def release(self, seconds: float) -> None:
        if self._lock is None:
            raise HardwareError(self._no_lock)
        self._stop_timer()
        self._timer = threading.Timer(seconds, self._lock.secure)
        self._timer.daemon = True
        self._timer.start()  # first: no release that nothing would end
        self._lock.release(seconds)

    def trouble(self) -> str:
        self._stop_timer()
        return self._no_lock if self._lock is None else str(self._lock.secure())

    def show(self, signal: Signal, seconds: float) -> None:  # noqa: ARG002 - until the next
        if self._indicator is not None:
            self._indicator.show(signal)

    def close(self) -> None:
        self._stop_timer()
        if self._lock is not None:
            with suppress(Exception):
                self._lock.secure()
        for device in reversed(self._stops):
            with suppress(Exception):
                device.stop()

    def _take_lock(self) -> None:
        try:
            self._lock = self._made("lock", self._stanzas.lock)
        except HardwareError as error:
            self._no_lock = str(error)
            self._tell("lock", Health(False, str(error)))
        else:
            self._tell("lock", Health(True))

    def _take_others(self) -> None:
        parts: dict[str, Any] = dict(self._stanzas.readers)
        parts.update((part, getattr(self._stanzas, part)) for part in INPUTS)
        for part, stanza in parts.items():
            if stanza is not None:
                self._start(part, stanza)
        if self._stanzas.indicator is not None:
            self._indicator = self._made("indicator", self._stanzas.indicator)

    def _start(self, part: str, stanza: Any) -> None:
        try:
            self._made(part, stanza).start(self._teller(part))
        except HardwareError as error:
            self._tell(part, Health(False, str(error)))

    def _made(self, part: str, stanza: Any) -> Any:
        device = stanza.factory(stanza.settings, f"{self._door}/{part}")
        self._stops.append(device)
        return device

    def _teller(self, part: str) -> Tell:
        return lambda told: self._tell(part, told)

    def _tell(self, part: str, told: Told) -> None:
        shown = Keys("•" * len(told.text)) if isinstance(told, Keys) else told
        self._hear(Seen(self._door, part, shown))

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
