"""Figures, what they are to reach, and the file that keeps them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most`, or at most `most` times the figure that is its `floor`, and `more` on top."""

    most: float
    floor: str = ""
    more: float = 0.0

    def value(self, figures: Mapping[str, float]) -> float:
        """The limit as a number; raises KeyError if its floor was not measured."""
        return self.more + (self.most * figures[self.floor] if self.floor else self.most)

    def told(self, figures: Mapping[str, float]) -> str:
        """The limit for a person, with its floor."""
        value = f"{self.value(figures):,g}"
        if not self.floor:
            return value
        more = f" + {self.more:g}" if self.more else ""
        return f"{value}  ({self.most:g} × {self.floor} {figures[self.floor]:,g}{more})"


LIMITS = {
    "decide_p50_us": Limit(10, "floor_lookup_p50_us"),
    "decide_p99_us": Limit(1_000),
    "decide_during_sync_p99_us": Limit(2_000),
    "scan_to_lock_p99_us": Limit(3, "floor_fsync_p99_us"),
    "pull_100k_s": Limit(60),
    "pull_100k_rss_mib": Limit(160),
    "pull_unchanged_bytes_written": Limit(16 * 1024),
    "controller_rss_mib": Limit(64),
    "start_to_ready_ms": Limit(700),
    "bytes_written_per_scan": Limit(16 * 1024),
    "push_100k_s": Limit(300),
    "live_answer_overhead_ms": Limit(20),
    "wire_to_lock_serial_p99_ms": Limit(5),
    "wire_to_lock_wiegand_p99_ms": Limit(5),
    "wire_to_lock_modbus_p99_ms": Limit(5),
    "wire_to_lock_gpio_p99_ms": Limit(5),
    "wire_to_lock_osdp_p99_ms": Limit(1, "osdp_poll_interval_ms", more=5),
    "wiegand_min_spacing_us": Limit(200),
    "osdp_poll_interval_ms": Limit(50),
    "osdp_cpu_percent_8_readers": Limit(10),
    "controller_idle_cpu_percent": Limit(1),
    "controller_four_doors_rss_mib": Limit(64),
    "stray_pulses": Limit(0),
    "nexudus_accept_p99_ms": Limit(250),
    "webhook_to_door_p99_ms": Limit(2_000),
    "sync_rss_mib": Limit(200),
    "console_first_paint_ms": Limit(1, "floor_first_paint_ms", more=100),
    "power_cuts_lost": Limit(0),
    "stalled_disk_scan_ms": Limit(150),
    "kills_not_survived": Limit(0),
    "soak_rss_growth_mib": Limit(4),
    "recovery_after_outage_s": Limit(60),
    "upgrade_downtime_ms": Limit(3_000),
}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def us(nanoseconds: float) -> float:
    """Microseconds, to a tenth."""
    return round(nanoseconds / 1000, 1)


def spread(nanoseconds: Sequence[float]) -> str:
    """How a series lies, for a person."""
    shares = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
    lies = ", ".join(f"{name} {us(percentile(nanoseconds, p)):,}" for name, p in shares)
    return f"{lies} µs of {len(nanoseconds):,}"


def verdict(key: str, figures: Mapping[str, float]) -> str:
    """A line for one figure, its limit beside it where it has one."""
    line = f"  {key:<30} {figures[key]:>12,g}"
    if not _judged(key, figures):
        return line
    word = "MISSED" if key in missed(figures) else "reached"
    return f"{line}   {word}: at most {LIMITS[key].told(figures)}"


def missed(figures: Mapping[str, float]) -> list[str]:
    """Keys of figures over their limit."""
    limited = (key for key in figures if _judged(key, figures))
    return [key for key in limited if figures[key] > LIMITS[key].value(figures)]


def _judged(key: str, figures: Mapping[str, float]) -> bool:
    """Has it a limit that is known? A floor may not have been measured this time."""
    return key in LIMITS and LIMITS[key].floor in {"", *figures}


def keep(path: Path, figures: Mapping[str, float], measured_on: Mapping[str, str]) -> None:
    """Write the figures, sorted by key.

    Those of an earlier run that this one did not measure stay only if all but the date is the same:
    figures of two programs or two machines do not belong into one file.
    """
    known = _kept(path, measured_on)
    everything = {**known, **figures, "measured_on": dict(measured_on)}
    text = json.dumps(everything, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n")


def _kept(path: Path, measured_on: Mapping[str, str]) -> dict[str, float]:
    try:
        before = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    on = before.pop("measured_on", {})
    same = {**on, "date": ""} == {**measured_on, "date": ""}
    return before if same else {}
