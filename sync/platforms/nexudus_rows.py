"""What Nexudus' REST API says, read strictly where it matters; other fields are passed over.

A wrong type in a field that matters is a BadReply naming record and field, never the value: that
may be a card number or a name. Times are UTC, unless the name of a field ends in `Local`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controller.errors import BadReply
from sync.reply import Reply

_LONGEST = 256  # characters of a text that matters
_REASON = 200
_NONE_OF = re.compile(r"0001-01-01T00:00:00(\.0+)?Z?")  # how .NET writes a time that is not set


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object, and what messages call it: `Nexudus coworker 789012`."""

    what: str
    raw: dict[str, Any]

    def number(self, field: str = "Id") -> int:
        value = self.number_if_any(field)
        if value is None:
            raise self.bad(field, "a number")
        return value

    def number_if_any(self, field: str) -> int | None:
        """None if null, absent or 0, which is how .NET writes that there is none."""
        value = self.raw.get(field)
        if value is None or (value == 0 and not isinstance(value, bool)):
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.bad(field, "a number")
        return value

    def numbers(self, field: str) -> list[int]:
        """A list of numbers; null and absent are none."""
        value = self.raw.get(field)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.bad(field, "a list of numbers")
        return [Record(self.what, {field: each}).number(field) for each in value]

    def flag(self, field: str, default: bool | None = None) -> bool:  # noqa: FBT001
        """`default`: where null and absent are as good as that."""
        value = self.raw.get(field)
        value = default if value is None else value
        if not isinstance(value, bool):
            raise self.bad(field, "true or false")
        return value

    def text(self, field: str) -> str:
        """Stripped; null and absent are empty, digits may come as a number."""
        value = self.raw.get(field)
        if value is None:
            return ""
        known = isinstance(value, str | int) and not isinstance(value, bool)
        if not known or len(str(value)) > _LONGEST:
            raise self.bad(field, "a text")
        return str(value).strip()

    def moment(self, field: str) -> float:
        """Unix seconds."""
        at = self.moment_if_any(field)
        if at is None:
            raise self.bad(field, "a time")
        return at

    def moment_if_any(self, field: str) -> float | None:
        value = self.raw.get(field)
        if value in (None, "") or (isinstance(value, str) and _NONE_OF.fullmatch(value)):
            return None
        try:
            if not isinstance(value, str):
                raise ValueError  # noqa: TRY004 - a number that is no time is the same
            at = datetime.fromisoformat(value.strip())
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise self.bad(field, "a time") from None

    def bad(self, field: str, expected: str) -> BadReply:
        trouble = f"should be {expected}" if field in self.raw else "is missing"
        return BadReply(f"{self.what}: {field} {trouble}; the last roster stays in force")


def record(what: str, reply: Reply) -> Record:
    value = reply.json()
    if not isinstance(value, dict):
        raise BadReply(f"{what}: should be an object", maybe_sent=reply.maybe_sent)
    return Record(what, value)


def records(what: str, listed: object) -> Iterator[Record]:
    """The objects of a list, each with its `Id`."""
    if not isinstance(listed, list):
        raise BadReply(f"{what}: should be a list; the last roster stays in force")
    for place, raw in enumerate(listed, 1):
        if not isinstance(raw, dict):
            raise BadReply(f"{what}: number {place} should be an object")
        row = Record(f"{what} number {place}", raw)
        yield Record(f"{what} {row.number()}", raw)


def iso(at: float) -> str:
    """An instant, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(at: float) -> str:
    """The minute of an instant, as filters take it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M")


def words(said: Record) -> str:
    """Why Nexudus did not do what it was asked, in its own words."""
    errors = said.raw.get("Errors")
    listed = errors if isinstance(errors, list) else []
    told = [said.raw, *(each for each in listed if isinstance(each, dict))]
    texts = [each["Message"] for each in told if isinstance(each.get("Message"), str)]
    return " ".join(" ".join(dict.fromkeys(texts)).split())[:_REASON] or "without a reason"
