"""Booked rooms: for members from Cobot's first API, for visitors from its second.

The buffers before and after a booking belong to the grant; a booked room is no attendance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.model import Grant
from sync.platform import Roster
from sync.platforms.cobot_members import Member
from sync.platforms.cobot_parse import Row, member_of
from sync.platforms.cobot_settings import CobotSettings


@dataclass(frozen=True, slots=True)
class Ahead:
    """The stretch of time for which bookings are wanted, and the buffers around each."""

    now: float
    ahead: float
    before: float
    after: float

    @property
    def since(self) -> float:
        return self.now - self.after

    @property
    def until(self) -> float:
        return self.now + self.ahead + self.before

    def wants(self, start: float, end: float) -> bool:
        return start < self.until and self.since < end

    def grant(self, resource: str, start: float, end: float) -> Grant:
        return Grant(f"resource:{resource}", start - self.before, end + self.after, attends=False)


def ahead_of(now: float, settings: CobotSettings) -> Ahead:
    s = settings
    return Ahead(now, s.bookings_ahead, s.booking_before, s.booking_after)


def span(row: Row) -> tuple[float, float]:
    """When a booking begins and ends."""
    start, end = row.moment("from"), row.moment("to")
    if end < start:
        raise row.bad("to", "later than from")
    return start, end


def pour_bookings(
    rows: Iterable[Row], members: Mapping[str, Member], ahead: Ahead, roster: Roster
) -> None:
    """Bookings of members; those of admins, events and visitors have no member and are left."""
    for row in rows:
        member = members.get(member_of(row) or "")
        if member is not None and member.terms:
            start, end = span(row)
            if ahead.wants(start, end):
                roster.grant(member.id, ahead.grant(row.row("resource").id(), start, end))
