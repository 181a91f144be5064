"""Card numbers: what is written in many ways is one card, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cards import (
    FORMS,
    CardFormat,
    card_hash,
    hash_card,
    hashed,
    mask,
    visitor_pin,
)

KEY = bytes(range(32))

# One EM4100 fob, printed "0008075634 123,14706", in all the ways in which it shows up.
ONE_FOB = [
    ("hex", 40, "6F007B3972", "40:6F007B3972"),
    ("dec13", None, "0476749445490", "40:6F007B3972"),
    ("hex", 32, "6F007B3972", "32:007B3972"),
    ("dec13", 32, "0476749445490", "32:007B3972"),
    ("hex", None, "007B3972", "32:007B3972"),
    ("dec10", None, "0008075634", "32:007B3972"),
    ("5-5", None, "00123,14706", "32:007B3972"),
    ("hex", 24, "6F007B3972", "24:7B3972"),
    ("dec10", 24, "0008075634", "24:7B3972"),
    ("hex", None, "7B3972", "24:7B3972"),
    ("dec8", None, "08075634", "24:7B3972"),
    ("3-5", None, "123,14706", "24:7B3972"),
]
# One MIFARE card with UID A3 5F 1C 2B.
UID = "A3:5F:1C:2B"
UID_IN_NUMBERS = [
    ("dec10", False, "2740919339"),
    ("dec10", True, "0723279779"),
    ("5-5", False, "41823,7211"),
    ("5-5", True, "11036,24483"),
    ("hex", True, "2B1C5FA3"),
]


@pytest.mark.parametrize(("form", "keep", "text", "canonical"), ONE_FOB)
def test_one_fob_is_one_card_however_it_is_written(
    form: str, keep: int | None, text: str, canonical: str
) -> None:
    assert CardFormat(form, keep).canonical(text) == canonical


@pytest.mark.parametrize(("form", "reverse", "text"), UID_IN_NUMBERS)
def test_a_uid_meets_its_decimal_forms_in_either_byte_order(
    form: str, reverse: bool, text: str
) -> None:
    assert CardFormat(form, None, reverse).canonical(text) == CardFormat("hex").canonical(UID)


def test_reversing_turns_bytes_and_comes_before_keeping() -> None:
    assert CardFormat("hex", None, reverse=True).canonical("007B3972") == "32:72397B00"
    assert CardFormat("dec8", None, reverse=True).canonical("07485819") == "24:7B3972"
    assert CardFormat("hex", 24, reverse=True).canonical("A35F1C2B") == "24:1C5FA3"


@pytest.mark.parametrize(
    ("form", "text", "same"),
    [
        ("hex", "04:a1:b2:c3", "04A1B2C3"),
        ("hex", "04-A1-B2-C3", "04A1B2C3"),
        ("hex", " 04 A1 B2 C3\r\n", "04A1B2C3"),
        ("dec10", "8075634", "0008075634"),
        ("dec8", "0", "00000000"),
        ("3-5", "7,15", "007,00015"),
        ("5-5", "123 14706", "00123,14706"),
        ("text", "  ABC-1\n", "ABC-1"),
        ("pin", "0471\n", "0471"),
    ],
)
def test_what_people_add_or_leave_out_makes_no_other_card(form: str, text: str, same: str) -> None:
    assert CardFormat(form).canonical(text) == CardFormat(form).canonical(same)


@pytest.mark.parametrize(
    ("form", "one", "other"),
    [
        ("hex", "12AB", "12"),
        ("hex", "007B3972", "7B3972"),
        ("pin", "0471", "471"),
        ("text", "abc-1", "ABC-1"),
        ("text", "0012", "12"),
    ],
)
def test_what_only_looks_alike_is_another_card(form: str, one: str, other: str) -> None:
    assert CardFormat(form).canonical(one) != CardFormat(form).canonical(other)


@pytest.mark.parametrize(
    ("form", "text", "why"),
    [
        ("hex", "12XY", "hex"),
        ("hex", "", "nothing"),
        ("hex", " \r\n", "nothing"),
        ("hex", ":-", "hex"),
        ("dec10", "12AB", "digits"),
        ("dec10", "12.5", "digits"),
        ("dec10", "-5", "digits"),
        ("dec10", "1_000", "digits"),
        ("dec10", "٣٤٥", "digits"),
        ("dec10", "00008075634", "more than 10"),
        ("dec10", "4294967296", "32 bits"),
        ("dec8", "16777216", "24 bits"),
        ("dec13", "1099511627776", "40 bits"),
        ("3-5", "256,1", "8 bits"),
        ("3-5", "1,65536", "16 bits"),
        ("3-5", "12314706", "facility,number"),
        ("3-5", "00123,14706", "more than 3"),
        ("pin", "47 11", "digits"),
        ("text", "x" * 257, "longer"),
    ],
)
def test_what_does_not_fit_the_form_is_refused_with_a_reason(
    form: str, text: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        CardFormat(form).canonical(text)


def test_a_card_with_fewer_bits_than_are_to_be_kept_is_refused_not_padded() -> None:
    with pytest.raises(ValueError, match="has 24 bits"):
        CardFormat("hex", 32).canonical("7B3972")


def test_half_bytes_cannot_be_reversed() -> None:
    with pytest.raises(ValueError, match="whole bytes"):
        CardFormat("hex", None, reverse=True).canonical("7B397")


@pytest.mark.parametrize(
    ("form", "keep", "reverse"),
    [
        ("hexx", None, False),
        ("text", 32, False),
        ("pin", None, True),
        ("dec8", 32, False),
        ("hex", 8, False),
        ("hex", 0, False),
    ],
)
def test_impossible_settings_are_refused(form: str, keep: int | None, reverse: bool) -> None:
    with pytest.raises(ValueError, match=r"format|bits"):
        CardFormat(form, keep, reverse)


@given(st.integers(0, 2**32 - 1))
def test_decimal_and_hex_never_lose_or_merge_a_card(number: int) -> None:
    canonical = CardFormat("dec10").canonical(str(number))
    assert canonical == CardFormat("hex").canonical(f"{number:08x}")
    assert int(canonical.removeprefix("32:"), 16) == number


@given(st.binary(min_size=1, max_size=10))
def test_reversing_twice_is_not_reversing(uid: bytes) -> None:
    backwards = CardFormat("hex", None, reverse=True)
    assert backwards.canonical(uid[::-1].hex()) == CardFormat("hex").canonical(uid.hex())


@given(
    st.text() | st.text("0123456789abcdefABCDEF,:- "),
    st.sampled_from(list(FORMS)),
    st.sampled_from([None, 16, 24, 26, 32]),
    st.booleans(),
)
def test_nothing_a_reader_sends_raises_anything_but_value_error(
    text: str, form: str, keep: int | None, reverse: bool
) -> None:
    try:
        canonical = CardFormat(form, keep, reverse).canonical(text)
    except ValueError:
        return
    assert len(card_hash(KEY, canonical)) == 32
    assert mask(canonical).startswith("…")


# Masks, hashes, PINs


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("04A1B2C3", "…B2C3"),
        ("04:A1:B2:C3", "…B2C3"),
        ("32:04A1B2C3", "…B2C3"),
        ("123,14706", "…4706"),
        ("471123", "…123"),
        ("12", "…2"),
        ("", "…"),
        ("pin:471123", "…"),
    ],
)
def test_a_mask_shows_the_last_four_characters_and_never_more_than_half(
    text: str, masked: str
) -> None:
    assert mask(text) == masked


def test_a_hash_depends_on_the_key_and_on_every_bit() -> None:
    assert card_hash(KEY, "32:007B3972") == card_hash(KEY, "32:007B3972")
    assert card_hash(KEY, "32:007B3972") != card_hash(b"x" * 32, "32:007B3972")
    assert card_hash(KEY, "32:007B3972") != card_hash(KEY, "24:7B3972")


def test_a_hash_from_a_list_is_the_hash_of_its_card() -> None:
    written = hash_card(KEY, "32:04A1B2C3")
    assert written == f"hash:{card_hash(KEY, '32:04A1B2C3').hex()}:B2C3"
    assert card_hash(KEY, hashed(written.replace("hash:", " hash:"))) == card_hash(
        KEY, "32:04A1B2C3"
    )
    assert mask(written) == "…B2C3"


@pytest.mark.parametrize("text", ["hash:12:B2C3", "hash:" + "0" * 64, "B2C3", "hash:::"])
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no hash:"):
        hashed(text)


def test_the_hash_of_a_pin_gives_nothing_of_it_away() -> None:
    written = hash_card(KEY, "pin:471123")
    assert written.endswith(":")
    assert card_hash(KEY, hashed(written)) == card_hash(KEY, "pin:471123")


def test_no_reader_can_send_a_hash_instead_of_a_card() -> None:
    stolen = hash_card(KEY, "32:04A1B2C3")
    assert card_hash(KEY, CardFormat("text").canonical(stolen)) != card_hash(KEY, "32:04A1B2C3")


def test_a_visitors_pin_is_the_bookings_own_and_can_be_typed() -> None:
    pins = [visitor_pin(KEY, f"booking-{n}") for n in range(500)]
    assert pins[7] == visitor_pin(KEY, "booking-7")
    assert pins[7] != visitor_pin(b"x" * 32, "booking-7")
    assert all(len(pin) == 6 and pin.isdigit() for pin in pins)
    assert len(set(pins)) > 480
    assert CardFormat("pin").canonical(pins[7]) == f"pin:{pins[7]}"


@pytest.mark.parametrize(
    ("form", "keep", "begins"),
    [("hex", None, ""), ("hex", 32, "32"), ("3-5", None, "24"), ("pin", None, "pin")],
)
def test_a_format_says_how_its_canonical_strings_begin(
    form: str, keep: int | None, begins: str
) -> None:
    assert CardFormat(form, keep).bits() == begins
