"""Invented members of a simulated coworking space."""

import random
from datetime import datetime, timedelta

from controller.model import Duration, Span
from controller.schedule import instant
from sync.simulator.cobot_space import WHOLE_DAY, Booking, Member, PassType, Plan, Space, Visitor
from sync.simulator.hive_people import FIRST_NAMES, LAST_NAMES

FIRST_CARD = 0x04A1B2C3  # of the first member, so that there is one to try
_WORKDAYS = frozenset({1, 2, 3, 4, 5})
RESIDENT = Plan("plan-resident", "Resident")
FLEX = Plan("plan-flex", "Flex 8", (PassType("Day", WHOLE_DAY, 8, "month"),))
MORNINGS = Plan(
    "plan-mornings",
    "Mornings",
    (PassType("Morning", (Span(480, 720, _WORKDAYS),), 2, "week"),),
)
DAYS = Plan("plan-days", "Pay as you go", (PassType("Day"), PassType("Evening", (Duration(180),))))
BREAK = Plan("plan-break", "Taking a break", hidden=True)
# Every plan is met once before chance takes over.
USUAL = (RESIDENT, DAYS, FLEX, MORNINGS, BREAK)
_ROOMS = {"room-harbour": "Harbour room", "room-attic": "Attic"}


def populate(space: Space, seed: int, count: int) -> None:
    """So many members, the same for the same seed and time.

    The first is on an unlimited plan with card 04A1B2C3, the second has one day pass left.
    """
    chance = random.Random(seed)  # noqa: S311 - invented data
    space.resources.update(_ROOMS)
    space.field_labels += ["Doors", "Second card"]
    made = [_member(space, chance, place) for place in range(count)]
    if count > 1:
        space.add_pass(made[1].id)
    for member in made[2:]:
        if member.plan is DAYS:
            for _ in range(chance.randrange(4)):
                space.add_pass(member.id)
    _book(space, chance, made)


def _member(space: Space, chance: random.Random, place: int) -> Member:
    today = space.today()
    plan = USUAL[place] if place < len(USUAL) else chance.choice((RESIDENT, *USUAL))
    name = f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}"
    member = Member(f"{chance.getrandbits(64):016x}", name, plan)
    member.starts_at = today - timedelta(days=chance.randrange(20, 900))
    if plan is RESIDENT and chance.random() < 0.4:
        member.extras = (chance.choice(("Locker", "24/7")),)
    member.fields = {"Doors": chance.choice((None, "attic", "attic, workshop"))}
    if place > len(USUAL):
        _turn_of_life(member, chance, space)
    space.members[member.id] = member
    card = FIRST_CARD if place == 0 else chance.getrandbits(32)
    space.tokens.append((f"{card:010}", member.id))
    if chance.random() < 0.15:
        member.fields["Second card"] = f"{chance.getrandbits(32):010}"
    return member


def _turn_of_life(member: Member, chance: random.Random, space: Space) -> None:
    """Some have just signed up, some leave, some change their plan."""
    today, turn = space.today(), chance.random()
    if turn < 0.05:
        member.confirmed = False
    elif turn < 0.1:
        member.starts_at = today + timedelta(days=3)
    elif turn < 0.18:
        member.canceled_to = today + timedelta(days=chance.randrange(1, 30))
    elif turn < 0.25 and member.plan is RESIDENT:
        member.upcoming, member.plan_ends = FLEX, today + timedelta(days=9)


def _book(space: Space, chance: random.Random, members: list[Member]) -> None:
    tomorrow = datetime.fromtimestamp(space.now(), space.zone).date() + timedelta(days=1)
    for days in range(5):
        for room in _ROOMS:
            day, hour = tomorrow + timedelta(days=days), chance.randrange(8, 17)
            start = instant(day, 60 * hour, space.zone)
            one = Booking(space.made("bk"), room, start, start + 7200)
            if chance.random() < 0.4:
                name = f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}"
                one.visitor = Visitor(space.made("eb"), name)
            else:
                one.member = chance.choice(members).id
            space.bookings.append(one)
