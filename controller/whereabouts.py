"""What one door knows of who went where: who passed it, and when nobody can tell who did."""

from dataclasses import dataclass

from controller.areas import EVERYWHERE, at_reader
from controller.doorstate import DoorState
from controller.journal import Journal
from controller.knowledge import Knowledge
from controller.model import DoorRules, Event, Kind, Person


@dataclass(slots=True)
class Whereabouts:
    """Does nothing at a door that leads to no area. For the door's own thread."""

    rules: DoorRules
    knowledge: Knowledge
    journal: Journal

    def went(self, person: Person | None, reader: str, *, seen: bool = True) -> None:
        """This person, let in at `reader`, has gone through; not `seen`: perhaps."""
        passage = at_reader(self.rules, reader).passage
        if passage is None or person is None:
            return
        loose = frozenset().union(*self.knowledge.loose.values())
        sure = seen and not loose & {passage.there, EVERYWHERE}
        detail = {"area": passage.there if sure else None, "from": passage.here}
        self.journal.append(Event(Kind.MOVED, self.rules.door, "", *person[:3], detail=detail))

    def left(self) -> None:
        """Somebody wants out by the button, and nobody knows who."""
        if passage := self.rules.passage:
            self._unsure(passage.there)

    def passed(self) -> None:
        """Somebody goes through, either way, and nobody knows who."""
        if passage := self.rules.passage:
            self._unsure(passage.here, passage.there)

    def watch(self, state: DoorState, monotonic: float) -> None:
        """While people can pass unseen nobody's place on either side is known; with a fire alarm
        nobody's anywhere.
        """
        loose = self.knowledge.loose
        areas: frozenset[str] = frozenset()
        if state.fire and self.knowledge.knows_places:
            areas = frozenset({EVERYWHERE})
        elif state.passable(monotonic) and (passage := self.rules.passage):
            areas = frozenset({passage.here, passage.there})
        before = loose.get(self.rules.door, frozenset())
        if areas != before:
            loose[self.rules.door] = areas
            if areas:
                self._unsure(*areas)

    def _unsure(self, *areas: str) -> None:
        self.journal.append(Event(Kind.UNSURE, self.rules.door, detail={"unsure": sorted(areas)}))
