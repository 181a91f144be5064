"""Telling a story whose every step is checked: what is printed, and what must have come true."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import click

from controller.cli.output import plain
from controller.cli.sandbox import Sandbox
from controller.cli.sandbox_files import ZONE
from controller.clock import OFFSET, SkewedClock, SystemClock
from controller.errors import DoorwardError, Unavailable

_WIDTH = 96
_WIDEST = 104  # of a table
_TZ = "CET-1CEST,M3.5.0,M10.5.0/3"  # Berlin's, for machines without a database of zones
_WITHIN = 20.0  # seconds in which what must come has come
_ENDS_WITHIN = 60.0  # seconds for a command
_GREEN, _RED = "green", "red"


class Untrue(DoorwardError):
    """A step of the story did not come true."""


class Stage:
    """Prints the story of one sandbox; every `holds` and `comes` is a check of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.zone = ZoneInfo(ZONE)
        run = sandbox.places.run
        self.clock = SkewedClock(SystemClock(run, mode="always"), run / OFFSET)
        self._scene = "before the first scene"
        self.scenes = self.checks = 0

    def now(self) -> float:
        """The sandbox's wall time."""
        return self.clock.wall()

    def scene(self, title: str) -> None:
        self.scenes += 1
        self._scene = f"{self.scenes}. {title}"
        day = f"{datetime.fromtimestamp(self.now(), self.zone):%A, %H:%M}"
        line = f"{self._scene}{day:>{max(2, _WIDTH - len(self._scene))}}"
        click.echo(f"\n{click.style(line, bold=True)}\n")

    def tell(self, text: str) -> None:
        """A paragraph of the story."""
        click.echo(textwrap.fill(text, _WIDTH, initial_indent="   ", subsequent_indent="   "))

    def pass_by(self, text: str) -> None:
        """What lies between two scenes."""
        click.echo()
        self.tell(text)

    def happens(self, text: str, *, good: bool = True) -> None:
        """One line of what can be seen, with its time."""
        at = f"{datetime.fromtimestamp(self.now(), self.zone):%H:%M:%S}"
        light = click.style("●", fg=_GREEN if good else _RED)
        click.echo(f"   {at}  {light} {text}")

    def doorward(self, *words: str, code: int = 0) -> str:
        """Run a real command, show it and what it says; it must end with `code`."""
        shown = "doorward " + " ".join(f'"{word}"' if " " in word else word for word in words)
        click.echo(click.style(f"   $ {shown}", fg="cyan"))
        try:
            done = self._run(words)
        except subprocess.TimeoutExpired:
            self.fail(shown, "it ends", f"it did not within {_ENDS_WITHIN:.0f} s")
        said = (done.stdout + done.stderr).rstrip()
        for line in said.splitlines():
            click.echo(_folded(plain(line)))
        if done.returncode != code:
            self.fail(shown, f"it ends with {code}", f"it ended with {done.returncode}")
        return said

    def holds(self, what: str, expected: object, seen: object) -> None:
        """This must be so."""
        self.holds_quietly(what, expected, seen)
        click.echo(f"   {click.style('✓', fg=_GREEN)} {what}")

    def holds_quietly(self, what: str, expected: object, seen: object) -> None:
        """The same for what another line tells."""
        if expected != seen:
            self.fail(what, expected, seen)
        self.checks += 1

    def comes(self, what: str, expected: object, look: Callable[[], object]) -> None:
        """This must become so within a while."""
        try:
            self.sandbox.wait_until(lambda: look() == expected, what, _WITHIN)
        except Unavailable:
            self.fail(what, expected, look())
        self.holds(what, expected, expected)

    def fail(self, what: str, expected: object, seen: object) -> NoReturn:
        """Raises `Untrue`."""
        raise Untrue(
            f"scene {self._scene!r} did not come true: {what}\n"
            f"  expected: {_shown(expected)}\n  seen:     {_shown(seen)}"
        )

    def _run(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        config = str(self.sandbox.places.config)
        return subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-P", "-m", "controller.cli", "--config", config, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_ENDS_WITHIN,
            env={**os.environ, "TZ": _TZ},
        )


def _folded(line: str) -> str:
    """A line of a command's output, indented; what is far too long goes on in a line below."""
    indent = " " * (5 + len(line) - len(line.lstrip()))
    if len(line) <= _WIDEST:
        return f"     {line}".rstrip()
    return textwrap.fill(
        line.lstrip(), _WIDEST, initial_indent=indent, subsequent_indent=f"{indent}  "
    )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
