"""A program elsewhere that is told of events: a real HTTP server on loopback."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.worlds import PATIENCE

SECRET = "what-webhooks-are-signed-with-7f3a"


class Receiver:
    """Takes messages whose signature is right, as docs/api.md says to check it."""

    def __init__(self) -> None:
        self.took: list[dict[str, Any]] = []
        self.asked = 0  # how often it was called, whatever it answered
        self.forged = 0
        self.status = 204
        self.headers: dict[str, str] = {}
        self.mute = False  # takes everything and never answers
        self._changed, self._open = threading.Condition(), threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._take(self, body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/lock_open"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """What it took, once that is so many messages."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.took) >= count, PATIENCE), self.took
            return list(self.took)

    def wait_asked(self, count: int) -> None:
        """Until it was called so many times."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked >= count, PATIENCE)

    def kinds(self) -> list[str]:
        return [each["kind"] for each in self.took]

    def _take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
        if self.mute:
            self._open.wait()
            return
        status = self.status
        if not _genuine(request, body):
            self.forged += 1
            status = 401
        if 200 <= status < 300:
            with self._changed:
                self.took.append(json.loads(body))
                self._changed.notify_all()
        request.send_response(status)
        for name, text in self.headers.items():
            request.send_header(name, text)
        request.send_header("Content-Length", "0")
        request.end_headers()


def _genuine(request: BaseHTTPRequestHandler, body: bytes) -> bool:
    stamp = request.headers["Doorward-Timestamp"]
    wanted = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(request.headers["Doorward-Signature"], f"sha256={wanted}")
