"""Hive, by its Door Access API: who may enter, and who came."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import NoReturn

from controller.cards import mask
from controller.cards_written import written
from controller.errors import BadReply
from controller.question import Question
from sync.deadline import at_once
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
    Word,
)
from sync.platforms.hive_api import HiveApi, Verdict
from sync.platforms.hive_intake import Intake
from sync.platforms.hive_said import HiveDoor, read_doors, read_user, read_users
from sync.platforms.hive_settings import HiveSettings


class Hive:
    """A `sync.platform.Platform` that is one Hive."""

    Settings = HiveSettings
    capabilities = Capabilities(
        late_check_in=LateCheckIn.NOW_ONLY, confirms_absence=True, live_cards=True
    )

    def __init__(self, name: str, settings: HiveSettings, around: Surroundings) -> None:
        self.name = name
        self.settings = settings
        self._api = HiveApi(settings, around)
        self._cards = [(card.source, card.card_format()) for card in settings.cards]
        self._doors: Mapping[str, HiveDoor] | None = None  # as of the last fetch

    def test(self) -> str:
        self._api.test()
        return f"{self.settings.url} answers and accepts the key"

    def fetch(self, roster: Roster, progress: Progress) -> None:
        roster.zone(self.settings.zone)
        self._doors = doors = read_doors(self._api.doors())
        self._warn_of_mapping(doors, roster)
        intake = Intake(self.name, doors, self._cards, roster)
        count = 0
        for page in self._api.users():
            for user in read_users(page):
                intake.pour(user)
                count += 1
            progress("users", count, None)
        intake.finish()

    def still_admitted(self, key: str, roster: Roster) -> bool:
        for door_id in self._doors_to_ask(self._known_doors()):
            verdict = self._api.access(key, door_id, check_only=True)
            if verdict.granted:
                self._pour_again(verdict, roster, key)
                return True
        return False

    def ask(self, question: Question, roster: Roster) -> Answer:
        """By the card alone, and only at doors that are doors of Hive, too."""
        door_id = self.settings.doors.get(question.door)
        wanted = [
            (source, text) for source, form in self._cards for text in written(form, question.card)
        ]
        if door_id is None or not wanted:
            return Answer(Word.UNKNOWN)
        calls = [partial(self._access, *each, door_id) for each in wanted]
        first = [] if self._doors else [self._known_doors]
        verdicts: list[Verdict] = at_once(*calls, *first)[: len(calls)]
        found = next((verdict for verdict in verdicts if verdict.granted), None)
        if found:
            return Answer(Word.KNOWN, self._pour_again(found, roster))
        # Of several ways to write one card all but one are nobody's; who is known is told why.
        refused = next((verdict for verdict in verdicts if verdict.user), verdicts[0])
        return Answer(Word.REFUSED, message=_without(refused.message, wanted))

    def check_in(self, check_in: CheckIn) -> Outcome:
        door_id = self.settings.doors.get(check_in.door)
        if door_id is None:
            where = f"add it under [platforms.{self.name}] doors"
            return Outcome(State.REFUSED, f"door {check_in.door} has no Hive door: {where}")
        verdict = self._api.access(check_in.person, door_id)
        return Outcome(State.SENT if verdict.granted else State.REFUSED, verdict.message)

    def was_told(self, check_in: CheckIn) -> bool:  # noqa: ARG002
        raise BadReply(
            f"{self.settings.url}: Hive does not show check-ins; look at its own reports"
        )

    def register_card(self, person: str, canonical: str) -> NoReturn:
        found = [(field, text) for field, f in self._cards for text in written(f, canonical)]
        field, number = found[0] if found else (self._cards[0][0], "as it is printed")
        raise ByHand(
            f"{self.name}: Hive's Door Access API writes no users",
            f"Hive admin, user {person}, field {field}: {number}",
        )

    def remove_card(self, person: str, hashed: bytes) -> NoReturn:  # noqa: ARG002
        fields = ", ".join(dict.fromkeys(field for field, _ in self._cards))
        raise ByHand(
            f"{self.name}: Hive's Door Access API writes no users",
            f"Hive admin, user {person}: take the old card out of {fields}",
        )

    def close(self) -> None:
        self._api.close()

    def _warn_of_mapping(self, doors: Mapping[str, HiveDoor], roster: Roster) -> None:
        for ours, theirs in self.settings.doors.items():
            if theirs not in doors:
                roster.warn(f"door {ours} is {theirs!r} at Hive, which lists no such door")
            elif not doors[theirs].active:
                roster.warn(f"door {ours}: Hive has switched off {theirs!r}; it grants nobody")

    def _doors_to_ask(self, doors: Mapping[str, HiveDoor]) -> list[str]:
        """Active doors that are ours; all active ones if the configuration names none."""
        active = [door.id for door in doors.values() if door.active]
        ours = set(self.settings.doors.values())
        return [door_id for door_id in active if door_id in ours or not ours]

    def _known_doors(self) -> Mapping[str, HiveDoor]:
        if self._doors is None:
            self._doors = read_doors(self._api.doors())
        return self._doors

    def _access(self, source: str, text: str, door_id: str) -> Verdict:
        return self._api.access(text, door_id, field=source, check_only=True)

    def _pour_again(self, verdict: Verdict, roster: Roster, key: str = "") -> str:
        """The user let in, who must be `key` if that is given; returns their id."""
        if verdict.user is None:
            whom = f"user {key}" if key else "somebody"
            raise BadReply(f"{self.settings.url}/access: lets {whom} in and does not show them")
        user = read_user(verdict.user)
        if key and user.id != key:
            raise BadReply(
                f"{self.settings.url}/access: was asked for user {key}, told of {user.id}"
            )
        intake = Intake(self.name, self._known_doors(), self._cards, roster)
        intake.pour(user)
        intake.finish()
        return user.id


def _without(message: str, wanted: Iterable[tuple[str, str]]) -> str:
    """Hive's words without the number of the card, should it repeat it."""
    for _, text in wanted:
        message = re.sub(re.escape(text), mask(text), message, flags=re.IGNORECASE)
    return message
