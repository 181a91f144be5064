"""What goes over the API as JSON: the OpenAPI description is made of these, and requests read."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from controller.cache import FOREVER
from controller.event_names import NAMES
from sync.desk_tokens import SCOPES

ID = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
DOOR_ID = r"^[a-z][a-z0-9_-]{0,31}$"
CURSOR = r"^[0-9a-f]{1,32}\.[0-9]{1,15}$"
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"


def _moment(value: object) -> object:
    """RFC 3339 as unix seconds; null stays null."""
    if value is None:
        return None
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("should be a time with its offset, like 2026-11-27T09:00:00+01:00 or …Z")
    try:
        at = datetime.fromisoformat(value.upper()).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("is no time that exists") from None
    if not 0 <= at <= FOREVER:
        raise ValueError("should be from 1970 to 9999")
    return at


def _minute(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("should be a time of day, like 09:00")
    return int(value[:2]) * 60 + int(value[3:])


Moment = Annotated[
    float,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "with its offset"}),
]
Minute = Annotated[
    int,
    BeforeValidator(_minute),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Time = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
GroupId = Annotated[str, Field(pattern=ID)]
DoorId = Annotated[str, Field(pattern=DOOR_ID)]
Card = Annotated[str, Field(min_length=1, max_length=256)]
Pin = Annotated[str, Field(pattern="^[0-9]{4,12}$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
Weekday = Annotated[int, Field(ge=1, le=7)]
EventName = Literal[NAMES]  # type: ignore[valid-type]
Scope = Literal[SCOPES]  # type: ignore[valid-type]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Hours(_Model):
    """A daily window in the platform's time zone; both minutes are included."""

    begin: Minute
    end: Minute = Field(description="before `begin`: it ends on the next day")
    weekdays: list[Weekday] = Field(
        default=[], max_length=7, description="1 is Monday; none: every day"
    )


class UserIn(_Model):
    """A user, whole. What is left out is empty."""

    name: Name
    active: bool = Field(default=True, description="false: known, and let in nowhere")
    valid_from: Moment | None = None
    valid_until: Moment | None = Field(default=None, description="the first moment after it")
    groups: list[GroupId] = Field(
        default=[], max_length=100, description="doors admit them as `group:<id>`"
    )
    hours: list[Hours] = Field(
        default=[], max_length=20, description="let in only then; none: always"
    )
    cards: list[Card] = Field(
        default=[], max_length=20, description="in canonical form, e.g. 32:04A1B2C3 or text:ABC-1"
    )
    pin: Pin | None = None


class UserChange(_Model):
    """What is to change of a user; what is left out stays as it is."""

    name: Name = ""
    active: bool = True
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    groups: list[GroupId] = Field(default=[], max_length=100)
    hours: list[Hours] = Field(default=[], max_length=20)
    cards: list[Card] = Field(default=[], max_length=20, description="instead of all before")
    pin: Pin | None = Field(default=None, description="null takes it away")

    @model_validator(mode="after")
    def _something(self) -> "UserChange":
        if not self.model_fields_set:
            raise ValueError("name at least one thing to change")
        return self

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})


class HoursOut(_Model):
    begin: Time
    end: Time
    weekdays: list[int]


class CardOut(_Model):
    """A card is never given back, but for what it is recognised by."""

    last4: str = Field(max_length=4)


class User(_Model):
    id: str
    name: str
    active: bool
    valid_from: Instant | None
    valid_until: Instant | None
    groups: list[str]
    hours: list[HoursOut]
    cards: list[CardOut]
    pin: bool = Field(description="has one")
    doors: list[str] = Field(description="those that admit one of the groups, hours aside")


class Door(_Model):
    id: str
    name: str
    works: bool
    mode: str | None = Field(description="normal, unlocked or lockdown; null while it is unknown")
    mode_until: Instant | None
    released: bool | None = Field(description="the lock can be opened at this moment")
    open: bool | None = Field(description="by its contact; null without one")
    phase: str | None
    trouble: list[str] = Field(description="what does not work there, and what to do")


class Doors(_Model):
    doors: list[Door]


class Opening(_Model):
    seconds: float | None = Field(
        default=None, gt=0, le=3600, description="null: as configured for the door"
    )


class Opened(_Model):
    door: str
    seconds: float


class Group(_Model):
    id: str
    doors: list[str]


class Groups(_Model):
    groups: list[Group] = Field(description="those that doors name")
    any_group: list[str] = Field(description="doors that admit every group")


class EventDoor(_Model):
    id: str
    name: str


class EventUser(_Model):
    id: str
    name: str
    platform: str


class Event(_Model):
    """One thing that happened; the same as webhooks carry."""

    id: str = Field(description="a UUID; a repeat has the same")
    kind: str
    time: Instant
    door: EventDoor | None
    user: EventUser | None
    reason: str
    visit: str = Field(description="new, again (within a visit that was told already), or empty")
    card: str = Field(description="masked")
    author: str = Field(description="who did it, where staff or a program did")
    clock: str = Field(description="what the time is worth: synchronized, held or guessed")
    detail: dict[str, Any]
    cursor: str


class Events(_Model):
    events: list[Event]
    next: str = Field(description="give it as `after` to go on")
    more: bool = Field(description="ask again at once")
    lost: bool = Field(description="events after the cursor given are not kept any more")


class Held(_Model):
    label: str
    since: Instant | None
    until: Instant | None
    hours: list[HoursOut]
    uses_pass: bool


class Member(_Model):
    platform: str
    id: str
    name: str
    blocked: bool
    valid_from: Instant | None
    valid_until: Instant | None
    cards: list[CardOut]
    grants: list[Held]


class Roster(_Model):
    people: list[Member]
    next: int | None = Field(description="give it as `after` for the rest; null: that was all")


class Problem(_Model):
    field: str
    error: str


class Error(_Model):
    error: str
    problems: list[Problem] = []


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class EventsQuery(_Query):
    after: Annotated[str, Field(pattern=rf"{CURSOR}|^newest$")] | None = Field(
        default=None, description="a cursor; `newest`: only what happens from now on; else all"
    )
    limit: int = Field(default=100, ge=1, le=1000)
    door: DoorId | None = None
    kind: list[EventName] = Field(default=[], max_length=len(NAMES))
    person: str | None = Field(default=None, min_length=1, max_length=200, description="user id")
    since: Moment | None = None
    until: Moment | None = None


class RosterQuery(_Query):
    after: int = Field(default=0, ge=0, le=1 << 53)
    limit: int = Field(default=1000, ge=1, le=5000)
