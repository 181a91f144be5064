"""Whom somebody means who types a name, a key or the end of a card."""

from typing import TYPE_CHECKING

import click

from controller.model import Person

if TYPE_CHECKING:
    from controller.cache import Cache
    from controller.config import Config


def person_meant(config: "Config", cache: "Cache", who: str, platform: str = "") -> Person:
    """The one person meant, of this platform if one is named. UsageError lists all there are."""
    from controller.whom import Unclear, called, exactly, one

    who = who.strip()
    try:
        if (found := exactly(config, cache, who)) and platform in ("", found.platform):
            return found
        return called(cache, who, platform) or one([], who)
    except Unclear as error:
        raise click.UsageError(str(error)) from error
