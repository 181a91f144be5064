"""Small things that the commands of `doorward hw` share."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.hw_ears import Ears, Hands
from controller.cli.output import plain

if TYPE_CHECKING:
    from controller.ports import Clock

_NOWHERE = Path(os.devnull)


def print_part(title: str, lines: Iterable[str]) -> None:
    """A title and its lines; nothing if there are none."""
    found = list(lines)
    if found:
        click.echo(f"\n{title}")
        for line in found:
            click.echo(f"  {plain(line)}")


def say_how(context: click.Context, hands: dict[str, Hands]) -> None:
    if not context.obj.json:
        click.echo(f"Reached {next(iter(hands.values())).how}. Ctrl-C ends it.", err=True)


def ears_of(clock: "Clock") -> Ears:
    return Ears(clock.monotonic)


def machine_clock() -> "Clock":
    """For where no configuration says by which clock to go."""
    from controller.clock import SystemClock

    return SystemClock(_NOWHERE)
