"""What one door notices of abuse: wrong PINs, and cards that were elsewhere a moment before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from controller.knowledge import Knowledge
from controller.model import Decision, Kind, Person, Reason
from controller.ports import Clock
from controller.tries import WRONG, Tried, Who, keypad, person

if TYPE_CHECKING:
    from controller.entrance import Presented

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Vigilance:
    """`record(kind, decision, presented, **detail)` puts an event into the journal."""

    door: str
    knowledge: Knowledge
    clock: Clock
    record: Callable[..., object]

    def counted(self, reader: str, known: Person | None) -> tuple[Who, ...]:
        """For whom a PIN typed there counts; `known`: after whose card."""
        return keypad(self.door, reader), *([person(*known[:2])] if known else [])

    def silent(self, whose: tuple[Who, ...]) -> bool:
        """Is no PIN of theirs looked at now?"""
        return self.knowledge.tries.silent_for(whose, self.clock.boottime()) > 0

    def tried(
        self, whose: tuple[Who, ...], presented: "Presented", decision: Decision | None
    ) -> None:
        """A PIN was looked at. One that is somebody's, though not let in, counts as neither."""
        right = decision is None or decision.granted
        if decision and not right and decision.reason not in WRONG:
            return
        with self.knowledge.turn:
            begun = self.knowledge.tries.note(Tried(whose, right, self.clock.boottime()))
        for who, times, pause in begun:
            log.warning("too many wrong PINs", door=self.door, times=times, seconds=pause)
            known = decision.person if decision and who[0] == "person" else None
            more = {"counted": who[0], "times": times, "seconds": pause}
            self.record(Kind.LOCKOUT, Decision(Reason.ATTEMPTS, known), presented, **more)

    def elsewhere(self, presented: "Presented", decision: Decision) -> Decision:
        """Was it at another door just now? That is told; and refused, if the journey says so."""
        if decision.person is None:
            return decision
        at, journeys = self.clock.boottime(), self.knowledge.journeys
        found = journeys.presented(presented.canonical, self.door, at)
        if found is None:
            return decision
        takes = found.journey.takes
        log.warning("card elsewhere just now", door=self.door, other=found.door, takes=takes)
        more = {"other": found.door, "after": round(found.seconds, 1), "takes": takes}
        self.record(Kind.ELSEWHERE, decision, presented, **more)
        refused = decision.granted and found.journey.refuses
        return Decision(Reason.ELSEWHERE, decision.person) if refused else decision
