"""What locks behind a relay have in common: a release ends by itself, no failure is quiet."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import structlog

from controller.errors import HardwareError

log = structlog.get_logger(__name__)

SLACK = 1.0  # seconds that the door's own thread has for securing the lock itself
RETRY = 2.0  # seconds until a lock that may stand open is tried again

Energize = Literal["unlock", "lock"]
After = Callable[[float, Callable[[], None]], Callable[[], None]]


def ring_after(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
    """Call `action` after so long, on a thread of its own; returns how to call it off."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer.cancel


class RelayLock(ABC):
    """Secured from the start, at the end, and `SLACK` after a release that nobody ended.

    A relay may miss a command, be unplugged, come back: so every command is really sent, also the
    one that says what it should know. Its maker calls `begin` once `drive` can be called.
    """

    def __init__(self, name: str, energize: Energize, after: After | None = None) -> None:
        self.name = name
        self._energize = energize
        self._after = after or ring_after
        self._guard = threading.RLock()
        self._alarm = 0  # counts; an alarm that is not the last one set has nothing to say
        self._cancel: Callable[[], None] | None = None
        self._maybe_open = True  # it was told to release, and nobody confirmed that it is shut
        self._fault = ""
        self._stopped = False

    @abstractmethod
    def drive(self, seconds: float) -> None:
        """Release for so long, 0: shut. Raises `HardwareError`."""

    @abstractmethod
    def let_go(self) -> None:
        """Give line or pin back. Never raises."""

    def begin(self) -> None:
        """Shut, or all is given back and `HardwareError` raised."""
        try:
            self.drive(0)
        except HardwareError as error:
            self._stopped = True
            self.let_go()
            raise HardwareError(f"lock {self.name}: {error}. {self._goes_on()}") from error
        self._maybe_open = False

    def release(self, seconds: float) -> None:
        with self._guard:
            if self._stopped:
                raise HardwareError(f"lock {self.name} is stopped; the door stays shut")
            try:
                # First: no release that nothing would end.
                self._set_alarm(seconds + SLACK)
                self._maybe_open = True
                self.drive(seconds)
            except (HardwareError, RuntimeError) as error:
                self.secure()  # it may have arrived all the same
                raise HardwareError(
                    f"lock {self.name}: {error}. The door was not opened. {self._goes_on()}"
                ) from error

    def secure(self) -> str:
        with self._guard:
            self._clear_alarm()
            if self._stopped:
                return ""
            try:
                self.drive(0)
            except HardwareError as error:
                return self._failed(error)
            if self._fault:
                log.info("lock is secured again", lock=self.name)
            self._maybe_open, self._fault = False, ""
            return ""

    def stop(self) -> None:
        with self._guard:
            if self._stopped:
                return
            self.secure()
            self._clear_alarm()
            self._stopped = True
            self.let_go()

    def _failed(self, error: HardwareError) -> str:
        first = not self._fault
        self._fault = f"lock {self.name}: {error}. {self._goes_on()}"
        if self._maybe_open:
            try:
                self._set_alarm(RETRY)
            except RuntimeError:  # no thread to be had: the next command tries again
                log.exception("no alarm can be set", lock=self.name)
        if first:
            tell = log.critical if self._may_stand_open() else log.error
            tell("lock cannot be told to shut", lock=self.name, why=self._fault)
        return self._fault

    def _may_stand_open(self) -> bool:
        return self._maybe_open or self._energize == "lock"

    def _goes_on(self) -> str:
        if self._energize == "lock":
            return "Without its relay this door stands open; it is tried again by itself"
        if self._maybe_open:
            return "It may stand open: cut the lock's power to be sure; it is tried again by itself"
        return "It was shut when last heard of; it is tried again by itself"

    def _set_alarm(self, seconds: float) -> None:
        self._clear_alarm()
        mine = self._alarm
        self._cancel = self._after(seconds, lambda: self._ring(mine))

    def _clear_alarm(self) -> None:
        self._alarm += 1
        if self._cancel:
            self._cancel()
            self._cancel = None

    def _ring(self, alarm: int) -> None:
        with self._guard:
            if alarm != self._alarm:
                return  # a newer command came while this alarm was on its way
            if not self._fault:
                log.warning("nobody secured the lock in time; it secures itself", lock=self.name)
            self.secure()
