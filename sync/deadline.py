"""A deadline for a whole exchange over httpcore, and word of whether anything was sent.

`within` sets one for everything asked inside it, on this thread and those that `at_once` starts.
"""

import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

import httpcore

from controller.errors import Unavailable
from controller.ports import Clock
from sync.names import NAMES, Names

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

    def __init__(
        self, attempt: Attempt, admits: Callable[[str], bool] | None = None, names: Names = NAMES
    ) -> None:
        """`admits`: whether a numeric address may be connected to; the name is resolved once."""
        self._attempt, self._admits, self._names = attempt, admits, names

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **kwargs: Any
    ) -> httpcore.NetworkStream:
        hosts = self._admitted(host, port, timeout)
        for i, each in enumerate(hosts):
            try:
                # One that does not answer must leave time for the others.
                left = self._attempt.left(timeout) / (len(hosts) - i)
                stream = super().connect_tcp(each, port, left, *args, **kwargs)
                return _Stream(stream, self._attempt)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if i + 1 == len(hosts):
                    raise
        raise httpcore.ConnectError("this name has no address")

    def _admitted(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        """The addresses to connect to. One that is not admitted spoils the others of its name."""
        try:
            addresses = self._names.addresses(host, port, self._attempt.left(timeout))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        admits = self._admits
        if admits and (wrong := [each for each in addresses if not admits(each)]):
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
