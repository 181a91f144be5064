"""Cutting the power: a story is played once while its disk is recorded, and then cut at many places.

Every cut is replayed by its name alone: `DOORWARD_CUT="scanning:1:17" pytest tests/test_power_cuts.py`
(story, seed, number of the cut).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cut_checks import Promises
from tests.cut_site import Site
from tests.cut_stories import STORIES, Story
from tests.tapped import tapped
from tests.torn import Disk, Note, Recording, laid_out

_AGAIN = 0.25  # of the cuts are followed by a second one, while the first is being recovered from


@dataclass
class Tally:
    """How many cuts were tried, and what went wrong after which of them."""

    tried: int = 0
    failures: list[str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.failures = []


class Cutter:
    """One story, recorded in this folder, which is empty."""

    def __init__(self, name: str, folder: Path, *, honest: bool = True) -> None:
        """`honest`: the disk's syncs do what they say."""
        self.name, self.story = name, STORIES[name]
        self.site = Site(folder)
        before = Recording()
        with tapped(self.site.data, before):
            self.story.before(self.site, before)
        self._notes = [step for step in before.steps if isinstance(step, Note)]
        self._files = _files(self.site.data)
        self.tape = Recording(honest=honest)
        for note in self._notes:
            self.tape.note(note.what, note.value)
        self._begin = len(self.tape.steps)  # all before is safe
        with tapped(self.site.data, self.tape):
            self.story.play(self.site, self.tape)

    def cut(self, seed: int, cuts: int, only: int | None = None) -> Tally:
        """Cut at so many places, spread over the story; `only`: at one of them."""
        tally = Tally()
        _lay(self._files, self.site.data)
        disk, at = Disk(self.site.data), 0
        length = len(self.tape.steps) - self._begin
        for number in range(cuts) if only is None else [only]:
            chance = random.Random(f"{self.name}:{seed}:{number}")
            upto = self._begin + int((number + chance.random()) / cuts * (length + 1))
            for step in self.tape.steps[at:upto]:
                if not isinstance(step, Note):
                    disk.step(step)
            at = upto
            self._once(disk, self.tape.steps[:upto], chance, tally, f"{self.name}:{seed}:{number}")
        return tally

    def _once(
        self, disk: Disk, steps: list[Any], chance: random.Random, tally: Tally, name: str
    ) -> None:
        for again in (chance.random() < _AGAIN, False):
            tally.tried += 1
            files = disk.cut(chance)
            laid_out(files, self.site.data, chance)
            disk, tape = Disk(self.site.data), Recording()
            try:
                with tapped(self.site.data, tape):
                    self.story.check(self.site, Promises.of(steps), tape)
            except Exception as error:
                tally.failures.append(f"{name}: {type(error).__name__}: {error}")
                return
            if not again:
                return
            upto = chance.randint(0, len(tape.steps))
            steps = steps + tape.steps[:upto]
            for step in tape.steps[:upto]:
                if not isinstance(step, Note):
                    disk.step(step)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _lay(files: dict[str, bytes], folder: Path) -> None:
    laid_out(files, folder, random.Random(0))
