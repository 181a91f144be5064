"""Visitors: bookings by people without a membership, who get in by a PIN.

The PIN is derived from the external booking, so it need not be stored anywhere. The room is that of
the ordinary booking: an external one names another kind of resource.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.cards import CardFormat
from controller.errors import BadReply
from controller.model import Person
from sync.platform import Booked, Roster
from sync.platforms.cobot_bookings import Ahead, span
from sync.platforms.cobot_parse import Row

_PIN = CardFormat("pin")
_APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Visit:
    """One approved booking of a visitor."""

    booking: str  # id of the external booking
    name: str
    address: str
    resource: str
    start: float
    end: float


def read_visits(pages: Iterable[Row], ahead: Ahead) -> Iterator[Visit]:
    """The approved bookings of visitors on some pages of bookings."""
    for page in pages:
        included = {
            (each.text("type"), each.id()): each
            for each in (page.rows("included") if "included" in page else [])
        }
        for row in page.rows("data"):
            external = _related(row, "externalBooking")
            if external is None:
                continue
            if external not in included:
                raise BadReply(f"{row.what}: its externalBooking is not included in the answer")
            visit = _visit(row, external[1], included[external])
            if visit and ahead.wants(visit.start, visit.end):
                yield visit


def pour_visitors(
    platform: str,
    visits: Iterable[Visit],
    rooms: Mapping[str, str],
    zone: ZoneInfo,
    ahead: Ahead,
    pin: Callable[[str], str],
    roster: Roster,
) -> None:
    """One person for each booking. `rooms`: names of resources, where they are known."""
    notes: dict[str, list[str]] = {}
    for visit in visits:
        key = f"visitor:{visit.booking}"
        room = rooms.get(visit.resource) or f"resource {visit.resource}"
        notes.setdefault(key, []).append(f"{room}, {_when(visit, zone)}")
        note = "visitor: " + "; ".join(notes[key])
        roster.person(Person(platform, key, visit.name, checks_in=False, note=note))
        roster.card(key, _PIN.canonical(pin(visit.booking)))
        grant = ahead.grant(visit.resource, visit.start, visit.end)
        roster.grant(key, grant)
        span = visit.start, visit.end, visit.start - ahead.before, visit.end + ahead.after
        roster.booked(key, Booked(visit.name, visit.address, room, grant.label, *span))


def _visit(row: Row, booking: str, external: Row) -> Visit | None:
    said = external.row("attributes")
    if "status" not in said:
        raise said.bad("status", "a text")
    if said.text("status") != _APPROVED:
        return None
    resource = _related(row, "resource")
    if resource is None:
        raise row.bad("resource", "the booked room")
    name = said.text("name") or said.text("company") or "visitor"
    # Who has no address, or none that is a text, gets in all the same, and no mail.
    address = said.raw.get("email")
    address = address.strip() if isinstance(address, str) else ""
    return Visit(booking, name, address, resource[1], *span(row.row("attributes")))


def _related(row: Row, name: str) -> tuple[str, str] | None:
    """Type and id of the one record that is related by `name`."""
    relationships = row.row("relationships")
    if name not in relationships or "data" not in relationships.row(name):
        return None
    data = relationships.row(name).row("data")
    return data.text("type"), data.id()


def _when(visit: Visit, zone: ZoneInfo) -> str:
    start, end = (datetime.fromtimestamp(at, zone) for at in (visit.start, visit.end))
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {last} {end:%Z}"
