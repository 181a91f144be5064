"""Values in words, for every surface: instants in local time with their zone, lengths, numbers.

Names and messages come from outside: `plain` writes out what would steer a terminal.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

_LATEST = 253_402_000_000.0  # in every zone this is still the year 9999
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def plain(text: str) -> str:
    """The same with every character that cannot be shown written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def local(at: float | None) -> str:
    """`2026-11-21 18:30:05 CET`, in this machine's zone; empty if there is no such time."""
    return "" if at is None else f"{_moment(at):%Y-%m-%d %H:%M:%S %Z}"


def iso(at: float | None, exact_to: str = "seconds") -> str | None:
    """`2026-11-21T18:30:05+01:00`: the same for programs."""
    return None if at is None else _moment(at).isoformat(timespec=exact_to)


def zone_name(at: float) -> str:
    """The name of this machine's zone at that time: `CET`."""
    return f"{_moment(at):%Z}"


def lasting(seconds: float) -> str:
    """A length of time in one or two units: `2 h 5 min`."""
    whole = round(abs(seconds))
    for place, (name, size) in enumerate(_UNITS):
        if whole >= size:
            below, part = _UNITS[min(place + 1, len(_UNITS) - 1)]
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {below}" if rest else "")
    return "0 s"


def ago(seconds: float) -> str:
    """How long something is past; ahead, if the clock was set back meanwhile."""
    return f"{lasting(seconds)} {'ago' if seconds > -1 else 'ahead'}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 person`, `2 people`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def masked_cards(last: Iterable[str]) -> list[str]:
    """Last characters, as the cache keeps them, in the way cards are shown."""
    return [f"…{each}" if each else "PIN" for each in last]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(min(at, _LATEST), UTC).astimezone()
