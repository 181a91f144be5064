"""Cutting the power: a story is played once, its disk recorded, and then cut at many places."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cut_checks import Promises
from tests.cut_site import Site
from tests.cut_stories import STORIES
from tests.tapped import tapped
from tests.torn import Disk, Note, Recording, laid_out

_AGAIN = 0.25  # of the cuts are followed by another, while the first is being recovered from


@dataclass
class Tally:
    """How many cuts were tried, and what was wrong after which of them."""

    tried: int = 0
    failures: list[str] = field(default_factory=list)

    def told(self) -> str:
        first = "\n".join(self.failures[:10])
        return (
            f"{len(self.failures)} of {self.tried} cuts were not survived; what was found after "
            f'each is kept:\n{first}\nOne alone: DOORWARD_CUT="…" '
            "python -m pytest -n0 tests/test_power_cuts.py -k alone"
        )


class Cutter:
    """One story, played and recorded in this folder, which is empty."""

    def __init__(self, name: str, folder: Path, lies: str = "") -> None:
        """`lies` as in `tests.torn.Recording`."""
        self.name, self._story, self._site = name, STORIES[name], Site(folder)
        before, self._tape = Recording(), Recording(lies)
        with tapped(self._site.data, before):
            self._story.before(self._site, before)
        self._files = _files(self._site.data)
        for step in before.steps:
            if isinstance(step, Note):
                self._tape.note(step.what, step.value)
        self._begin = len(self._tape.steps)  # all that was before is safe
        with tapped(self._site.data, self._tape):
            self._story.play(self._site, self._tape)

    def cut(self, seed: int, cuts: int, only: int | None = None) -> Tally:
        """Cut at so many places, spread over the story; or only at that one of them."""
        tally, steps = Tally(), self._tape.steps
        laid_out(self._files, self._site.data, random.Random(0))
        disk, at = Disk(self._site.data), 0
        for number in range(cuts) if only is None else [only]:
            name = f"{self.name}:{seed}:{number}/{cuts}"
            chance = random.Random(name)
            length = len(steps) - self._begin + 1
            upto = self._begin + int((number + chance.random()) / cuts * length)
            _carry_on(disk, steps[at:upto])
            at = upto
            self._once(disk, steps[:upto], chance, tally, name)
        return tally

    def _once(
        self, disk: Disk, steps: list[Any], chance: random.Random, tally: Tally, name: str
    ) -> None:
        """Cut, see what is there, and perhaps cut that, too."""
        for again in (chance.random() < _AGAIN, False):
            tally.tried += 1
            found = disk.cut(chance)
            laid_out(found, self._site.data, chance)
            disk, tape = Disk(self._site.data), Recording()
            try:
                with tapped(self._site.data, tape):
                    self._story.check(self._site, Promises.of(steps), tape)
            except Exception as error:  # noqa: BLE001 - whatever it is, it was not survived
                kept = self._site.data.with_name(f"found-{len(tally.failures)}")
                laid_out(found, kept, random.Random(0))
                tally.failures.append(f"{name}: {type(error).__name__}: {error} (from {kept})")
                return
            if not again:
                return
            meanwhile = tape.steps[: chance.randint(0, len(tape.steps))]
            steps = steps + meanwhile
            _carry_on(disk, meanwhile)


def replayed(name: str, folder: Path) -> Tally:
    """The one cut of this name, as `Tally.failures` has it."""
    story, seed, place = name.split(":")
    number, cuts = place.split("/")
    return Cutter(story, folder).cut(int(seed), int(cuts), int(number))


def _carry_on(disk: Disk, steps: Iterable[Any]) -> None:
    for step in steps:
        disk.step(step)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
