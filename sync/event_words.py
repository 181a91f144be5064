"""An event of the journal as programs elsewhere are told of it: over the API and by webhooks."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from controller.event_names import LOST, name_of
from controller.model import Recorded

Words = dict[str, Any]


def event_words(recorded: Recorded, chain: str, names: Mapping[str, str]) -> Words:
    """`names`: what people call the doors. Cards are masked, as the journal has them."""
    event = recorded.event
    user = {"id": event.person, "name": event.name, "platform": event.platform}
    return {
        "id": recorded.uuid,
        "kind": name_of(event),
        "time": moment(recorded.wall),
        "door": _door(event.door, names),
        "user": user if event.person else None,
        "reason": event.reason,
        "visit": event.visit,
        "card": event.card,
        "author": event.author,
        "clock": recorded.trust.value,
        "detail": event.detail or {},
        "cursor": cursor(chain, recorded.seq),
    }


def lost_words(chain: str, first: int, last: int, wall: float, why: str) -> Words:
    """That events from one position to another cannot be told any more, and why."""
    where = f"doorward:{chain}:{first}-{last}"
    return {
        "id": str(uuid5(NAMESPACE_URL, where)),
        "kind": LOST,
        "time": moment(wall),
        "door": None,
        "user": None,
        "reason": why,
        "visit": "",
        "card": "",
        "author": "",
        "clock": "",
        "detail": {"first": first, "last": last},
        "cursor": cursor(chain, last),
    }


def moment(wall: float) -> str:
    """RFC 3339, UTC, milliseconds."""
    text = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def instant(wall: float | None) -> str | None:
    return None if wall is None else moment(wall)


def time_of_day(minute: int) -> str:
    """`09:00` of 540."""
    return f"{minute // 60:02}:{minute % 60:02}"


def cursor(chain: str, seq: int) -> str:
    return f"{chain}.{seq}"


def position(text: str) -> tuple[str, int]:
    """The inverse of `cursor`."""
    chain, _, seq = text.partition(".")
    return chain, int(seq)


def _door(door: str, names: Mapping[str, str]) -> Words | None:
    return {"id": door, "name": names.get(door, door)} if door else None
