"""Cobot calls us: the receiver of its messages, and whom a message is about."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import structlog

from sync.hints import Hint, Hints
from sync.inbound import Answer, Arrival, Route
from sync.platforms.cobot_api import CobotApi
from sync.platforms.cobot_cards import Numbers
from sync.platforms.cobot_check_ins import Session
from sync.platforms.cobot_messages import BOOKING, CHECK_IN, MEMBERSHIP, TOKEN, read_message
from sync.platforms.cobot_parse import Row, member_of
from sync.platforms.cobot_settings import CobotSettings
from sync.platforms.cobot_webhooks import CobotWebhooks, wanted

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lists:
    """What Cobot tells of everybody at once, as read at one time."""

    numbers: Numbers
    running: Sequence[Session]
    bookings: Sequence[Row]


class Calls:
    """The calls of one space; none unless `webhook_url` is set."""

    def __init__(
        self, name: str, settings: CobotSettings, secret_for: Callable[[str], str]
    ) -> None:
        self.hints = Hints()
        self._name, self._settings = name, settings
        self._path = f"/cobot/{name}"
        self._secret = secret_for(f"webhooks of {name}")
        self._bookers: dict[str, str | None] = {}  # booking → member, as last listed

    def routes(self) -> Sequence[Route]:
        if not self._settings.webhook_url:
            return ()
        return (Route("POST", self._path, self._take, secret=self._secret),)

    def webhooks(self, api: CobotApi) -> CobotWebhooks | None:
        """Our orders there; None if it was not said where Cobot could reach us."""
        if not self._settings.webhook_url:
            return None
        address = f"{self._settings.webhook_url}{self._path}"
        return CobotWebhooks(api, address, self._secret, wanted(self._settings))

    def remember(self, bookings: Iterable[Row]) -> None:
        """Whose the bookings are: of one that was deleted Cobot says no more than that it was."""
        self._bookers = {row.id(): member_of(row) for row in bookings}

    def concerned(self, hints: Collection[Hint], lists: Lists) -> tuple[list[str], bool]:
        """The members whom these are about, and whether those are all who can be."""
        before = self._bookers
        self.remember(lists.bookings)
        told = {hint: self._whose(hint, lists, before) for hint in hints}
        return sorted({each for members in told.values() for each in members or ()}), (
            None not in told.values()
        )

    def _take(self, arrival: Arrival) -> Answer:
        """Taken whatever it says: Cobot gives up on who refuses, and nothing in it is believed."""
        hint = read_message(arrival.body)
        log.debug("Cobot calls", platform=self._name, about=hint.kind if hint else "something")
        self.hints.add(hint)
        return Answer(200, {"taken": True})

    def _whose(self, hint: Hint, lists: Lists, before: dict[str, str | None]) -> set[str] | None:
        """None: that cannot be told without reading everything."""
        if hint.kind == MEMBERSHIP:
            return {hint.id}
        if hint.kind == CHECK_IN:
            return {each.member for each in lists.running if each.id == hint.id} or None
        if hint.kind == TOKEN:
            return set(_holders(hint.id, lists.numbers.tokens)) or None
        return self._bookers_of(hint.id, before) if hint.kind == BOOKING else None

    def _bookers_of(self, booking: str, before: dict[str, str | None]) -> set[str] | None:
        """Who has the booking, and who had it. One that was in no list opens no door to a member.

        Those of visitors are not listed there.
        """
        told = {each[booking] for each in (before, self._bookers) if booking in each}
        if self._settings.visitors and (not told or None in told):
            return None
        return {member for member in told if member}


def _holders(token: str, rows: Iterable[Row]) -> Iterable[str]:
    for row in rows:
        if token in {row.text("token"), row.text("id")}:
            member = member_of(row)
            if member is not None:
                yield member
