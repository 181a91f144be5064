"""Cobot: who is a member of a coworking space, who booked a room, and who came."""

from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

from controller.cards import CardFormat
from controller.errors import DoorwardError, Unauthorized
from controller.ports import Clock
from controller.question import Question
from sync.deadline import at_once
from sync.platform import (
    Answer,
    Capabilities,
    CheckIn,
    LateCheckIn,
    Outcome,
    Progress,
    Roster,
    State,
    Surroundings,
    Word,
)
from sync.platforms.cobot_api import CobotApi
from sync.platforms.cobot_bookings import Ahead, ahead_of, pour_bookings
from sync.platforms.cobot_cards import Cards, Fields, Numbers, labels, missing, read_fields
from sync.platforms.cobot_check_ins import CheckIns
from sync.platforms.cobot_enrol import Registry
from sync.platforms.cobot_members import Member, Memberships, longest_stay, pour
from sync.platforms.cobot_parse import Row, iso_text
from sync.platforms.cobot_passes import pour_passes, pour_passes_of
from sync.platforms.cobot_settings import CobotSettings
from sync.platforms.cobot_visitors import pour_visitors, read_visits

_VISITOR = "visitor:"
_LONGEST_BOOKING = 7 * 86400.0  # seconds
_BROAD = {"read": "read_", "write": "write_"}  # scopes that hold all scopes that begin so


class Cobot:
    """A `sync.platform.Platform` that is one Cobot space."""

    Settings = CobotSettings
    capabilities = Capabilities(
        late_check_in=LateCheckIn.NOW_ONLY,
        readable_check_ins=True,
        bookings_ahead=True,
        live_cards=True,
        live_people=True,
        enrols=True,
    )

    def __init__(self, name: str, settings: CobotSettings, around: Surroundings) -> None:
        self.name = name
        self.settings = settings
        self._clock: Clock = around.clock
        self._visitor_pin = around.visitor_pin
        self._api = CobotApi(settings, around)
        self._places: dict[str, list[CardFormat]] = {}
        for source in settings.cards:
            self._places.setdefault(source.field, []).append(source.card_format())
        self._hash = around.hash_card
        self._registry = Registry(name, self._api, self._places, lambda: self._numbers(_unheard))
        self._check_ins = CheckIns(self._api, around.clock, self._zone, settings.day_ends)

    def test(self) -> str:
        count = len(list(self._api.check_ins()))
        said = f"{self.settings.url} answers and accepts the token; check-ins today: {count}"
        scopes = self._api.scopes()
        lacking = [] if scopes is None else _lacking(scopes, self._wanted_scopes())
        return f"{said}; the token lacks the scopes {', '.join(lacking)}" if lacking else said

    def fetch(self, roster: Roster, progress: Progress) -> None:
        zone, now = self._zone(), self._clock.wall()
        roster.zone(str(zone))
        members = self._members(zone, now, roster)
        progress("memberships", len(members), len(members))
        self._pour_people(members, self._numbers(roster.warn), roster)
        windows = [kind.hours for m in members.values() for term in m.terms for kind in term.types]
        windows += pour_passes(self._api, members, roster, progress)
        self._check_ins.longest_stay = longest_stay(windows)
        # After the passes: one that is used up meanwhile then shows as a visit at least.
        for session in self._check_ins.running():
            if session.member in members:
                roster.visit(session.member, session.since, session.until)
        ahead = ahead_of(now, self.settings)
        pour_bookings(self._bookings(ahead), members, ahead, roster)
        if self.settings.visitors:
            self._pour_visitors(zone, ahead, roster)

    def still_admitted(self, key: str, roster: Roster) -> bool:  # noqa: ARG002
        return False  # the list of members is whole

    def ask(self, question: Question, roster: Roster) -> Answer:
        person = question.person
        if person.startswith(_VISITOR):
            return Answer(Word.UNKNOWN)
        numbers = None
        if not person:
            numbers = self._numbers(roster.warn)
            holders = numbers.holders(question.card, self._places)
            if len(holders) > 1:
                return Answer(Word.REFUSED, message="two members have this card")
            if not holders:
                return Answer(Word.UNKNOWN)
            (person,) = holders
        return self._ask_of(person, numbers, roster)

    def _ask_of(self, person: str, numbers: Numbers | None, roster: Roster) -> Answer:
        """Everything about one member, at the same time."""
        zone, now = self._zone(), self._clock.wall()
        ahead = ahead_of(now, self.settings)
        row, passes, running, bookings, numbers = at_once(
            lambda: self._api.membership(person),
            lambda: list(self._api.unused_passes_of(person)),
            self._check_ins.running,
            lambda: self._bookings(ahead),
            lambda: numbers or self._numbers(roster.warn),
        )
        if row is None:
            return Answer(Word.UNKNOWN, person)
        member = Memberships(zone, self.settings.no_access_plans, now).read(row)
        self._pour_people({person: member}, numbers, roster)
        pour_passes_of(member, passes, roster)
        for session in running:
            if session.member == person:
                roster.visit(person, session.since, session.until)
        pour_bookings(bookings, {person: member}, ahead, roster)
        return Answer(Word.KNOWN, person, member.note)

    def register_card(self, person: str, canonical: str) -> str:
        _only_members(person)
        return self._registry.register(person, canonical)

    def remove_card(self, person: str, hashed: bytes) -> str:
        _only_members(person)
        return self._registry.remove(person, hashed, self._hash)

    def check_in(self, check_in: CheckIn) -> Outcome:
        if check_in.person.startswith(_VISITOR):
            return Outcome(State.REFUSED, "Cobot cannot be told of visitors")
        return self._check_ins.tell(check_in)

    def was_told(self, check_in: CheckIn) -> bool:
        return self._check_ins.was_told(check_in)

    def close(self) -> None:
        self._api.close()

    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.zone) if self.settings.zone else self._api.space().zone

    def _members(self, zone: ZoneInfo, now: float, roster: Roster) -> dict[str, Member]:
        reading = Memberships(zone, self.settings.no_access_plans, now)
        members = [reading.read(row) for row in self._api.memberships()]
        for warning in reading.warnings():
            roster.warn(warning)
        return {member.id: member for member in members}

    def _pour_people(self, members: Mapping[str, Member], numbers: Numbers, roster: Roster) -> None:
        for member in members.values():
            own = labels(numbers.fields.get(member.id, ()), self.settings.fields)
            pour(self.name, member, own, roster)
        cards = Cards(members, roster)
        cards.pour(numbers, self._places)
        cards.finish()

    def _numbers(self, warn: Callable[[str], None]) -> Numbers:
        fields, tokens = at_once(lambda: self._fields(warn), self._tokens)
        return Numbers(fields, tokens)

    def _tokens(self) -> list[Row]:
        return list(self._api.tokens()) if "" in self._places else []

    def _fields(self, warn: Callable[[str], None]) -> Fields:
        wanted = [*self.settings.fields, *(c.field for c in self.settings.cards if c.field)]
        fields = read_fields(self._api.custom_fields()) if wanted else {}
        for name in missing(fields, wanted):
            warn(f"custom field {name!r} does not exist at Cobot; its values cannot be used")
        return fields

    def _bookings(self, ahead: Ahead) -> list[Row]:
        return list(self._api.bookings(ahead.since, ahead.until)) if self.settings.bookings else []

    def _pour_visitors(self, zone: ZoneInfo, ahead: Ahead, roster: Roster) -> None:
        asked = {
            # It may go by when bookings begin: one that has begun must not be lost.
            "filter[from]": iso_text(ahead.since - _LONGEST_BOOKING),
            "filter[to]": iso_text(ahead.until),
            "include": "externalBooking",
        }
        pages = self._api.pages(f"/spaces/{self._api.space().id}/bookings", asked)
        visits = list(read_visits(pages, ahead))
        rooms = self._rooms(roster) if visits else {}
        pour_visitors(self.name, visits, rooms, zone, ahead, self._visitor_pin, roster)

    def _rooms(self, roster: Roster) -> dict[str, str]:
        try:
            return {row.id(): row.text("name") for row in self._api.resources()}
        except Unauthorized:
            roster.warn("rooms are shown by their ids: the token lacks the scope read_resources")
            return {}

    def _wanted_scopes(self) -> Iterable[str]:
        s = self.settings
        yield from ("read_memberships", "read_time_passes", "read_check_ins", "write_check_ins")
        if any(not card.field for card in s.cards):
            yield "checkin_tokens"
        if s.fields or any(card.field for card in s.cards):
            yield "read_custom_fields"
        if s.bookings or s.visitors:
            yield "read_bookings"
        if s.visitors:
            yield from ("read_external_bookings", "read_resources")


def _unheard(_: str) -> None:
    """The next fetch warns."""


def _only_members(person: str) -> None:
    if person.startswith(_VISITOR):
        raise DoorwardError("a visitor has a PIN and no card: doorward people --visitors")


def _lacking(scopes: set[str], wanted: Iterable[str]) -> list[str]:
    broad = tuple(prefix for scope, prefix in _BROAD.items() if scope in scopes)
    return [
        scope
        for scope in wanted
        if scope not in scopes
        and not (broad and scope.startswith(broad))
        and not (scope == "write_check_ins" and "checkin" in scopes)
    ]
