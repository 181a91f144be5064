"""`doorward provision`: machines set up from a file, many from a table, and images of one."""

from collections.abc import Sequence
from pathlib import Path

import click

from controller.cli.output import counted, plain
from controller.cli.programs import call, systemd_runs
from controller.cli.sticks import labelled_stick
from controller.errors import ConfigError

_root = click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("/"),
    help="A system below this folder, such as an image; nothing is run then.",
)


@click.group()
def provision() -> None:
    """Set machines up from a file: one at its first start, or many from a table."""


@provision.command("apply")
@click.option(
    "--from",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Look for doorward-setup.toml there alone.",
)
@_root
def apply_(folders: tuple[Path, ...], root: Path) -> None:
    """Apply doorward-setup.toml from the boot partition or a stick, once; then wipe its secrets.

    All of it or nothing: what is wrong is written beside it, in doorward-setup-errors.txt. A stick
    counts only while there is no configuration, unless it is named by --from.
    """
    from controller.cli.hw_screen import machine_clock
    from controller.cli.provision_apply import apply, found_files, refuse_several
    from controller.cli.provision_file import NAME

    with labelled_stick(root):
        found = (
            [folder / NAME for folder in folders if (folder / NAME).is_file()]
            if folders
            else found_files(root)
        )
        if len(found) > 1:
            refuse_several(found)
        if not found:
            where = ", ".join(map(str, folders)) or "on the boot partition or a stick that counts"
            click.echo(f"There is no {NAME} {where}: nothing is done.")
            return
        applied = apply(found[0], root, machine_clock().wall())
    for line in applied.said:
        click.echo(plain(line))
    _run(applied.then, root)


@provision.command()
@_root
def hostname(root: Path) -> None:
    """Name this machine by its serial number, unless it has a name: doorward-<serial number>."""
    from controller.cli.provision_machine import named
    from controller.cli.provision_serial import name_by_serial

    there = root / "etc/hostname"
    if there.exists() and there.read_text().strip():
        click.echo(plain(f"it is called {there.read_text().strip()} already"))
        return
    step = named(name_by_serial(root), root)
    click.echo(plain(step.said))
    _run(step.then, root)


@provision.command()
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--like",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="A setup file with what all of them share.",
)
def write(table: Path, out: Path, like: Path) -> None:
    """Write a setup file for every row of TABLE (CSV) to OUT/<hostname>/; secrets are not shown.

    Columns: hostname; doors, which of the doors of --like that machine has, with blanks between
    (empty: all); any other is a key of the file, such as setup.secrets.cobot-token,
    setup.wifi.password or doors.front.name, and an empty cell leaves what --like says.
    """
    from controller.cli.provision_write import boxes, write_boxes

    written = write_boxes(boxes(table, like), out)
    for path in written:
        click.echo(plain(str(path)))
    click.echo(f"{counted(len(written), 'file')} with secrets in clear text: delete them when done")


@provision.command("prepare-image")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_root
def prepare_image(root: Path, *, yes: bool) -> None:
    """Delete what no two machines may share, before this one's card is copied.

    The device key and with it the roster, the journal, the machine's id and SSH keys. Stop the
    services first; switch off afterwards, and copy the card.
    """
    from controller.cli.provision_image import forget, found_in, running

    if why := running(root):
        raise ConfigError(why)
    found = found_in(root)
    for path in found:
        click.echo(plain(str(path)))
    if not found:
        click.echo("There is nothing to delete.")
        return
    if not yes:
        click.confirm("Delete these for good, the journal included?", abort=True)
    forget(found)
    click.echo("Deleted. Switch off now, and copy the card; each copy makes its own at its start.")


def _run(commands: Sequence[tuple[str, ...]], root: Path) -> None:
    """What makes it felt at once. A failure is told and ends nothing: the next start does it."""
    here = root == Path("/") and systemd_runs()
    for command in commands:
        line = " ".join(command)
        if not here:
            click.echo(f"not done here: {line}")
        elif why := call(command):
            click.echo(plain(f"{line}: {why}; start the machine again"), err=True)
