"""A card nobody knows, shown at a door, becomes somebody's: at the platform and at the doors.

Used by sync.sock and, in process, by the console. What is said on the way are JSON objects with
`say`: `not_written` (`platform`: it will end in `by_hand`), `waiting` (`door`, `left` seconds),
`taken` (a card that is not it: `card`, `reason`, `name`, `platform`, `person`), `card` (`card`,
`age` seconds), `registering` (`platform`, `card`), and `by_hand` (`entry`): what staff must enter
where, with the card's number, for their eyes and no log's. All else holds masked cards only.
Whatever `say` raises ends it before anything is written.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import structlog

from controller.cards import card_hash, mask
from controller.control import Say, converse
from controller.errors import ConfigError, DoorwardError, StoreError, Unavailable
from controller.model import Kind, Person
from controller.question import Question
from sync.blocking import HashedCard, block_hash, owners, persons_card
from sync.deadline import within
from sync.line import Line
from sync.office import Office, named
from sync.platform import ByHand, Enrolling, Taken

log = structlog.get_logger(__name__)

_LONGEST_WRITE = 30.0  # seconds for everything that is asked of the platform
_SILENCE = 15.0  # seconds: the controller gives a sign of life every second


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The card (masked) is this person's at the platform and at our doors.

    `where` it stands at the platform; `already`: it was theirs before. `replaced`: the old card,
    blocked here. `to_do`: what is left for staff, in words without numbers.
    """

    platform: str
    person: str
    name: str
    card: str
    where: str = ""
    already: bool = False
    replaced: str = ""
    to_do: tuple[str, ...] = ()


def enroll(
    office: Office,
    platform: str,
    person: str,
    door: str,
    author: str,
    say: Say,
    seconds: float = 60.0,
    *,
    fresh: bool = False,
    replaces: str = "",
) -> Enrolled:
    """Make the next unknown card shown at `door` the card of a person (the platform's key).

    A card shown in the minute before counts, unless `fresh`. `replaces`: the last characters of the
    old card, which is blocked here and, where that can be done, taken away at the platform.
    Raises `DoorwardError`; nothing was changed then, unless it says so.
    """
    (platform,) = named(office, [platform])
    desk = _Desk(office, office.lines[platform], _known(office, platform, person), author, say)
    old = persons_card(office, platform, person, replaces) if replaces else None
    if not desk.line.platform.capabilities.enrols:
        say({"say": "not_written", "platform": platform})
    canonical = _card_at(desk, door, seconds, fresh=fresh)
    if old and old[0] == card_hash(office.place.key, canonical):
        raise ConfigError(f"card {_masked(canonical)} is the one that is to be replaced")
    with office.enrolling:
        done = _register(desk, canonical)
    return _finished(desk, door, done, old)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Who enrols whom, where, and how they are told of it."""

    office: Office
    line: Line
    whom: Person
    author: str
    say: Say


@dataclass(frozen=True, slots=True)
class _Done:
    card: str
    where: str
    already: bool = False
    to_do: tuple[str, ...] = ()


def _finished(desk: _Desk, door: str, done: _Done, old: HashedCard | None) -> Enrolled:
    """What remains once the card is theirs; nothing of it can undo that."""
    detail, to_do, replaced = {"where": done.where}, list(done.to_do), ""
    if old:
        replaced = detail["replaces"] = f"…{old[1]}"
        to_do += _blocked(desk, old)
    if not done.already:
        to_do += _noted(desk, door, done.card, detail)
    if old:
        to_do += _removed(desk, old[0])
    platform, person, name = desk.whom[:3]
    log.info("card enrolled", platform=platform, person=person, author=desk.author)
    return Enrolled(
        platform, person, name, done.card, done.where, done.already, replaced, tuple(to_do)
    )


def _known(office: Office, platform: str, person: str) -> Person:
    for found in office.person(platform, person):
        return found
    raise ConfigError(
        f"{platform} knows nobody with the key {person!r}; look with: doorward people, and if "
        "they are new: doorward sync"
    )


def _card_at(desk: _Desk, door: str, seconds: float, *, fresh: bool) -> str:
    """The card from the controller; what it says meanwhile is passed on."""
    request: dict[str, Any] = {"do": "enroll", "door": door, "seconds": seconds, "fresh": fresh}
    request["on_behalf"] = desk.author
    answer: dict[str, Any] = {}
    socket = desk.office.config.run / "door.sock"
    with closing(converse(socket, request, timeout=_SILENCE)) as answers:
        for answer in answers:
            if "say" in answer:
                desk.say(answer)
    canonical = str(answer["card"])
    if canonical.startswith("pin:"):
        raise DoorwardError("that is a PIN, and PINs are not enrolled at a door")
    desk.say({"say": "card", "card": _masked(canonical), "age": answer["age"]})
    return canonical


def _register(desk: _Desk, canonical: str) -> _Done:
    """Write it at the platform unless it is somebody's, and put it in force here."""
    office, whom = desk.office, desk.whom
    card, hashed = _masked(canonical), card_hash(office.place.key, canonical)
    if _is_theirs(office, whom, hashed, card):
        return _Done(card, "", already=True)
    desk.say({"say": "registering", "platform": whom.platform, "card": card})
    with within(office.clock.monotonic() + _LONGEST_WRITE):
        where = _written(desk, canonical)
        try:
            desk.line.ask(Question("", platform=whom.platform, person=whom.key))
        except DoorwardError as error:
            why = f"the doors know the card after the next sync; it could not be read back: {error}"
            return _Done(card, where, to_do=(why,))
    if not _is_theirs(office, whom, hashed, card):
        raise DoorwardError(
            f"{whom.platform} took card {card} and does not list it as {whom.name}'s; look there, "
            f"then: doorward sync --platform {whom.platform}"
        )
    return _Done(card, where)


def _is_theirs(office: Office, whom: Person, hashed: bytes, card: str) -> bool:
    """`Taken` if it is somebody else's by all that is known here; `DoorwardError` if blocked."""
    holders, blocked = owners(office, hashed)
    others = [each for each in holders if each[:2] != whom[:2]]
    if others:
        whose = " and ".join(f"{each.name} ({each.platform}/{each.key})" for each in others)
        raise Taken(f"card {card} belongs to {whose}; take it from them at the platform first")
    if blocked:
        raise Taken(f"card {card} is blocked and opens nothing; see: doorward cards list --blocked")
    return bool(holders)


def _written(desk: _Desk, canonical: str) -> str:
    platform, whom = desk.line.platform, desk.whom
    if not isinstance(platform, Enrolling):
        raise DoorwardError(f"{whom.platform}: cards cannot be registered there from here")
    try:
        return platform.register_card(whom.key, canonical)
    except Unavailable as error:
        if error.maybe_sent:
            raise
        why = "Nothing was registered: enrol the same card again when the line is back"
        raise Unavailable(f"{error}. {why}", retry_after=error.retry_after) from error
    except ByHand as error:
        desk.say({"say": "by_hand", "entry": f"For {whom.name}. {error.entry}"})
        raise ByHand(
            f"{error}. Card {_masked(canonical)} was registered nowhere: enter it there as shown, "
            f"then: doorward sync --platform {whom.platform}",
            error.entry,
        ) from None


def _blocked(desk: _Desk, old: HashedCard) -> Iterator[str]:
    try:
        block_hash(desk.office, old, desk.whom, "replaced", desk.author)
    except StoreError as error:
        yield f"the old card is not blocked here, for that could not be kept: {error}"


def _removed(desk: _Desk, hashed: bytes) -> Iterator[str]:
    """Take the old card away at the platform; what is left to do, if that fails.

    It is blocked here whatever comes of it.
    """
    line, platform, person = desk.line, desk.line.platform, desk.whom.key
    assert isinstance(platform, Enrolling)
    try:
        with within(line.clock.monotonic() + _LONGEST_WRITE):
            platform.remove_card(person, hashed)
            line.ask(Question("", platform=platform.name, person=person))
    except ByHand as error:
        desk.say({"say": "by_hand", "entry": f"For {desk.whom.name}. {error.entry}"})
        yield f"take the old card away at the platform: {error}"
    except DoorwardError as error:
        yield f"take the old card away at the platform, which could not be done: {error}"


def _noted(desk: _Desk, door: str, card: str, detail: dict[str, str]) -> Iterator[str]:
    whom, author = desk.whom, desk.author
    try:
        desk.office.note(
            {
                "kind": Kind.CARD_ENROLLED.value,
                "door": door,
                "platform": whom.platform,
                "person": whom.key,
                "name": whom.name,
                "card": card,
                "author": author,
                "detail": detail,
            }
        )
    except DoorwardError as error:
        log.critical("an enrolment is not in the journal", author=author, error=str(error))
        yield f"note who did this, for the journal does not have it: {error}"


def _masked(canonical: str) -> str:
    return mask(canonical.partition(":")[2])
