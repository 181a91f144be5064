"""From Hive's words to ours: users become persons with cards and grants."""

from collections.abc import Mapping, Sequence

from controller.cards import CardFormat, mask
from controller.model import Grant, Person
from sync.platform import Roster
from sync.platforms.hive_said import HiveDoor, HiveMembership, HiveUser

INSTRUCTOR = "instructor"
_NAMED = 10  # warnings of one sort that name someone


class Intake:
    """Pours users into one roster; call `finish` after the last."""

    def __init__(
        self,
        platform: str,
        doors: Mapping[str, HiveDoor],
        cards: Sequence[tuple[str, CardFormat]],
        roster: Roster,
    ) -> None:
        """`cards`: which field of a user holds cards, and how they are written there."""
        self._platform, self._doors, self._cards, self._roster = platform, doors, cards, roster
        self._for_instructors = [d.id for d in doors.values() if d.active and d.allow_instructors]
        self._unknown_doors = set[str]()
        self._misfits = 0

    def pour(self, user: HiveUser) -> None:
        self._roster.person(Person(self._platform, user.id, user.name))
        for field, form in self._cards:
            if field in user.cards:
                self._pour_card(user, field, form)
        for membership in user.memberships:
            for label in self._labels(membership):
                self._roster.grant(user.id, Grant(label, until=membership.until, renews=True))
        if user.is_instructor:
            for label in (INSTRUCTOR, *(f"door:{door}" for door in self._for_instructors)):
                self._roster.grant(user.id, Grant(label))

    def finish(self) -> None:
        """Warn of what was left aside."""
        if self._misfits > _NAMED:
            self._roster.warn(f"{self._misfits - _NAMED} more cards do not fit their format")
        if self._unknown_doors:
            names = ", ".join(sorted(self._unknown_doors)[:_NAMED])
            self._roster.warn(f"memberships open doors that Hive does not list: {names}")

    def _pour_card(self, user: HiveUser, field: str, form: CardFormat) -> None:
        # Hive compares these texts whatever their case. Hex forms do so too; a barcode is compared
        # as it is, so "ab1" and "AB1" are two cards here, and neither is ever taken for the other.
        card = user.cards[field]
        try:
            self._roster.card(user.id, form.canonical(card))
        except ValueError as error:
            self._misfits += 1
            if self._misfits <= _NAMED:
                self._roster.warn(
                    f"{user.name} (user {user.id}): {field} {mask(card)} {error}; "
                    "this card opens nothing"
                )

    def _labels(self, membership: HiveMembership) -> list[str]:
        """What a membership grants: the doors it opens and, if there are any, its type."""
        open_doors = []
        for door_id in membership.doors:
            door = self._doors.get(door_id)
            if door is None:
                self._unknown_doors.add(door_id)
            elif door.active:
                open_doors.append(f"door:{door_id}")
        return [*open_doors, f"type:{membership.type_id}"] if open_doors else []
