"""Users that other programs register: the operations on them."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from controller.config import Config
from controller.model import Labels
from sync.api.answers import Call, Refusal, wrong
from sync.api.models import CardOut, HoursOut, User, UserIn
from sync.event_words import instant, time_of_day
from sync.inbound import Answer
from sync.platforms.api import MOST, ApiPlatform, Entry, Full, Taken

log = structlog.get_logger(__name__)

_NOBODY = "there is no user of this id; PUT makes one"
Made = Callable[[Entry | None], Entry | None]


class Users:
    """Each method takes a `Call` that was checked; may raise `Refusal` and `StoreError`."""

    def __init__(self, platform: ApiPlatform, config: Config) -> None:
        self._platform = platform
        self._doors = {
            name: (Labels(door.admits), Labels(door.refuses)) for name, door in config.doors.items()
        }

    def get(self, call: Call) -> Answer:
        entry = self._platform.read(call.path["id"])
        if entry is None:
            raise Refusal(404, _NOBODY)
        return Answer(200, self._words(call.path["id"], entry))

    def put(self, call: Call) -> Answer:
        """The user whole, whether known before or not."""
        return self._put(call, call.path["id"])

    def create(self, call: Call) -> Answer:
        """The same, with an id of ours."""
        return self._put(call, secrets.token_hex(8))

    def change(self, call: Call) -> Answer:
        """Some of a user who is known."""
        given = {name: getattr(call.body, name) for name in call.body.model_fields_set}
        if given.get("name") == "":
            raise wrong("name", "should not be empty")
        fields = self._fields(given)

        def made(before: Entry | None) -> Entry:
            if before is None:
                raise Refusal(404, _NOBODY)
            return _with(before, fields)

        after = self._keep(call, call.path["id"], made)
        return Answer(200, self._words(call.path["id"], after))

    def remove(self, call: Call) -> Answer:
        """Forget a user: gone at the doors as well."""
        if self._kept(call, call.path["id"], lambda _: None) is None:
            raise Refusal(404, _NOBODY)
        return Answer(204)

    def _put(self, call: Call, key: str) -> Answer:
        body: UserIn = call.body
        given = {name: getattr(body, name) for name in type(body).model_fields}
        entry = Entry(**self._fields(given))
        before = self._kept(call, key, lambda _: entry)
        where = {"Location": f"/api/v1/users/{key}"}
        return Answer(200 if before else 201, self._words(key, entry), {} if before else where)

    def _keep(self, call: Call, key: str, made: Made) -> Entry:
        """As `_kept`, but returns what is known from now on."""
        kept: list[Entry] = []

        def noted(before: Entry | None) -> Entry | None:
            after = made(before)
            assert after is not None
            kept.append(after)
            return after

        self._kept(call, key, noted)
        return kept[0]

    def _kept(self, call: Call, key: str, made: Made) -> Entry | None:
        try:
            before = self._platform.keep(key, made)
        except Taken as error:
            what = "PIN" if error.hashed.endswith(":") else f"card …{error.hashed.split(':')[2]}"
            raise Refusal(
                409,
                f"the {what} is held by user {error.owner}; two holders would open nothing: take "
                "it from that user first, or give another",
            ) from None
        except Full:
            raise Refusal(409, f"there are {MOST} users, which is the most there may be") from None
        log.info("a user of the API was written", person=key, token=call.token)
        return before

    def _fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """As an `Entry` has them."""
        fields: dict[str, Any] = {
            name: given[field] for name, field in _PLAIN.items() if field in given
        }
        if "groups" in given:
            fields["groups"] = tuple(dict.fromkeys(given["groups"]))
        if "hours" in given:
            fields["hours"] = tuple(
                (span.begin, span.end, tuple(sorted(set(span.weekdays)))) for span in given["hours"]
            )
        if "cards" in given:
            cards = (self._card(i, text) for i, text in enumerate(given["cards"]))
            fields["cards"] = tuple(dict.fromkeys(cards))
        if "pin" in given:
            fields["pin"] = self._platform.pin(given["pin"]) if given["pin"] else ""
        return _possible(fields)

    def _card(self, number: int, text: str) -> str:
        try:
            return self._platform.card(text)
        except ValueError as error:
            raise wrong(f"cards.{number}", str(error)) from None

    def _words(self, key: str, entry: Entry) -> dict[str, Any]:
        return User(
            id=key,
            name=entry.name,
            active=entry.active,
            valid_from=instant(entry.since),
            valid_until=instant(entry.until),
            groups=list(entry.groups),
            hours=[
                HoursOut(begin=time_of_day(a), end=time_of_day(b), weekdays=list(c))
                for a, b, c in entry.hours
            ],
            cards=[CardOut(last4=card.split(":")[2]) for card in entry.cards],
            pin=bool(entry.pin),
            doors=self._admitting(entry.groups),
        ).model_dump()

    def _admitting(self, groups: tuple[str, ...]) -> list[str]:
        held = [(self._platform.name, f"group:{group}") for group in groups]
        return [
            name
            for name, (admits, refuses) in self._doors.items()
            if any(label in admits for label in held)
            and not any(label in refuses for label in held)
        ]


_PLAIN = {"name": "name", "active": "active", "since": "valid_from", "until": "valid_until"}


def _possible(fields: dict[str, Any]) -> dict[str, Any]:
    since, until = fields.get("since"), fields.get("until")
    if since is not None and until is not None and since >= until:
        raise wrong("valid_until", "should be after valid_from")
    return fields


def _with(entry: Entry, fields: Mapping[str, Any]) -> Entry:
    known = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    return Entry(**_possible({**known, **fields}))
