"""`make rig`: a day at four doors with real ends; 0 only if every step of it came true."""

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from bench.figures import percentile
from bench.rig.day import Day
from bench.rig.site import Rig
from controller.cli.sandbox import end_on_signals
from controller.cli.stage import Stage
from controller.cli.story import beginning
from controller.clock import SystemClock
from controller.errors import DoorwardError

_TITLE = "Doorward: a day at four doors, with everything real but the metal"
_ABOUT = """\
Controller, sync and the simulated platforms run as processes. At their serial lines hang a libosdp
peripheral, a pymodbus relay board, RDM6300 frames and an LCUS board, and at GPIO mock pins."""
_PORTS = (20_000, 32_000)
_BEFORE_SEVEN = 11 * 3600.0  # the story's day begins in the afternoon, ours in the morning


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m bench.rig", description=__doc__)
    parser.add_argument("--scans", type=int, default=80, help="about so many cards are shown")
    parser.add_argument("--seed", type=int, help="play this very day again")
    parser.add_argument("--dir", type=Path, help="where; else a directory that goes if all is well")
    chosen = parser.parse_args(arguments)
    end_on_signals()
    where = (chosen.dir or Path(tempfile.mkdtemp(prefix="doorward-rig-"))).absolute()
    seed = chosen.seed if chosen.seed is not None else random.randrange(10_000)
    try:
        play(where, seed, chosen.scans)
    except DoorwardError as error:
        click.echo(f"\nrig: {error}\n  seed {seed}; logs: {where / 'logs'}/", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("\nStopped.")
        return 130
    if not chosen.dir:
        shutil.rmtree(where, ignore_errors=True)
    return 0


def play(where: Path, seed: int, scans: int) -> None:
    """Raises `DoorwardError` at the first step that does not come true."""
    clock = SystemClock(where, mode="always")
    begun = clock.monotonic()
    click.echo(f"{click.style(_TITLE, bold=True)}\n\n{_ABOUT}")
    offset = beginning(clock.wall()) - _BEFORE_SEVEN - clock.wall()
    port = random.randrange(*_PORTS)
    with Rig(where, offset=offset, port=port) as rig:
        stage = Stage(rig)
        day = Day(stage, rig, random.Random(seed), scans)
        day.play()
    spans = [span * 1000 for span in day.moved]
    click.echo(
        f"\n{day.scanned} cards, {stage.checks} checks, {clock.monotonic() - begun:.0f} seconds, "
        f"seed {seed}. From a card to its lock {percentile(spans, 0.5):.1f} ms (half of them), "
        f"{max(spans):.1f} ms at most: "
        + click.style("every step came true.", fg="green", bold=True)
    )


if __name__ == "__main__":
    sys.exit(main())
