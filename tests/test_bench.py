"""The measurements run, small, and yield every figure that has a limit."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("osdp", reason="libosdp is not installed (extra doorward[osdp])")

from bench import (
    bus,
    console,
    controller,
    cuts,
    decide,
    field,
    fuzz,
    idle,
    kills,
    live,
    memory,
    nexudus,
    outage,
    pull,
    push,
    scan,
    soak,
    stalled,
    start,
    strays,
    webhooks,
    wiegand,
    wire,
)
from bench.__main__ import BENCHMARKS
from bench.crowd import card, credentials
from bench.figures import LIMITS, Figures, keep, missed, percentile, verdict

SMALL = {"people": 400, "events": 200}
ON = {"date": "2026-01-05", "commit": "abc", "python": "3.11"}
DRIVERS = ("serial", "wiegand", "modbus", "gpio", "osdp")
MEASUREMENTS: list[tuple[Callable[..., Figures], dict[str, Any], set[str]]] = [
    (
        decide.measure,
        {**SMALL, "decisions": 50},
        {"decide_p50_us", "decide_p99_us", "floor_lookup_p50_us"},
    ),
    (decide.measure_during_sync, SMALL, {"decide_during_sync_p99_us"}),
    (
        scan.measure,
        {**SMALL, "scans": 5, "warm_up": 2},
        {"scan_to_lock_p99_us", "floor_fsync_p99_us"},
    ),
    (
        pull.measure,
        {"users": 250},
        {"pull_100k_s", "pull_100k_rss_mib", "pull_unchanged_bytes_written"},
    ),
    (
        controller.measure,
        {**SMALL, "scans": 20},
        {"controller_rss_mib", "bytes_written_per_scan"},
    ),
    (start.measure, {**SMALL, "starts": 1}, {"start_to_ready_ms"}),
    (push.measure, {"check_ins": 60, "users": 20}, {"push_100k_s"}),
    (live.measure, {"people": 50, "rounds": 1, "scans": 4}, {"live_answer_overhead_ms"}),
    (
        bus.measure,
        {"readers": 2, "seconds": 1.0},
        {"osdp_poll_interval_ms", "osdp_cpu_percent_8_readers"},
    ),
    (
        wire.measure,
        {**SMALL, "scans": 2, "warm_up": 1},
        {f"wire_to_lock_{driver}_p99_ms" for driver in DRIVERS},
    ),
    (wiegand.measure, {"frames": 5}, {"wiegand_min_spacing_us", "wiegand_decoded_bits_per_s"}),
    (
        idle.measure,
        {**SMALL, "scans": 1, "seconds": 1.0},
        {
            "controller_idle_cpu_percent",
            "controller_polling_cpu_percent",
            "controller_four_doors_rss_mib",
        },
    ),
    (strays.measure, {"starts": 2 * len(strays.WAYS)}, {"stray_pulses", "starts_tried"}),
    (nexudus.measure, {"messages": 40, "known": 50}, {"nexudus_accept_p99_ms"}),
    (
        webhooks.measure,
        {"members": 20, "rounds": 1, "changes": 4},
        {"webhook_to_door_p50_ms", "webhook_to_door_p99_ms"},
    ),
    (
        kills.measure,
        {"kills": 2},
        {"kills_tried", "kills_survived", "kills_not_survived"},
    ),
    (soak.measure, {"days": 2, "warm_up": 1}, {"soak_days", "soak_rss_growth_mib"}),
    (memory.measure, {"people": 200, "changes": 2}, {"sync_rss_mib"}),
    (
        console.measure,
        {"loads": 2, "scans": 2},
        {"console_first_paint_ms", "floor_first_paint_ms"},
    ),
    (
        cuts.measure,
        {"cuts": 16, "seed": 1},
        {"power_cuts_tried", "power_cuts_survived", "power_cuts_lost"},
    ),
    (stalled.measure, {**SMALL, "scans": 3, "blocks_for": 0.7}, {"stalled_disk_scan_ms"}),
    (fuzz.measure, {"cases": 2}, {"fuzz_cases"}),
    (outage.measure, {"outage": 1.0, "people": 3}, {"recovery_after_outage_s"}),
]
# Counts and rates that say how much a figure beside them is worth.
UNLIMITED = {
    *("starts_tried", "wiegand_decoded_bits_per_s", "controller_polling_cpu_percent"),
    *("webhook_to_door_p50_ms", "power_cuts_tried", "power_cuts_survived"),
    *("kills_tried", "kills_survived", "soak_days", "fuzz_cases"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("measure", "size", "keys"), MEASUREMENTS)
def test_small(
    measure: Callable[..., Figures], size: dict[str, Any], keys: set[str], tmp_path: Path
) -> None:
    if measure is console.measure and not os.environ.get("CI") and not shutil.which("chromedriver"):
        pytest.skip("no chromium with chromedriver here")
    figures = measure(tmp_path, **size)
    assert set(figures) == keys
    assert all(verdict(key, figures) for key in keys)
    assert not figures.get("stray_pulses")
    assert not figures.get("power_cuts_lost")
    assert not figures.get("kills_not_survived")


def test_every_limit_has_a_measurement_that_a_full_run_makes() -> None:
    assert [measure for measure, _, _ in MEASUREMENTS] == list(BENCHMARKS.values())
    measured = set.union(*(keys for _, _, keys in MEASUREMENTS))
    floors = {limit.floor for limit in LIMITS.values()} - {""}
    assert measured == (set(LIMITS) - set(field.INSTALLED)) | floors | UNLIMITED


def test_no_two_cards_of_the_crowd_are_alike() -> None:
    count = credentials(5_000)
    assert count == 8_000
    assert len({card(number) for number in range(count)}) == count


def test_a_check_in_that_is_lost_doubled_or_out_of_order_is_noticed() -> None:
    push.verify([1, 2, 2], [1, 2, 2])
    with pytest.raises(RuntimeError, match="1 check-ins lost, 0 doubled"):
        push.verify([1, 2], [1, 2, 2])
    with pytest.raises(RuntimeError, match="0 check-ins lost, 1 doubled"):
        push.verify([1, 1, 2], [1, 2])
    with pytest.raises(RuntimeError, match="another order"):
        push.verify([2, 1], [1, 2])


def test_a_figure_is_judged_by_its_own_floor() -> None:
    figures = {"decide_p50_us": 80.0, "floor_lookup_p50_us": 7.0, "start_to_ready_ms": 700.0}
    assert missed(figures) == ["decide_p50_us"]
    assert "MISSED: at most 70  (10 × floor_lookup_p50_us 7)" in verdict("decide_p50_us", figures)
    assert "reached: at most 700" in verdict("start_to_ready_ms", figures)


def test_a_limit_may_lie_above_its_floor() -> None:
    figures = {"wire_to_lock_osdp_p99_ms": 56.0, "osdp_poll_interval_ms": 50.0}
    assert missed(figures) == ["wire_to_lock_osdp_p99_ms"]
    assert "at most 55  (1 × osdp_poll_interval_ms 50 + 5)" in verdict(
        "wire_to_lock_osdp_p99_ms", figures
    )


def test_a_figure_whose_floor_was_not_measured_is_not_judged() -> None:
    figures = {"wire_to_lock_osdp_p99_ms": 1e6}
    assert missed(figures) == []
    assert "limit" not in verdict("wire_to_lock_osdp_p99_ms", figures)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [30.0, 10.0, 20.0, 40.0]
    assert [percentile(values, share) for share in (0.5, 0.75, 0.99)] == [20.0, 30.0, 40.0]
    assert percentile([5.0], 0.5) == 5.0


def test_figures_of_one_program_on_one_machine_are_kept_together(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    keep(path, {"pull_100k_s": 9.0}, ON)
    keep(path, {"controller_rss_mib": 50.0}, {**ON, "date": "2026-01-06"})
    kept = json.loads(path.read_text())
    assert list(kept) == ["controller_rss_mib", "measured_on", "pull_100k_s"]
    assert kept["measured_on"]["date"] == "2026-01-06"


def test_figures_of_another_program_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    keep(path, {"pull_100k_s": 9.0}, ON)
    keep(path, {"controller_rss_mib": 50.0}, {**ON, "commit": "def"})
    assert set(json.loads(path.read_text())) == {"controller_rss_mib", "measured_on"}
