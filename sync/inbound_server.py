"""The one web server of `sync`, on a thread of its own: the only place that knows uvicorn.

It keeps so many connections and no more: when they are used up, the one that has kept us waiting
longest makes room. Who is slow, half open or silent costs a connection for some seconds.
"""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from controller.config_model import HttpSettings
from controller.logs import Once
from sync.inbound import Route, Site
from sync.inbound_app import BODY_WITHIN, application

log = structlog.get_logger(__name__)

_KEEP_ALIVE = 5  # seconds
_LONGEST_HEAD = 16 * 1024  # bytes
_THREADS = 8
_BACKLOG = 128
_AGAIN = 10.0  # seconds between attempts to listen
_LAST_WORDS = 2.0  # seconds for answers under way when it ends

# "Invalid HTTP request" is what anybody can have it say, as often as they like.
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a caller may take, in seconds, and how many there may be."""

    head_within: float = 10.0  # for a whole head, TLS included
    body_within: float = BODY_WITHIN
    connections: int = 200


class InboundServer:
    """Serves routes and sites from `open` until `close`; `tend` opens it, as often as need be."""

    def __init__(
        self,
        settings: HttpSettings,
        routes: Sequence[Route],
        bounds: Bounds | None = None,
        sites: Sequence[Site] = (),
    ) -> None:
        self._settings, self._routes, self._sites = settings, routes, sites
        self._bounds = bounds or Bounds()
        self._once = Once(log)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tls: ssl.SSLContext | None = None
        self._certified: tuple[float, ...] = ()
        self._try_at = 0.0
        self.failure = ""
        self.port = settings.port

    @property
    def url(self) -> str:
        host = f"[{self._settings.address}]" if ":" in self._settings.address else None
        scheme = "https" if self._settings.certificate else "http"
        return f"{scheme}://{host or self._settings.address}:{self.port}"

    def tend(self, now: float) -> None:
        """Call now and then, with monotonic seconds. Raises nothing."""
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None  # it said why
        if self._thread is not None:
            self._renew_certificate()
        elif now >= self._try_at:
            self._try_at = now + _AGAIN
            with suppress(OSError):
                self.open()

    def open(self) -> None:
        """Listen. OSError if that cannot be; it is told, and all else of `sync` goes on."""
        try:
            self._load_certificate()
            listening = _listen(self._settings)
        except OSError as error:
            self.failure = f"cannot listen on {self.url}: {_words(error)}"
            self._once.trouble("listen", self.failure, remedy=_remedy(self._settings))
            raise
        self.failure, self.port = "", listening.getsockname()[1]
        self._once.fine("listen", "listening at last")
        paths = [*(r.path for r in self._routes), *(f"{s.prefix}/…" for s in self._sites)]
        log.info("listening", url=self.url, paths=paths)
        begun = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listening, begun), name="inbound", daemon=True
        )
        self._thread.start()
        begun.wait()

    def close(self) -> None:
        """Listen no more; answers under way are given their time."""
        thread, self._thread = self._thread, None
        if thread and self._loop:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(2 * _LAST_WORDS)

    def _run(self, listening: socket.socket, begun: threading.Event) -> None:
        try:
            asyncio.run(self._serve(listening, begun))
        except Exception:
            log.exception("the web server ended")
        finally:
            listening.close()
            begun.set()

    async def _serve(self, listening: socket.socket, begun: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        begun.set()
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="inbound")
        app = application(self._routes, threads, self._bounds.body_within, self._sites)
        reception = _Reception(app, self._tls, self._bounds)
        accepting = asyncio.create_task(reception.accept(listening))
        await self._stop.wait()
        accepting.cancel()
        await reception.end()
        threads.shutdown(wait=False, cancel_futures=True)

    def _load_certificate(self) -> None:
        s = self._settings
        if s.certificate is None or s.certificate_key is None:
            return
        stamp = tuple(path.stat().st_mtime for path in (s.certificate, s.certificate_key))
        if stamp == self._certified:
            return
        if self._tls is None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(s.certificate, s.certificate_key)
        self._certified = stamp

    def _renew_certificate(self) -> None:
        """A new certificate holds for new connections at once."""
        try:
            self._load_certificate()
        except OSError as error:
            self._once.trouble("certificate", "the new certificate cannot be used", why=str(error))
        else:
            self._once.fine("certificate", "the new certificate is in use")


class _Reception:
    """Takes connections in and keeps count of them."""

    def __init__(self, app: Any, tls: ssl.SSLContext | None, bounds: Bounds) -> None:
        self._tls, self._bounds = tls, bounds
        self._once = Once(log)
        self._config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            h11_max_incomplete_event_size=_LONGEST_HEAD,
        )
        self._config.load()
        self._state = ServerState()
        self._greeting: dict[asyncio.Task[None], socket.socket] = {}

    async def accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError as error:
                self._once.trouble("accept", "no connection can be taken", why=str(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await asyncio.Event().wait()
                continue
            self._once.fine("accept", "connections are taken again")
            if not self._room():
                connection.close()
                continue
            task = loop.create_task(self._greet(connection))
            self._greeting[task] = connection
            task.add_done_callback(self._greeted)

    async def end(self) -> None:
        """Hang up, when what is being answered has been."""
        for task in list(self._greeting):
            task.cancel()
        for protocol in list(self._state.connections):
            protocol.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=_LAST_WORDS)
        for protocol in list(self._state.connections):
            _transport(protocol).abort()

    async def _greet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        # Else the second half of each answer waits 40 ms for word of the first.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        within = self._bounds.head_within if self._tls else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, connection, ssl=self._tls, ssl_handshake_timeout=within
            )
        except OSError:  # TLS errors and time-outs are some of these
            connection.close()

    def _greeted(self, task: asyncio.Task[None]) -> None:
        """One that was cancelled, perhaps before it began, has nobody else to hang up."""
        connection = self._greeting.pop(task)
        if task.cancelled():
            connection.close()

    def _protocol(self) -> "_Protocol":
        return _Protocol(self._config, self._state, {}, head_within=self._bounds.head_within)

    def _room(self) -> bool:
        """Is there place for one more? Who has kept us waiting longest makes it."""
        if len(self._greeting) + len(self._state.connections) < self._bounds.connections:
            return True
        silent = [p for p in self._state.connections if isinstance(p, _Protocol) and p.waits]
        if silent:
            _transport(min(silent, key=lambda p: p.waits_since)).abort()
            return True
        if self._greeting:
            next(iter(self._greeting)).cancel()
            return True
        return False


class _Protocol(H11Protocol):
    """uvicorn's own, except that nobody may take for ever to say what they want."""

    def __init__(self, *args: Any, head_within: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_within = head_within
        self._deadline: asyncio.TimerHandle | None = None
        self.waits_since = self.loop.time()

    @property
    def waits(self) -> bool:
        """Does it wait for a request, rather than its sender for an answer?"""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        if not self.waits or self.transport.is_closing():
            self._unwatch()
        elif self._deadline is None:
            self.waits_since = self.loop.time()
            self._deadline = self.loop.call_later(self._head_within, self.transport.abort)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _listen(settings: HttpSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    made = socket.create_server((settings.address, settings.port), family=family, backlog=_BACKLOG)
    made.setblocking(False)
    return made


def _transport(protocol: Any) -> asyncio.Transport:
    transport: asyncio.Transport = protocol.transport
    return transport


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"the certificate or its key cannot be used ({error.reason or error})"
    place = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{place}"


def _remedy(settings: HttpSettings) -> str:
    return (
        f"see who has the port: ss -ltnp 'sport = {settings.port}'; or change [http] address, "
        "port, certificate; it is tried again by itself"
    )
