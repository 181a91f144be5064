"""Whom somebody means who types a name, a key or the end of a card."""

from typing import TYPE_CHECKING

import click

from controller.model import Person

if TYPE_CHECKING:
    from controller.cache import Cache
    from controller.config import Config

_SHOWN = 10  # people of whom one must be chosen


def person_meant(config: "Config", cache: "Cache", who: str, platform: str = "") -> Person:
    """The one person meant, of this platform if one is named. UsageError lists all there are."""
    who = who.strip()
    if (found := exactly(config, cache, who)) and platform in ("", found.platform):
        return found
    return called(cache, who, platform) or one([], who)


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
    if not found:
        raise click.UsageError(f"nobody is known as {shown(who)}; try doorward people")
    if len(found) > 1:
        some = ", ".join(f"{p.name} ({p.platform}/{p.key})" for p in found[:_SHOWN])
        more = " …" if len(found) > _SHOWN else ""
        raise click.UsageError(f"{shown(who)} could be {some}{more}; say which: platform/key")
    return found[0]


def shown(who: str) -> str:
    """As typed, unless it may be a card number."""
    return "that" if any(c.isdigit() for c in who) else repr(who)
