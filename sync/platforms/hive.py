"""Hive, by its Door Access API: who may enter, and who came."""

from collections.abc import Mapping

from controller.errors import BadReply
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
from sync.platforms.hive_api import HiveApi, Verdict
from sync.platforms.hive_intake import Intake
from sync.platforms.hive_said import HiveDoor, read_doors, read_user, read_users
from sync.platforms.hive_settings import HiveSettings


class Hive:
    """A `sync.platform.Platform` that is one Hive."""

    Settings = HiveSettings
    capabilities = Capabilities(late_check_in=LateCheckIn.NOW_ONLY, confirms_absence=True)

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
        if self._doors is None:
            self._doors = read_doors(self._api.doors())
        for door_id in self._doors_to_ask(self._doors):
            verdict = self._api.access(key, door_id, check_only=True)
            if verdict.granted:
                self._pour_again(key, verdict, roster)
                return True
        return False

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

    def _pour_again(self, key: str, verdict: Verdict, roster: Roster) -> None:
        if verdict.user is None:
            raise BadReply(f"{self.settings.url}/access: lets user {key} in and does not show them")
        user = read_user(verdict.user)
        if user.id != key:
            raise BadReply(
                f"{self.settings.url}/access: was asked for user {key}, told of {user.id}"
            )
        assert self._doors is not None
        intake = Intake(self.name, self._doors, self._cards, roster)
        intake.pour(user)
        intake.finish()
