"""A door's own thread: it does what is put, one thing after the other."""

import queue
import threading
from collections.abc import Callable

import structlog

from controller.ports import Clock

log = structlog.get_logger(__name__)

_A_MOMENT = threading.Event()  # never set
_STOP_WITHIN = 5.0  # seconds


class DoorThread:
    """Comes round at each thing put, and after `patience()` seconds where nothing is.

    In each round `before` runs, then what was put, then `after`; should any of it fail, `failed`,
    and the next round is served. Any thread may put.
    """

    def __init__(
        self,
        door: str,
        clock: Clock,
        patience: Callable[[], float],
        before: Callable[[], None],
        after: Callable[[], None],
        failed: Callable[[], None],
    ) -> None:
        self.heartbeat = clock.monotonic()
        self._door, self._clock, self._patience = door, clock, patience
        self._before, self._after, self._failed = before, after, failed
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"door-{door}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, work: Callable[[], None]) -> None:
        self._queue.put(work)

    def catch_up(self, timeout: float) -> bool:
        """Wait until everything put before has been done."""
        done = threading.Event()
        self.put(done.set)
        return done.wait(timeout)

    def stop(self) -> None:
        self._stopping = True
        self.put(lambda: None)
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_WITHIN)

    def _run(self) -> None:
        while not self._stopping:
            self.heartbeat = self._clock.monotonic()
            try:
                work = self._queue.get(timeout=self._patience())
            except queue.Empty:
                work = None
            try:
                self._before()
                if work:
                    work()
                self._after()
            except Exception:
                # Whatever went wrong with one thing, the door is locked and the next is served.
                log.exception("door failed at one task; it goes on", door=self._door)
                self._failed()
                _A_MOMENT.wait(0.05)  # should it fail at everything: not as fast as it can
