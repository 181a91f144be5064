"""Word that something has changed, for everybody who looks at this moment; one thread for all."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import structlog

from controller.errors import StoreError
from sync.console.gate import Gate
from sync.console.lookout import Lookout
from sync.office import Office

log = structlog.get_logger(__name__)

MOST = 32  # listeners
MOST_OF_ONE = 8  # of one session: so many windows
_LOOK = 0.25  # seconds between looks at the journal
_SLOWLY = 4  # looks at the journal for one at everything else


@dataclass(eq=False, slots=True)
class Listener:
    """One who looks. `woken` is set, on the loop, when there is news or when it is `over`."""

    key: bytes  # of the session
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    def wake(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self.woken.set)
        except RuntimeError:
            self.over = True  # the loop has ended


class News:
    """`join` and `leave` from the loop. The thread lives while anybody listens."""

    def __init__(self, office: Office, lookout: Lookout, gate: Gate) -> None:
        self._office, self._lookout, self._gate = office, lookout, gate
        self._guard = threading.Lock()
        self._listeners: list[Listener] = []
        self._running = False

    def join(self, key: bytes) -> Listener | None:
        """None if there are enough already."""
        with self._guard:
            of_one = sum(1 for each in self._listeners if each.key == key)
            full = len(self._listeners) >= MOST or of_one >= MOST_OF_ONE
            if full or self._office.stopping.is_set():
                return None
            listener = Listener(key, asyncio.get_running_loop())
            self._listeners.append(listener)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="news", daemon=True).start()
            return listener

    def leave(self, listener: Listener) -> None:
        with self._guard:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def end(self, key: bytes) -> None:
        """This session is over."""
        for each in self._now():
            if each.key == key:
                each.over = True
                each.wake()

    def _now(self) -> list[Listener]:
        with self._guard:
            return list(self._listeners)

    def _run(self) -> None:
        journal, rest, looks = "", "", 0
        while listeners := self._listening():
            before = journal, rest
            journal = self._journal()
            if journal != before[0]:
                self._lookout.forget()
            if looks % _SLOWLY == 0:
                rest = _without_time(self._lookout.look())
                self._end_those_over(listeners)
            for each in listeners if looks and (journal, rest) != before else ():
                each.wake()
            looks += 1
            self._office.stopping.wait(_LOOK)

    def _listening(self) -> list[Listener]:
        """Who listens; nobody: the thread ends."""
        with self._guard:
            if self._office.stopping.is_set():
                for each in self._listeners:
                    each.over = True
                    each.wake()
                self._listeners.clear()
            self._running = bool(self._listeners)
            return list(self._listeners)

    def _end_those_over(self, listeners: list[Listener]) -> None:
        for each in listeners:
            try:
                if self._gate.by_key(each.key) is None:
                    each.over = True
                    each.wake()
            except StoreError:
                log.debug("sessions cannot be looked up at this moment")

    def _journal(self) -> str:
        """Differs when something was written to it."""
        try:
            return str(self._office.journal_changes())
        except StoreError as error:
            return str(error)


def _without_time(found: dict[str, Any]) -> str:
    """Differs when anything has changed that does not change by itself all the time."""
    platforms = [{**each, "next_try_s": 0} for each in found["platforms"]]
    controller = {**found["controller"], "clock": 0}
    rest = (found[name] for name in ("check_ins", "files", "enrolments"))
    return repr((controller, platforms, found["clock"]["trust"], *rest))
