"""The table of all that the API does: routes and description are made from it."""

from collections.abc import Iterator
from functools import cache

from sync.api.answers import Call, Operation
from sync.api.description import described
from sync.api.doors import DoorDesk
from sync.api.models import (
    Doors,
    Events,
    EventsQuery,
    Groups,
    Opened,
    Opening,
    Roster,
    RosterQuery,
    User,
    UserChange,
    UserIn,
)
from sync.api.record import Record
from sync.api.users import Users
from sync.inbound import Answer
from sync.office import Office
from sync.platforms.api import ApiPlatform


def operations(office: Office) -> list[Operation]:
    """What this office can do: users only with a platform of kind `api`."""
    config, platform = office.config, platform_of(office)
    doors = DoorDesk(config, platform.name if platform else "")
    table = [*_users(Users(platform, config))] if platform else []
    table += [*_doors(doors), *_record(Record(config))]

    @cache
    def description() -> Answer:
        return Answer(200, described(table))

    def describe(call: Call) -> Answer:  # noqa: ARG001
        return description()

    what = "This description, in OpenAPI 3.1. Needs no token"
    table.append(Operation("GET", "/openapi.json", what, "", describe, {200: None}))
    return table


def platform_of(office: Office) -> ApiPlatform | None:
    """The platform whose people are registered here."""
    found = (line.platform for line in office.lines.values())
    return next((each for each in found if isinstance(each, ApiPlatform)), None)


def _users(users: Users) -> Iterator[Operation]:
    one, read, write = "/users/{id}", "users:read", "users:write"
    created = {200: User, 201: User, 404: None, 409: None}
    what = "Register a user under an id of yours, or replace one; the same again changes nothing"
    yield Operation("PUT", one, what, write, users.put, created, UserIn)
    what = "Register a user under a new id, which is answered"
    yield Operation("POST", "/users", what, write, users.create, {201: User, 409: None}, UserIn)
    yield Operation("GET", one, "One user", read, users.get, {200: User, 404: None})
    changed = {200: User, 404: None, 409: None}
    what = "Change some of a user, e.g. active: false to deactivate"
    yield Operation("PATCH", one, what, write, users.change, changed, UserChange)
    gone = {204: None, 404: None}
    yield Operation("DELETE", one, "Forget a user; only the id is kept", write, users.remove, gone)


def _doors(doors: DoorDesk) -> Iterator[Operation]:
    see = "doors:read"
    yield Operation("GET", "/doors", "How each door is", see, doors.doors, {200: Doors})
    what = "Groups that doors admit"
    yield Operation("GET", "/groups", what, see, doors.groups, {200: Groups})
    opened = {200: Opened, 404: None, 409: None}
    what, path = "Let somebody in once", "/doors/{id}/open"
    yield Operation("POST", path, what, "doors:open", doors.open, opened, Opening)


def _record(record: Record) -> Iterator[Operation]:
    what = "What happened, oldest first, from a cursor on"
    found = {200: Events}
    yield Operation("GET", "/events", what, "events:read", record.events, found, None, EventsQuery)
    what = "People of all platforms, as the doors know them"
    found_too = {200: Roster, 304: None}
    yield Operation(
        "GET", "/roster", what, "roster:read", record.roster, found_too, None, RosterQuery
    )
