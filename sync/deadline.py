"""A deadline for a whole exchange over httpcore, and word of whether anything was sent."""

import ssl
import threading
from typing import Any

import httpcore

from controller.ports import Clock


class Attempt(threading.local):
    """The exchange under way on this thread: until when, and has anything of it gone out?"""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.deadline = 0.0
        self.sent = False

    def begin(self, total: float) -> None:
        self.deadline = self._clock.monotonic() + total
        self.sent = False

    def left(self, timeout: float | None) -> float:
        left = self.deadline - self._clock.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole answer took too long")
        return left if timeout is None else min(left, timeout)


class Backend(httpcore.SyncBackend):
    """httpcore's own sockets, each wait cut down to what is left of the attempt."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **kwargs: Any
    ) -> httpcore.NetworkStream:
        left = self._attempt.left(timeout)
        stream = super().connect_tcp(host, port, left, *args, **kwargs)
        return _Stream(stream, self._attempt)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, attempt: Attempt) -> None:
        self._inner, self._attempt = inner, attempt

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._attempt.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer:
            self._attempt.sent = True
            self._inner.write(buffer, self._attempt.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._attempt.left(timeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._attempt)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
