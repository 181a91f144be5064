"""The shared server of the simulated platforms: what it does when all is well, and every fault."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse, IncompleteRead, RemoteDisconnected
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sync.simulator.server import FAULT_KINDS, Fault, Request, Response, SimulatedPlatform
from tests.lines import self_signed

PATIENCE = 10.0  # seconds until a test gives up; never part of what is tested


class Ledger(SimulatedPlatform):
    """Writes down what it was told, and can be asked for it."""

    def __init__(self, *, keep_log: bool = True) -> None:
        super().__init__(keep_log=keep_log)
        self.told: list[str] = []

    def handle(self, request: Request) -> Response:
        if request.path == "/cut":
            self.cut()
        if request.method == "POST":
            self.told.append(request.form()["word"])
            return Response(201, {"told": self.told[-1]}, {"X-Count": str(len(self.told))})
        return Response(body=[*self.told])


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger() as platform:
        yield platform


def connect(platform: SimulatedPlatform) -> closing[HTTPConnection]:
    place = urlsplit(platform.url)
    assert place.hostname
    return closing(HTTPConnection(place.hostname, place.port, timeout=PATIENCE))


def tell(platform: SimulatedPlatform, word: str) -> HTTPResponse:
    with connect(platform) as line:
        line.request("POST", "/words", f"word={word}")
        return _read(line)


def ask(platform: SimulatedPlatform, path: str = "/words") -> HTTPResponse:
    with connect(platform) as line:
        line.request("GET", path)
        return _read(line)


def _read(line: HTTPConnection) -> HTTPResponse:
    answer = line.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    return answer


def body(answer: HTTPResponse) -> bytes:
    whole: bytes = answer.body  # type: ignore[attr-defined]
    return whole


def test_it_answers_and_remembers_what_it_was_asked(ledger: Ledger) -> None:
    answer = tell(ledger, "gr%C3%BC%C3%9Fe")
    assert (answer.status, json.loads(body(answer))) == (201, {"told": "grüße"})
    assert answer.headers["X-Count"] == "1"
    assert json.loads(body(ask(ledger, "/words?p=2&p=3&empty="))) == ["grüße"]
    told, asked = ledger.requests
    assert (told.method, told.path, told.form()) == ("POST", "/words", {"word": "grüße"})
    assert asked.query == {"p": ["2", "3"], "empty": [""]}
    assert asked.first("p") == "2"
    assert asked.headers.get("hOsT") == urlsplit(ledger.url).netloc


def test_one_connection_serves_many_requests(ledger: Ledger) -> None:
    with connect(ledger) as line:
        line.connect()
        own = line.sock.getsockname()
        for word in ("one", "two", "three"):
            line.request("POST", "/words", f"word={word}")
            assert _read(line).status == 201
            assert line.sock.getsockname() == own
    assert ledger.told == ["one", "two", "three"]


def test_many_clients_at_once_lose_nothing(ledger: Ledger) -> None:
    def speak(who: int) -> None:
        with connect(ledger) as line:
            for n in range(20):
                line.request("POST", "/words", f"word={who}-{n}")
                assert _read(line).status == 201

    speakers = [threading.Thread(target=speak, args=(who,)) for who in range(8)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    assert sorted(ledger.told) == sorted(f"{who}-{n}" for who in range(8) for n in range(20))
    assert ledger.served == 160


def test_a_log_that_is_off_still_counts() -> None:
    with Ledger(keep_log=False) as platform:
        ask(platform)
        assert platform.requests == []
        assert platform.wait_for_requests(1)


def test_a_cut_line_refuses_new_calls_and_ends_the_old_ones(ledger: Ledger) -> None:
    with connect(ledger) as line:
        line.request("GET", "/words")
        assert _read(line).status == 200
        ledger.cut()
        assert line.sock.recv(1) == b"", "the kept connection has ended"
    with pytest.raises(ConnectionRefusedError):
        ask(ledger)


def test_a_mended_line_is_where_it_was(ledger: Ledger) -> None:
    before = ledger.url
    tell(ledger, "before")
    ledger.cut()
    ledger.mend()
    assert ledger.url == before
    assert json.loads(body(ask(ledger))) == ["before"], "a cut line forgets nothing"


def test_the_line_may_be_cut_in_the_middle_of_a_request(ledger: Ledger) -> None:
    with pytest.raises((ConnectionError, RemoteDisconnected)):
        ask(ledger, "/cut")
    with pytest.raises(ConnectionRefusedError):
        ask(ledger)


def test_cutting_and_stopping_twice_is_no_harm(ledger: Ledger) -> None:
    ledger.cut()
    ledger.cut()
    ledger.stop()
    ledger.mend()
    ledger.mend()
    assert ask(ledger).status == 200


def test_a_status_with_and_without_retry_after(ledger: Ledger) -> None:
    ledger.fault = Fault("status", status=429, retry_after=7)
    assert ask(ledger).headers["Retry-After"] == "7"
    ledger.fault = Fault("status", status=599)
    answer = ask(ledger)
    assert (answer.status, answer.headers["Retry-After"]) == (599, None)


@pytest.mark.parametrize(
    ("kind", "status", "starts"),
    [("html", 200, b"<!doctype"), ("garbage", 200, b"["), ("empty_list", 200, b"[]")],
)
def test_answers_that_are_not_the_answer(
    ledger: Ledger, kind: str, status: int, starts: bytes
) -> None:
    ledger.told.append("something")
    ledger.fault = Fault(kind)  # type: ignore[arg-type]
    answer = ask(ledger)
    assert answer.status == status
    assert body(answer).startswith(starts)
    assert b"something" not in body(answer)
    if kind != "empty_list":
        with pytest.raises(ValueError, match=r"."):
            json.loads(body(answer))


def test_a_redirect_leads_away(ledger: Ledger) -> None:
    ledger.fault = Fault("redirect", location="https://elsewhere.example/")
    answer = ask(ledger)
    assert (answer.status, answer.headers["Location"]) == (302, "https://elsewhere.example/")


def test_a_truncated_answer_has_half_its_body(ledger: Ledger) -> None:
    ledger.told.append("0123456789")
    ledger.fault = Fault("truncate")
    with pytest.raises(IncompleteRead) as broken:
        ask(ledger)
    assert broken.value.partial == b'["01234'


def test_a_reset_in_mid_body_is_a_reset(ledger: Ledger) -> None:
    ledger.fault = Fault("reset")
    with pytest.raises(ConnectionResetError):
        ask(ledger)


def test_a_lost_answer_was_carried_out(ledger: Ledger) -> None:
    ledger.fault = Fault("lose_answer", method="POST", times=1)
    with pytest.raises(RemoteDisconnected):
        tell(ledger, "once")
    assert ledger.told == ["once"]
    assert tell(ledger, "twice").status == 201


def test_a_server_that_hangs_says_nothing_until_the_fault_is_over(ledger: Ledger) -> None:
    ledger.fault = Fault("hang")
    with connect(ledger) as line:
        line.request("POST", "/words", "word=never")
        assert ledger.wait_for_requests(1)
        line.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            line.sock.recv(1)
        ledger.fault = None
        line.sock.setblocking(True)
        assert line.sock.recv(1) == b""
    assert ledger.told == [], "and nothing was carried out"


def test_a_slow_server_trickles_the_whole_answer(ledger: Ledger) -> None:
    ledger.told.append("patience")
    ledger.fault = Fault("slow", piece=1, gap=0.0)
    assert json.loads(body(ask(ledger))) == ["patience"]


def test_a_slow_server_hurries_when_the_fault_is_over(ledger: Ledger) -> None:
    ledger.told.append("patience")
    ledger.fault = Fault("slow", piece=1, gap=3600.0)
    with connect(ledger) as line:
        line.request("GET", "/words")
        assert line.sock.recv(1, socket.MSG_PEEK) == b"H"
        ledger.fault = None
        assert json.loads(body(_read(line))) == ["patience"]


def test_a_fault_meets_only_its_path_its_method_and_its_turn(ledger: Ledger) -> None:
    ledger.fault = Fault("status", path="^/words$", method="GET", after=1, times=2, status=503)
    assert ask(ledger, "/other").status == 200
    assert tell(ledger, "x").status == 201
    assert [ask(ledger).status for _ in range(5)] == [200, 503, 503, 200, 200]


def test_nothing_a_fault_holds_up_can_hold_up_the_end() -> None:
    for kind in ("hang", "slow"):
        with Ledger() as platform, connect(platform) as line:
            platform.fault = Fault(kind, gap=3600.0)
            line.request("GET", "/words")
            assert platform.wait_for_requests(1)
            platform.stop()
            ended = line.sock.recv(1000)
            assert b"[" not in ended


def test_every_fault_there_is_does_something(ledger: Ledger) -> None:
    ledger.told.append("right")
    for kind in FAULT_KINDS:
        if kind in {"hang", "slow"}:
            continue  # told above
        ledger.fault = Fault(kind)  # type: ignore[arg-type]
        with suppress(OSError, http.client.HTTPException):
            assert body(ask(ledger)) != b'["right"]', kind


def test_what_is_no_request_of_ours_is_turned_away(ledger: Ledger) -> None:
    for headers, status in (
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": "-1"}, 411),
        ({"Content-Length": str(1 << 40)}, 413),
    ):
        with connect(ledger) as line:
            line.putrequest("POST", "/words")
            for name, value in headers.items():
                line.putheader(name, value)
            line.endheaders()
            assert line.getresponse().status == status
    assert ledger.told == []


def test_who_hangs_up_half_way_was_never_there(ledger: Ledger) -> None:
    place = urlsplit(ledger.url)
    with socket.create_connection((place.hostname, place.port), timeout=PATIENCE) as line:
        line.sendall(b"POST /words HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nword=")
        line.shutdown(socket.SHUT_WR)
        assert line.recv(100) == b""
    assert ledger.told == []
    assert ledger.served == 0


def test_it_speaks_https_with_a_certificate_nobody_signed(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate, key)
    platform = Ledger()
    platform.start(tls=own)
    try:
        assert platform.url.startswith("https://")
        assert _secure_status(platform, ssl.create_default_context(cafile=certificate)) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            _secure_status(platform, ssl.create_default_context())
    finally:
        platform.stop()


def _secure_status(platform: SimulatedPlatform, trust: ssl.SSLContext) -> int:
    place = urlsplit(platform.url)
    assert place.hostname
    line = http.client.HTTPSConnection(place.hostname, place.port, timeout=PATIENCE, context=trust)
    with closing(line):
        line.request("GET", "/words")
        return _read(line).status
