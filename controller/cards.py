"""Card numbers: one exact canonical string per credential, chosen by form and never guessed.

Canonical: `32:007B3972` (bits, then as many hex digits as they need), `text:ABC-1`, `pin:4711`.
Two cards are the same only if these strings are equal; numbers are never compared as numbers.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

Number = tuple[int, int]  # how many bits, and their value
LONGEST = 256  # characters; no card, barcode or PIN is longer


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a card down: `read` gives its bits, or there are none (barcode, PIN)."""

    what: str
    typical: str  # pattern of a number that was most likely meant so
    read: Callable[[str], Number] | None = None
    bits: int | None = None  # None: as many as were written


@dataclass(frozen=True, slots=True)
class CardFormat:
    """How one reader or one platform writes cards.

    `reverse` turns the bytes round, then `keep_bits` keeps so many of the low bits.
    An impossible choice raises ValueError.
    """

    form: str
    keep_bits: int | None = None
    reverse: bool = False

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"{self.form!r} is no card format; there are {', '.join(FORMS)}")
        if FORMS[self.form].read is None and (self.keep_bits is not None or self.reverse):
            raise ValueError(f"{self.form!r} has no bits: keep_bits and byte_order do not apply")
        if self.keep_bits is not None:
            self._check_keep_bits(self.keep_bits)

    def canonical(self, text: str) -> str:
        """The one string that stands for this card; ValueError says why there is none."""
        text = text.strip()
        if not text:
            raise ValueError("nothing was read")
        if len(text) > LONGEST:
            raise ValueError(f"longer than {LONGEST} characters")
        read = FORMS[self.form].read
        if read is None:
            return f"{self.form}:{_digits(text, LONGEST) if self.form == 'pin' else text}"
        bits, value = read(text)
        return _written(*self._kept(*self._turned(bits, value)))

    def bits(self) -> str:
        """What its canonical strings begin with: `32`, `text`, `pin`; empty if that varies."""
        form = FORMS[self.form]
        if form.read is None:
            return self.form
        return str(self.keep_bits or form.bits or "")

    def _check_keep_bits(self, keep: int) -> None:
        most = FORMS[self.form].bits or 4 * LONGEST
        if not FEWEST_BITS <= keep <= most:
            raise ValueError(f"keep_bits must be from {FEWEST_BITS} to {most} for {self.form!r}")

    def _turned(self, bits: int, value: int) -> Number:
        if not self.reverse:
            return bits, value
        if bits % 8:
            raise ValueError(f"{bits} bits are not whole bytes and cannot be reversed")
        return bits, int.from_bytes(value.to_bytes(bits // 8, "big"), "little")

    def _kept(self, bits: int, value: int) -> Number:
        keep = self.keep_bits or bits
        if keep > bits:
            raise ValueError(f"has {bits} bits, fewer than keep_bits = {keep}")
        return keep, value & ((1 << keep) - 1)


def mask(text: str) -> str:
    """`…B2C3`: the last four characters, never more than half of them, and none of a PIN."""
    if text.startswith("pin:"):
        return "…"
    plain = re.sub(r"[\s:,-]", "", text)
    shown = min(4, len(plain) // 2)
    return f"…{plain[len(plain) - shown :]}"


def card_hash(key: bytes, canonical: str) -> bytes:
    """The keyed hash by which a card is stored and looked up; `hash:…` carries its own already.

    That of a PIN is slow: there are so few that whoever has the key could else try all in no time.
    """
    if canonical.startswith("hash:"):
        return bytes.fromhex(hashed(canonical).split(":")[1])
    quick = hmac.digest(key, canonical.encode(errors="surrogatepass"), hashlib.sha256)
    return _stretched(quick) if canonical.startswith("pin:") else quick


def hash_card(key: bytes, canonical: str) -> str:
    """`hash:<hex>:<last4>`: a card as a list may hold it without holding its number."""
    return f"hash:{card_hash(key, canonical).hex()}:{mask(canonical).removeprefix('…')}"


def hashed(text: str) -> str:
    """A card that is written as its hash, in canonical form; ValueError if it is not one."""
    text = text.strip()
    if not re.fullmatch(r"hash:[0-9a-fA-F]{64}:[^:\s]{0,4}", text):
        raise ValueError("is no hash:<64 hex digits>:<last four characters>")
    name, digest, last = text.split(":")
    return f"{name}:{digest.lower()}:{last}"


def visitor_pin(key: bytes, booking: str, digits: int = 6) -> str:
    """The PIN of a visitor, always the same for one booking and one device key."""
    if not 4 <= digits <= 12:
        raise ValueError("a PIN has from 4 to 12 digits")
    made = hmac.digest(key, f"visitor-pin\0{booking}".encode(), hashlib.sha256)
    return str(int.from_bytes(made, "big") % 10**digits).zfill(digits)


def derived_secret(key: bytes, purpose: str) -> str:
    """32 hex digits that only this device key makes of this purpose, and that do not tell it."""
    return hmac.digest(key, f"secret\0{purpose}".encode(), hashlib.sha256).hex()[:32]


@lru_cache(maxsize=1 << 16)  # a roster holds the same PINs as the one before
def _stretched(quick: bytes) -> bytes:
    """15 ms on a PC, some 45 ms on a Pi 4, and 4 MiB: what each try costs a thief, too."""
    return hashlib.scrypt(quick, salt=b"doorward pin", n=1 << 12, r=8, p=1, dklen=32)


def _hex(text: str) -> Number:
    plain = re.sub(r"[:\- ]", "", text)
    if not re.fullmatch(r"[0-9A-Fa-f]+", plain):
        raise ValueError("is not written in hex digits")
    return 4 * len(plain), int(plain, 16)


def _bits(text: str) -> Number:
    """`26:07B3972`, as Wiegand and OSDP readers count them; hex digits as many as these need."""
    parts = re.fullmatch(r"([0-9]{1,3}):([0-9A-Fa-f]+)", text)
    if not parts or len(parts[2]) != -(-int(parts[1]) // 4):
        raise ValueError("is not bits:hex, e.g. 24:7B3972")
    bits, value = int(parts[1]), int(parts[2], 16)
    if bits < FEWEST_BITS or value >> bits:
        raise ValueError(f"is no card of {bits} bits")
    return bits, value


def _decimal(width: int, bits: int) -> Form:
    def read(text: str) -> Number:
        return bits, _fits(_digits(text, width), bits)

    return Form(f"decimal, {width} digits, {bits} bits", f"[0-9]{{{width}}}", read, bits)


def _pair(facility_bits: int, number_bits: int, width: int) -> Form:
    """Facility and number with something between them, as printed on cards: `123,14706`."""
    bits = facility_bits + number_bits

    def read(text: str) -> Number:
        parts = re.fullmatch(r"([0-9]+) *[,:/ -] *([0-9]+)", text)
        if not parts:
            raise ValueError("is not facility,number")
        facility = _fits(_digits(parts[1], width), facility_bits)
        number = _fits(_digits(parts[2], 5), number_bits)
        return bits, facility << number_bits | number

    what = f"facility,number, {facility_bits} + {number_bits} bits"
    return Form(what, f"[0-9]{{{width}}}[^0-9]+[0-9]{{5}}", read, bits)


def _digits(text: str, width: int) -> str:
    if not re.fullmatch(r"[0-9]+", text):
        raise ValueError("is not written in digits")
    if len(text) > width:
        raise ValueError(f"has {len(text)} digits, more than {width}")
    return text


def _fits(digits: str, bits: int) -> int:
    value = int(digits)
    if value >> bits:
        raise ValueError(f"does not fit into {bits} bits")
    return value


def _written(bits: int, value: int) -> str:
    return f"{bits}:{value:0{-(-bits // 4)}X}"


FEWEST_BITS = 16
FORMS: dict[str, Form] = {
    "hex": Form("hex digits, four bits each", ".*[A-Fa-f].*", _hex),
    "bits": Form("bits:hex, as Wiegand and OSDP readers send it", "[0-9]+:[0-9A-F]+", _bits),
    "dec13": _decimal(13, 40),
    "dec10": _decimal(10, 32),
    "dec8": _decimal(8, 24),
    "3-5": _pair(8, 16, 3),
    "5-5": _pair(16, 16, 5),
    "text": Form("the text as it is (barcode)", ".*[^0-9A-Fa-f,:/ -].*"),
    "pin": Form("the digits of a PIN, leading zeros count", "[0-9]{4,6}"),
}
