"""Who belongs to the sandbox's platforms, and what these were told: as lists of plain rows."""

from collections.abc import Iterator
from typing import Any

from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import SimulatedHive
from sync.simulator.townspeople import GYM, GYM_DOORS, HARBOUR

Row = dict[str, Any]


def told_harbour(cobot: SimulatedCobot) -> Iterator[Row]:
    """Every check-in, at the time at which it was told."""
    with cobot.lock:
        names = {key: member.name for key, member in cobot.space.members.items()}
    for stay in cobot.check_ins:
        about = {"until": stay.valid_until, "used_pass": stay.time_pass is not None}
        yield _told(HARBOUR, stay.member, names.get(stay.member, ""), stay.valid_from) | about


def told_gym(hive: SimulatedHive) -> Iterator[Row]:
    """Every entry, at the time at which it was told."""
    users = hive.users
    for entry in list(hive.entries):
        user = users.get(entry.user_id)
        name = f"{user.first_name} {user.last_name}" if user else ""
        yield _told(GYM, str(entry.user_id), name, entry.at) | {"door": entry.door_id}


def people_of_harbour(cobot: SimulatedCobot) -> Iterator[Row]:
    """`card` as the sandbox's readers send it; `passes` left, None: needs none."""
    with cobot.lock:
        space = cobot.space
        unused = [one.member for one in space.unused_passes()]
        for token, key in space.tokens:
            member = space.members[key]
            left = unused.count(key) if member.plan.types else None
            card, about = f"{int(token):08X}", f"plan {member.plan.name}"
            yield _known(HARBOUR, key, member.name, card, about) | {"passes": left}


def people_of_gym(hive: SimulatedHive, now: float) -> Iterator[Row]:
    """The same for the gym."""
    for user in hive.users.values():
        doors = [door.name for door in GYM_DOORS if user.may_enter(door, now)]
        name = f"{user.first_name} {user.last_name}"
        about = " and ".join(doors) or "no door"
        yield _known(GYM, str(user.id), name, user.door_access_id, about) | {"passes": None}


def _told(platform: str, person: str, name: str, at: float) -> Row:
    return {"platform": platform, "person": person, "name": name, "at": at}


def _known(platform: str, key: str, name: str, card: str, about: str) -> Row:
    return {"platform": platform, "id": key, "name": name, "card": card, "about": about}
