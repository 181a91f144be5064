"""What Cobot says, read strictly where it matters; keys that are not known are passed over.

A wrong type in a field that matters is a BadReply naming record and field, never the value: that
may be a card number or a name.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from controller.errors import BadReply
from controller.model import Duration, Hours, Span
from sync.http import Reply

_KEPT = "; the last roster stays in force"
_DATE = r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})"
_MIDNIGHT = r"(?:[T ]00:00(?::00(?:\.0+)?)?(?: ?(?:Z|UTC|[+-]00:?00))?)?"
_TIME = r"[T ]+(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)? ?(Z|UTC|[+-]\d\d:?\d\d)"
_DAY = re.compile(_DATE + _MIDNIGHT, re.ASCII)
_MOMENT = re.compile(_DATE + _TIME, re.ASCII)
_YEARS = range(1971, 9000)
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON object, and what messages call it: `membership m-7f1`."""

    what: str
    raw: dict[str, Any]

    def __contains__(self, field: str) -> bool:
        return self.raw.get(field) is not None

    def row(self, field: str) -> "Row":
        value = self.raw.get(field)
        if not isinstance(value, dict):
            raise self.bad(field, "an object")
        return Row(f"{self.what}, {field}", value)

    def rows(self, field: str) -> list["Row"]:
        if not isinstance(self.raw.get(field), list):
            raise self.bad(field, "a list")
        return list(rows(f"{self.what}, {field}", self.raw[field]))

    def id(self, field: str = "id") -> str:
        """What Cobot calls a thing by; old ids may come as numbers."""
        value = self.raw.get(field)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
        raise self.bad(field, "an id")

    def text(self, field: str) -> str:
        """Text, stripped; null and absent are empty. Digits may come as a number."""
        value = self.raw.get(field)
        if value is None:
            return ""
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value).strip()
        raise self.bad(field, "text")

    def whole(self, field: str, default: int | None = None) -> int:
        """A whole number that is not negative; also one written as text."""
        value = self.raw.get(field)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**9:
            raise self.bad(field, "a whole number")
        return value

    def day(self, field: str) -> date | None:
        """A date; None if null or absent."""
        return parse_day(self.raw[field], self.bad(field, "a date")) if field in self else None

    def moment(self, field: str) -> float:
        """An instant in unix seconds."""
        value = self.raw.get(field)
        return parse_moment(value, self.bad(field, "a time with its offset"))

    def moment_if_any(self, field: str) -> float | None:
        return self.moment(field) if field in self else None

    def bad(self, field: str, expected: str) -> BadReply:
        trouble = f"should be {expected}" if field in self.raw else "is missing"
        return BadReply(f"{self.what}: {field} {trouble}{_KEPT}")


def rows(what: str, listed: object) -> Iterator[Row]:
    """The objects of a list; messages call them by their id if they have one."""
    if not isinstance(listed, list):
        raise BadReply(f"{what}: should be a list{_KEPT}")
    for place, raw in enumerate(listed, 1):
        if not isinstance(raw, dict):
            raise BadReply(f"{what}: number {place} should be an object{_KEPT}")
        name = raw.get("id")
        known = isinstance(name, str | int) and not isinstance(name, bool)
        yield Row(f"{what} {name}" if known else f"{what} number {place}", raw)


def member_of(row: Row) -> str | None:
    """Whose row this is: `membership_id`, `membership.id` or the address of a membership."""
    if "membership_id" in row:
        return row.id("membership_id")
    membership = row.raw.get("membership")
    if isinstance(membership, dict) and membership.get("id") is not None:
        return row.row("membership").id()
    nested = membership.get("url") if isinstance(membership, dict) else membership
    for address in (nested, row.raw.get("membership_url")):
        found = re.search(r"/memberships/([^/?#]+)", address) if isinstance(address, str) else None
        if found:
            return found[1]
    return None


def parse_day(value: object, error: BadReply) -> date:
    """`2025/02/05` or with dashes; a time of day behind it must be midnight."""
    parts = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None or int(parts[1]) not in _YEARS:
        raise error
    try:
        return date(*map(int, parts.groups()))
    except ValueError:
        raise error from None


def parse_moment(value: object, error: BadReply) -> float:
    """`2025/02/03 09:10:11 +0000`, with dashes, with T, with Z; unix seconds."""
    parts = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None or int(parts[1]) not in _YEARS:
        raise error
    offset = "+0000" if parts[7] in {"Z", "UTC"} else parts[7].replace(":", "")
    numbers = [int(part or 0) for part in parts.groups()[:6]]
    text = "{:04}-{:02}-{:02} {:02}:{:02}:{:02} ".format(*numbers) + offset
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").timestamp()
    except (ValueError, OverflowError):
        raise error from None


def moment_text(at: float) -> str:
    """An instant as Cobot's first API writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y/%m/%d %H:%M:%S +0000")


def iso_text(at: float) -> str:
    """An instant as Cobot's second API reads it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours(row: Row) -> Hours:
    """`parsed_timespans` of a pass or a type of pass; none at all means always."""
    if "parsed_timespans" not in row:
        if row.text("timespans"):
            raise row.bad("parsed_timespans", "a list")
        return ()
    return tuple(_window(each) for each in row.rows("parsed_timespans"))


def words(reply: Reply) -> str:
    """What Cobot says of its refusal, in any of the shapes it has for that."""
    try:
        said = list(_sentences(json.loads(reply.body), ""))
    except (ValueError, RecursionError):
        said = []
    return " ".join(" ".join(said).split())[:_LONGEST] or f"without a reason ({reply.status})"


def _window(row: Row) -> Span | Duration:
    weekdays = frozenset(_weekdays(row))
    if "duration_hours" in row or "duration_minutes" in row:
        minutes = 60 * row.whole("duration_hours", 0) + row.whole("duration_minutes", 0)
        if not minutes:
            raise row.bad("duration_hours", "a length of time")
        return Duration(minutes, weekdays)
    start = _minute(row, "from_hour", "from_minute") % 1440
    end = _minute(row, "to_hour", "to_minute")
    if end % 1440 == start or end == 1440:
        end = (end - 1) % 1440  # "4-4" is a whole day, and "9-24" ends with the day
    return Span(start, end, weekdays)


def _minute(row: Row, hour: str, minute: str) -> int:
    """Minutes from midnight; 24:00 is 1440."""
    at = 60 * row.whole(hour) + row.whole(minute, 0)
    if row.whole(minute, 0) > 59 or at > 1440:
        raise row.bad(hour, "a time of day")
    return at


def _weekdays(row: Row) -> Iterator[int]:
    error = row.bad("weekdays", "a list of numbers from 1 to 7")
    listed = row.raw.get("weekdays") or []
    if not isinstance(listed, list):
        raise error
    for value in listed:
        if isinstance(value, bool) or str(value) not in set("1234567"):
            raise error
        yield int(value)


_PLAIN = {"", "base", "error", "errors", "message", "detail", "title"}


def _sentences(value: object, name: str) -> Iterator[str]:
    if isinstance(value, str):
        yield value if name in _PLAIN else f"{name}: {value}"
    elif isinstance(value, list):
        for each in value:
            yield from _sentences(each, name)
    elif isinstance(value, dict):
        detail = value.get("detail") or value.get("title")
        for key, each in {"detail": detail}.items() if detail else value.items():
            yield from _sentences(each, key)
