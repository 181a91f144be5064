"""`python -m bench`: all measurements, or those named; see docs/measurements.md."""

import argparse
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

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
from bench.figures import LIMITS, RESULTS, Figures, keep, missed, verdict
from bench.machine import ROOT, measured_on
from controller.errors import DoorwardError
from controller.logs import configure

BENCHMARKS: dict[str, Callable[[Path], Figures]] = {
    "decide": decide.measure,
    "decide_during_sync": decide.measure_during_sync,
    "scan": scan.measure,
    "pull": pull.measure,
    "controller": controller.measure,
    "start": start.measure,
    "push": push.measure,
    "live": live.measure,
    "bus": bus.measure,
    "wire": wire.measure,
    "wiegand": wiegand.measure,
    "idle": idle.measure,
    "strays": strays.measure,
    "nexudus": nexudus.measure,
    "webhooks": webhooks.measure,
    "kills": kills.measure,
    "soak": soak.measure,
    "memory": memory.measure,
    "console": console.measure,
    "cuts": cuts.measure,
    "stalled": stalled.measure,
    "fuzz": fuzz.measure,
    "outage": outage.measure,
}

# As root, and long: these a full run leaves out.
BY_NAME_ONLY = {"install": field.measure_install, "image": field.measure_image}
ALL = BENCHMARKS | BY_NAME_ONLY

_FAILURES = (DoorwardError, OSError, RuntimeError, AssertionError, sqlite3.Error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep; 1 if a measurement failed or a limit was missed."""
    chosen = _chosen(arguments)
    configure("bench", "warning")
    chosen.dir.mkdir(parents=True, exist_ok=True)
    on = measured_on(chosen.dir)
    print(", ".join(f"{what} {value}" for what, value in on.items()))
    figures, failed = _measured(chosen.names or list(BENCHMARKS), chosen.dir)
    keep(chosen.results, figures, on)
    over = missed(figures)
    print(f"\n{len(figures)} figures are in {chosen.results}")
    for key in over:
        print(f"missed: {key} {figures[key]:g}, at most {LIMITS[key].told(figures)}")
    for name in failed:
        print(f"failed: {name}")
    return 1 if over or failed else 0


def _chosen(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--dir", type=Path, default=ROOT / "var", help="where databases are made")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to write")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in ALL]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(ALL)}")
    return chosen


def _measured(names: Sequence[str], directory: Path) -> tuple[Figures, list[str]]:
    """All figures, and the names of those measurements that failed."""
    figures: Figures = {}
    failed = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=directory) as work:
        for name in names:
            begin = time.perf_counter()
            measure = ALL[name]
            print(f"\n{name}: {(measure.__doc__ or '').splitlines()[0]}")
            try:
                fresh = measure(Path(work))
            except _FAILURES:
                # One that fails must not cost the figures of the others.
                traceback.print_exc()
                failed.append(name)
                continue
            figures |= fresh
            for key in fresh:
                print(verdict(key, figures))
            print(f"  took {time.perf_counter() - begin:.0f} s", flush=True)
    return figures, failed


if __name__ == "__main__":
    sys.exit(main())
