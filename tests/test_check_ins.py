"""Check-ins read a part at a time: none is missed, none comes twice."""

import sqlite3
from contextlib import closing
from pathlib import Path

from controller.cache import Cache
from controller.check_ins import each_known
from tests.receptions import ADA, reception

MANY = 2345  # more than two parts


def test_a_long_list_is_read_in_parts_and_whole(tmp_path: Path) -> None:
    with reception(tmp_path) as site:
        rows = [
            (f"{n:036}", n, "chain", "loft", "m-1", f"Guest {n}", "front", 1000 + n // 1000)
            for n in range(MANY)
        ]
        with closing(sqlite3.connect(site.config.data / "cache.db")) as db, db:
            db.executemany(
                "INSERT INTO delivery VALUES (?,?,?,?,?,?,?,?,0,'sent',0,1,'',NULL,1,0)", rows
            )
        site.scan("front", ADA)
        found = [row["name"] for row in each_known(site.config)]
        assert found == [*(f"Guest {n}" for n in range(MANY)), "Ada Quill"]
        assert len(list(each_known(site.config, ("sent",)))) == MANY
        assert list(each_known(site.config, ("late",))) == []
        with closing(Cache(site.config.data / "cache.db")) as cache:
            newest = cache.deliveries(("sent",), limit=2, newest=True)
        assert [row["name"] for row in newest] == [f"Guest {MANY - 1}", f"Guest {MANY - 2}"]
