"""Whom somebody means who types a name, a key or the end of a card."""

from typing import TYPE_CHECKING

from controller.errors import DoorwardError
from controller.model import Person

if TYPE_CHECKING:
    from controller.cache import Cache
    from controller.config import Config

_SHOWN = 10  # people of whom one must be chosen


class Unclear(DoorwardError):
    """It cannot be told whom was meant; the message says what to type."""


def exactly(config: "Config", cache: "Cache", who: str) -> Person | None:
    """Somebody written as platform/key or as a masked card."""
    platform, slash, key = who.partition("/")
    if slash and platform in config.platforms:
        found = [f.person for f in cache.people(key, limit=-1)]
        return one([p for p in found if (p.platform, p.key) == (platform, key)], who)
    if who.startswith(("…", "...")):
        last = who.lstrip("….").casefold()
        listed = cache.people(last, limit=-1)
        return one([f.person for f in listed if last in map(str.casefold, f.cards)], who)
    return None


def called(cache: "Cache", who: str, platform: str = "") -> Person | None:
    """The one person whose name or key is this, or has it as a part."""
    found = [each.person for each in cache.people(who, limit=1000)]
    found = [p for p in found if platform in ("", p.platform)]
    same = [p for p in found if who.casefold() in (p.name.casefold(), p.key.casefold())]
    return one(same or found, who) if found else None


def one(found: list[Person], who: str) -> Person:
    """The only one of these; else `Unclear`."""
    if not found:
        raise Unclear(f"nobody is known as {shown(who)}; try doorward people")
    if len(found) > 1:
        some = ", ".join(f"{p.name} ({p.platform}/{p.key})" for p in found[:_SHOWN])
        more = " …" if len(found) > _SHOWN else ""
        raise Unclear(f"{shown(who)} could be {some}{more}; say which: platform/key")
    return found[0]


def shown(who: str) -> str:
    """As typed, unless it may be a card number."""
    return "that" if any(c.isdigit() for c in who) else repr(who)
