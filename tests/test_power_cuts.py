"""The power may go at any write: what was promised holds, and the door is locked.

A cut that was not survived is named `story:seed:number/of`, and that name replays it alone:
`DOORWARD_CUT="scanning:1:17/105" python -m pytest -n0 tests/test_power_cuts.py -k alone`
(where threads share a transaction by chance, the cut may fall a step or two beside).
"""

import os
import random
from contextlib import closing
from pathlib import Path

import pytest

from controller.store import open_writer
from tests.cut_stories import STORIES
from tests.cuts import Cutter, replayed
from tests.tapped import can_tap, tapped
from tests.torn import Disk, Recording, laid_out

pytestmark = pytest.mark.skipif(not can_tap(), reason="this Python hides its SQLite")
SEED, CUTS = 1, 105  # times eight stories, and every fourth is cut twice
MADE = (("CREATE TABLE one(a)", "INSERT INTO one VALUES (1)"),)
PRAGMAS = ("PRAGMA page_size=1024", "PRAGMA auto_vacuum=INCREMENTAL")
ALONE = os.environ.get("DOORWARD_CUT", "")


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES)
def test_every_cut_is_survived(story: str, tmp_path: Path) -> None:
    tally = Cutter(story, tmp_path).cut(SEED, CUTS)
    assert tally.failures == [], tally.told()
    assert tally.tried >= CUTS


@pytest.mark.skipif(not ALONE, reason="no cut is named by DOORWARD_CUT")
def test_one_alone(tmp_path: Path) -> None:
    tally = replayed(ALONE, tmp_path)
    assert tally.failures == [], tally.told()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("story", "lies", "noticed"),
    [
        ("first day", "*", "set aside as damaged"),
        ("scanning", "journal.db", "was on the disk and is lost"),
        ("syncing", "cache.db", "is in force, not"),
        ("syncing", "inbox.db", "what was heard of"),
        ("syncing", "desk.db", "what was laid down is lost"),
        ("delivering", "cache.db", "told twice"),
        ("upgrading", "*", "was migrated to"),
    ],
)
def test_a_disk_that_does_not_sync_would_be_noticed(
    story: str, lies: str, noticed: str, tmp_path: Path
) -> None:
    """The same as a database opened with `synchronous=OFF`."""
    tally = Cutter(story, tmp_path, lies).cut(SEED, 25)
    assert any(noticed in failure for failure in tally.failures), tally.failures


def test_a_file_is_made_as_it_should_be_however_often_the_power_goes(tmp_path: Path) -> None:
    """What its first page says (its size, whether it can shrink) cannot be changed later."""
    place, tape, chance = tmp_path / "data", Recording(), random.Random(SEED)
    place.mkdir()
    with tapped(place, tape):
        open_writer(place / "some.db", MADE, pragmas=PRAGMAS).close()
    laid_out({}, place, chance)
    disk = Disk(place)
    for step in tape.steps:
        disk.step(step)
        for _ in range(12):
            laid_out(disk.cut(chance), place, chance)
            with (
                tapped(place, Recording()),
                closing(open_writer(place / "some.db", MADE, pragmas=PRAGMAS)) as db,
            ):
                found = [
                    db.execute(f"PRAGMA {what}").fetchone()[0]
                    for what in ("page_size", "auto_vacuum")
                ]
                assert found == [1024, 2], f"after {step}"
                assert db.execute("SELECT count(*) FROM one").fetchone() == (1,)
