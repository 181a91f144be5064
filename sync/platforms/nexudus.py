"""Nexudus, by its Custom Access Control API: it asks for our groups, and tells us who is in which.

It tells once and is never asked again, so what it says is kept in inbox.db, and it is answered when
that is on the disk. The roster is what is kept there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn

import structlog

from controller.cards import CardFormat
from controller.cards_written import written
from controller.config import SecretRef
from controller.errors import BadReply, ConfigError, StoreError
from controller.model import Grant, Person
from controller.question import Question
from sync.inbound import Answer, Arrival, Route
from sync.inbox import Inbox, Told
from sync.news import News
from sync.platform import (
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
from sync.platforms.nexudus_said import Message, numbers, read_message
from sync.platforms.nexudus_settings import ADMIN, NexudusCards, NexudusSettings

log = structlog.get_logger(__name__)

_WITH_COMMA = {"3-5", "5-5"}
_NAMED = 10  # in one warning
_WHO_ASKS = ("x-nexudus-business-uniqueid", "x-nexudus-user-uniqueid")
_SHORTEST = 16  # characters of a bearer that anybody on the internet may try


class Nexudus:
    """A `sync.platform.Platform` that is one Nexudus account, and calls us (`Hearing`)."""

    Settings = NexudusSettings
    capabilities = Capabilities(late_check_in=LateCheckIn.NONE)

    def __init__(self, name: str, settings: NexudusSettings, around: Surroundings) -> None:
        self.name, self.settings = name, settings
        self.news = News()
        self._clock, self._hash = around.clock, around.hash_card
        self._webhook_token = _bearer(settings.webhook_token, around)
        asks = settings.groups_token
        self._groups_token = _bearer(asks, around) if asks else ""
        self._cards = [(card, card.card_format()) for card in settings.cards]
        self._locations = {location.strip().lower() for location in settings.locations}
        self._inbox = Inbox(around.data / "inbox.db")

    def routes(self) -> Sequence[Route]:
        path = f"/nexudus/{self.name}"
        return (
            Route("GET", f"{path}/groups", self._tell_groups, self._groups_token),
            Route("POST", f"{path}/webhook", self._take, self._webhook_token),
        )

    def told_of(self) -> list[str]:
        return self._inbox.customers(self.name)

    def test(self) -> str:
        return f"/nexudus/{self.name}/webhook waits for Nexudus; told of: {len(self.told_of())}"

    def fetch(self, roster: Roster, progress: Progress) -> None:
        roster.zone(self.settings.zone)
        customers = self.told_of()
        told = _Told(self.settings.groups)
        self._pour(customers, roster, told)
        progress("people", len(customers), len(customers))
        for warning in (*told.warnings(), *self._unread()):
            roster.warn(warning)

    def pour(self, keys: Iterable[str], roster: Roster) -> None:
        self._pour(keys, roster, _Told(self.settings.groups))

    def still_admitted(self, key: str, roster: Roster) -> bool:  # noqa: ARG002
        return False  # what was told is the whole truth

    def ask(self, question: Question, roster: Roster) -> NoReturn:  # noqa: ARG002
        raise BadReply("Nexudus tells by itself; all it said is known already")

    def check_in(self, check_in: CheckIn) -> Outcome:  # noqa: ARG002
        return Outcome(State.REFUSED, "Nexudus is not told of check-ins")

    def was_told(self, check_in: CheckIn) -> bool:  # noqa: ARG002
        raise BadReply("Nexudus is not asked for check-ins")

    def register_card(self, person: str, canonical: str) -> NoReturn:
        cards = [(card.source, form) for card, form in self._cards if form.form != "pin"]
        found = [(field, text) for field, form in cards for text in written(form, canonical)]
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

    def _tell_groups(self, arrival: Arrival) -> Answer:
        who = (arrival.headers.get(name, "")[:64] for name in _WHO_ASKS)
        # Where no bearer is asked for, anybody could fill the log by asking.
        say = log.info if self._groups_token else log.debug
        say("Nexudus asks for our groups", platform=self.name, asks=list(who))
        groups = self.settings.groups.items()
        return Answer(200, [{"Id": group, "Name": name} for group, name in groups])

    def _take(self, arrival: Arrival) -> Answer:
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

    def _on_disk(self, keep: Callable[[], None], why: str = "") -> Answer:
        try:
            keep()
        except StoreError as error:
            log.critical("what Nexudus tells cannot be kept", platform=self.name, why=str(error))
            return Answer(503, {"error": "cannot be kept at present"}, {"Retry-After": "30"})
        return Answer(200, {"understood": False, "why": why} if why else {"understood": True})

    def _kept(self, message: Message, now: float) -> Told:
        """The message without anything that should not lie on a disk."""
        cards, misfits = self._hashed(message)
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

    def _hashed(self, message: Message) -> tuple[list[str], list[str]]:
        """Cards as they may be kept, and the fields that hold something else."""
        cards: list[str] = []
        misfits: list[str] = []
        for card, form in self._cards:
            for number in _split(message.fields[card.source], card, form):
                try:
                    cards.append(self._hash(form.canonical(number)))
                except ValueError:
                    misfits.append(card.source)
        return cards, misfits

    def _pour(self, keys: Iterable[str], roster: Roster, told: "_Told") -> None:
        for rows in self._inbox.told(self.name, keys):
            newest, here = rows[0], [row for row in rows if self._counts(row)]
            name = newest.state["name"] or f"customer {newest.state['number'] or newest.customer}"
            if not here:
                told.elsewhere += 1
                continue
            roster.person(Person(self.name, newest.customer, name))
            for card in newest.state["cards"]:
                roster.card(newest.customer, card)
            for group, until in _united(row.state["groups"] for row in here).items():
                roster.grant(newest.customer, Grant(f"group:{group}", until=until))
                told.group(group)
            told.notes(name, newest)

    def _counts(self, row: Told) -> bool:
        return not self._locations or bool(
            self._locations & {row.location, str(row.state["business"])}
        )

    def _unread(self) -> Iterable[str]:
        count, why = self._inbox.unread(self.name)
        if count:
            yield f"messages of Nexudus that were not understood: {count} (the last: {why})"


class _Told:
    """What staff should know of all that was told."""

    def __init__(self, configured: Mapping[str, str]) -> None:
        self.elsewhere = 0
        self._configured = configured
        self._unknown = set[str]()
        self._odd: list[str] = []

    def group(self, group: str) -> None:
        if group not in self._configured:
            self._unknown.add(group)

    def notes(self, name: str, row: Told) -> None:
        for field in sorted(set(row.state["misfits"])):
            self._odd.append(f"{name}: {field} does not fit its format and opens nothing")
        self._odd += [f"{name}: {each}" for each in sorted(set(row.state["oddities"]))]

    def warnings(self) -> Iterable[str]:
        if self._unknown:
            some = ", ".join(sorted(self._unknown)[:_NAMED])
            yield f"people hold groups that are not configured: {some}; choose anew in {ADMIN}"
        if self.elsewhere:
            yield f"people of locations that do not count here: {self.elsewhere}"
        yield from self._odd[:_NAMED]
        if len(self._odd) > _NAMED:
            yield f"and {len(self._odd) - _NAMED} more such"


def _bearer(ref: SecretRef, around: Surroundings) -> str:
    token = around.secret(ref)
    if len(token) < _SHORTEST or not token.isascii() or " " in token:
        raise ConfigError(
            f"{ref}: is no bearer that could be shown to the internet: at least {_SHORTEST} "
            f"letters and digits; make one by: openssl rand -hex 32, and enter it in {ADMIN}"
        )
    return token


def _split(field: str, card: NexudusCards, form: CardFormat) -> list[str]:
    if card.source == "accessPincode":
        return [field] if field else []
    return numbers(field, commas=form.form not in _WITH_COMMA)


def _united(groups: Iterable[dict[str, float | None]]) -> dict[str, float | None]:
    """Held by what any location says, until the latest that any says."""
    ends: dict[str, float | None] = {}
    for each in groups:
        for group, until in each.items():
            before = ends.get(group, 0.0)
            ends[group] = None if until is None or before is None else max(before, until)
    return ends
