"""What a message of Nexudus' Custom ACS says, read tolerantly where its documents leave room.

Fields without a value may be null, empty or left out. Times are UTC, with up to seven digits of a
second. Whatever is unreadable about a right takes that right away, never its end.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controller.errors import BadReply
from sync.reply import Reply

Row = dict[str, Any]
_LONGEST = 256  # characters of an id, and of a field with cards


@dataclass(frozen=True, slots=True)
class Message:
    """One notification.

    `customer` is the customer's uniqueId. `location` likewise; `business` is its number. `at` is
    None if the message does not tell. `groups`: until when each is held, None for no end.
    """

    customer: str
    number: str
    name: str
    location: str
    business: str
    at: float | None
    groups: dict[str, float | None]
    fields: dict[str, str]
    oddities: tuple[str, ...]


def read_message(body: bytes) -> Message:
    """BadReply, which repeats no value, if it cannot be told whom the message is about, or what."""
    row = _object(Reply(200, {}, body, "the message").json(), "the message")
    customer = _object(row.get("coworker"), "coworker")
    location = _object(row.get("business"), "business")
    oddities: list[str] = []
    return Message(
        _identity(customer, "coworker"),
        text(customer, "id"),
        text(customer, "full_name"),
        _identity(location, "business"),
        text(location, "id"),
        _moment(row["time"], "time") if row.get("time") else None,
        _groups(row, oddities),
        {f: text(customer, f) for f in ("accessCardId", "keyFobNumber", "accessPincode")},
        tuple(oddities),
    )


def text(row: Row, field: str) -> str:
    """Stripped; null and absent are empty, digits may come as a number."""
    value = row.get(field)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > _LONGEST:
        raise BadReply(f"{field} should be a text")
    return str(value).strip()


def numbers(field: str, *, commas: bool) -> list[str]:
    """The numbers in one field. `commas`: a comma stands between two, not within one."""
    return [
        each
        for part in re.split(r"[,;\n]" if commas else r"[;\n]", field)
        if (each := part.strip())
    ]


def _identity(row: Row, what: str) -> str:
    """The uniqueId, whatever its case; its number where there is none."""
    unique, number = text(row, "uniqueId").lower(), text(row, "id")
    if not unique and not number:
        raise BadReply(f"{what} has neither uniqueId nor id")
    return unique or f"id:{number}"


def _groups(row: Row, oddities: list[str]) -> dict[str, float | None]:
    listed = row.get("groups")
    if not isinstance(listed, list | None):
        raise BadReply("groups should be a list")
    held = {text({"group": each}, "group") for each in listed or ()} - {""}
    ends: dict[str, list[float | None]] = {}
    for each in _schedule(row):
        group = text(each, "group")
        if group not in held:
            oddities.append("a schedule for a group that is not held was passed over")
            continue
        try:
            end = each.get("expires_on")
            ends.setdefault(group, []).append(None if end in (None, "") else _moment(end, "end"))
        except BadReply:
            oddities.append("an end that cannot be read: that group is not held")
            ends.setdefault(group, []).append(0.0)
    return {group: _latest(ends.get(group, [None])) for group in sorted(held)}


def _schedule(row: Row) -> list[Row]:
    listed = row.get("schedule")
    if not isinstance(listed, list | None):
        raise BadReply("schedule should be a list")
    return [_object(each, "schedule") for each in listed or ()]


def _latest(ends: list[float | None]) -> float | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _moment(value: object, what: str) -> float:
    try:
        if not isinstance(value, str):
            raise ValueError  # noqa: TRY004 - a text that is no time is the same
        at = datetime.fromisoformat(value.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadReply(f"{what} should be a time") from None


def _object(value: object, what: str) -> Row:
    if not isinstance(value, dict):
        raise BadReply(f"{what} should be an object")
    return value
