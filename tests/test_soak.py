"""A week at high speed, with outages of hours and days: nothing grows, is lost, or is doubled."""

from pathlib import Path

import pytest

from bench.soak import soak

pytestmark = pytest.mark.slow

# A day and a half without each before the first look, and again before the second.
OUTAGES = {"cobot": ((10, 46), (60, 64), (82, 118)), "hive": ((12, 48), (84, 120))}
WARM_UP, DAYS = 3, 3


def test_a_week_leaves_no_trace_but_its_last_day(tmp_path: Path) -> None:
    with soak(tmp_path, keep=1, outages=OUTAGES) as living:
        for _ in range(WARM_UP):
            living.day()
        before = living.footprint()
        for _ in range(DAYS):
            living.day()
        after = living.footprint()
        living.settle()
    for name, size in after.files.items():
        assert size <= 1.25 * before.files[name] + 65_536, name
    assert after.objects <= 1.02 * before.objects
    # Connections kept alive come and go by one or two.
    assert after.threads <= before.threads + 2
    assert after.descriptors <= before.descriptors + 4
    assert living.entries["gym"] > 100 < living.entries["loft"]
    assert living.told["loft dismissed"], "some were too late"
