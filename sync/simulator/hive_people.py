"""The doors and users of a simulated Hive, as values, and invented ones in any number."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TYPES = {1: "Standard Monthly", 2: "Mornings", 3: "Unlimited Access"}
DAY = 86_400
FIRST_NAMES = (
    "Amina", "Bjørn", "Chloé", "Dmitri", "Eszter", "Farid", "Grzegorz", "Hana", "İlker", "Jürgen",
    "Kaja", "Łucja", "Mei", "Nkechi", "Óscar", "Priya", "Rūta", "Søren", "Tomáš", "Yuki",
    "Зоя", "Ελένη", "さくら", "נועה", "ليلى",
)  # fmt: skip
LAST_NAMES = (
    "Abara", "Brook", "Castell", "Dunmore", "Eriksen", "Fontaine", "Greenway", "Hollis", "Ivarsson",
    "Jansky", "Kettle", "Lindqvist", "Marlow", "Nakayama", "O’Dell", "Pellegrin", "Quist", "Rowan",
    "Şahin", "Thorne", "Vega-Ruiz", "Wren", "Yilmaz", "Žižka",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Door:
    """One door; `oddities` replace or add fields in what Hive says of it."""

    door_id: str
    name: str = ""
    active: bool = True
    membership_type_ids: tuple[int, ...] = ()
    allow_instructors: bool = False
    oddities: Mapping[str, Any] | None = None

    def said(self) -> dict[str, Any]:
        return {
            "door_id": self.door_id,
            "name": self.name or self.door_id,
            "active": self.active,
            "membership_type_ids": list(self.membership_type_ids),
            "allow_instructors": self.allow_instructors,
            **(self.oddities or {}),
        }


@dataclass(frozen=True, slots=True)
class Membership:
    """`expires` in unix seconds; None never does."""

    membership_id: int
    membership_type_id: int
    expires: int | None = None
    oddities: Mapping[str, Any] | None = None

    def said(self, doors: Iterable[Door]) -> dict[str, Any]:
        return {
            "membership_id": self.membership_id,
            "membership_type_id": self.membership_type_id,
            "membership_type_name": TYPES.get(self.membership_type_id, "Other"),
            "expires": self.expires,
            "door_ids": [d.door_id for d in doors if self.opens(d)],
            **(self.oddities or {}),
        }

    def opens(self, door: Door) -> bool:
        return self.membership_type_id in door.membership_type_ids

    def runs(self, now: float) -> bool:
        return self.expires is None or now < self.expires


@dataclass(frozen=True, slots=True)
class User:
    """One user; `oddities` replace or add fields in what Hive says of them."""

    id: int
    first_name: str = ""
    last_name: str = ""
    door_access_id: str = ""
    barcode_id: str = ""
    is_instructor: bool = False
    memberships: tuple[Membership, ...] = ()
    oddities: Mapping[str, Any] | None = None

    def said(self, doors: Iterable[Door], now: float) -> dict[str, Any]:
        return {
            "id": self.id,
            "door_access_id": self.door_access_id,
            "barcode_id": self.barcode_id,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "is_instructor": self.is_instructor,
            "memberships": [m.said(doors) for m in self.memberships if m.runs(now)],
            **(self.oddities or {}),
        }

    def may_enter(self, door: Door, now: float) -> bool:
        if not door.active:
            return False
        if self.is_instructor and door.allow_instructors:
            return True
        return any(m.opens(door) and m.runs(now) for m in self.memberships)


def usual_doors() -> list[Door]:
    return [
        Door("front-01", "Front door", membership_type_ids=(1, 2, 3), allow_instructors=True),
        Door("studio-02", "Studio", membership_type_ids=(3,), allow_instructors=True),
    ]


def invented(seed: int, count: int, now: float, first_id: int = 201) -> Iterator[User]:
    """`count` users with access to the usual doors, the same for the same seed and time."""
    chance = random.Random(seed)  # noqa: S311 - invented data
    cards = set[str]()
    for user_id in range(first_id, first_id + count):
        yield User(
            user_id,
            chance.choice(FIRST_NAMES),
            chance.choice(LAST_NAMES),
            door_access_id=_fresh_card(chance, cards),
            barcode_id=f"{user_id:06}{chance.randrange(10**6):06}",
            is_instructor=chance.random() < 0.02,
            memberships=_memberships(chance, user_id, int(now)),
        )


def _fresh_card(chance: random.Random, taken: set[str]) -> str:
    while (card := f"{chance.getrandbits(32):08X}") in taken:
        pass
    taken.add(card)
    return card


def _memberships(chance: random.Random, user_id: int, now: int) -> tuple[Membership, ...]:
    types = chance.sample(sorted(TYPES), k=2 if chance.random() < 0.1 else 1)
    return tuple(
        Membership(10 * user_id + n, kind, now + chance.randrange(DAY, 60 * DAY))
        for n, kind in enumerate(types)
    )
