"""Finds the settings under which what a reader sends is the same card as what is stored."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from controller.cards import FORMS, CardFormat

UNIQUE_BITS = 24  # fewer are shared by many cards
KEPT = (48, 40, 32, 24, 16)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two settings under which both are the same card. `weak`: so are many other cards.

    `bits`: how many are compared, None for text. `typical`: how many of the two are written the way
    their form is written in full.
    """

    reader: CardFormat
    stored: CardFormat
    bits: int | None
    typical: int = 0

    @property
    def weak(self) -> bool:
        return self.bits is not None and self.bits < UNIQUE_BITS


def match(read: str, stored: str) -> list[Meeting]:
    """All meetings of the two, simplest and most bits first, weak ones last."""
    there: dict[str, list[CardFormat]] = {}
    for canonical, form in _readings(stored):
        there.setdefault(canonical, []).append(form)
    found = [
        Meeting(reader, form, _bits(canonical), _typical(reader, read) + _typical(form, stored))
        for canonical, reader in _readings(read)
        for form in there.get(canonical, ())
    ]
    return sorted(found, key=_rank)


def match_all(pairs: list[tuple[str, str]]) -> list[Meeting]:
    """The meetings that hold for every pair (read, stored), in the order of the first pair."""
    first, *rest = [match(read, stored) for read, stored in pairs]
    common = [{(each.reader, each.stored) for each in found} for found in rest]
    return [each for each in first if all((each.reader, each.stored) in one for one in common)]


def _readings(text: str) -> Iterator[tuple[str, CardFormat]]:
    """Every canonical string that `text` may stand for, and the format that makes it so."""
    for form in FORMS:
        for reverse in (False, True):
            for keep in (None, *KEPT):
                try:
                    made = CardFormat(form, keep, reverse)
                    canonical = made.canonical(text)
                except ValueError:
                    continue
                if keep is None or _bits(CardFormat(form).canonical(text)) != keep:
                    yield canonical, made


def _bits(canonical: str) -> int | None:
    bits, _, _ = canonical.partition(":")
    return int(bits) if bits.isdigit() else None


def _typical(form: CardFormat, text: str) -> int:
    return bool(re.fullmatch(FORMS[form.form].typical, text.strip()))


def _rank(meeting: Meeting) -> tuple[object, ...]:
    there = _settings(meeting.stored)
    settings = _settings(meeting.reader) + there
    return (meeting.weak, settings, -meeting.typical, -(meeting.bits or 0), there)


def _settings(form: CardFormat) -> int:
    return (form.keep_bits is not None) + form.reverse
