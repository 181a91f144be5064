"""What readers share that hold one device open: a thread that survives its loss, and what it tells.

A driver has a `ReaderLoop` and gives it two functions; the device itself stays the driver's.
"""

import errno
import os
import select
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from controller.clock import SystemClock
from controller.errors import HardwareError
from controller.ports import Health, Refused, Tell, Told

log = structlog.get_logger(__name__)

monotonic = SystemClock(Path()).monotonic  # seconds; the kernel stamps edges and keys by it too
STALE = 2.0  # seconds; a card shown longer ago than that lets nobody in


@dataclass(frozen=True, slots=True)
class Again:
    """Seconds until a lost device is opened again: at first, and at most."""

    first: float = 0.5
    longest: float = 5.0


class ReaderLoop:
    """`session` opens the device, says `works`, and listens until `stopping` or until it raises.

    `explained` puts that error into words for whoever installs the door. Each outage is told once,
    and so is its end.
    """

    def __init__(
        self,
        name: str,
        session: Callable[[], None],
        explained: Callable[[Exception], str],
        again: Again | None = None,
        clock: Callable[[], float] = monotonic,
        part: str = "reader",
    ) -> None:
        self.name = name
        self._part = part
        self.stopping = threading.Event()
        self._session, self._explained = session, explained
        self._again = again or Again()
        self._clock = clock
        self._guard = threading.Lock()  # of `_bell`, lest `stop` rings one that was closed
        self._bell = -1
        self._thread: threading.Thread | None = None
        self._healthy: bool | None = None
        self._refused = 0

    def start(self, tell: Tell) -> None:
        if self._thread:
            raise HardwareError(f"{self._part} {self.name} was started before; make a new one")
        self._listener = tell
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(
            target=self._run, name=f"{self._part} {self.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Nothing is told after this. Safe at any time, any number of times."""
        self.stopping.set()
        with self._guard:
            if self._bell >= 0:
                os.eventfd_write(self._bell, 1)
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def ready(self, fd: int, seconds: float | None = None) -> bool:
        """Wait until there is something to read, or for so long; False at once when stopped.

        A device that hung up and has nothing left raises ENODEV.
        """
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        poll.register(fd, select.POLLIN)
        happened = dict(poll.poll(None if seconds is None else seconds * 1000))
        if self.stopping.is_set() or fd not in happened:
            return False
        if not happened[fd] & select.POLLIN:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return True

    def works(self) -> None:
        """The device answered: only now is it more than an open file."""
        if not self._healthy:
            self._healthy = True
            log.info(f"{self._part} is there", **{self._part: self.name})
            self.tell(Health(True))

    def refuse(self, why: str, raw: str) -> None:
        """Tell it, and log it now and then: what the frame holds is nobody's business."""
        self.tell(Refused(why, raw))
        self._refused += 1
        if self._refused in (1, 10, 100) or self._refused % 1000 == 0:
            log.warning(
                "reader sent what cannot be read; nothing is taken from it",
                reader=self.name,
                why=why,
                times=self._refused,
            )

    def tell(self, what: Told) -> None:
        """A fault of whoever listens must not end the reading."""
        if self.stopping.is_set():
            return
        try:
            self._listener(what)
        except Exception:
            log.exception("a read could not be handed on", **{self._part: self.name})

    def _run(self) -> None:
        wait = self._again.first
        while not self.stopping.is_set():
            began = self._clock()
            try:
                self._session()
            except (OSError, HardwareError, termios.error) as error:
                self._lost(error)
            except Exception as error:
                log.exception(
                    f"{self._part} failed in an unforeseen way", **{self._part: self.name}
                )
                self._lost(error)
            if self._clock() - began > self._again.longest:  # it held; what flaps is tried slower
                wait = self._again.first
            self.stopping.wait(wait)
            wait = min(2 * wait, self._again.longest)
        with self._guard, suppress(OSError):
            os.close(self._bell)
            self._bell = -1

    def _lost(self, error: Exception) -> None:
        if self._healthy is not False and not self.stopping.is_set():
            self._healthy = False
            why = self._explained(error)
            log.warning(f"{self._part} lost", why=why, **{self._part: self.name})
            self.tell(Health(False, why))
