"""Power cuts under the whole product, a new seed each time: how many were tried, and survived.

The stories of `tests/cut_stories.py`, each cut at many more places than the tests do. A cut that
was not survived is named, so that it can be replayed alone.
"""

import logging
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from bench.figures import Figures
from tests.cut_stories import STORIES
from tests.cuts import Cutter


def measure(work: Path, *, cuts: int = 6_000, seed: int | None = None) -> Figures:
    """Power cuts under the whole product, a new seed each time: how many were survived."""
    seed = random.randrange(1_000_000) if seed is None else seed
    print(f"  seed {seed}; the floor is every cut: SQLite loses nothing that it synced")
    tried = lost = 0
    before = structlog.get_config()
    # What the product says of each of its thousand deaths is of no use here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    try:
        for story in STORIES:
            with TemporaryDirectory(dir=work, prefix="cuts-") as folder:
                tally = Cutter(story, Path(folder)).cut(seed, max(1, cuts // len(STORIES)))
            print(f"  {story:<18} {tally.tried:>6} cuts, {len(tally.failures)} not survived")
            for failure in tally.failures[:5]:
                print(f"    {failure}")
            tried, lost = tried + tally.tried, lost + len(tally.failures)
    finally:
        structlog.configure(**before)
    return {"power_cuts_tried": tried, "power_cuts_survived": tried - lost, "power_cuts_lost": lost}
