"""A deadline for a whole exchange over httpcore, and word of whether anything was sent.

`within` sets one for everything asked inside it, on this thread and those that `at_once` starts.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

import httpcore

from controller.errors import Unavailable
from controller.ports import Clock

_UNTIL: ContextVar[float] = ContextVar("_UNTIL", default=float("inf"))  # monotonic


class NotNow(Unavailable):
    """Not asked: to ask within the deadline would go beyond what the platform allows."""


@contextmanager
def within(until: float) -> Iterator[None]:
    """Nothing asked in here waits, nor is waited for, beyond this moment (monotonic)."""
    token = _UNTIL.set(min(until, _UNTIL.get()))
    try:
        yield
    finally:
        _UNTIL.reset(token)


def left_within(now: float) -> float:
    """Seconds until the deadline set by `within`; infinite where there is none."""
    return _UNTIL.get() - now


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Do all of these at the same time; the first error is raised when all are over."""
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(len(calls), "at-once") as pool:
        waiting = [pool.submit(copy_context().run, call) for call in calls]
        return [each.result() for each in waiting]


class Attempt(threading.local):
    """The exchange under way on this thread: until when, and has anything of it gone out?"""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.deadline = 0.0
        self.sent = False

    def begin(self, total: float) -> None:
        now = self._clock.monotonic()
        self.deadline = now + min(total, left_within(now))
        self.sent = False

    def left(self, timeout: float | None) -> float:
        left = self.deadline - self._clock.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole answer took too long")
        return left if timeout is None else min(left, timeout)


class Backend(httpcore.SyncBackend):
    """httpcore's own sockets, each wait cut down to what is left of the attempt."""

    def __init__(self, attempt: Attempt, admits: Callable[[str], bool] | None = None) -> None:
        """`admits`: whether a numeric address may be connected to; the name is resolved once."""
        self._attempt, self._admits = attempt, admits

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **kwargs: Any
    ) -> httpcore.NetworkStream:
        hosts = _admitted(host, port, self._admits) if self._admits else [host]
        for i, each in enumerate(hosts, 1):
            try:
                left = self._attempt.left(timeout)
                stream = super().connect_tcp(each, port, left, *args, **kwargs)
                return _Stream(stream, self._attempt)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if i == len(hosts):
                    raise
        raise httpcore.ConnectError("this name has no address")


def _admitted(host: str, port: int, admits: Callable[[str], bool]) -> list[str]:
    """The addresses to connect to. One that is not admitted spoils the others of its name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if wrong := [address for address in addresses if not admits(address)]:
        raise httpcore.ConnectError(f"{wrong[0]} is no address of the internet")
    return addresses


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
