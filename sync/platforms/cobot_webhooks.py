"""Our subscriptions at Cobot: made one for each event, ended by Cobot where we did not answer.

Ours are those whose callback lies below our own public address for this platform; others are never
touched. Cobot signs nothing, so the callback ends with a part that nobody can guess.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync.platforms.cobot_api import CobotApi
from sync.platforms.cobot_parse import Row, words
from sync.platforms.cobot_settings import CobotSettings
from sync.webhooks import Installed, Ordered, Standing

_ALWAYS = (
    *("confirmed_membership", "canceled_membership", "uncanceled_membership"),
    *("reactivated_membership", "deleted_membership", "membership_cancellation_date_reached"),
    *("changed_membership_plan", "membership_plan_change_date_reached"),
    *("updated_membership_details", "membership_added_time_passes"),
    *("membership_removed_time_passes", "created_checkin", "created_checkout"),
)
_TOKENS = ("created_checkin_token", "deleted_checkin_token")
_FIELDS = ("updated_custom_field",)
_ROOMS = ("created_booking", "updated_booking", "deleted_booking")
_VISITORS = ("approved_external_booking",)


def wanted(settings: CobotSettings) -> tuple[str, ...]:
    """The events that can change who may enter, as this is configured."""
    fields = bool(settings.fields) or any(card.field for card in settings.cards)
    return (
        *_ALWAYS,
        *(_TOKENS if any(not card.field for card in settings.cards) else ()),
        *(_FIELDS if fields else ()),
        *(_ROOMS if settings.bookings or settings.visitors else ()),
        *(_VISITORS if settings.visitors else ()),
    )


@dataclass(frozen=True, slots=True)
class _Subscription:
    """One of ours, as Cobot lists it."""

    id: str
    event: str
    standing: Standing


class CobotWebhooks:
    """`sync.webhooks.Webhooks` of one space. `address` is public, `secret` the callback's end."""

    def __init__(self, api: CobotApi, address: str, secret: str, events: Iterable[str]) -> None:
        self._api, self._events = api, tuple(events)
        self._address, self._callback = address, f"{address}/{secret}"

    @property
    def address(self) -> str:
        return self._address

    def listed(self) -> list[Ordered]:
        ours = list(self._ours())
        there = {each.event for each in ours}
        missing = (Ordered(event, Standing.MISSING) for event in self._events if event not in there)
        return [*(Ordered(each.event, each.standing) for each in ours), *missing]

    def install(self) -> Installed:
        ours = list(self._ours())
        kept = [each.event for each in ours if each.standing is Standing.ACTIVE]
        # First, for an inactive one would stand in the way of a new one.
        gone = [each for each in ours if each.standing is not Standing.ACTIVE]
        for each in gone:
            self._api.unsubscribe(each.id)
        given_up = {each.event for each in gone if each.standing is Standing.INACTIVE}
        made, there, refused = self._order(event for event in self._events if event not in kept)
        return Installed(
            kept=(*kept, *there),
            created=tuple(event for event in made if event not in given_up),
            renewed=tuple(event for event in made if event in given_up),
            removed=tuple(each.event for each in gone if each.standing is Standing.STALE),
            refused=refused,
        )

    def remove(self) -> list[str]:
        gone = list(self._ours())
        for each in gone:
            self._api.unsubscribe(each.id)
        return [each.event for each in gone]

    def _order(self, events: Iterable[str]) -> tuple[list[str], list[str], dict[str, str]]:
        """Events that were ordered now, that were so already though not listed, and that cannot."""
        made: list[str] = []
        there: list[str] = []
        refused: dict[str, str] = {}
        for event in events:
            reply = self._api.subscribe(event, self._callback)
            if reply.status == 422:
                refused[event] = words(reply)
            else:
                (there if reply.status == 409 else made).append(event)
        return made, there, refused

    def _ours(self) -> Iterator[_Subscription]:
        seen = set[str]()
        for row in self._api.subscriptions():
            if row.text("callback_url").startswith(f"{self._address}/"):
                event = row.text("event")
                standing = self._standing(row, event) if event not in seen else Standing.STALE
                if standing is not Standing.STALE:
                    seen.add(event)
                yield _Subscription(row.id(), event, standing)

    def _standing(self, row: Row, event: str) -> Standing:
        if row.text("callback_url") != self._callback or event not in self._events:
            return Standing.STALE
        return Standing.ACTIVE if row.raw.get("active") is not False else Standing.INACTIVE
