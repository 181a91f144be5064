"""What sync.sock does with cards: enrol them, block them, and say which are blocked."""

from dataclasses import asdict
from typing import Any

from controller.control import Answer, Command, Request, Say
from controller.errors import ConfigError
from sync.blocking import block_card, block_of_person, blocked, unblock
from sync.desk_blocks import Block
from sync.enrolment import enroll
from sync.office import Office


class CardCommands:
    """Commands by name; each takes the request, who asks, and how to report progress."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def table(self) -> dict[str, Command]:
        return {
            "enroll": self.enroll,
            "block": self.block,
            "unblock": self.unblock,
            "blocks": self.blocks,
        }

    def enroll(self, request: Request, author: str, say: Say) -> Answer:
        """Make the next unknown card at a door somebody's; see `sync.enrolment`."""
        platform, person, door = (_text(request, n) for n in ("platform", "person", "door"))
        seconds = request.get("seconds", 60.0)
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise ConfigError("seconds must be a number")
        done = enroll(
            self._office,
            platform,
            person,
            door,
            author,
            say,
            seconds,
            fresh=request.get("fresh") is True,
            replaces=_text(request, "replaces"),
        )
        return asdict(done)

    def block(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Block a card by its `number` (as read at `door`), or a person's by its `last`."""
        why, number = _text(request, "why") or "lost", _text(request, "number")
        if number:
            return _told(block_card(self._office, number, why, author, _text(request, "door")))
        platform, person, last = (_text(request, n) for n in ("platform", "person", "last"))
        return _told(block_of_person(self._office, platform, person, last, why, author))

    def unblock(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Take back a block, found in the same ways."""
        number, last = _text(request, "number"), _text(request, "last")
        person = _text(request, "platform"), _text(request, "person")
        return _told(unblock(self._office, author, number=number, last=last, person=person))

    def blocks(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """All cards blocked here."""
        return {"blocks": [_told(block) for block in blocked(self._office)]}


def _told(block: Block) -> dict[str, Any]:
    """A block as JSON values, without the hash."""
    b = block
    whose = {"platform": b.platform, "person": b.person, "name": b.name}
    return {"card": b.masked, **whose, "why": b.why, "at": b.at, "by": b.by}


def _text(request: Request, name: str) -> str:
    value = request.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text")
    return value
