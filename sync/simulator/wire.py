"""The HTTP side of a simulated platform: connections that can be cut, answers that go wrong."""

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from sync.simulator.messages import Fault, Request, Response

_LARGEST_BODY = 16 * 1024 * 1024
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: close() sends a reset


class Answering(Protocol):
    """What answers the requests of one server."""

    def arrived(self, request: Request) -> None: ...
    def fault_for(self, request: Request) -> tuple[Fault | None, threading.Event]:
        """The fault this request meets, and an event that is set when that fault is over."""

    def answer(self, request: Request) -> Response: ...
    def empty(self, request: Request) -> Response: ...


class Server(ThreadingHTTPServer):
    """Threads of its own that can be ended: a cut line must not leave one connection open."""

    request_queue_size = 128

    def __init__(self, platform: Answering, port: int, tls: ssl.SSLContext | None) -> None:
        self.platform = platform
        self._tls = tls
        self._open: dict[threading.Thread, socket.socket] = {}
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self._listening = threading.Thread(target=self.serve_forever, daemon=True)
        self._listening.start()

    def server_bind(self) -> None:
        # HTTPServer would look up our host name, which takes seconds without a network.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self._converse, args=(request, client_address))
        thread.daemon = True
        with self._guard:
            self._open[thread] = request
        thread.start()

    def sever(self) -> None:
        """Nobody listens any more, and every open connection ends."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes serve_forever at once
        self.shutdown()
        self._listening.join()
        self.server_close()
        with self._guard:
            for connection in self._open.values():
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def join(self) -> None:
        """Wait for the threads of severed connections, unless the caller is one of them."""
        with self._guard:
            threads = list(self._open)
        if threading.current_thread() not in threads:
            for thread in threads:
                thread.join()

    def _converse(self, connection: socket.socket, client_address: Any) -> None:
        try:
            with suppress(OSError):  # the client hung up, or the line was cut
                self.finish_request(self._secured(connection), client_address)
        finally:
            with self._guard:
                connection = self._open.pop(threading.current_thread())
            self._hang_up(connection)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        secured = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._guard:
            self._open[threading.current_thread()] = secured
        secured.do_handshake()
        return secured

    def _hang_up(self, connection: socket.socket) -> None:
        with suppress(OSError):
            linger = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_ABORT))
            if linger != _ABORT:  # else close alone, so that no FIN precedes the reset
                connection.shutdown(socket.SHUT_WR)
        connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_any(self) -> None:
        request = self._request()
        if request is None:
            return
        platform = self.server.platform
        platform.arrived(request)
        fault, released = platform.fault_for(request)
        if fault is None:
            self._send(platform.answer(request))
        elif fault.kind in _INSTEAD:
            self._send(_INSTEAD[fault.kind](fault, platform, request))
        else:
            self._misbehave(fault, released, request)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_any  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        pass

    def _request(self) -> Request | None:
        """The request, or None if its body cannot be taken; then the connection ends."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            self.close_connection = True
            return None
        if int(length) > _LARGEST_BODY:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self.close_connection = True
            return None
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        return Request(self.command, url.path, query, self.headers, self.rfile.read(int(length)))

    def _send(self, response: Response) -> None:
        self.wfile.write(self._bytes(response))

    def _bytes(self, response: Response) -> bytes:
        body = response.encoded()
        lines = [
            f"HTTP/1.1 {response.status} {_phrase(response.status)}",
            f"Content-Length: {len(body)}",
        ]
        if not any(name.lower() == "content-type" for name in response.headers):
            lines.append("Content-Type: application/json; charset=utf-8")
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        return head if self.command == "HEAD" else head + body

    def _misbehave(self, fault: Fault, released: threading.Event, request: Request) -> None:
        """Faults of the line rather than of the answer; all but slow ones end the connection."""
        if fault.kind == "hang":
            self.close_connection = True
            released.wait()
            return
        whole = self._bytes(self.server.platform.answer(request))
        if fault.kind == "slow":
            self._trickle(whole, fault, released)
            return
        self.close_connection = True
        if fault.kind != "lose_answer":
            self.wfile.write(whole[: whole.index(b"\r\n\r\n") + 4 + _half_of_body(whole)])
        if fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)

    def _trickle(self, whole: bytes, fault: Fault, released: threading.Event) -> None:
        for at in range(0, len(whole), fault.piece):
            self.wfile.write(whole[at : at + fault.piece])
            if released.wait(fault.gap):
                self.wfile.write(whole[at + fault.piece :])
                return


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unusual"


def _half_of_body(whole: bytes) -> int:
    return (len(whole) - whole.index(b"\r\n\r\n") - 4) // 2


def _status(fault: Fault, _platform: Answering, _request: Request) -> Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return Response(fault.status, {"message": "simulated fault"}, headers)


def _late_status(fault: Fault, platform: Answering, request: Request) -> Response:
    platform.answer(request)
    return _status(fault, platform, request)


def _redirect(fault: Fault, _platform: Answering, _request: Request) -> Response:
    return Response(302, b"", {"Location": fault.location})


def _html(_fault: Fault, _platform: Answering, _request: Request) -> Response:
    page = b"<!doctype html><title>Maintenance</title><p>We are back in a minute."
    return Response(200, page, {"Content-Type": "text/html"})


def _garbage(_fault: Fault, _platform: Answering, _request: Request) -> Response:
    return Response(200, b'[{"id": 1,}, \x00\xff')


_INSTEAD: dict[str, Callable[[Fault, Answering, Request], Response]] = {
    "status": _status,
    "late_status": _late_status,
    "html": _html,
    "garbage": _garbage,
    "redirect": _redirect,
    "empty_list": lambda _fault, platform, request: platform.empty(request),
}
