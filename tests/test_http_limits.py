"""How often a line may ask, when it comes again, and which addresses it may be given."""

from collections.abc import Iterator

import pytest

from controller.errors import Unavailable
from sync.http import Limit, web_address
from sync.simulator.server import Fault
from tests.fakes import FakeClock
from tests.lines import Echo, Waiting, line_to


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as platform:
        yield platform


# Limits


def test_the_seventh_request_in_a_minute_waits(echo: Echo) -> None:
    clock = FakeClock()
    waiting = Waiting(clock)
    limits = [Limit("GET /api/memberships", 6, 60)]
    with line_to(echo, clock, wait=waiting, limits=limits) as line:
        for _ in range(6):
            line.request("GET", "/api/memberships")
            clock.advance(1)
        line.request("GET", "/api/memberships/m-1")  # another endpoint
        assert waiting.pauses == []
        line.request("GET", "/api/memberships")
        assert waiting.pauses == [54]
        line.request("GET", "/api/memberships")
        assert waiting.pauses == [54, 1]


def test_what_never_went_out_takes_no_place_in_the_limit(echo: Echo) -> None:
    clock = FakeClock()
    waiting = Waiting(clock)
    with line_to(echo, clock, wait=waiting, limits=[Limit("GET .*", 2)]) as line:
        line.request("GET", "/before")
        echo.cut()
        for _ in range(5):
            with pytest.raises(Unavailable):
                line.request("GET", "/meanwhile")
        echo.mend()
        line.request("GET", "/after")
        assert waiting.pauses == []
        line.request("GET", "/again")
    assert waiting.pauses == [60]


def test_waiting_for_a_limit_ends_when_the_program_stops(echo: Echo) -> None:
    clock = FakeClock()
    waiting = Waiting(clock)
    with line_to(echo, clock, wait=waiting, limits=[Limit("POST .*", 1)]) as line:
        line.request("POST", "/one")
        waiting.stopping = True
        with pytest.raises(Unavailable, match="stopping") as caught:
            line.request("POST", "/two")
    assert not caught.value.maybe_sent
    assert echo.served == 1


@pytest.mark.parametrize("retry_after", [7, "Mon, 05 Jan 2026 10:00:07 GMT"])
def test_a_get_that_shall_come_later_comes_later(echo: Echo, retry_after: int | str) -> None:
    clock = FakeClock()
    waiting = Waiting(clock)
    echo.fault = Fault("status", status=429, retry_after=retry_after, times=1)
    with line_to(echo, clock, wait=waiting) as line:
        assert line.request("GET", "/busy").status == 200
    assert waiting.pauses == [7]


def test_a_get_comes_again_twice_at_most(echo: Echo) -> None:
    clock = FakeClock()
    waiting = Waiting(clock)
    echo.fault = Fault("status", status=429, retry_after=5)
    with line_to(echo, clock, wait=waiting) as line, pytest.raises(Unavailable) as caught:
        line.request("GET", "/busy")
    assert caught.value.retry_after == 5
    assert (waiting.pauses, echo.served) == ([5, 5], 3)


@pytest.mark.parametrize(
    ("method", "retry_after", "told"),
    [("GET", 91, 91), ("GET", None, None), ("GET", "soon", None), ("POST", 5, 5)],
)
def test_other_requests_that_shall_come_later_are_given_back(
    echo: Echo, method: str, retry_after: int | str | None, told: float | None
) -> None:
    echo.fault = Fault("status", status=429, retry_after=retry_after)
    with line_to(echo) as line, pytest.raises(Unavailable, match="429") as caught:
        line.request(method, "/busy")
    assert (caught.value.retry_after, echo.served) == (told, 1)


def test_an_outage_does_not_use_up_the_limit_for_its_end(echo: Echo) -> None:
    clock = FakeClock()
    waiting = Waiting(clock)
    with line_to(echo, clock, wait=waiting, limits=[Limit("GET .*", 2)]) as line:
        echo.cut()
        for _ in range(5):
            with pytest.raises(Unavailable):
                line.request("GET", "/members")
        echo.mend()
        for _ in range(2):
            line.request("GET", "/members")
    assert waiting.pauses == []


# Addresses


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://harbour.cobot.me/", "https://harbour.cobot.me"),
        ("https://members.example.org/sub/", "https://members.example.org/sub"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:1/", "http://localhost:1"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_addresses_that_are_good(written: str, meant: str) -> None:
    assert web_address(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "harbour.cobot.me",
        "http://harbour.cobot.me",
        "http://127.0.0.1.example.org",
        "https://user:word@example.org",
        "https://example.org?access_token=1",
        "https://example.org:99999",
        "https://exa mple.org",
        "ftp://example.org",
        "https://",
    ],
)
def test_addresses_that_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        web_address(written)
