"""Parts of the console alone: waiting between guesses, times, addresses, colours, health."""

import re
from itertools import product
from pathlib import Path

import pytest
from starlette.requests import Request

from controller.config_model import HttpSettings
from controller.errors import ConfigError
from sync.console import throttle
from sync.console.gate import Gate
from sync.console.page import LOCAL
from sync.console.throttle import Throttle
from sync.console.times import Times
from sync.passwords import checked, hashed, matches
from tests.fakes import MONDAY, FakeClock
from tests.worlds import BERLIN, DAY, at

CSS = Path(throttle.__file__).parent / "static" / "console.css"


# Passwords


def test_a_password_matches_what_was_kept_of_it_and_nothing_else() -> None:
    kept = hashed("three plain w\u00f6rds")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert matches("three plain wo\u0308rds", kept), "however the keyboard composes it"
    assert not matches("three plain words", kept)
    assert not matches("", kept)
    assert not matches("x" * 1_000_000, kept)


@pytest.mark.parametrize("password", ["", "short", "x" * 300])
def test_what_is_no_password_is_refused(password: str) -> None:
    with pytest.raises(ConfigError, match="at least 12"):
        checked(password)


# Waiting


def test_waiting_grows_is_bounded_and_forgotten() -> None:
    guard, now, waits = Throttle(), 0.0, []
    for _ in range(14):
        wait = guard.attempt("mira", "192.0.2.1", now)
        waits.append(wait)
        now += wait
        if wait:
            assert guard.attempt("Mira", "192.0.2.2", now) == 0, "waited for long enough"
    assert waits[:3] == [0, 0, 0]
    assert max(waits) <= 300
    assert guard.attempt("mira", "192.0.2.3", now) > 200
    assert guard.attempt("mira", "192.0.2.3", now + 3600) == 0


def test_one_address_cannot_try_a_password_on_many_names() -> None:
    guard = Throttle()
    waits = [guard.attempt(f"name {n}", "2001:db8::1", 0.0) for n in range(13)]
    assert waits == [0.0] * 12 + [1.0]
    assert guard.attempt("another", "2001:db8::2", 0.0) == 1.0, "the same house"
    assert guard.attempt("another", "2001:db8:0:1::1", 0.0) == 0.0
    assert guard.attempt("another", "nonsense", 0.0) == 0.0


def test_success_is_forgiven_to_the_name_alone() -> None:
    guard = Throttle()
    for _ in range(3):
        guard.attempt("mira", "192.0.2.1", 0.0)
    guard.succeeded("MIRA")
    assert guard.attempt("mira", "192.0.2.1", 0.0) == 0.0
    for n in range(8):
        guard.attempt(f"name {n}", "192.0.2.1", 0.0)
    assert guard.attempt("mira", "192.0.2.1", 0.0) > 0.0


def test_names_and_addresses_without_end_take_no_memory() -> None:
    guard = Throttle()
    for n in range(10_000):
        guard.attempt(f"{n}" * 50, f"192.0.{n % 200}.{n % 251}", 0.0)
    assert all(len(records) <= 4096 for records in guard._records.values())


# Addresses


def request(host: str, **headers: str) -> Request:
    named = [(n.replace("_", "-").encode(), text.encode()) for n, text in headers.items()]
    return Request(
        {"type": "http", "client": (host, 1), "scheme": "http", "headers": named, "path": "/"}
    )


@pytest.mark.parametrize(
    ("host", "told", "address"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "10.1.2.3", "127.0.0.1"),
        ("127.0.0.1", "nonsense", "nonsense"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
    ],
)
def test_only_trusted_proxies_say_whom_they_speak_for(host: str, told: str, address: str) -> None:
    settings = HttpSettings(trusted_proxies=("127.0.0.1", "10.0.0.0/8"))
    gate = Gate(settings, None, FakeClock())  # type: ignore[arg-type]
    assert gate.address(request(host, x_forwarded_for=told)) == address
    assert gate.encrypted(request(host, x_forwarded_proto="https")) == (host == "127.0.0.1")


def test_a_proxy_is_named_by_its_address() -> None:
    with pytest.raises(ValueError, match="no IP address and no network"):
        HttpSettings(trusted_proxies=("proxy.local",))


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        *(("/", True), ("/doors", True), ("/people/cobot/42", True), ("/a.b", True)),
        *(("//evil.example", False), ("/\\evil.example", False), ("", False), ("doors", False)),
        *(("https://evil.example", False), ("/doors?x=//evil", False), ("/doors\n", False)),
    ],
)
def test_only_pages_of_ours_are_gone_to(path: str, *, ours: bool) -> None:
    assert bool(LOCAL.fullmatch(path)) is ours


# Times


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (0, "11:00"),
        (-DAY, "yesterday 11:00"),
        (DAY, "tomorrow 11:00"),
        (-3 * DAY, "Fri 11:00"),
        (-30 * DAY, "6 Dec 2025, 11:00"),
        (1e15, "28 Dec 9999"),
        (-1e15, "1 Jan 1970, 01:00"),
    ],
)
def test_times_as_people_at_a_desk_say_them(moment: float, words: str) -> None:
    assert Times(BERLIN).short(MONDAY + moment, MONDAY).startswith(words)


def test_a_time_of_day_is_the_next_one_in_the_zone_of_the_site() -> None:
    times = Times(BERLIN)
    assert times.next("18:30", MONDAY) == at("2026-01-05 18:30")
    assert times.next("11:00", MONDAY) == at("2026-01-06 11:00")
    assert times.next("03:00", at("2026-03-28 12:00")) == at("2026-03-29 03:00")
    assert Times(None).next("18:30", MONDAY) > MONDAY


# Colours: WCAG 2.2, 1.4.3 and 1.4.11


def colours() -> dict[str, dict[str, str]]:
    """By theme and name, from the style sheet itself."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS.read_text(), re.DOTALL)
    named = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)) for part in (light, dark)]
    return {"light": named[0], "dark": named[1]}


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT = [
    *product(("text", "soft", "accent", "bad", "good", "warn"), ("card", "page", "sunk")),
    ("on-accent", "accent"),
    ("on-bad", "bad"),
    ("accent", "tint"),
    *((name, f"{name}-back") for name in ("good", "warn", "bad")),
    *(("text", f"{name}-back") for name in ("good", "warn", "bad")),
]
SHAPES = [*product(("edge", "focus"), ("card", "page")), ("edge", "sunk")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_can_be_read(theme: str) -> None:
    named = colours()[theme]
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    weak = {
        f"{front} on {back}": round(contrast(named[front], named[back]), 2)
        for pairs, least in ((TEXT, 4.5), (SHAPES, 3.0))
        for front, back in pairs
        if contrast(named[front], named[back]) < least
    }
    assert not weak


def test_both_themes_name_the_same_colours() -> None:
    both = colours()
    assert both["light"].keys() == both["dark"].keys()
    assert len(both["light"]) > 15
