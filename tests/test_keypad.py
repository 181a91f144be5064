"""Keys → PINs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.keypad import BETWEEN_KEYS, LONGEST, Keypad, meant_under_duress


@pytest.mark.parametrize(
    ("keys", "pins"),
    [
        ("4711#", ["4711"]),
        ("4711", []),
        ("#", []),
        ("99*4711#", ["4711"]),
        ("0047#", ["0047"]),
        ("1#2#", ["1", "2"]),
        ("12AB34#", ["1234"]),
        ("١٢#", []),  # digits of another script are no keys
        ("1" * LONGEST + "#", ["1" * LONGEST]),
        ("1" * (LONGEST + 1) + "#", [""]),
        ("1" * 10_000 + "#", [""]),
    ],
)
def test_keys_become_pins(keys: str, pins: list[str]) -> None:
    assert Keypad().feed(keys, 0.0) == pins
    one_by_one = Keypad()
    assert [pin for key in keys for pin in one_by_one.feed(key, 0.0)] == pins


def test_after_a_pause_a_pin_begins_anew() -> None:
    pad = Keypad()
    pad.feed("99", 0.0)
    assert pad.feed("47", BETWEEN_KEYS + 0.1) == []
    assert pad.feed("11#", 2 * BETWEEN_KEYS) == ["4711"]


@pytest.mark.parametrize(
    ("typed", "meant"), [("4712", "4711"), ("4710", "4719"), ("0", "9"), ("", "")]
)
def test_under_duress_the_last_digit_is_one_too_high(typed: str, meant: str) -> None:
    assert meant_under_duress(typed) == meant


@given(st.text(alphabet="0123456789", min_size=1, max_size=LONGEST))
def test_each_pin_has_one_for_duress(pin: str) -> None:
    forced = f"{pin[:-1]}{(int(pin[-1]) + 1) % 10}"
    assert forced != pin
    assert meant_under_duress(forced) == pin
