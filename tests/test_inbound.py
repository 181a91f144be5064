"""The web server of `sync`: what it lets in, and what it does not let itself be held up by."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controller.config_model import HttpSettings
from sync.inbound import LARGEST_BODY, Answer, Arrival, Route
from sync.inbound_server import Bounds, InboundServer
from tests.lines import self_signed
from tests.worlds import PATIENCE

BEARER = "a-bearer-nobody-guesses"


def echo(arrival: Arrival) -> Answer:
    return Answer(200, {"said": arrival.body.decode(), "of": arrival.headers.get("x-who", "")})


def fails(_arrival: Arrival) -> Answer:
    raise RuntimeError("a secret in an error: " + BEARER)


ROUTES = (
    Route("POST", "/echo", echo, BEARER),
    Route("GET", "/open", echo),
    Route("GET", "/fails", fails),
)


@contextmanager
def serving(bounds: Bounds | None = None, **settings: Any) -> Iterator[InboundServer]:
    server = InboundServer(HttpSettings(port=0, **settings), ROUTES, bounds)
    server.open()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[InboundServer]:
    with serving() as opened:
        yield opened


def asked(
    server: InboundServer,
    method: str,
    path: str,
    body: bytes | None = None,
    bearer: str = f"Bearer {BEARER}",
) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as line:
        line.request(method, path, body, {"Authorization": bearer} if bearer else {})
        answer = line.getresponse()
        answer.read()
        return answer.status


def dialled(server: InboundServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def head(length: int, bearer: str = BEARER) -> bytes:
    return (
        f"POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def until_hung_up(line: socket.socket) -> bytes:
    said = b""
    try:
        while piece := line.recv(65536):
            said += piece
    except ConnectionResetError:
        pass
    return said


def test_requests_are_answered_by_their_route(server: InboundServer) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as line:
        for text in ("one", "two"):  # on one connection
            headers = {"Authorization": f"bearer {BEARER}", "X-Who": "me"}
            line.request("POST", "/echo", text.encode(), headers)
            answer = line.getresponse()
            assert answer.read() == f'{{"said": "{text}", "of": "me"}}'.encode()
            assert answer.headers["Content-Type"] == "application/json"
            assert "Server" not in answer.headers


@pytest.mark.parametrize(
    "bearer",
    [
        *("", "Bearer", "Bearer ", f"Basic {BEARER}", f"Bearer {BEARER}x", f"Bearer x{BEARER}"),
        *(BEARER, f"Bearer {BEARER[:-1]}", "Bearer " + "x" * 9000, f"Bearer  {BEARER}"),
    ],
)
def test_a_wrong_bearer_gets_nothing(server: InboundServer, bearer: str) -> None:
    assert asked(server, "POST", "/echo", b"x", bearer) == 401


def test_nothing_else_is_there(server: InboundServer) -> None:
    for method, path in (
        *(("GET", "/"), ("GET", "/echo"), ("DELETE", "/open"), ("GET", "/open/")),
        *(("GET", "/../open"), ("OPTIONS", "/open"), ("POST", "/docs")),
    ):
        assert asked(server, method, path) == 404, (method, path)
    assert asked(server, "GET", "/open?a=b", bearer="") == 200


def test_a_mebibyte_is_taken_and_a_byte_more_is_not(server: InboundServer) -> None:
    assert asked(server, "POST", "/echo", b"x" * LARGEST_BODY) == 200
    with dialled(server) as line:
        line.sendall(head(LARGEST_BODY + 1))
        assert until_hung_up(line).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_a_length_is_bounded_too(server: InboundServer) -> None:
    with dialled(server) as line:
        line.sendall(head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            for _ in range(17):
                line.sendall(chunk)
        except OSError:
            return  # it hung up already
        assert until_hung_up(line).startswith(b"HTTP/1.1 413 ")


def test_without_the_bearer_no_body_is_read(server: InboundServer) -> None:
    """Answered at once, however much is still to come."""
    with dialled(server) as line:
        line.sendall(head(LARGEST_BODY, "wrong"))
        assert line.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_what_fails_says_nothing_of_why(
    server: InboundServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert asked(server, "GET", "/fails") == 500
    assert asked(server, "GET", "/open") == 200


@pytest.mark.parametrize("said", [b"", b"GET /open HT", b"POST /echo HTTP/1.1\r\nHost: x\r\n"])
def test_who_never_says_what_they_want_is_hung_up_on(said: bytes) -> None:
    with serving(Bounds(head_within=0.05)) as server, dialled(server) as line:
        line.sendall(said)
        assert until_hung_up(line) == b""


def test_a_slow_body_ends_in_time() -> None:
    with serving(Bounds(body_within=0.05)) as server, dialled(server) as line:
        line.sendall(head(100) + b"x")
        assert until_hung_up(line).startswith(b"HTTP/1.1 408 ")


def test_who_drips_after_an_answer_is_hung_up_on() -> None:
    with serving(Bounds(head_within=0.05)) as server, dialled(server) as line:
        line.sendall(head(2) + b"ok")
        assert until_hung_up(line).startswith(b"HTTP/1.1 200 ")


def test_half_open_connections_keep_nobody_out() -> None:
    with serving(Bounds(connections=8)) as server, ExitStack() as ends:
        for _ in range(40):
            line = ends.enter_context(dialled(server))
            line.sendall(b"POST /echo HTTP/1.1\r\n")
        for _ in range(20):
            assert asked(server, "POST", "/echo", b"x") == 200


def test_nonsense_is_no_trouble(server: InboundServer) -> None:
    for said in (b"\x16\x03\x01\x00\xa5", b"\r\n\r\n", b"x" * 70_000, b"GET / HTTP/9.9\r\n\r\n"):
        with dialled(server) as line:
            try:
                line.sendall(said)
                line.shutdown(socket.SHUT_WR)
                until_hung_up(line)
            except OSError:
                pass
    assert asked(server, "GET", "/open") == 200


def test_many_at_once(server: InboundServer) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(asked(server, "POST", "/echo", b"x")))
        for _ in range(60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 60


def test_a_port_that_is_taken_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        server = InboundServer(HttpSettings(port=port), ROUTES)
        server.tend(0.0)
        assert server.failure.startswith(f"cannot listen on http://127.0.0.1:{port}: ")
        assert f"sport = {port}" in caplog.text
        server.tend(1.0)
    server.tend(60.0)
    assert server.failure == ""
    assert asked(server, "GET", "/open") == 200
    server.close()
    with pytest.raises(OSError, match="refused"):
        dialled(server)


def test_over_tls_and_with_a_new_certificate(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    with (
        serving(Bounds(head_within=0.2), certificate=certificate, certificate_key=key) as server,
        dialled(server) as silent,
    ):
        for _ in range(2):
            trusting = ssl.create_default_context(cafile=certificate)
            with closing(
                http.client.HTTPSConnection(
                    "127.0.0.1", server.port, timeout=PATIENCE, context=trusting
                )
            ) as line:
                line.request("GET", "/open")
                assert line.getresponse().status == 200
            self_signed(tmp_path)
            certificate.touch()
            server.tend(0.0)
        assert until_hung_up(silent) == b"", "it never began to speak TLS"


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    key.write_text("no key")
    settings = HttpSettings(port=0, certificate=certificate, certificate_key=key)
    server = InboundServer(settings, ROUTES)
    server.tend(0.0)
    assert "the certificate or its key cannot be used" in server.failure


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"address": "localhost"}, "no IP address"),
        ({"address": "0.0.0.0"}, "certificate"),
        ({"address": "192.0.2.1"}, "certificate"),
        ({"address": "::"}, "certificate"),
        ({"certificate": "cert.pem"}, "belong together"),
        ({"port": 70000}, "65535"),
    ],
)
def test_what_would_be_open_to_others_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        HttpSettings.model_validate(settings)


def test_a_bearer_shows_in_no_repr() -> None:
    assert BEARER not in repr(ROUTES)
