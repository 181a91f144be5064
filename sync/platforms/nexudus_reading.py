"""Everybody as Nexudus' REST API knows them, read whole: customers, plans, booked rooms, visitors.

It does not tell who is in which access group; that Nexudus only tells by itself.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from controller.cards import CardFormat
from controller.errors import Unauthorized
from controller.ports import Clock
from sync.platform import Progress, Roster
from sync.platforms.nexudus_api import NexudusApi
from sync.platforms.nexudus_cards import FIELDS, Credentials
from sync.platforms.nexudus_rows import Record
from sync.platforms.nexudus_settings import NexudusApiSettings, NexudusSettings

_PIN = CardFormat("pin")
_DAY = 86400.0
_LONGEST_BOOKING = 7 * _DAY
_LONGEST_NOTICE = 365 * _DAY  # visitors are added to a booking at most so long before
_AUDITED = 14 * _DAY
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Nexudus could not do something at an access control system, for this customer."""

    customer: str
    at: float


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read, in the turn in which that began."""

    turn: int
    states: Mapping[str, State]
    problems: tuple[Problem, ...] = ()


class Reader:
    """Reads one account.

    A state is what may be kept of a person: `number` (0: a visitor), `name`, `active`, `here` (is
    one of our locations theirs?), `cards` and `misfits`, `teams`, `held` as rows of label, since,
    until, attends, and `note`.
    """

    def __init__(
        self,
        api: NexudusApi,
        settings: NexudusSettings,
        credentials: Credentials,
        clock: Clock,
        visitor_pin: Callable[[str], str],
    ) -> None:
        assert settings.api
        self._api, self._wanted, self._clock = api, settings.api, clock
        self._zone, self._credentials, self._pin = settings.zone, credentials, visitor_pin
        self._locations = {int(each) for each in settings.locations}

    def read(self, turn: int, told: Collection[str], roster: Roster, progress: Progress) -> Reading:
        """Everybody. `told`: keys of those of whom Nexudus told."""
        problems = self._problems(roster)  # first, so that whoever they name is read after it
        states: dict[str, State] = {}
        keys: dict[int, str] = {}
        for rows in self._api.coworkers():
            for row in rows:
                key = keys[row.number()] = _key(row, told)
                states[key] = self.state(row)
            progress("customers", len(states), None)
        if self._wanted.contracts:
            self._add_plans(keys, states)
        if self._wanted.bookings or self._wanted.visitors:
            self._add_bookings(keys, states)
        return Reading(turn, states, tuple(_told(problems, keys)))

    def state(self, row: Record) -> State:
        """One customer, without what other lists say of them."""
        for source, _ in self._credentials.places:  # left out is not the same as empty
            if FIELDS[source] not in row.raw:
                raise row.bad(FIELDS[source], "a text")
        fields = {ours: row.text(theirs) for ours, theirs in FIELDS.items()}
        cards, misfits = self._credentials.kept(fields)
        here = not self._locations or bool(self._locations & set(row.numbers("Businesses")))
        name = row.text("FullName") or f"customer {row.number()}"
        active = row.flag("Active") and not row.flag("Archived", default=False)
        state = _state(row.number(), name, cards)
        teams = sorted(row.numbers("Teams"))
        return {**state, "active": active, "here": here, "misfits": misfits, "teams": teams}

    def _problems(self, roster: Roster) -> list[Record]:
        try:
            return list(self._api.problems(self._clock.wall() - _AUDITED))
        except Unauthorized:
            roster.warn(
                "it is not known whom Nexudus could not tell us of: its user lacks the right "
                "CoworkerAccessControlAudit-List"
            )
            return []

    def _add_plans(self, keys: Mapping[int, str], states: Mapping[str, State]) -> None:
        """A contract that is cancelled runs to the end of the day of its cancellation."""
        for row in self._api.contracts():
            state = states.get(keys.get(row.number("CoworkerId"), ""))
            if state and row.flag("Active"):
                end = row.moment_if_any("CancellationDate")
                until = None if end is None else end + _DAY
                label = f"plan:{row.number('TariffId')}"
                _hold(state, label, row.moment_if_any("StartDate"), until, attends=True)

    def _add_bookings(self, keys: Mapping[int, str], states: dict[str, State]) -> None:
        rooms = {room.booking: room for room in self._rooms()}
        if self._wanted.bookings:
            for room in rooms.values():
                if state := states.get(keys.get(room.coworker or 0, "")):
                    room.hold(state, self._wanted)
        if self._wanted.visitors and rooms:
            for row in self._api.visitors(self._clock.wall() - _LONGEST_NOTICE):
                booked = rooms.get(row.number("BookingId"))
                if booked:
                    states[f"visitor:{_guest(row)}"] = self._visitor(row, booked)

    def _rooms(self) -> Iterator["_Room"]:
        """Bookings that are good now or will be soon; a tentative one is no booking yet."""
        want, now = self._wanted, self._clock.wall()
        since, until = now - want.booking_after, now + want.bookings_ahead + want.booking_before
        for row in self._api.bookings(since - _LONGEST_BOOKING, until):
            start, end = row.moment("FromTime"), row.moment("ToTime")
            if end < start:
                raise row.bad("ToTime", "later than FromTime")
            if not row.flag("Tentative", default=False) and start < until and since < end:
                named = row.text("ResourceName")
                resource, coworker = row.number("ResourceId"), row.number_if_any("CoworkerId")
                yield _Room(row.number(), resource, coworker, named, start, end)

    def _visitor(self, row: Record, room: "_Room") -> State:
        """One for each booking, with a PIN that need not be asked for again."""
        name = row.text("VisitorFullName") or row.text("VisitorCompanyName") or "visitor"
        pin = self._credentials.hashed(_PIN.canonical(self._pin(_guest(row))))
        state = _state(0, name, [pin], room.note(self._zone))
        room.hold(state, self._wanted)
        return state


@dataclass(frozen=True, slots=True)
class _Room:
    """One booking of a room."""

    booking: int
    resource: int
    coworker: int | None
    name: str
    start: float
    end: float

    def hold(self, state: State, want: NexudusApiSettings) -> None:
        since, until = self.start - want.booking_before, self.end + want.booking_after
        _hold(state, f"resource:{self.resource}", since, until, attends=False)

    def note(self, zone: str) -> str:
        start, end = (datetime.fromtimestamp(at, ZoneInfo(zone)) for at in (self.start, self.end))
        last = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
        room = self.name or f"resource {self.resource}"
        return f"visitor: {room}, {start:%Y-%m-%d %H:%M} to {last} {end:%Z}"


def _state(number: int, name: str, cards: list[str], note: str = "") -> State:
    return {
        "number": number,
        "name": name,
        "active": True,
        "here": True,
        "cards": cards,
        "misfits": [],
        "teams": [],
        "held": [],
        "note": note,
    }


def missed(problems: Iterable[Problem], told_at: Callable[[str], float]) -> list[str]:
    """Whom Nexudus could not tell us of, and has not since."""
    newest: dict[str, float] = {}
    for problem in problems:
        newest[problem.customer] = max(problem.at, newest.get(problem.customer, 0.0))
    return [key for key, at in newest.items() if told_at(key) < at]


def _key(row: Record, told: Collection[str]) -> str:
    """As the webhook calls the same customer: it may have told the number alone."""
    unique, number = row.text("UniqueId").lower(), f"id:{row.number()}"
    return number if not unique or (unique not in told and number in told) else unique


def _told(problems: Iterable[Record], keys: Mapping[int, str]) -> Iterator[Problem]:
    for row in problems:
        key, at = keys.get(row.number("CoworkerId")), row.moment("CreatedOn")
        if key and row.flag("IsProblem", default=True):
            yield Problem(key, at)


def _guest(row: Record) -> str:
    """What a visitor's PIN is worked out from, here and by `doorward people --visitors`."""
    return f"nexudus-{row.number()}"


def _hold(
    state: State, label: str, since: float | None, until: float | None, *, attends: bool
) -> None:
    row = [label, since, until, attends]
    if row not in state["held"]:
        state["held"].append(row)
