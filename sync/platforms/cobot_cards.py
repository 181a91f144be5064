"""Cards and custom fields: where Cobot keeps the numbers, and values that become labels."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.cards import CardFormat, mask
from sync.platform import Roster
from sync.platforms.cobot_members import Member
from sync.platforms.cobot_parse import Row, member_of

_NAMED = 5
_WITH_COMMA = {"3-5", "5-5"}


@dataclass(frozen=True, slots=True)
class Field:
    """What one member has in one custom field."""

    id: str
    label: str
    value: str

    def is_named(self, name: str) -> bool:
        return name in (self.id, self.label)


Fields = Mapping[str, tuple[Field, ...]]  # by member
Places = Mapping[str, Sequence[CardFormat]]  # custom field, "" for the tokens → how it is written


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything in which Cobot may hold cards, as read at one time."""

    fields: Fields
    tokens: Sequence[Row]

    def of(self, place: str, forms: Sequence[CardFormat]) -> Iterator[tuple[str, str]]:
        """Members and their numbers in a custom field, or among the tokens if it is ""."""
        return _from_field(self.fields, place, forms) if place else _from_tokens(self.tokens)

    def holders(self, card: str, places: Places) -> set[str]:
        """The members who have this card (canonical)."""
        return {
            member
            for place, forms in places.items()
            for member, number in self.of(place, forms)
            if canonical_in(number, forms)[0] == card
        }


def _from_tokens(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    for row in rows:
        member, token = member_of(row), row.text("token")
        if member is None:
            raise row.bad("membership", "an object with an id")
        if token:
            yield member, token


def _from_field(
    fields: Fields, name: str, forms: Sequence[CardFormat]
) -> Iterator[tuple[str, str]]:
    between = separator(forms)
    for member, values in fields.items():
        for field in values:
            numbers = re.split(between, field.value) if field.is_named(name) else ()
            yield from ((member, number) for number in filter(str.strip, numbers))


def separator(forms: Sequence[CardFormat]) -> str:
    """A pattern of what stands between two numbers: some forms have a comma inside one."""
    return r"[;\n]" if any(form.form in _WITH_COMMA for form in forms) else r"[,;\n]"


def canonical_in(number: str, forms: Sequence[CardFormat]) -> tuple[str, str]:
    """The card, or "" and why it is none: the first form that fits counts."""
    trouble = ""
    for form in forms:
        try:
            return form.canonical(number), ""
        except ValueError as error:
            trouble = trouble or str(error)
    return "", trouble


class Cards:
    """Pours cards of members into one roster; call `finish` after the last.

    A card may be written in any of the `forms` given for its place; the first that fits counts.
    """

    def __init__(self, members: Mapping[str, Member], roster: Roster) -> None:
        self._members, self._roster = members, roster
        self._misfits: dict[str, list[str]] = {}  # place → masked samples with their trouble
        self._holders: dict[str, set[str]] = {}  # canonical → members

    def pour(self, numbers: Numbers, places: Places) -> None:
        for place, forms in places.items():
            name = f"the custom field {place!r}" if place else "the check-in tokens"
            for member, number in numbers.of(place, forms):
                self._pour(member, number, forms, name)

    def finish(self) -> None:
        """Warn of what was left aside, and of cards that open nothing as two people have them."""
        for place, samples in self._misfits.items():
            some = ", ".join(samples[:_NAMED])
            self._roster.warn(
                f"cards in {place} that do not fit their format and open nothing: {len(samples)} "
                f"({some}); correct them at Cobot, or find the format by: doorward cards match"
            )
        for canonical, holders in self._holders.items():
            if len(holders) > 1:
                names = ", ".join(sorted(self._members[m].name for m in holders))
                self._roster.warn(
                    f"card {mask(canonical)} opens nothing: {names} have the same; "
                    "take it from all but one of them at Cobot"
                )

    def _pour(self, member: str, text: str, forms: Sequence[CardFormat], place: str) -> None:
        if member not in self._members:
            return
        canonical, trouble = canonical_in(text, forms)
        if canonical:
            self._roster.card(member, canonical)
            self._holders.setdefault(canonical, set()).add(member)
            return
        name = self._members[member].name
        self._misfits.setdefault(place, []).append(f"{_masked(text, forms)} of {name} {trouble}")


def read_fields(rows: Iterable[Row]) -> Fields:
    """The custom fields of all members."""
    found: dict[str, tuple[Field, ...]] = {}
    for row in rows:
        member = member_of(row)
        if member is None:
            raise row.bad("membership_id", "an id")
        fields = tuple(_field(field) for field in row.rows("fields"))
        found[member] = (*found.get(member, ()), *fields)
    return found


def labels(fields: Iterable[Field], wanted: Collection[str]) -> Iterator[str]:
    """`field:<label>=<value>` of each value in the wanted fields."""
    for field in fields:
        if any(field.is_named(name) for name in wanted):
            for value in field.value.split(","):
                if value.strip():
                    yield f"field:{field.label or field.id}={value.strip()}"


def missing(fields: Fields, wanted: Iterable[str]) -> list[str]:
    """Wanted fields that no member has, not even empty; none if there are no fields at all."""
    known = {name for values in fields.values() for f in values for name in (f.id, f.label)}
    return [name for name in wanted if known and name not in known]


def _masked(text: str, forms: Sequence[CardFormat]) -> str:
    """Half a PIN would be too much."""
    return mask(f"pin:{text}" if any(form.form == "pin" for form in forms) else text)


def _field(row: Row) -> Field:
    value = row.raw.get("value")
    if isinstance(value, list):
        text = ",".join(Row(row.what, {"value": each}).text("value") for each in value)
    else:
        text = str(value).lower() if isinstance(value, bool) else row.text("value")
    return Field(row.text("id"), row.text("label"), text)
