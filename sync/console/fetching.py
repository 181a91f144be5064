"""Asking platforms anew, because somebody at the desk knows better than to wait."""

import structlog

from controller.errors import DoorwardError
from controller.model import Person
from controller.question import Question
from sync.console.page import Answer, Asked, GoTo, Page
from sync.console.people import person_url, the_person
from sync.deadline import within
from sync.desk_users import Role
from sync.line import Line
from sync.platform import Answer as Said
from sync.platform import Word

log = structlog.get_logger(__name__)

_WITHIN = 10.0  # seconds for an answer about one person


def everybody(asked: Asked) -> Answer:
    """Have every platform fetched as soon as it may be."""
    names = list(asked.office.lines)
    if not names:
        return GoTo("/people", "There is no platform that could be fetched.", wrong=True)
    for name in names:
        _soon(asked, name)
    told = f"Being fetched: {', '.join(names)}. Whoever is new is found here in a moment."
    return GoTo("/people", told)


def one(asked: Asked) -> Answer:
    """Ask a platform how one person stands; where it cannot be asked so, fetch all of it."""
    whom = the_person(asked)
    back, line = person_url(whom.platform, whom.key), asked.office.lines.get(whom.platform)
    if line is None:
        why = asked.office.broken.get(whom.platform, "it is not configured any more")
        return GoTo(back, f"{whom.platform} cannot be asked: {why}", wrong=True)
    if not line.platform.capabilities.live_people:
        _soon(asked, whom.platform)
        return GoTo(back, f"{whom.platform} is being fetched; this page follows by itself.")
    log.info("asked about a person", platform=whom.platform, author=asked.author)
    try:
        with within(asked.office.clock.monotonic() + _WITHIN):
            said = line.ask(Question("", platform=whom.platform, person=whom.key))
    except DoorwardError as error:
        told = f"{whom.platform} could not be asked, and what was known stays in force: {error}"
        return GoTo(back, told, wrong=True)
    still_known = asked.office.person(whom.platform, whom.key)
    return GoTo(back if still_known else "/people", _told(whom, said))


def _soon(asked: Asked, name: str) -> None:
    line: Line = asked.office.lines[name]
    line.retry = True  # `syncd` looks at it every second, and minds when the line may be tried
    log.info("fetch asked for", platform=name, author=asked.author)


def _told(whom: Person, said: Said) -> str:
    if said.word is Word.KNOWN:
        return f"{whom.platform} was asked just now: so {whom.name} stands there."
    if said.word is Word.UNKNOWN:
        return f"{whom.platform} does not know {whom.name} any more."
    return f"{whom.platform} says of {whom.name}: {said.message or 'no'}"


PAGES = (
    Page("POST", "/people/fetch", everybody, Role.STAFF),
    Page("POST", "/people/ask", one, Role.STAFF),
)
