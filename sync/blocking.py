"""Cards that staff block here, whatever the platforms say, and whose a card is."""

from collections.abc import Iterable, Iterator
from contextlib import closing

import structlog

from controller.cache import Cache
from controller.cards import CardFormat, card_hash, mask
from controller.config import CardSettings
from controller.errors import ConfigError, DoorwardError, StoreError
from controller.journal import History
from controller.model import Kind, Person
from sync import desk_blocks
from sync.desk import Desk
from sync.desk_blocks import Block
from sync.office import Office

log = structlog.get_logger(__name__)

HashedCard = tuple[bytes, str]  # keyed hash, last characters
_NOBODY = Person("", "", "")


def block_card(office: Office, number: str, why: str, author: str, door: str = "") -> Block:
    """Block the card with this number, as a reader (of `door`) or a platform of ours writes it."""
    card = _meant(office, number, door)
    return block_hash(office, card, _owner(office, card[0]), why, author)


def block_of_person(
    office: Office, platform: str, person: str, last: str, why: str, author: str
) -> Block:
    """Block a person's card by its last characters; "" if they have but one."""
    card = persons_card(office, platform, person, last)
    whom = next(iter(office.person(platform, person)), _NOBODY)
    return block_hash(office, card, whom, why, author)


def block_hash(office: Office, card: HashedCard, whom: Person, why: str, author: str) -> Block:
    """From now on it opens nothing here; a card that is blocked already stays as it was.

    Raises `StoreError` if it is not in force yet; the same again tries again.
    """
    desk = _desk(office)
    hashed, last = card
    now = office.clock.wall()
    block = Block(hashed, last, whom.platform, whom.key, whom.name, why, now, author)
    fresh = desk_blocks.add(desk, block)
    office.enforce_blocks()
    if not fresh:
        return next(each for each in desk_blocks.listed(desk) if each.hash == hashed)
    _note(office, Kind.CARD_BLOCKED, block, author)
    log.warning("card blocked", card=block.masked, person=block.person, author=author)
    return block


def unblock(
    office: Office,
    author: str,
    *,
    number: str = "",
    last: str = "",
    person: tuple[str, str] = ("", ""),
) -> Block:
    """Let a card open again what the platforms say: by its number, its end, or whose it was."""
    desk = _desk(office)
    found = desk_blocks.listed(desk)
    if number:
        hashes = {card_hash(office.place.key, each) for each in _readings(office, number)}
        found = [block for block in found if block.hash in hashes]
    if last:
        found = [block for block in found if block.last.casefold() == _last(last)]
    if any(person):
        found = [block for block in found if (block.platform, block.person) == person]
    block = _only(found)
    desk_blocks.remove(desk, block.hash)
    office.enforce_blocks()
    _note(office, Kind.CARD_UNBLOCKED, block, author)
    log.warning("card unblocked", card=block.masked, person=block.person, author=author)
    return block


def blocked(office: Office) -> list[Block]:
    """All cards blocked here, oldest first."""
    return desk_blocks.listed(_desk(office))


def owners(office: Office, hashed: bytes) -> tuple[tuple[Person, ...], bool]:
    """Who has this card by all that is known here, and whether it is blocked."""
    with closing(Cache(office.place.cache)) as cache:
        facts = cache.facts(hashed, lambda *_: History())
    return tuple(holder.person for holder in facts.holders), facts.blocked


def persons_card(office: Office, platform: str, person: str, last: str) -> HashedCard:
    """The one card of this person that ends so; ConfigError if there is none, or more."""
    with closing(Cache(office.place.cache)) as cache:
        cards = [(bytes(h), str(end)) for h, end in cache.cards_of(platform, person)]
    fitting = [card for card in cards if not last or card[1].casefold() == _last(last)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(f"…{end}" if end else "PIN" for _, end in cards) or "none"
    which = "more than one card" if fitting else "no card"
    like = f" that ends in {_last(last).upper()}" if last else ""
    raise ConfigError(f"{platform}/{person} has {which}{like}; they have: {known}")


def _meant(office: Office, number: str, door: str) -> HashedCard:
    """The one card that this can stand for; the known one, if only one of them is known."""
    cards = {c: _hashed(office, c) for c in _readings(office, number, door)}
    known = [card for card in cards.values() if owners(office, card[0])[0]]
    # Nobody's PIN need not be blocked: what nobody has is meant as a card.
    strange = [card for c, card in cards.items() if not c.startswith("pin:")]
    for fitting in (known, strange):
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            break
    raise ConfigError(
        f"card {mask(number)} "
        + (
            "can stand for more than one card; say whose it is, --person PERSON, or of which "
            "door's reader that is the number, --door DOOR"
            if known or strange
            else "fits no format of our readers and platforms; see: doorward cards match"
        )
    )


def _readings(office: Office, number: str, door: str = "") -> list[str]:
    """What this number can stand for, in all ways in which our readers and platforms write."""
    found = dict[str, None]()
    for form in set(_formats(office, door)):
        try:
            found[form.canonical(number)] = None
        except ValueError:
            continue
    return list(found)


def _formats(office: Office, door: str) -> Iterator[CardFormat]:
    config = office.config
    if door and door not in config.doors:
        raise ConfigError(f"there is no door {door!r}; there are: {', '.join(config.doors)}")
    for name in [door] if door else config.doors:
        readers = config.doors[name].readers.values()
        yield from (reader.card.card_format() for reader in readers)
    for stanza in () if door else config.platforms.values():
        own: Iterable[object] = getattr(stanza.settings, "cards", ())
        for card in (*own, getattr(stanza.settings, "card", None)):
            if isinstance(card, CardSettings):
                yield card.card_format()


def _owner(office: Office, hashed: bytes) -> Person:
    holders, _ = owners(office, hashed)
    return holders[0] if holders else _NOBODY


def _only(found: list[Block]) -> Block:
    if len(found) == 1:
        return found[0]
    some = ", ".join(f"{block.masked} {block.name}".strip() for block in found[:10])
    raise ConfigError(
        f"that could be {some}; say which: its number, or the person and its last characters"
        if found
        else "no such card is blocked here; those that are: doorward cards list --blocked"
    )


def _note(office: Office, kind: Kind, block: Block, author: str) -> None:
    note = {
        "kind": kind.value,
        "platform": block.platform,
        "person": block.person,
        "name": block.name,
        "card": block.masked,
        "author": author,
        "detail": {"why": block.why},
    }
    try:
        office.note(note)
    except DoorwardError as error:
        log.critical("a block is not in the journal", author=author, error=str(error))


def _desk(office: Office) -> Desk:
    if office.desk is None:
        raise StoreError(f"cards cannot be blocked here: {office.desk_trouble}")
    return office.desk


def _last(text: str) -> str:
    """As stored, from how people write it: `…B2C3`; nothing for a PIN."""
    plain = text.strip().lstrip("….").casefold()
    return "" if plain == "pin" else plain


def _hashed(office: Office, canonical: str) -> HashedCard:
    whole = canonical if canonical.startswith("pin:") else canonical.partition(":")[2]
    return card_hash(office.place.key, canonical), mask(whole).removeprefix("…")
