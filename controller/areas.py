"""Who is in which area by the record, and whether they can come from where they present. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from controller.model import DoorRules, Event, Kind
from controller.passage import Passage, Passback, Place
from controller.schedule import instant

EVERYWHERE = "*"  # stands for all areas where places are forgotten


def at_reader(rules: DoorRules, reader: str) -> DoorRules:
    """The rules for whoever presents at this reader.

    On the way out nothing is used up, nobody checks in, and nothing more is demanded than a grant.
    """
    if reader not in rules.inside:
        return rules
    way = rules.passage
    return replace(
        rules,
        passage=replace(way, here=way.there, there=way.here) if way else None,
        check_in=False,
        admit_without_pass=True,
        anti_passback=0.0,
        demands=(),
    )


def out_of_place(
    passage: Passage, place: Place | None, wall: float, zone: ZoneInfo | None
) -> Place | None:
    """Where the record has somebody who cannot be there if they come this way; else None.

    Of whom the place is unknown, or forgotten since, nothing is thought.
    """
    if place is None or place.area == passage.here or passage.passback is Passback.OFF:
        return None
    if passage.forgive_at is not None and zone is not None:
        forgotten = last_at(wall, passage.forgive_at, zone)
        return place if place.since >= forgotten else None
    return place


def last_at(wall: float, minute: int, zone: ZoneInfo) -> float:
    """The last instant up to `wall` at which the local clock showed this minute of the day."""
    day = datetime.fromtimestamp(wall, zone).date()
    for before in range(3):
        at = instant(day - timedelta(days=before), minute, zone)
        if at <= wall:
            return at
    raise AssertionError("every day has this minute")


def after(
    place: Place | None, event: Event, wall: float, platform: str, person: str
) -> Place | None:
    """Where this person is, who was at `place`, once this has happened."""
    detail = event.detail or {}
    if (event.platform, event.person) == (platform, person):
        if event.kind is Kind.MOVED:
            area = detail.get("area")
            return None if area is None else Place(area, wall)
        if event.kind is Kind.FORGIVEN:
            return None
    return None if place and {place.area, EVERYWHERE} & forgotten_in(detail) else place


def forgotten_in(detail: Mapping[str, Any]) -> set[str]:
    """The areas of which, by an event's detail, nobody knows any more who is in them."""
    return set(detail.get("unsure", ()))
