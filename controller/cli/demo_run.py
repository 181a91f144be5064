"""Playing the story in a directory of its own, and what is said at its end."""

import random
import shutil
import tempfile
from pathlib import Path

import click

from controller.cli.sandbox import Sandbox, end_on_signals
from controller.cli.sandbox_files import Places
from controller.cli.stage import Stage
from controller.cli.story import Story, beginning
from controller.clock import SystemClock
from controller.errors import DoorwardError

_TITLE = "Doorward: a story of a door that needs no network"
_ABOUT = """\
Controller, sync, a simulated Cobot and a simulated Hive run as processes of their own.
Only hardware, platforms and calendar are simulated; the rest is what runs at a door."""
_PORTS = (20_000, 32_000)  # any of them: a line that is cut must not be taken by another sandbox


def run(home: Path | None, sabotage: str | None) -> None:
    """Play it; without `home` in a temporary directory, kept if it fails. Raises DoorwardError."""
    end_on_signals()
    where = home or Path(tempfile.mkdtemp(prefix="doorward-demo-"))
    try:
        _play(where, sabotage)
    except DoorwardError as error:
        error.args = (f"{error}\n  logs:     {Places(where.absolute()).logs}/",)
        raise
    except KeyboardInterrupt:
        _forget(where, home)
        raise
    _forget(where, home)


def _play(where: Path, sabotage: str | None) -> None:
    clock = SystemClock(where, mode="always")
    begun = clock.monotonic()
    click.echo(f"{click.style(_TITLE, bold=True)}\n\n{_ABOUT}")
    offset = beginning(clock.wall()) - clock.wall()
    port = random.randrange(*_PORTS)  # noqa: S311 - it need not be a secret
    with Sandbox(where, offset=offset, port=port) as sandbox:
        stage = Stage(sandbox)
        Story(stage, sabotage).play()
    took = clock.monotonic() - begun
    click.echo(
        f"\n{stage.scenes} scenes, {stage.checks} checks, {took:.0f} seconds: "
        + click.style("every step came true.", fg="green", bold=True)
    )


def _forget(where: Path, home: Path | None) -> None:
    if home is None:
        shutil.rmtree(where, ignore_errors=True)
