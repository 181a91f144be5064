"""Sees what the locks did, and holds it against the reasons that the journal has for it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from bench.rig.ends import End
from bench.rig.history import Opening, openings
from controller.journal_read import JournalReader
from controller.model import Kind, Recorded

EARLY, LATE = 0.05, 1.0  # seconds before and after a reason within which its opening begins
SLACK = 0.5  # seconds by which a lock may be shut later than it should
_REASONS = (Kind.ACCESS, Kind.EXIT, Kind.UNLOCKED)


class Witness:
    """`open_for`: how long a lock is released for one reason, in seconds."""

    def __init__(self, data: Path, ends: Mapping[str, End], open_for: float) -> None:
        self._path, self._ends, self._open_for = data / "journal.db", ends, open_for

    def newest(self) -> int:
        with closing(JournalReader(self._path)) as journal:
            return journal.newest()

    def since(self, seq: int, door: str, *kinds: Kind) -> list[Recorded]:
        """What the journal has of this door after that position."""
        with closing(JournalReader(self._path)) as journal:
            found = journal.events(after=seq, kinds=kinds)
        return [each for each in found if each.event.door == door]

    def openings(self, door: str) -> list[Opening]:
        return openings(self._ends[door].moves())

    def reasons(self, door: str) -> list[float]:
        """When (monotonic) the journal noted that this lock was to be released."""
        found = self.since(0, door, *_REASONS)
        return [
            each.monotonic
            for each in found
            if each.event.kind is not Kind.ACCESS or each.event.reason == "granted"
        ]

    def wrong(self, door: str) -> list[str]:
        """What this lock did without a reason, left undone, or did for too long."""
        return list(contradictions(self.openings(door), self.reasons(door), self._open_for))


def contradictions(
    seen: Sequence[Opening], reasons: Sequence[float], open_for: float
) -> Iterator[str]:
    """Openings and reasons belong together, or it is said which do not."""
    for opening in seen:
        mine = [at for at in reasons if opening.begin - LATE <= at <= opening.end + EARLY]
        if not any(at <= opening.begin + EARLY for at in mine):
            yield f"opened at {opening.begin:.3f} without a reason"
        elif opening.end > max(mine) + open_for + SLACK:
            yield f"opened at {opening.begin:.3f} and not shut in time, but at {opening.end:.3f}"
    for at in reasons:
        if not any(o.begin - LATE <= at <= o.end + EARLY for o in seen):
            yield f"did not open for what the journal has at {at:.3f}"
