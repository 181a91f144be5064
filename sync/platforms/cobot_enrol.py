"""Giving a member a card at Cobot: a check-in token, or a number in a custom field.

Which, says the order in which `cards` are configured. Neither how a token is deleted nor how the
fields of one member are written could be read in Cobot's documents: a token is never deleted, all
fields of the member are sent as they are but for the one, and read again.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from controller.cards import card_hash, mask
from controller.cards_written import written
from controller.errors import BadReply, DoorwardError, Unavailable
from sync.platform import ByHand, Taken
from sync.platforms.cobot_api import CobotApi
from sync.platforms.cobot_cards import Numbers, Places, canonical_in, separator
from sync.platforms.cobot_parse import words
from sync.reply import Reply

_NOT_FOR_US = (403, 404, 405)
_TOKENS = "its check-in tokens"
_APP = "Cobot, “Manage check-in tokens”"

FieldRow = dict[str, Any]  # one custom field as Cobot says it: id, label, value


class Registry:
    """Whose card is which, at one space. `numbers` reads all of them."""

    def __init__(
        self, name: str, api: CobotApi, places: Places, numbers: Callable[[], Numbers]
    ) -> None:
        self._name, self._api, self._places, self._numbers = name, api, places, numbers

    def register(self, member: str, canonical: str) -> str:
        """See `sync.platform.Enrolling.register_card`."""
        place, text = self._writing(canonical)
        if not self._is_theirs(member, canonical):
            try:
                self._write(place, member, text)
            except (BadReply, Unavailable) as error:
                if not error.maybe_sent:
                    raise
                if not self._arrived(member, canonical):
                    error.maybe_sent = False
                    raise
        return _named(place)

    def remove(self, member: str, hashed: bytes, key_hash: Callable[[str], str]) -> str:
        """See `sync.platform.Enrolling.remove_card`; `key_hash` as `Surroundings.hash_card`."""
        found = list(self._written_of(member, lambda c: card_hash(b"", key_hash(c)) == hashed))
        for place, text, _ in found:
            if place:
                self._change(place, member, without=text)
        tokens = [text for place, text, _ in found if not place]
        if tokens:
            raise ByHand(
                f"{self._name}: how a check-in token is removed is not known; remove it by hand",
                f"{_APP}: remove the token {', '.join(tokens)}",
            )
        return ", ".join(_named(place) for place, *_ in found)

    def _writing(self, canonical: str) -> tuple[str, str]:
        """Where this card is to stand, and as what, so that it is read there as this card."""
        for place, forms in self._places.items():
            for form in forms:
                for text in written(form, canonical) if form.form != "pin" else ():
                    if canonical_in(text, forms)[0] == canonical:
                        return place, text
        card = mask(canonical.partition(":")[2])
        raise DoorwardError(
            f"{self._name}: card {card} cannot be written in any format of its `cards`, so it was "
            "not registered; find one that fits by: doorward cards match"
        )

    def _is_theirs(self, member: str, canonical: str) -> bool:
        holders = self._numbers().holders(canonical, self._places)
        if others := sorted(holders - {member}):
            row = self._api.membership(others[0])
            whose = (row.text("name") if row else "") or f"member {others[0]}"
            card = mask(canonical.partition(":")[2])
            raise Taken(f"card {card} is {whose}'s at {self._name}; take it from them there first")
        return member in holders

    def _arrived(self, member: str, canonical: str) -> bool:
        try:
            return self._is_theirs(member, canonical)
        except (BadReply, Unavailable) as error:
            raise Unavailable(
                f"{self._name}: no answer after the card was sent, and none when it was looked for "
                "there. Enrol the same card again when the line is back: it is not sent twice",
                maybe_sent=True,
            ) from error

    def _write(self, place: str, member: str, text: str) -> None:
        if place:
            self._change(place, member, adding=text)
            return
        entry = f"{_APP}: add the token {text}"
        self._check(self._api.add_token(member, text), text, entry, _NOT_FOR_US)

    def _change(self, place: str, member: str, *, adding: str = "", without: str = "") -> None:
        """Add a number to a custom field, or take one from it, and leave all others alone."""
        before = self._api.fields_of(member)
        entry = f"Cobot, the member's custom field {place!r}: " + (
            f"remove {without}" if without else f"add {adding}"
        )
        if not any(_is_named(field, place) for field in before):
            raise ByHand(f"{self._name}: the member has no custom field {place!r}", entry)
        cut = separator(self._places[place])
        after = [
            {**field, "value": _changed(field, cut, adding, without)}
            if _is_named(field, place)
            else field
            for field in before
        ]
        reply = self._api.set_fields(member, after)
        self._check(reply, adding or without, entry, (*_NOT_FOR_US, 400, 422))
        if _others(self._api.fields_of(member), place) != _others(before, place):
            raise BadReply(
                f"{self._name}: other custom fields of member {member} changed as the card was "
                "written; look at them at Cobot, and enter cards by hand from now on"
            )

    def _check(self, reply: Reply, text: str, entry: str, not_for_us: tuple[int, ...]) -> None:
        """Was it done? Cobot's own words may repeat the number: it is blotted out."""
        number = re.compile(re.escape(text.encode()), re.IGNORECASE)
        said = words(replace(reply, body=number.sub(mask(text).encode(), reply.body)))
        if reply.status >= 500:
            raise Unavailable(f"{self._name}: Cobot answers {reply.status}", maybe_sent=True)
        if reply.status in not_for_us:
            raise ByHand(f"{self._name}: Cobot does not let us write it ({said})", entry)
        if reply.status >= 300:
            raise DoorwardError(f"{self._name}: Cobot refuses the card: {said}")

    def _written_of(
        self, member: str, is_it: Callable[[str], bool]
    ) -> Iterator[tuple[str, str, str]]:
        """Place, text and canonical form of those of a member's cards that are meant."""
        numbers = self._numbers()
        for place, forms in self._places.items():
            for holder, text in numbers.of(place, forms):
                canonical, _ = canonical_in(text, forms)
                if holder == member and canonical and is_it(canonical):
                    yield place, text, canonical


def _named(place: str) -> str:
    return f"the custom field {place!r}" if place else _TOKENS


def _is_named(field: FieldRow, place: str) -> bool:
    return place in (field.get("id"), field.get("label"))


def _others(fields: list[FieldRow], place: str) -> dict[str, object]:
    return {str(f.get("id")): f.get("value") for f in fields if not _is_named(f, place)}


def _changed(field: FieldRow, cut: str, adding: str, without: str) -> str:
    """What the field holds then; `cut` splits it into numbers."""
    numbers = [n.strip() for n in re.split(cut, str(field.get("value") or "")) if n.strip()]
    kept = [n for n in numbers if n != without.strip()] + ([adding] if adding else [])
    return ("; " if "," not in cut else ", ").join(kept)
