"""Areas and journeys in a configuration: where doors lead, and how long people take."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from controller.config_errors import meant
from controller.config_types import Seconds, Strict
from controller.journeys import Journey
from controller.passage import Passage, Passback

_WORDS = tuple(Passback)  # mildest first


class Area(Strict):
    """`[areas.<area>]`: a place that doors lead into and out of."""

    name: str = Field(default="", description="for people; the id if left out")
    passback: Passback = Field(
        default=Passback.SOFT, description="what happens to whoever cannot come from where they do"
    )


class JourneySettings(Strict):
    """`[[journeys]]`: nobody gets from one of these doors to another sooner."""

    between: tuple[str, ...] = Field(default=(), description="at least two doors; none: any two")
    takes: Seconds = Field(gt=0, le=86400, description="the least time, e.g. takes = '60s'")
    then: Literal["report", "refuse"] = "report"

    @model_validator(mode="after")
    def _of_two(self) -> Self:
        if len(set(self.between)) == 1:
            raise ValueError("between names one door; name two or more, or none for all doors")
        return self

    def journey(self) -> Journey:
        return Journey(self.takes, frozenset(self.between), self.then == "refuse")


def passage(door: Any, areas: Mapping[str, Area], forgive_at: int | None) -> Passage | None:
    """The way in by this door; None if it leads into no area. The stricter of both areas rules."""
    if not (door.outside or door.inside):
        return None
    modes = [areas[name].passback for name in (door.outside, door.inside) if name]
    return Passage(door.outside, door.inside, max(modes, key=_WORDS.index), forgive_at)


def misplaced(
    doors: Mapping[str, Any],
    areas: Mapping[str, Any],
    journeys: tuple[JourneySettings, ...],
    site: Any,
) -> Iterator[str]:
    """What is wrong with areas and journeys, in words."""
    for name, door in doors.items():
        if door is not None:
            yield from _misled(f"doors.{name}", door, areas)
    for i, each in enumerate(journeys):
        for door in each.between:
            if door not in doors:
                yield f"journeys[{i}].between: there is no such door{meant(door, doors)}"
    if site and site.forgive_at is not None and site.zone is None:
        yield 'site.forgive_at: say of which time zone: [site] zone = "…"'


def unseen_leaving(doors: Mapping[str, Any], areas: Mapping[str, Area]) -> Iterator[str]:
    """Areas whose record can hardly be right."""
    for name, area in areas.items():
        ways = {key: door for key, door in doors.items() if name in (door.outside, door.inside)}
        if area.passback is Passback.OFF or not ways:
            continue
        for key, door in ways.items():
            if door.contact is None:
                yield (
                    f"doors.{key}: leads into or out of area {name} and has no contact, so "
                    "whoever is let in counts as gone through"
                )
        if not any(_leads_out(door, name) for door in ways.values()):
            yield (
                f"areas.{name}: no reader is on the way out, so who has left counts as inside; "
                'give a reader side = "inside"'
            )


def _misled(where: str, door: Any, areas: Mapping[str, Any]) -> Iterator[str]:
    for side in ("outside", "inside"):
        area = getattr(door, side)
        if area and area not in areas:
            yield f"{where}.{side}: there is no area {area!r}{meant(area, areas)}"
    if door.outside and door.outside == door.inside:
        yield f"{where}: leads from area {door.inside!r} into the same; name another"
    within = [name for name, reader in door.readers.items() if reader.side == "inside"]
    if within and not (door.outside or door.inside):
        yield f'{where}.readers.{within[0]}.side: say where the door leads, e.g. inside = "lab"'
    if within and len(within) == len(door.readers):
        yield f"{where}: all readers are on the inner side, so nobody can come in"


def _leads_out(door: Any, area: str) -> bool:
    """Is there a reader by which one leaves this area?"""
    side = "inside" if door.inside == area else "outside"
    return any(reader.side == side for reader in door.readers.values())
