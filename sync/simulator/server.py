"""A loopback HTTP server for simulated platforms, with faults to switch on while it runs."""

import ssl
import threading
from typing import Self

from sync.simulator.messages import FAULT_KINDS, Fault, FaultKind, Request, Response
from sync.simulator.wire import Server

__all__ = ["FAULT_KINDS", "Fault", "FaultKind", "Request", "Response", "SimulatedPlatform"]

_LOGGED = 10_000  # requests kept


class SimulatedPlatform:
    """A platform as a real HTTP server on loopback.

    A subclass answers in `handle`, which always runs under `lock`; whoever else touches its state
    takes `lock` too. A broken line is `cut()` and `mend()`, anything less is a `fault`.
    """

    def __init__(self, *, keep_log: bool = True) -> None:
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.served = 0  # requests that arrived since the start, logged or not
        self._keep_log = keep_log
        self._arrived = threading.Condition(self.lock)
        self._fault: Fault | None = None
        self._matched = 0
        self._released = threading.Event()  # set when the present fault is over
        self._server: Server | None = None
        self._port = 0
        self._tls: ssl.SSLContext | None = None

    def handle(self, request: Request) -> Response:
        raise NotImplementedError

    def empty(self, request: Request) -> Response:  # noqa: ARG002 - for subclasses
        """What this platform answers to `request` if it has nothing to list."""
        return Response(body=[])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        with self.lock:
            self._released.set()
            self._released = threading.Event()
            self._fault, self._matched = fault, 0

    def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Listen on loopback; port 0 takes any. `tls` makes it an https server."""
        self._port, self._tls = port, tls
        self.mend()

    def cut(self) -> None:
        """Stop answering: nobody listens any more and every open connection ends.

        Not to be called while holding `lock`, except by `handle`.
        """
        server, self._server = self._server, None
        if server is not None:
            server.sever()
            self._released.set()
            server.join()

    def mend(self) -> None:
        """Listen again, on the same port as before."""
        if self._server is None:
            self._released = threading.Event()
            self._server = Server(self, self._port, self._tls)
            self._port = self._server.server_address[1]

    def stop(self) -> None:
        self.cut()

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until `count` requests have arrived since the start; False if they did not."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self.served >= count, timeout)

    def __enter__(self) -> Self:
        if self._server is None:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def arrived(self, request: Request) -> None:
        with self._arrived:
            self.served += 1
            if self._keep_log:
                if len(self.requests) >= _LOGGED:
                    del self.requests[: _LOGGED // 2]
                self.requests.append(request)
            self._arrived.notify_all()

    def fault_for(self, request: Request) -> tuple[Fault | None, threading.Event]:
        with self.lock:
            fault = self._fault
            if fault is None or not fault.matches(request):
                return None, self._released
            self._matched += 1
            late = fault.times is not None and self._matched > fault.after + fault.times
            early = self._matched <= fault.after
            return (None if early or late else fault), self._released

    def answer(self, request: Request) -> Response:
        with self.lock:
            return self.handle(request)
