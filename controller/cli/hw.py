"""`doorward hw`: what is plugged in, what it tells, whether a door works, what to write down."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.inputs import Length, complete_doors, json_option
from controller.cli.output import plain, print_json
from controller.cli.reach import configured, known_door
from controller.errors import ConfigError

if TYPE_CHECKING:
    from controller.config import Config
    from hw.serial_tap import Framing

_baud = click.option("--baud", default=9600, show_default=True, help="Speed of --port.")
_framing = click.option(
    "--framing",
    type=click.Choice(("auto", "lines", "stx")),
    default="auto",
    help="How the bytes of --port are cut; else it is found out.",
)


@click.group()
def hw() -> None:
    """Find out about devices: what is plugged in, what they tell, whether a door works."""


@hw.command("list")
@json_option
@click.pass_context
def list_(context: click.Context) -> None:
    """Show what is plugged in, its lasting name, which driver fits, and what is missing."""
    from controller.cli.hw_list import COLUMNS, inventory
    from controller.cli.hw_screen import print_part
    from controller.cli.output import print_table
    from hw.present import present

    config = _config_if_any(context)
    found = inventory(present(), config)
    if context.obj.json:
        print_json(found.as_data())
        return
    if rows := list(found.rows()):
        print_table(COLUMNS, rows)
    else:
        click.echo("Nothing is plugged in that a driver could use.")
    print_part("To know:", found.advice())
    print_part("Configured, but not there:", map(str, found.missing))


@hw.command()
@click.argument("door", required=False, shell_complete=complete_doors)
@click.option("--for", "seconds", type=Length(), help="How long, e.g. 60s; else until Ctrl-C.")
@click.option("--port", help="A serial port that no door uses: show its raw bytes.")
@_baud
@_framing
@json_option
@click.pass_context
def watch(
    context: click.Context,
    door: str | None,
    seconds: float | None,
    port: str | None,
    baud: int,
    framing: "Framing",
) -> None:
    """Show live what the devices of DOOR, or of all doors, tell: card numbers whole, PINs never.

    --port shows every byte as it is: type no real PIN there.
    """
    from controller.cli.hw_watch import watch_doors, watch_port

    if port and door:
        raise click.UsageError("--port is for a line that no door uses; leave DOOR out")
    try:
        if port:
            watch_port(context, port, baud, framing, seconds)
        else:
            watch_doors(context, door, seconds)
    except KeyboardInterrupt:
        context.exit(130)


@hw.command()
@click.argument("door", shell_complete=complete_doors)
@click.option("--yes", is_flag=True, help="Unlock the door and ask nothing.")
@click.option(
    "--protocol", "path", type=click.Path(path_type=Path, dir_okay=False), help="Keep it there."
)
@click.option(
    "--wait", type=Length(), default="30s", show_default=True, help="For each thing to be done."
)
@click.pass_context
def test(context: click.Context, door: str, yes: bool, path: Path | None, wait: float) -> None:  # noqa: FBT001
    """Try every device of DOOR, with your help; ends with a protocol to keep."""
    from controller.cli.hw_person import checked_file
    from controller.cli.hw_protocol import tested

    config = configured(context)
    known_door(config, door)
    checked_file(path)
    lines, code = tested(context, config, door, yes=yes, patience=wait)
    click.echo("")
    for line in lines:
        click.echo(plain(line))
    if path is not None:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        click.echo(f"\nKept in {path}", err=True)
    context.exit(code)


@hw.command()
@click.argument("door", required=False, shell_complete=complete_doors)
@click.option("--printed", help="The number on the card; else it is asked for.")
@click.option("--port", help="A serial port that no door uses: learn its reader.")
@_baud
@click.option(
    "--wait", type=Length(), default="60s", show_default=True, help="For each thing to be done."
)
@click.pass_context
def learn(
    context: click.Context,
    door: str | None,
    printed: str | None,
    port: str | None,
    baud: int,
    wait: float,
) -> None:
    """Name format and polarity from one scan and one opening, as lines to copy."""
    from controller.cli.hw_lessons import learn_door, learn_port
    from controller.cli.hw_screen import print_part

    if port and door:
        raise click.UsageError("--port is for a line that no door uses; leave DOOR out")
    lines: list[str] = []
    try:
        if port:
            learn_port(port, baud, printed, wait, lines)
        else:
            learn_door(context, door, printed, wait, lines)
    except KeyboardInterrupt:
        context.exit(130)
    finally:
        print_part("To copy into the configuration:", lines)


def _config_if_any(context: click.Context) -> "Config | None":
    """The configuration; without one there is still a lot to be seen."""
    try:
        return configured(context)
    except ConfigError as error:
        click.echo(f"doorward: {error}\nSo nothing is known of what is in use.", err=True)
        return None
