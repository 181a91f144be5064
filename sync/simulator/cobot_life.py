"""What happens in a simulated coworking space: people join, book, buy, come and leave."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from controller.model import Hours
from sync.simulator import cobot_said as said
from sync.simulator.cobot_hooks import Caller
from sync.simulator.cobot_people import USUAL, populate
from sync.simulator.cobot_space import (
    WHOLE_DAY,
    Booking,
    Member,
    PassType,
    Plan,
    Space,
    Stay,
    TimePass,
    Visitor,
)
from sync.simulator.server import SimulatedPlatform


class LivingSpace(SimulatedPlatform):
    """One space. What its methods change, `calls` tells whoever asked to be told.

    `space` may be changed directly, too, under `lock`; of that `calls.tell` tells.
    """

    def __init__(self, space: Space, *, keep_log: bool) -> None:
        super().__init__(keep_log=keep_log)
        self.space = space
        for plan in USUAL:
            space.add_plan(plan)
        self.calls = Caller(self.lock, lambda: self.url)

    def stop(self) -> None:
        self.calls.stop()
        super().stop()

    @property
    def now(self) -> Callable[[], float]:
        """The time in the space, and of every stamp."""
        return self.space.now

    @now.setter
    def now(self, now: Callable[[], float]) -> None:
        with self.lock:
            self.space.now = now

    @property
    def check_ins(self) -> list[Stay]:
        """A copy, in order."""
        with self.lock:
            return list(self.space.check_ins)

    def add_plan(
        self, plan_id: str, *types: PassType, name: str = "", hidden: bool = False
    ) -> Plan:
        with self.lock:
            return self.space.add_plan(Plan(plan_id, name or plan_id, types, hidden))

    def add_member(
        self,
        name: str,
        plan: Plan | str = "plan-resident",
        *,
        cards: Iterable[str] = (),
        passes: int = 0,
        starts_at: date | None = None,
        canceled_to: date | None = None,
        **more: Any,
    ) -> Member:
        """A member with these check-in tokens and so many bought passes; `more` as in `Member`.

        The plans are those of `cobot_people.USUAL` and what `add_plan` added; an unknown one is
        unlimited.
        """
        with self.lock:
            if isinstance(plan, str):
                plan = self.space.plans.get(plan) or self.space.add_plan(Plan(plan, plan))
            member = Member(more.pop("id", None) or self.space.made("m"), name, plan, **more)
            member.starts_at, member.canceled_to = starts_at, canceled_to
            self.space.members[member.id] = member
            self.space.tokens += [(card, member.id) for card in cards]
            self.space.field_labels += [
                label for label in member.fields if label not in self.space.field_labels
            ]
            for _ in range(passes):
                self.space.add_pass(member.id)
            self.calls.tell("confirmed_membership", f"memberships/{member.id}")
            return member

    def alter(
        self, member: Member, event: str = "updated_membership_details", **fields: Any
    ) -> None:
        """Something about a member changes, of which this event is the word."""
        with self.lock:
            for name, value in fields.items():
                setattr(member, name, value)
            self.calls.tell(event, f"memberships/{member.id}")

    def give_card(self, member: Member, card: str) -> None:
        with self.lock:
            self.space.tokens.append((card, member.id))
            self.calls.tell("created_checkin_token", f"check_in_tokens/{card}")

    def take_card(self, card: str) -> None:
        with self.lock:
            self.space.tokens = [row for row in self.space.tokens if row[0] != card]
            self.calls.tell("deleted_checkin_token", f"check_in_tokens/{card}")

    def add_pass(
        self, member: Member, *, expires_at: float | None = None, hours: Hours = WHOLE_DAY
    ) -> TimePass:
        with self.lock:
            one = self.space.add_pass(member.id, expires_at=expires_at, hours=hours)
            self.calls.tell("membership_added_time_passes", f"memberships/{member.id}")
            return one

    def remove_member(self, member: Member) -> None:
        with self.lock:
            del self.space.members[member.id]
            self.space.tokens = [row for row in self.space.tokens if row[1] != member.id]
            gone = said.membership(member)
            self.calls.tell("deleted_membership", f"memberships/{member.id}", membership=gone)

    def book(
        self,
        resource: str,
        start: float,
        end: float,
        member: Member | None = None,
        visitor: str | None = None,
        email: str | None = None,
    ) -> Booking:
        """A room for a member, for a visitor of that name and address, or for neither."""
        with self.lock:
            self.space.resources.setdefault(resource, resource)
            one = Booking(self.space.made("bk"), resource, start, end)
            one.member = member.id if member else None
            if visitor:
                one.visitor = Visitor(self.space.made("eb"), visitor, email=email)
            self.space.bookings.append(one)
            self.calls.tell("created_booking", f"bookings/{one.id}")
            return one

    def unbook(self, booking: Booking) -> None:
        with self.lock:
            gone = said.booking(booking, self.space)
            self.space.bookings.remove(booking)
            self.calls.tell("deleted_booking", f"bookings/{booking.id}", booking=gone)

    def check_in(self, member: Member) -> Stay:
        """Someone checks in by themselves, by the app or at the desk."""
        with self.lock:
            return self._check_in(member)

    def _check_in(self, member: Member) -> Stay:
        stay = self.space.check_in(member)
        self.calls.tell("created_checkin", f"check_ins/{stay.id}")
        return stay

    def populate(self, seed: int, count: int = 36) -> None:
        """Add so many invented members, with plans, passes, cards and bookings."""
        with self.lock:
            populate(self.space, seed, count)
