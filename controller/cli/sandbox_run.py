"""A sandbox in the foreground: what it says at its start, and the log of its processes."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from controller.cli.child_log import readable
from controller.cli.output import local, print_table
from controller.cli.sandbox import Sandbox, end_on_signals, pause
from controller.cli.sandbox_files import Places
from sync.simulator.townspeople import IDRIS, NORA, RUTH, STRANGER, TOVE

_LOOK = 0.2  # seconds between looks at the logs
_TRY = (
    ("doorward status", ""),
    (f"doorward sim scan front {NORA.card}", f"{NORA.name} comes in"),
    (f"doorward sim scan front {STRANGER.card}", "nobody's card"),
    ("doorward enroll Nora --door front", f"... which becomes {NORA.name}'s"),
    (f"doorward sim scan gym {TOVE.card}", f"{TOVE.name} trains"),
    (f"doorward explain {IDRIS.card} studio", "why, or why not"),
    ("doorward events --follow", "what happens, as it happens"),
    ("doorward sandbox check-ins", "what the platforms were told"),
    ("doorward sandbox cut", "the platforms stop answering ..."),
    (f"doorward sim scan front {IDRIS.card}", f"... {IDRIS.name} gets in, on his last pass"),
    ("doorward sim clock +1d", "... a day goes by, and he is refused"),
    (f"doorward sim scan studio {RUTH.card}", "... a keyholder gets in whatever happens"),
    ("doorward checkins", "... what waits to be told"),
    ("doorward sandbox mend", "the line is back"),
    ("doorward sync", "ask the platforms now"),
    ("doorward sandbox members", "everybody, with card numbers to try"),
)


def run(home: Path, *, keep: bool) -> None:
    """Until a signal comes. Raises `DoorwardError` if a process ends by itself."""
    end_on_signals()
    try:
        click.echo("Starting two simulated platforms, the controller and sync …")
        with Sandbox(home, keep=keep) as sandbox:
            click.echo("\n".join(_welcome(sandbox)))
            _follow(sandbox)
    except KeyboardInterrupt:
        click.echo("\nStopped: no process is left, and every lock is secured.")


def town_socket(home: Path, config: Path | None) -> Path:
    """The socket of the simulated platforms: beside the configuration if one is named."""
    from os import environ

    named = config or environ.get("DOORWARD_CONFIG")
    return Places(Path(named).parent if named else home).town.absolute()


def print_check_ins(told: list[dict[str, Any]]) -> None:
    """The platforms' own list of check-ins."""
    rows = [(local(each["at"]), each["platform"], each["name"]) for each in told]
    print_table(("told at", "platform", "name"), rows)


def print_members(people: list[dict[str, Any]]) -> None:
    """The invented members."""
    rows = [(p["platform"], p["name"], p["card"], p["about"], _left(p["passes"])) for p in people]
    print_table(("platform", "name", "card", "about", "passes left"), rows)


def _left(passes: int | None) -> str:
    return "" if passes is None else str(passes)


def _follow(sandbox: Sandbox) -> None:
    while True:
        for child in sandbox.children.running:
            for line in child.fresh_lines():
                click.echo(readable(child.name, line))
        sandbox.children.check()
        pause(_LOOK)


def _welcome(sandbox: Sandbox) -> Iterator[str]:
    places = sandbox.places
    known = {each["platform"]: each for each in sandbox.town("status")["platforms"]}
    harbour, gym = known["harbour"], known["gym"]
    yield from (
        "",
        click.style("The sandbox runs.", bold=True) + " Only hardware and platforms are simulated.",
        "",
        '  doors      front "Front door", studio "Studio", gym "Gym"',
        f"  harbour    a Cobot at {harbour['url']}, {harbour['people']} members",
        f"  gym        a Hive at {gym['url']}, {gym['people']} members",
        f"  console    {sandbox.console()}, once you typed: doorward users add ME --role admin",
        f"  all of it  in {places.home}",
        "",
        "In a second terminal:",
        "",
        f"  {_export(places)}",
        "",
    )
    width = max(len(command) for command, _ in _TRY)
    for command, what in _TRY:
        yield f"  {command:{width}}  {click.style(what, dim=True)}".rstrip()
    yield from ("", "Ctrl-C stops everything. What the processes log:", "")


def _export(places: Places) -> str:
    """What a second terminal must know."""
    config = f"DOORWARD_CONFIG={shlex.quote(str(places.config))}"
    here = Path(sys.executable).parent
    found = shutil.which("doorward")
    if found and Path(found).parent == here:
        return f"export {config}"
    return f"export {config} PATH={shlex.quote(str(here))}:$PATH"
