"""People whom another program registers over our own HTTP API (`sync.api`).

Nobody can be asked for them again, so they are kept in inbox.db, and whoever registered them is
answered when that is on the disk. The roster is what is kept there.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NoReturn

import structlog
from pydantic import Field

from controller.cards import CardFormat
from controller.config import Attached, CardSettings, PlatformCommon, Zone
from controller.errors import BadReply
from controller.model import Grant, Person, Span
from controller.question import Question
from sync.inbound import Route
from sync.inbox import Inbox, Told
from sync.news import News
from sync.platform import (
    Capabilities,
    CheckIn,
    LateCheckIn,
    Outcome,
    Progress,
    Roster,
    State,
    Surroundings,
)

log = structlog.get_logger(__name__)

MOST = 100_000  # people


class ApiSettings(PlatformCommon):
    """`[platforms.<name>]` with `kind = "api"`."""

    kind: Literal["api"]
    zone: Zone = Field(description="in which hours are meant; e.g. zone = 'Europe/Berlin'")
    card: CardSettings | None = Field(
        default=None, description="how callers write cards, e.g. { format = 'hex' }"
    )

    def attached(self) -> list[Attached]:
        """There is one such list of people, at one address."""
        return [Attached("kind", ("api",))]


@dataclass(frozen=True, slots=True)
class Entry:
    """One person as registered. Cards and the PIN are `hash:…`; hours are start, end, weekdays."""

    name: str
    active: bool = True
    since: float | None = None
    until: float | None = None
    groups: tuple[str, ...] = ()
    hours: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    cards: tuple[str, ...] = ()
    pin: str = ""

    @property
    def credentials(self) -> tuple[str, ...]:
        return (*self.cards, self.pin) if self.pin else self.cards


class Taken(Exception):
    """A credential is somebody else's: `hashed` which, `owner` whose."""

    def __init__(self, hashed: str, owner: str) -> None:
        super().__init__(f"held by {owner}")
        self.hashed, self.owner = hashed, owner


class Full(Exception):
    """There are as many people as there may be."""


class ApiPlatform:
    """A `sync.platform.Platform` that is told by callers of our API (`Hearing`)."""

    Settings = ApiSettings
    capabilities = Capabilities(late_check_in=LateCheckIn.NONE)

    def __init__(self, name: str, settings: ApiSettings, around: Surroundings) -> None:
        self.name, self.settings = name, settings
        self.news = News()
        self._clock, self._hash = around.clock, around.hash_card
        self._form = settings.card.card_format() if settings.card else None
        self._inbox = Inbox(around.data / "inbox.db")
        self._turn = threading.Lock()  # held from reading what is known until the new is kept
        self._owners: dict[str, str] | None = None  # hash of a credential → who has it
        self._people = 0

    def card(self, text: str) -> str:
        """A card as it may be kept; ValueError says why it is none."""
        if self._form:
            return self._hash(self._form.canonical(text))
        kind, _, rest = text.partition(":")
        if kind == "pin":
            raise ValueError("is a PIN; give it as pin")
        form, written = ("text", rest) if kind == "text" else ("bits", text)
        if CardFormat(form).canonical(written) != text:
            raise ValueError("is not written as bits:HEX, like 32:04A1B2C3, or text:…")
        return self._hash(text)

    def pin(self, digits: str) -> str:
        """A PIN as it may be kept."""
        return self._hash(f"pin:{digits}")

    def read(self, key: str) -> Entry | None:
        """Raises `StoreError`."""
        told = self._newest(key)
        return _entry(told.state) if told else None

    def keep(self, key: str, made: Callable[[Entry | None], Entry | None]) -> Entry | None:
        """Put in place of what is known of this person what `made` makes of it; None: nothing.

        Returns what was known. It is on the disk then, and in force within moments. Raises
        `Taken`, `Full` and `StoreError`, and nothing has changed.
        """
        with self._turn:
            owners = self._known_owners()
            told = self._newest(key)
            before = _entry(told.state) if told else None
            after = made(before)
            if after == before:
                return before
            if before is None and self._people >= MOST:
                raise Full
            for each in after.credentials if after else ():
                if (owner := owners.get(_number(each), key)) != key:
                    raise Taken(each, owner)
            self._tell(key, after, told)
            self._note(key, before, after)
        self.news.add([key])
        return before

    def routes(self) -> Sequence[Route]:
        return ()  # `sync.api` is a site of its own

    def told_of(self) -> list[str]:
        return self._inbox.customers(self.name)

    def test(self) -> str:
        with self._turn:
            self._known_owners()
            return f"registered over the API: {self._people}"

    def fetch(self, roster: Roster, progress: Progress) -> None:
        customers = self.told_of()
        roster.zone(self.settings.zone)
        self.pour(customers, roster)
        progress("people", len(customers), len(customers))

    def pour(self, keys: Iterable[str], roster: Roster) -> None:
        for told in self._inbox.told(self.name, keys):
            if entry := _entry(told[0].state):
                self._pour(told[0].customer, entry, roster)

    def still_admitted(self, key: str, roster: Roster) -> bool:  # noqa: ARG002
        return False  # what was registered is the whole truth

    def ask(self, question: Question, roster: Roster) -> NoReturn:  # noqa: ARG002
        raise BadReply("callers of the API tell by themselves; all they said is known already")

    def check_in(self, check_in: CheckIn) -> Outcome:  # noqa: ARG002
        return Outcome(State.REFUSED, "callers of the API are told by [targets], not by check-ins")

    def was_told(self, check_in: CheckIn) -> bool:  # noqa: ARG002
        raise BadReply("callers of the API are not asked for check-ins")

    def close(self) -> None:
        self._inbox.close()

    def _pour(self, key: str, entry: Entry, roster: Roster) -> None:
        hours = tuple(Span(start, end, frozenset(days)) for start, end, days in entry.hours)
        roster.person(
            Person(self.name, key, entry.name, entry.since, entry.until, blocked=not entry.active)
        )
        for each in entry.credentials:
            roster.card(key, each)
        for group in entry.groups:
            roster.grant(key, Grant(f"group:{group}", hours=hours))

    def _newest(self, key: str) -> Told | None:
        return next((told[0] for told in self._inbox.told(self.name, [key]) if told), None)

    def _tell(self, key: str, after: Entry | None, before: Told | None) -> None:
        """What comes later counts, even if the clock was set back meanwhile.

        Of who is gone the id stays, so that a crash before the doors know it cannot lose that.
        """
        now = self._clock.wall()
        at = max(now, before.at if before else now)
        state = asdict(after) if after else {"gone": True}
        self._inbox.tell(Told(self.name, key, "", at, now, state))

    def _known_owners(self) -> dict[str, str]:
        if self._owners is None:
            self._owners = {}
            for told in self._inbox.told(self.name, self.told_of()):
                self._note(told[0].customer, None, _entry(told[0].state))
        return self._owners

    def _note(self, key: str, before: Entry | None, after: Entry | None) -> None:
        assert self._owners is not None
        for each in before.credentials if before else ():
            self._owners.pop(_number(each), None)
        for each in after.credentials if after else ():
            self._owners[_number(each)] = key
        self._people += (after is not None) - (before is not None)


def _number(hashed: str) -> str:
    return hashed.split(":")[1]


def _entry(state: dict[str, Any]) -> Entry | None:
    """What is kept; None of somebody who is gone."""
    if state.get("gone"):
        return None
    hours = tuple((start, end, tuple(days)) for start, end, days in state["hours"])
    lists = {name: tuple(state[name]) for name in ("groups", "cards")}
    return Entry(**{**state, **lists, "hours": hours})
