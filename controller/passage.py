"""Where a door leads, and where somebody is. Pure values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Place(NamedTuple):
    """The area in which somebody is by the record, and since when (wall)."""

    area: str
    since: float


class Passback(StrEnum):
    """What happens to somebody who enters where by the record they cannot come from."""

    OFF = "off"
    SOFT = "soft"  # let in, and reported
    HARD = "hard"  # refused


@dataclass(frozen=True, slots=True)
class Passage:
    """From area `here` to area `there`; "" is where no area is: the street.

    `forgive_at`: the local minute at which every day all places are forgotten.
    """

    here: str
    there: str
    passback: Passback = Passback.OFF
    forgive_at: int | None = None
