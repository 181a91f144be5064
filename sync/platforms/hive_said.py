"""What Hive says, read strictly: a wrong type in a field that matters is a BadReply naming it.

No message repeats a value: it may be a card number or a name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controller.errors import BadReply

_MILLISECONDS = 1e11  # a later "second" would lie beyond the year 5000
_NEVER = 1e14  # not even milliseconds reach so far
_TRUE, _FALSE = (True, 1, "true", "1"), (False, 0, "false", "0")
_NO_END = (None, False, 0, "")


@dataclass(frozen=True, slots=True)
class Said:
    """One JSON object, and what messages call it: `user 201`."""

    what: str
    raw: dict[str, Any]

    def rows(self, field: str) -> list[Any]:
        value = self.raw.get(field)
        if not isinstance(value, list):
            raise self.bad(field, "a list")
        return value

    def id(self, field: str) -> str:
        """A number that Hive assigned, as its digits."""
        value = self.raw.get(field)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return str(value)
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            return str(int(value))
        raise self.bad(field, "an id")

    def text(self, field: str) -> str:
        """Text, stripped; null and absent are empty. Digits may come as a number."""
        value = self.raw.get(field)
        if value is None:
            return ""
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value).strip()
        raise self.bad(field, "text")

    def flag(self, field: str) -> bool:
        value = self.raw.get(field)
        if isinstance(value, bool | int | str):
            value = value.lower() if isinstance(value, str) else value
            if value in _TRUE:
                return True
            if value in _FALSE:
                return False
        raise self.bad(field, "true or false")

    def end(self, field: str) -> float | None:
        """Unix seconds; None where no end is known."""
        value = self.raw.get(field)
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            value = int(value)
        if value in _NO_END:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _NEVER:
            raise self.bad(field, "a unix time")
        return value / 1000 if value > _MILLISECONDS else float(value)

    def bad(self, field: str, expected: str) -> BadReply:
        missing = field not in self.raw
        is_what = "is missing" if missing else f"is {_kind(self.raw[field])}, not {expected}"
        return BadReply(f"{self.what}: {field} {is_what}")


def said(what: str, raw: object) -> Said:
    if not isinstance(raw, dict):
        raise BadReply(f"{what}: is {_kind(raw)}, not an object")
    return Said(what, raw)


@dataclass(frozen=True, slots=True)
class HiveDoor:
    id: str
    name: str
    active: bool
    allow_instructors: bool


@dataclass(frozen=True, slots=True)
class HiveMembership:
    """`until`: when it may end or renew."""

    type_id: str
    until: float | None
    doors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HiveUser:
    """`cards`: as stored at Hive, by field."""

    id: str
    name: str
    is_instructor: bool
    memberships: tuple[HiveMembership, ...]
    cards: dict[str, str]


CARD_FIELDS = ("door_access_id", "barcode_id")


def read_doors(answer: Said) -> dict[str, HiveDoor]:
    """The doors of an answer to /doors, by id."""
    doors = {}
    for place, raw in enumerate(answer.rows("doors"), 1):
        door = said(f"{answer.what}, door {place}", raw)
        door_id = door.text("door_id")
        if not door_id:
            raise door.bad("door_id", "an id")
        door = Said(f"{answer.what}, door {door_id}", door.raw)
        flags = door.flag("active"), door.flag("allow_instructors")
        doors[door_id] = HiveDoor(door_id, door.text("name") or door_id, *flags)
    return doors


def read_users(answer: Said) -> Iterator[HiveUser]:
    """The users of one page."""
    for place, raw in enumerate(answer.rows("users"), 1):
        yield read_user(said(f"{answer.what}, user {place}", raw))


def read_user(user: Said) -> HiveUser:
    user_id = user.id("id")
    user = Said(f"user {user_id}", user.raw)
    names = user.text("first_name"), user.text("last_name")
    memberships = [] if user.raw.get("memberships", ()) is None else user.rows("memberships")
    return HiveUser(
        user_id,
        " ".join(name for name in names if name) or f"user {user_id}",
        user.flag("is_instructor"),
        tuple(_read_membership(user, raw) for raw in memberships),
        {field: card for field in CARD_FIELDS if (card := user.text(field))},
    )


def _read_membership(user: Said, raw: object) -> HiveMembership:
    membership = said(f"{user.what}, membership", raw)
    membership = Said(f"{membership.what} {membership.text('membership_id')}", membership.raw)
    doors = tuple(_door_id(membership, each) for each in membership.rows("door_ids"))
    return HiveMembership(membership.id("membership_type_id"), membership.end("expires"), doors)


def _door_id(membership: Said, raw: object) -> str:
    return Said(f"{membership.what}, door_ids", {"door_id": raw}).text("door_id")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "another number"
        case str():
            return "another text" if value else "empty"
        case list():
            return "a list"
    return "an object"
