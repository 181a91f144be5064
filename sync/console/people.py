"""The pages People: who is known, and of one person everything that bears on getting in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from controller.asked import Questions, questions
from controller.cache import Found
from controller.doors_now import doors_now
from controller.errors import StoreError
from controller.files import cache_of, journal_of
from controller.model import Grant, Holder, Now, Pass, Person, Recorded, Visit
from controller.passes import current_visit, remaining
from controller.wording import masked_cards
from controller.words import BRIEF, grant_in_words, hours_in_words
from sync import desk_blocks
from sync.console.explaining import DoorSays, at_each_door
from sync.console.page import Answer, Asked, NotThere, Page, Shown
from sync.desk_blocks import Block

VISITOR = "visitor:"  # how the keys of persons begin who come from a visitor's booking
_SHOWN = 50
_VISITS = 15
_LONGEST = 100  # characters of a search


@dataclass(frozen=True, slots=True)
class CardShown:
    """A person's card: at which place among theirs, masked, and how it is blocked here, if it is.

    `place` None: they have it no more, but it is blocked.
    """

    place: int | None
    masked: str
    block: Block | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What somebody holds, at all doors. `left`: passes, None if none of their labels uses any."""

    grants: tuple[Grant, ...]
    left: tuple[Pass, ...] | None
    visit: Visit | None
    synced_at: float


def people(asked: Asked) -> Answer:
    """Those whose name, key or last card characters hold what is searched for."""
    text, visitors = asked.text("q")[:_LONGEST], bool(asked.text("visitors"))
    with cache_of(asked.office.config) as cache:
        if visitors:
            found = [each for each in cache.people(VISITOR, limit=1000) if _visits(each, text)]
        else:
            found = cache.people(text.removeprefix("…"), limit=_SHOWN + 1)
    return Shown(
        "people.html",
        {
            "q": text,
            "visitors": visitors,
            "found": [_listed(each) for each in found[:_SHOWN]],
            "more": len(found) > _SHOWN,
        },
    )


def person(asked: Asked) -> Answer:
    """One person. Raises `NotThere`."""
    config, office = asked.office.config, asked.office
    modes, now = doors_now(config)
    with questions(config) as about:
        whom = the_person(asked)
        held = _held(about, whom, now)
        doors = tuple(at_each_door(config, about, whom, modes, now))
        cards = cards_of(asked, about.cache.cards_of(*whom[:2]), whom)
    events, events_trouble = _events(asked, whom)
    return Shown(
        "person.html",
        {
            "person": whom,
            "url": person_url(whom.platform, whom.key),
            "visitor": whom.key.startswith(VISITOR),
            "cards": cards,
            "doors": doors,
            "reasons": _grouped(doors),
            "held": held,
            "grant_in_words": grant_in_words,
            "hours_in_words": hours_in_words,
            "events": events,
            "events_trouble": events_trouble,
            "brief": {reason.value: words for reason, words in BRIEF.items()},
            "door_names": {name: door.name for name, door in config.doors.items()},
            "strangers": _strangers(asked),
            "progress": asked.lookout.enrolments.of(*whom[:2]),
            "as_of": now.wall,
            "blocking": office.desk is not None,
        },
    )


def the_person(asked: Asked) -> Person:
    """Whom the address or the form names; `NotThere`, `StoreError`."""
    platform, key = asked.text("platform"), asked.text("key")
    for found in asked.office.person(platform, key):
        return found
    raise NotThere(
        "Nobody is known by this name any more. They may have left, or have another key at the "
        "platform now. Look for them on the page People."
    )


def person_url(platform: str, key: str) -> str:
    return f"/people/person?{urlencode({'platform': platform, 'key': key})}"


def cards_of(asked: Asked, cards: Iterable[tuple[bytes, str]], whom: Person) -> list[CardShown]:
    """Their cards, and those that are blocked here in their name."""
    desk = asked.office.desk
    blocks = {block.hash: block for block in desk_blocks.listed(desk)} if desk else {}
    shown = [
        CardShown(place, masked_cards([last])[0], blocks.pop(hashed, None))
        for place, (hashed, last) in enumerate(cards)
    ]
    gone = [block for block in blocks.values() if (block.platform, block.person) == whom[:2]]
    return shown + [CardShown(None, block.masked, block) for block in gone]


def _listed(found: Found) -> dict[str, Any]:
    person = found.person
    return {
        "person": person,
        "url": person_url(person.platform, person.key),
        "cards": masked_cards(found.cards),
        "labels": found.labels,
    }


def _visits(found: Found, text: str) -> bool:
    said = f"{found.person.name} {found.person.note}".casefold()
    return found.person.key.startswith(VISITOR) and text.casefold() in said


def _held(about: Questions, whom: Person, now: Now) -> Held | None:
    door = next(iter(about.config.doors))
    holders = about.know.facts_of(*whom[:2], about.config.rules(door)).holders
    return _as_held(holders[0], now) if holders else None


def _as_held(holder: Holder, now: Now) -> Held:
    limited = any(grant.uses_pass for grant in holder.grants)
    grants = sorted(holder.grants, key=lambda grant: (grant.label, grant.since or 0))
    left = tuple(remaining(holder, now.wall)) if limited else None
    return Held(tuple(grants), left, current_visit(holder, now.wall), holder.roster.synced_at)


def _grouped(doors: Iterable[DoorSays]) -> list[tuple[str, list[DoorSays]]]:
    """Doors that say the same thing together: ("open" or the reason, doors)."""
    groups: dict[str, list[DoorSays]] = {}
    for door in doors:
        groups.setdefault("open" if door.opens else door.answers[0].reason, []).append(door)
    return list(groups.items())


def _events(asked: Asked, whom: Person) -> tuple[list[Recorded], str]:
    """Their last visits and refusals; or why they cannot be shown."""
    if not asked.office.place.journal.exists():
        return [], ""
    try:
        with journal_of(asked.office.config) as journal:
            return journal.of_person(*whom[:2], _VISITS), ""
    except StoreError as error:
        return [], str(error)


def _strangers(asked: Asked) -> dict[str, dict[str, Any]]:
    """Unknown cards shown a moment ago, masked, by door."""
    doors = asked.lookout.look()["controller"].get("doors", ())
    return {door["id"]: door["stranger"] for door in doors if door.get("stranger")}


PAGES = (
    Page("GET", "/people", people),
    Page("GET", "/people/person", person),
)
