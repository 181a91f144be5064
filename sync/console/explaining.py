"""Why a door opens to somebody or does not, as a page shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from controller.asked import Answer, AtDoor, Questions
from controller.config import Config
from controller.doors_now import Set, mode_then
from controller.explained import how
from controller.model import Now, Person
from controller.words import DESK, NOTES, REASONS, RULES


class Rule(NamedTuple):
    """One rule that was looked at, as a sentence, and the facts it went by."""

    passed: bool
    words: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """What one door says to some of a person's cards (masked; none: whatever they would show)."""

    cards: tuple[str, ...]
    opens: bool
    reason: str
    words: str
    to_do: str
    rules: tuple[Rule, ...]
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DoorSays:
    """All of it for one door. `opens`: to at least one of their cards."""

    id: str
    name: str
    answers: tuple[Explained, ...]

    @property
    def opens(self) -> bool:
        return any(each.opens for each in self.answers)

    @property
    def only_with(self) -> tuple[str, ...]:
        """The cards that open it, if others of theirs do not."""
        if all(each.opens for each in self.answers):
            return ()
        return tuple(card for each in self.answers if each.opens for card in each.cards)


def at_each_door(
    config: Config, asked: Questions, person: Person, modes: dict[str, Set], now: Now
) -> Iterator[DoorSays]:
    """What every door says to this person now. Raises `StoreError`."""
    for door, settings in config.doors.items():
        there = AtDoor(config.rules(door), mode_then(modes, door, now.wall), now)
        answers = tuple(map(_explained, asked.of_person(person, there)))
        yield DoorSays(door, settings.name, answers)


def _explained(answer: Answer) -> Explained:
    case = answer.case
    assert case is not None  # of a person the door always says something
    decision = case.decision
    rules = tuple(
        Rule(passed, RULES[name][not passed], tuple(facts)) for name, passed, facts in case.told()
    )
    words, remedy = REASONS[decision.reason]
    to_do = DESK.get(decision.reason, remedy)
    if decision.granted and answer.obstacle:
        words, to_do = (
            "they have no card",
            "Enrol a card on this page, or give one at the platform.",
        )
    notes = tuple(NOTES[note] for note in decision.notes)
    more = (*how(decision), *notes) if answer.opens else notes
    reason = decision.reason.value
    return Explained(answer.cards, answer.opens, reason, words, to_do, rules, more)
