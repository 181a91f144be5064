"""Nexudus, by its Custom Access Control API: it asks for our groups, and tells us who is in which.

It tells once and is never asked again for that, so what it says is kept in inbox.db, and it is
answered when that is on the disk. What its REST API says besides is kept there, too: the roster is
what both say together.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

import structlog

from controller.cards_written import written
from controller.config import SecretRef
from controller.errors import BadReply, ConfigError, StoreError
from controller.question import Question
from sync.inbound import Answer as Answered
from sync.inbound import Arrival, Route
from sync.inbox import Inbox, Told
from sync.news import News
from sync.platform import (
    Answer,
    ByHand,
    Capabilities,
    CheckIn,
    LateCheckIn,
    Outcome,
    Progress,
    Roster,
    State,
    Surroundings,
)
from sync.platforms.nexudus_api import NexudusApi
from sync.platforms.nexudus_cards import Credentials
from sync.platforms.nexudus_check_ins import CheckIns
from sync.platforms.nexudus_people import People
from sync.platforms.nexudus_reading import Reader, Reading, missed
from sync.platforms.nexudus_said import Message, read_message
from sync.platforms.nexudus_settings import ADMIN, NexudusSettings

log = structlog.get_logger(__name__)

_NAMED = 10  # in one warning
_WHO_ASKS = ("x-nexudus-business-uniqueid", "x-nexudus-user-uniqueid")
_SHORTEST = 16  # characters of a bearer that anybody on the internet may try


class Nexudus:
    """A `Platform` that is one Nexudus account, and calls us (`Hearing`, `Keeping`)."""

    Settings = NexudusSettings

    def __init__(self, name: str, settings: NexudusSettings, around: Surroundings) -> None:
        self.name, self.settings = name, settings
        self.news = News()
        self._clock = around.clock
        self._webhook_token = _bearer(settings.webhook_token, around)
        asks = settings.groups_token
        self._groups_token = _bearer(asks, around) if asks else ""
        self._credentials = Credentials(settings.cards, around.hash_card)
        self._api = NexudusApi(name, settings.api, around) if settings.api else None
        self._inbox = Inbox(around.data / "inbox.db")
        self._people = People(name, settings, self._inbox)
        self._reader: Reader | None = None
        self._check_ins: CheckIns | None = None
        self._fetched: Reading | None = None  # by the fetch under way
        if self._api is None or settings.api is None:
            self._inbox.forget_listed(name)
        else:
            pin = around.visitor_pin
            self._reader = Reader(self._api, settings, self._credentials, around.clock, pin)
            if settings.api.check_in_at:
                self._check_ins = CheckIns(self._api, settings.api.check_in_at)
        self.capabilities = Capabilities(
            LateCheckIn.EXACT if self._check_ins else LateCheckIn.NONE,
            readable_check_ins=self._check_ins is not None,
            bookings_ahead=bool(settings.api and settings.api.bookings),
        )

    def routes(self) -> Sequence[Route]:
        path = f"/nexudus/{self.name}"
        return (
            Route("GET", f"{path}/groups", self._tell_groups, self._groups_token),
            Route("POST", f"{path}/webhook", self._take, self._webhook_token),
        )

    def told_of(self) -> list[str]:
        return self._inbox.people(self.name)

    def test(self) -> str:
        told = len(self._inbox.customers(self.name))
        waits = f"/nexudus/{self.name}/webhook waits for Nexudus; told of: {told}"
        if self._api is None:
            return waits
        return f"{self._api.url} answers and lets us in; customers: {self._api.test()}; {waits}"

    def fetch(self, roster: Roster, progress: Progress) -> None:
        roster.zone(self.settings.zone)
        self._fetched = reading = self._read(roster, progress)
        told = self._inbox.customers(self.name)
        customers = list(dict.fromkeys((*told, *(reading.states if reading else ()))))
        notes = self._people.pour(customers, roster, reading)
        progress("people", len(customers), len(customers))
        for warning in (*notes.warnings(), *self._missed(reading), *self._unread()):
            roster.warn(warning)

    def accepted(self) -> None:
        reading, self._fetched = self._fetched, None
        if reading:
            self._inbox.keep_reading(self.name, reading.turn, reading.states)
            # Whoever was heard of meanwhile was put in force by what was kept before.
            self.news.add(self.news.meanwhile())

    def pour(self, keys: Iterable[str], roster: Roster) -> None:
        self._people.pour(keys, roster)

    def still_admitted(self, key: str, roster: Roster) -> bool:  # noqa: ARG002
        return False  # what was told is the whole truth

    def ask(self, question: Question, roster: Roster) -> Answer:  # noqa: ARG002
        raise BadReply("Nexudus is not asked while somebody waits")

    def check_in(self, check_in: CheckIn) -> Outcome:
        number = self._number(check_in.person)
        if self._check_ins is None:
            return Outcome(State.REFUSED, "Nexudus is not told of check-ins")
        if number is None:
            return Outcome(State.REFUSED, "Nexudus' number of this person is not known")
        return self._check_ins.tell(check_in, number)

    def was_told(self, check_in: CheckIn) -> bool:
        number = self._number(check_in.person)
        if self._check_ins is None or number is None:
            raise BadReply("Nexudus is not asked for check-ins")
        return self._check_ins.was_told(check_in, number)

    def register_card(self, person: str, canonical: str) -> NoReturn:
        places = [each for each in self._credentials.places if each[1].form != "pin"]
        found = [(field, text) for field, form in places for text in written(form, canonical)]
        field, number = found[0] if found else ("accessCardId", "as it is printed")
        raise ByHand(
            f"{self.name}: Nexudus tells us of cards and is not told",
            f"Nexudus, customer {person}, field {field}: {number}",
        )

    def remove_card(self, person: str, hashed: bytes) -> NoReturn:  # noqa: ARG002
        raise ByHand(
            f"{self.name}: Nexudus tells us of cards and is not told",
            f"Nexudus, customer {person}: take the old card out of its field",
        )

    def close(self) -> None:
        self._inbox.close()
        if self._api:
            self._api.close()

    def _read(self, roster: Roster, progress: Progress) -> Reading | None:
        if self._reader is None:
            return None
        turn = self._inbox.turn()  # before the first request
        told = frozenset(self._inbox.customers(self.name))
        return self._reader.read(turn, told, roster, progress)

    def _number(self, key: str) -> int | None:
        """What Nexudus' REST API calls this person by."""
        listed = self._inbox.listed_one(self.name, key)
        (rows,) = self._inbox.told(self.name, [key])
        known = [listed.state["number"] if listed else "", *(row.state["number"] for row in rows)]
        return next((int(each) for each in known if str(each).isdecimal() and int(each)), None)

    def _missed(self, reading: Reading | None) -> Iterable[str]:
        """Their groups may be old: those are told, and cannot be asked for."""
        if reading is None:
            return
        names = [reading.states[key]["name"] for key in missed(reading.problems, self._told_at)]
        if names:
            some = ", ".join(sorted(names)[:_NAMED])
            yield (
                f"Nexudus could not tell us of {len(names)} people ({some}); who they are was read "
                "again, but not their groups: save each of them at Nexudus, so that it tells anew"
            )

    def _told_at(self, key: str) -> float:
        """When Nexudus last told of them, by its own clock."""
        (rows,) = self._inbox.told(self.name, [key])
        return max((row.at for row in rows), default=0.0)

    def _tell_groups(self, arrival: Arrival) -> Answered:
        who = (arrival.headers.get(name, "")[:64] for name in _WHO_ASKS)
        # Where no bearer is asked for, anybody could fill the log by asking.
        say = log.info if self._groups_token else log.debug
        say("Nexudus asks for our groups", platform=self.name, asks=list(who))
        groups = self.settings.groups.items()
        return Answered(200, [{"Id": group, "Name": name} for group, name in groups])

    def _take(self, arrival: Arrival) -> Answered:
        """Whatever the message says, it has arrived: Nexudus may give up on who refuses it."""
        now = self._clock.wall()
        try:
            told = self._kept(read_message(arrival.body), now)
        except BadReply as error:
            why = str(error)
            log.warning("a message of Nexudus was not understood", platform=self.name, why=why)
            return self._on_disk(lambda: self._inbox.note_unread(self.name, why, now), why)
        answer = self._on_disk(lambda: self._inbox.tell(told))
        self.news.add([told.customer])
        return answer

    def _on_disk(self, keep: Callable[[], None], why: str = "") -> Answered:
        try:
            keep()
        except StoreError as error:
            log.critical("what Nexudus tells cannot be kept", platform=self.name, why=str(error))
            return Answered(503, {"error": "cannot be kept at present"}, {"Retry-After": "30"})
        return Answered(200, {"understood": False, "why": why} if why else {"understood": True})

    def _kept(self, message: Message, now: float) -> Told:
        """The message without anything that should not lie on a disk."""
        cards, misfits = self._credentials.kept(message.fields)
        state = {
            "name": message.name,
            "number": message.number,
            "business": message.business,
            "cards": cards,
            "misfits": misfits,
            "groups": message.groups,
            "oddities": message.oddities,
        }
        at = now if message.at is None else message.at
        return Told(self.name, message.customer, message.location, at, now, state)

    def _unread(self) -> Iterable[str]:
        count, why = self._inbox.unread(self.name)
        if count:
            yield f"messages of Nexudus that were not understood: {count} (the last: {why})"


def _bearer(ref: SecretRef, around: Surroundings) -> str:
    token = around.secret(ref)
    if len(token) < _SHORTEST or not token.isascii() or " " in token:
        raise ConfigError(
            f"{ref}: is no bearer that could be shown to the internet: at least {_SHORTEST} "
            f"letters and digits; make one by: openssl rand -hex 32, and enter it in {ADMIN}"
        )
    return token
