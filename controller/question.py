"""A question to the platforms while somebody waits at a door, and what comes back. Pure."""

from typing import NamedTuple

from controller.model import Decision

WAITING = "one moment"  # what the person at the door is shown meanwhile


class Question(NamedTuple):
    """What a door wants to know: whose card this is (canonical), or how this person stands."""

    door: str
    card: str = ""
    platform: str = ""
    person: str = ""

    def __repr__(self) -> str:
        return f"Question({self.door!r}, {self.platform!r}, {self.person!r})"  # never the card


class Said(NamedTuple):
    """What one platform said; `word` is one of `sync.platform.Word`."""

    platform: str
    word: str
    message: str = ""


class Heard(NamedTuple):
    """All that came of a question; `trouble`: why nothing did."""

    said: tuple[Said, ...] = ()
    trouble: str = ""

    def words_for(self, decision: Decision) -> str:
        """A platform's own reason for this refusal, "" if none gave any."""
        if decision.granted:
            return ""
        whose = decision.person.platform if decision.person else None
        told = (said.message for said in self.said if whose in (None, said.platform))
        return next(filter(None, told), "")

    def detail(self) -> dict[str, str]:
        """For the event: what each platform said, in a word and in its own."""
        words = {s.platform: f"{s.word}: {s.message}" if s.message else s.word for s in self.said}
        return {**words, **({"sync": self.trouble} if self.trouble else {})}


NO_ANSWER = Heard(trouble="no answer in time")
