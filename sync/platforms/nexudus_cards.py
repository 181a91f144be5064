"""Credentials as Nexudus keeps them in three fields of a customer, whoever tells of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from controller.cards import CardFormat
from sync.platforms.nexudus_said import numbers
from sync.platforms.nexudus_settings import NexudusCards

PIN = "accessPincode"
FIELDS = {  # as the webhook calls them, as the REST API does
    "accessCardId": "AccessCardId",
    "keyFobNumber": "KeyFobNumber",
    PIN: "AccessPincode",
}
_WITH_COMMA = {"3-5", "5-5"}


class Credentials:
    """Makes of the fields of a customer what may lie on a disk."""

    def __init__(self, cards: Sequence[NexudusCards], hash_card: Callable[[str], str]) -> None:
        self.places = [(card.source, card.card_format()) for card in cards]
        self._hash = hash_card

    def kept(self, fields: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Cards, hashed, and the fields that hold something else."""
        cards: list[str] = []
        misfits: list[str] = []
        for source, form in self.places:
            for number in _split(fields[source], source, form):
                try:
                    cards.append(self._hash(form.canonical(number)))
                except ValueError:
                    misfits.append(source)
        return cards, misfits

    def hashed(self, canonical: str) -> str:
        return self._hash(canonical)


def _split(field: str, source: str, form: CardFormat) -> Iterator[str]:
    if source == PIN:
        return iter([field] if field else [])
    return iter(numbers(field, commas=form.form not in _WITH_COMMA))
