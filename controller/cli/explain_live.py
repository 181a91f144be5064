"""`doorward explain --live`: what the platforms say of somebody while one waits."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from controller.cli.reach import ask_sync
from controller.model import Reason
from controller.question import Question
from controller.words import PLATFORMS_SAID

if TYPE_CHECKING:
    from controller.asked import Answer
    from controller.config import Config


def ask_platforms(
    config: "Config", door: str, found: "Sequence[Answer]"
) -> list[dict[str, str | bool]]:
    """What each platform said to what this door could ask; nothing if it could ask nothing.

    `door_asks`: with its own `live`, the door asks this as well. Raises `NotRunning` or `Refused`.
    """
    asked: list[dict[str, str | bool]] = []
    if any(answer.opens for answer in found):
        return asked
    for answer in found:
        if question := _question(door, answer):
            assert answer.case
            reason = answer.case.decision.reason
            door_asks = reason in config.settings(door).asks
            request = {"within": config.live.deadline, **question._asdict()}
            said: list[dict[str, Any]] = ask_sync(config, "ask", **request)["answers"]
            asked += [{**each, "door_asks": door_asks} for each in said]
    return asked


def lines(config: "Config", door: str, asked: Sequence[dict[str, str | bool]]) -> Iterator[str]:
    """The same for people."""
    if not asked:
        yield (
            "nobody was asked: a door asks about a card that nobody is known to hold, or a member "
            "without a pass, and only platforms that can be asked"
        )
    for each in asked:
        own = f": {each['message']}" if each["message"] else ""
        yield f"{each['platform']} says {each['word']}{own} ({PLATFORMS_SAID[str(each['word'])]})"
    if asked and not all(each["door_asks"] for each in asked):
        yield f'this door would not have asked: its live is "{config.doors[door].live}"'


def _question(door: str, answer: "Answer") -> Question | None:
    """What a door would ask before it refuses so; None: nothing."""
    if answer.case is None:
        return None
    decision = answer.case.decision
    if decision.reason is Reason.UNKNOWN and answer.card:
        return Question(door, answer.card)
    if decision.reason is Reason.NO_PASS and (person := decision.person):
        return Question(door, platform=person.platform, person=person.key)
    return None
