"""`doorward upgrade`: another release, verified, tried beside, switched to, and rolled back."""

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.output import plain
from controller.errors import DoorwardError, ReleaseError, RolledBack

if TYPE_CHECKING:
    from controller.cli.upgrade_begin import Begun


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Change nothing; without FILE look on sticks.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Trust this public key (.pub) besides those that came with the package.",
)
@click.option("--again", is_flag=True, help="Also if this version is installed already.")
@click.option(
    "--watch",
    type=click.FloatRange(0, 3600),
    default=60.0,
    show_default=True,
    help="Seconds for which the doors are watched before it counts.",
)
@click.option(
    "--no-way-back",
    is_flag=True,
    help="Also if the databases could not be used by this release any more afterwards.",
)
@click.option("--go-on", is_flag=True, help="With one that was cut off; the next start does so.")
@click.option("--boot", is_flag=True, hidden=True)
@click.option("--migrate", type=click.Path(path_type=Path), hidden=True)
def upgrade(
    file: Path | None,
    *,
    check: bool,
    keys: tuple[Path, ...],
    again: bool,
    watch: float,
    no_way_back: bool,
    go_on: bool,
    boot: bool,
    migrate: Path | None,
) -> int:
    """Change to the release in FILE (.deb, with FILE.minisig beside it), from a stick as well.

    It is verified, tried beside the one in force on copies of the databases, and switched to. If
    the doors do not come up as they were, it is rolled back by itself. Nothing is downloaded, and
    nothing listens.
    """
    if migrate:
        return _migrate(migrate)
    _as_root()
    if go_on:
        return _go_on(boot=boot)
    from controller.cli.sticks import labelled_stick
    from controller.cli.upgrade_begin import Begun
    from controller.cli.upgrade_release import Wanted

    begun = Begun(Wanted(keys, again), watch, not no_way_back, _say)
    with labelled_stick(Path("/")):
        if file is None:
            if not check:
                raise click.UsageError("say which FILE; doorward upgrade --check looks on sticks")
            return _look(begun)
        if check:
            begun.check(file)
            return 0
        begun.begin(file)
    return _followed(begun)


def _look(begun: "Begun") -> int:
    found = begun.on_sticks()
    for each in found:
        click.echo(plain(f"{each.path}: {each.standing}"))
    if not found:
        click.echo("There is no package of Doorward on a mounted stick, or one called DOORSETUP.")
    return 0


def _followed(begun: "Begun") -> int:
    """Say what is said by the unit that does it, until its end."""
    result = begun.follow(threading.Event())
    if result["exit"] == RolledBack.exit_code:
        raise RolledBack(result["said"])
    if result["exit"]:
        raise DoorwardError(result["said"])
    return 0


def _go_on(*, boot: bool) -> int:
    from controller.cli.upgrade_begin import spawned, switch

    doing = switch(_say)
    with doing.place.alone(patient=True):
        if doing.place.state() is None:
            click.echo("No upgrade is under way.")
            return 0
        if not boot:
            return doing.go_on()
        doing.repair()
    spawned(doing.place, "--no-block")
    return 0


def _migrate(folder: Path) -> int:
    from controller.cli.upgrade_try import migrate

    click.echo(json.dumps(migrate(folder)))
    return 0


def _as_root() -> None:
    if os.geteuid() != 0:
        raise ReleaseError(
            "only root can upgrade, and nothing was looked at; type: sudo doorward upgrade …"
        )


def _say(line: str) -> None:
    click.echo(plain(line))
