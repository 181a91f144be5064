"""Bits of a Wiegand frame → a card. Pure; a frame that is not exactly right is never repaired.

Formats: H10301 (26 bits), H10306 (34), H10302 and H10304 (37, alike but for what the payload means)
after HID, "Understanding Card Data Formats"; Corporate 1000 (35), whose three parity bits HID keeps
to itself, as the open tools that write such cards have them.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

SHORTEST, LONGEST = 16, 128  # bits of a raw format
KEYS = "0123456789*#"  # by their values


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a frame says: `text` is `bits:HEX` of its payload, or why it is `refused`.

    `what` tells a technician the format and its numbers. Both are card numbers: never log them.
    """

    text: str = field(repr=False)
    refused: str = ""
    what: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Parity:
    """The ones among these bits (counted from 0, the parity bit with them) must be even or odd."""

    name: str
    bits: tuple[int, ...]
    ones: int  # 0 even, 1 odd

    def holds(self, frame: str) -> bool:
        return sum(frame[bit] == "1" for bit in self.bits) % 2 == self.ones


@dataclass(frozen=True, slots=True)
class _Format:
    """`payload`: from where to where; `facility`: so many of its bits come first."""

    what: str
    payload: slice
    facility: int
    parities: tuple[_Parity, ...]


def decoded(
    bits: str, formats: Collection[str] | None = None, raw: Collection[int] = ()
) -> Decoded:
    """What the frame of these "0" and "1" says; of all `FORMATS` unless some are named.

    Frames as long as one in `raw` are given whole, with whatever parity they have.
    """
    taken = FORMATS if formats is None else formats
    count = str(len(bits))
    form = FORMATS[count] if count in taken else None
    if form is None and len(bits) not in raw:
        return Decoded("", _wrong_count(len(bits), taken, raw))
    if why := _monotonous(bits):
        return Decoded("", why)
    return _formatted(bits, form) if form else _raw(bits)


def key(bits: str) -> str:
    """The key that a burst of four bits, or of eight (its complement first), means; "" if none."""
    if len(bits) == 8 and int(bits[:4], 2) ^ int(bits[4:], 2) != 0b1111:
        return ""
    return dict(enumerate(KEYS)).get(int(bits[-4:], 2), "")


def written(bits: str) -> str:
    """`24:7B3972`: how many bits, and as many hex digits as they need."""
    return f"{len(bits)}:{int(bits, 2):0{-(-len(bits) // 4)}X}"


def _formatted(bits: str, form: _Format) -> Decoded:
    wrong = [parity.name for parity in form.parities if not parity.holds(bits)]
    if wrong:
        return Decoded("", f"parity is wrong: {', '.join(wrong)}{_swapped(bits, form)}")
    payload = bits[form.payload]
    if why := _monotonous(payload):
        return Decoded("", f"payload: {why}")
    facility, number = int(payload[: form.facility], 2), int(payload[form.facility :], 2)
    what = f"{form.what}: facility {facility}, number {number}"
    also = f"; or H10302: number {int(payload, 2)}" if len(bits) == 37 else ""
    return Decoded(written(payload), what=what + also)


def _raw(bits: str) -> Decoded:
    if not SHORTEST <= len(bits) <= LONGEST:
        return Decoded("", f"{len(bits)} bits are no card: {SHORTEST} to {LONGEST} can be taken")
    return Decoded(written(bits), what=f"raw, {len(bits)} bits, no parity checked")


def _monotonous(bits: str) -> str:
    if "1" not in bits:
        return "all zeros: is D1 connected?"
    return "" if "0" in bits else "all ones: is D0 connected?"


def _swapped(bits: str, form: _Format) -> str:
    turned = bits.translate({ord("0"): "1", ord("1"): "0"})
    right = all(parity.holds(turned) for parity in form.parities)
    return "; with D0 and D1 exchanged it would be right" if right else ""


def _wrong_count(count: int, formats: Collection[str], raw: Collection[int]) -> str:
    taken = [*formats, *(f"{bits} raw" for bits in sorted(raw))]
    return f"{count} bits; this reader is set to take {', '.join(taken)}"


def _halves(what: str, frame: int, facility: int, half: int) -> _Format:
    """Even parity first, over the first `half` of the payload; odd last, over the last `half`."""
    first = _Parity(f"first half (even, bits 1-{half + 1})", tuple(range(half + 1)), 0)
    begin = frame - 1 - half
    last = _Parity(f"second half (odd, bits {begin + 1}-{frame})", tuple(range(begin, frame)), 1)
    return _Format(what, slice(1, frame - 1), facility, (first, last))


def _corporate() -> _Format:
    """Of each three bits two, first from bit 2, then, turned round, from bit 35; then all."""
    even = tuple(bit for bit in range(1, 34) if bit % 3 != 1 or bit == 1)
    odd = tuple(bit for bit in range(1, 35) if bit % 3 != 0)
    parities = (
        _Parity("bit 2 (even)", even, 0),
        _Parity("bit 35 (odd)", odd, 1),
        _Parity("bit 1 (odd, all bits)", tuple(range(35)), 1),
    )
    return _Format("HID Corporate 1000, 35 bits", slice(2, 34), 12, parities)


FORMATS = {
    "26": _halves("H10301, 26 bits", 26, 8, 12),
    "34": _halves("H10306, 34 bits", 34, 16, 16),
    "35": _corporate(),
    "37": _halves("H10304, 37 bits", 37, 16, 18),
}
