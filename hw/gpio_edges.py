"""Edges of GPIO lines as the kernel tells them: one thread for all lines of a chip."""

import os
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    import gpiod

log = structlog.get_logger(__name__)

RISING = 1  # gpiod.EdgeEvent.Type.RISING_EDGE

OnEdge = Callable[[float, bool], None]  # monotonic seconds; is the line high now?


class EdgeSource(Protocol):
    """What is used of `gpiod.LineRequest`: one line, whose descriptor is readable at an edge."""

    @property
    def fd(self) -> int: ...
    def read_edge_events(self) -> "list[gpiod.EdgeEvent]": ...


@dataclass(eq=False, slots=True)
class _Watched:
    source: EdgeSource
    fd: int
    name: str
    on_edge: OnEdge
    number: int | None = None  # of the last edge; the kernel counts those too that it drops


class Edges:
    """Calls whoever watches a line at each edge, in order of time over all lines.

    A fault in one of those calls is logged and keeps no other from being told. The thread lives as
    long as a line is watched.
    """

    def __init__(self) -> None:
        self.lost = 0  # edges that the kernel dropped, because nobody fetched them in time
        self._guard = threading.RLock()
        self._watched: dict[int, _Watched] = {}  # by descriptor
        self._bell = -1
        self._alive = False

    def watch(self, source: EdgeSource, name: str, on_edge: OnEdge) -> None:
        with self._guard:
            self._watched[source.fd] = _Watched(source, source.fd, name, on_edge)
            self._wake()

    def forget(self, source: EdgeSource) -> None:
        """To be called before `source` is released; what was not told yet is not told any more."""
        with self._guard:
            for fd in [fd for fd, each in self._watched.items() if each.source is source]:
                del self._watched[fd]
                self._wake()

    def _wake(self) -> None:
        if not self._alive:
            self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            threading.Thread(target=self._run, name="gpio edges", daemon=True).start()
            self._alive = True
        os.eventfd_write(self._bell, 1)

    def _run(self) -> None:
        while watched := self._now_watched():
            poll = select.poll()
            poll.register(self._bell, select.POLLIN)
            for fd in watched:
                poll.register(fd, select.POLLIN)
            edges = [
                edge
                for fd, happened in poll.poll()
                for edge in self._fetched(watched.get(fd), happened)
            ]
            for event, each in sorted(edges, key=lambda edge: edge[0].timestamp_ns):
                self._tell(event, each)

    def _now_watched(self) -> dict[int, _Watched]:
        """What to wait for; with nothing left the thread has ended."""
        with self._guard:
            if self._watched:
                return dict(self._watched)
            os.close(self._bell)
            self._alive = False
            return {}

    def _fetched(
        self, each: _Watched | None, happened: int
    ) -> "list[tuple[gpiod.EdgeEvent, _Watched]]":
        with self._guard:
            if each is None:
                os.eventfd_read(self._bell)
                return []
            if self._watched.get(each.fd) is not each:
                return []
            try:
                if happened & select.POLLIN:
                    return [(event, each) for event in each.source.read_edge_events()]
                why = "it hung up"
            except OSError as error:
                why = str(error)
            # Whoever reads the level will meet the same fault, and knows what it means.
            log.warning("a GPIO line tells no edges any more", line=each.name, why=why)
            del self._watched[each.fd]
            return []

    def _tell(self, event: "gpiod.EdgeEvent", each: _Watched) -> None:
        with self._guard:
            if self._watched.get(each.fd) is not each:
                return
            lost = event.line_seqno - each.number - 1 if each.number is not None else 0
            each.number = event.line_seqno
        if lost > 0:
            self.lost += lost
            log.warning("edges of a GPIO line were lost", line=each.name, edges=lost)
        try:
            each.on_edge(event.timestamp_ns / 1e9, event.event_type.value == RISING)
        except Exception:
            log.exception("what follows an edge of a GPIO line failed", line=each.name)
