"""`doorward osdp`: keys of OSDP readers, given by hand."""

import click

from controller.cli.inputs import Length
from controller.cli.reach import configured


@click.group()
def osdp() -> None:
    """OSDP readers: give them their keys."""


@osdp.command()
@click.argument("part", metavar="DOOR/READER")
@click.option("--again", is_flag=True, help="It has a key already: make a new one.")
@click.option(
    "--within", type=Length(), default="60s", show_default=True, help="Give up after so long."
)
@click.pass_context
def pair(context: click.Context, part: str, again: bool, within: float) -> None:  # noqa: FBT001
    """Give an OSDP device its key, and keep it in the file that the configuration names.

    DOOR/READER is any part with an OSDP driver, e.g. front/main or front/lock; all parts of one
    device share its key. The controller must be stopped, and the device in install mode (new, or
    reset as its manual says) unless it has the key in the file. Do it where nobody can get at the
    wires. A key is never overwritten without --again.

    Exit code 0: the device has proven that it has the key. 3: the configuration or the key file
    stands in the way. 4: the device or its line does.
    """
    from controller.cli.osdp_pair import paired, place_of

    config = configured(context)
    place = place_of(config, part)
    for line in paired(config, part, place, again=again, seconds=within):
        click.echo(line)
