"""A line to a web service: what it sends, what it lets through, who must act when it fails."""

import json
import logging
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import BadReply, ConfigError, DoorwardError, Unauthorized, Unavailable
from sync.http import Line, Reply
from sync.simulator.server import Fault, Response
from tests.fakes import FakeClock
from tests.lines import Echo, RunningClock, Waiting, line_to, self_signed

KEY = "k-7f3a/b+c"
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as platform:
        yield platform


# What is sent


def test_a_plus_in_a_parameter_arrives_as_a_plus(echo: Echo) -> None:
    with line_to(echo) as line:
        line.request("GET", "/api/bookings", params={"from": "2026/01/05 09:00:00 +0000"})
    assert echo.requests[0].first("from") == "2026/01/05 09:00:00 +0000"


def test_forms_and_json_arrive_as_such(echo: Echo) -> None:
    with line_to(echo) as line:
        line.request("POST", "/access", form={"user": "ä b"})
        line.request("POST", "/things", json={"n": 1})
    assert echo.requests[0].form() == {"user": "ä b"}
    assert echo.requests[1].json() == {"n": 1}


def test_the_key_goes_to_the_base_address_and_to_no_other_host(echo: Echo) -> None:
    with Echo() as stranger, line_to(echo, headers=BEARER) as line:
        line.request("GET", f"{echo.url}/here")
        line.request("GET", f"{stranger.url}/there")
    assert echo.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert stranger.requests[0].headers["Authorization"] is None


def test_headers_of_one_request_go_to_the_base_address_only(echo: Echo) -> None:
    with Echo() as stranger, line_to(echo) as line:
        for place in (echo, stranger):
            line.request("GET", f"{place.url}/one", headers=BEARER)
            line.request("GET", f"{place.url}/two")
    assert [r.headers["Authorization"] for r in echo.requests] == [f"Bearer {KEY}", None]
    assert [r.headers["Authorization"] for r in stranger.requests] == [None, None]


def test_a_key_that_is_learned_later_is_blotted_out_too(echo: Echo) -> None:
    echo.answer_with = Response(401, {"error": f"no token {KEY} of first-key"})
    with line_to(echo, secrets=["first-key"]) as line:
        for number in range(1000):
            line.hide(f"of long ago {number}")
        line.hide(KEY)
        with pytest.raises(Unauthorized, match=r"no token \*\*\*\* of \*\*\*\*") as caught:
            line.request("GET", "/", headers=BEARER)
    assert KEY not in str(caught.value)


def test_cookies_are_not_kept(echo: Echo) -> None:
    with line_to(echo) as line:
        echo.answer_with = Response(200, {}, {"Set-Cookie": "session=1"})
        line.request("GET", "/one")
        line.request("GET", "/two")
    assert echo.requests[1].headers["Cookie"] is None


def test_one_connection_serves_many_requests(echo: Echo) -> None:
    with line_to(echo) as line:
        for _ in range(5):
            line.request("GET", "/again")
        assert _connections_of(echo) == 1
    assert echo.served == 5


# What comes back


def test_an_accepted_status_is_handed_over_with_its_body(echo: Echo) -> None:
    echo.answer_with = Response(422, {"base": ["No time passes left."]})
    with line_to(echo) as line:
        reply = line.request("POST", "/work_sessions", accept=(201, 422))
    assert (reply.status, reply.json()) == (422, {"base": ["No time passes left."]})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, BadReply),
        (400, BadReply),
        (401, Unauthorized),
        (402, Unauthorized),
        (403, Unauthorized),
        (404, BadReply),
        (409, BadReply),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_every_other_status_says_who_must_act(
    echo: Echo, status: int, error: type[DoorwardError]
) -> None:
    echo.fault = Fault("status", status=status)
    with line_to(echo, headers=BEARER) as line, pytest.raises(error, match=str(status)):
        line.request("GET", "/api/memberships")


def test_a_refusal_quotes_the_platform_and_blots_out_the_key(echo: Echo) -> None:
    echo.answer_with = Response(401, {"error": f"no such token: {KEY}"})
    with (
        line_to(echo, headers=BEARER, secrets=[KEY]) as line,
        pytest.raises(Unauthorized) as caught,
    ):
        line.request("GET", "/api/access_tokens/k-7f3a%2Fb%2Bc")
    assert "no such token: ****" in str(caught.value)
    assert KEY not in str(caught.value)
    assert "k-7f3a%2Fb%2Bc" not in str(caught.value)


def test_no_address_with_a_key_in_it_is_logged(
    echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), line_to(echo) as line:
        line.request("GET", "/api/access_tokens/secret")
    assert "secret" not in caplog.text


def test_a_redirect_is_named_and_not_followed(echo: Echo) -> None:
    with Echo() as elsewhere, line_to(echo, headers=BEARER) as line:
        echo.fault = Fault("redirect", location=f"{elsewhere.url}/trap?token=1")
        with pytest.raises(BadReply, match=f"redirect to {elsewhere.url}/trap is not followed"):
            line.request("GET", "/api/memberships")
        assert elsewhere.served == 0


@pytest.mark.parametrize(
    ("kind", "words"), [("html", "a web page"), ("garbage", "is not JSON"), ("empty", "is empty")]
)
def test_what_is_no_json_is_a_bad_reply(echo: Echo, kind: Any, words: str) -> None:
    if kind == "empty":
        echo.answer_with = Response(200, b" ")
    else:
        echo.fault = Fault(kind)
    with line_to(echo) as line, pytest.raises(BadReply, match=words):
        line.request("GET", "/api/memberships").json()


@pytest.mark.parametrize("body", [b"[NaN]", b"[1", b"\xff", b"[" * 100_000, b'"\xed\xa0\x80"'])
def test_json_is_read_strictly(body: bytes) -> None:
    with pytest.raises(BadReply):
        Reply(200, {}, body).json()


def test_half_an_emoji_becomes_a_question_mark() -> None:
    body = rb'{"name": "Zo\u00eb \ud83d", "whole": "\ud83d\ude00"}'
    assert Reply(200, {}, body).json() == {"name": "Zoë ?", "whole": "😀"}


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=10))
def test_json_comes_back_as_it_was(value: Any) -> None:
    assert Reply(200, {}, json.dumps(value, ensure_ascii=False).encode()).json() == value


def test_an_answer_without_end_is_cut_off(echo: Echo) -> None:
    echo.answer_with = Response(200, b"[" + b"1," * 5000 + b"1]")
    with line_to(echo, max_body=4096) as line, pytest.raises(BadReply, match="larger than 4 KiB"):
        line.request("GET", "/api/memberships")


# What the line itself does wrong


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", ["truncate", "reset", "lose_answer"])
def test_a_connection_that_breaks_leaves_only_a_post_in_doubt(
    echo: Echo, kind: Any, method: str
) -> None:
    echo.fault = Fault(kind)
    with line_to(echo) as line, pytest.raises(Unavailable, match="broke off") as caught:
        line.request(method, "/work_sessions")
    assert caught.value.maybe_sent is (method == "POST")


@pytest.mark.parametrize(("status", "doubt"), [(500, True), (429, False)])
def test_a_post_is_in_doubt_after_a_server_error_only(echo: Echo, status: int, doubt: bool) -> None:
    echo.fault = Fault("status", status=status)
    with line_to(echo) as line, pytest.raises(Unavailable) as caught:
        line.request("POST", "/work_sessions")
    assert caught.value.maybe_sent is doubt
    assert echo.served == 1


def test_a_post_that_met_a_web_page_is_in_doubt(echo: Echo) -> None:
    echo.fault = Fault("html")
    with line_to(echo) as line, pytest.raises(BadReply) as caught:
        line.request("POST", "/work_sessions").json()
    assert caught.value.maybe_sent


def test_nobody_there_means_nothing_was_sent() -> None:
    with Echo() as gone, line_to(gone) as line:
        gone.cut()
        with pytest.raises(Unavailable, match="cannot be reached") as caught:
            line.request("POST", "/work_sessions")
    assert not caught.value.maybe_sent


def test_a_line_that_was_cut_works_again_when_it_is_mended(echo: Echo) -> None:
    with line_to(echo) as line:
        line.request("GET", "/one")
        echo.cut()
        with pytest.raises(Unavailable):
            line.request("GET", "/two")
        echo.mend()
        assert line.request("GET", "/three").json()["path"] == "/three"


def test_a_server_that_never_answers_is_given_up(echo: Echo) -> None:
    echo.fault = Fault("hang")
    with line_to(echo, timeout=0.05) as line:
        with pytest.raises(Unavailable, match="took too long") as caught:
            line.request("POST", "/work_sessions")
        assert caught.value.maybe_sent


def test_drops_of_a_head_do_not_outlast_the_deadline(echo: Echo) -> None:
    echo.fault = Fault("slow", piece=1, gap=0.01)
    with (
        line_to(echo, RunningClock(), timeout=20, total=0.1) as line,
        pytest.raises(Unavailable, match="took too long"),
    ):
        line.request("GET", "/api/memberships")


def test_drops_of_a_body_do_not_outlast_the_deadline(echo: Echo) -> None:
    echo.answer_with = Response(200, b"[" + b" " * 100_000 + b"]")
    echo.fault = Fault("slow", piece=500, gap=0.01)
    with (
        line_to(echo, RunningClock(), timeout=20, total=0.1) as line,
        pytest.raises(Unavailable, match="took too long"),
    ):
        line.request("GET", "/api/memberships")


def test_a_slow_server_is_waited_for_within_the_deadline(echo: Echo) -> None:
    echo.fault = Fault("slow", piece=40, gap=0.001)
    with line_to(echo, RunningClock()) as line:
        assert line.request("GET", "/slow").json()["path"] == "/slow"


# Certificates


@pytest.fixture
def secure(echo: Echo, tmp_path: Path) -> Iterator[tuple[Echo, Path]]:
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make a certificate")
    certificate, key = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Echo() as platform:
        platform.stop()
        platform.start(tls=tls)
        yield platform, certificate


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: tuple[Echo, Path]) -> None:
    platform, _ = secure
    with line_to(platform, headers=BEARER) as line:
        with pytest.raises(Unavailable, match=r"certificate of 127\.0\.0\.1.*ca_file") as caught:
            line.request("POST", "/work_sessions")
        assert not caught.value.maybe_sent
    assert platform.served == 0


def test_a_certificate_of_our_own_authority_is_accepted(secure: tuple[Echo, Path]) -> None:
    platform, certificate = secure
    with line_to(platform, ca_file=certificate) as line:
        assert line.request("GET", "/private").json()["path"] == "/private"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bad_ca_file_is_the_installers_business(tmp_path: Path, content: str | None) -> None:
    ca_file = tmp_path / "ca.pem"
    if content:
        ca_file.write_text(content)
    clock = FakeClock()
    with pytest.raises(ConfigError, match=r"ca\.pem cannot be used"):
        Line("https://127.0.0.1", clock=clock, wait=Waiting(clock), ca_file=ca_file)


def test_a_key_with_odd_characters_is_the_installers_business(echo: Echo) -> None:
    with pytest.raises(ConfigError, match="Authorization") as caught:
        line_to(echo, headers={"Authorization": "Bearer “abc”"})
    assert "abc" not in str(caught.value)


def _connections_of(platform: Echo) -> int:
    assert platform._server is not None
    return len(platform._server._open)
