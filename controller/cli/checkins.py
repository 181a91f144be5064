"""`doorward checkins`: which entries platforms were told of, and what a person says of others."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from controller.check_ins import FIELDS, MOVED_BY_HAND, STATES, Row, as_data, known
from controller.cli.inputs import json_option
from controller.cli.output import counted, local, print_json, print_table, write_csv, written
from controller.cli.reach import asked_of_sync, configured
from controller.errors import DoorwardError

if TYPE_CHECKING:
    from sync.office import Office

_COLUMNS = ("check-in", "time", "name", "platform", "door", "state", "message")
_AT_ONCE = 200  # check-ins in one request: each is put on the disk for itself
_SHORTEST = 8  # characters of a uuid that stand for it, if they are enough


@click.group(invoke_without_command=True)
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these.")
@json_option
@click.pass_context
def checkins(context: click.Context, states: tuple[str, ...]) -> None:
    """List the entries that platforms are to be told of; or push, dismiss, export them."""
    if context.invoked_subcommand:
        if states:
            raise click.UsageError("--state goes with the list alone, or after export")
        return
    found = known(configured(context))
    short = _short([row["uuid"] for row in found])
    shown = [row for row in found if row["state"] in (states or STATES)]
    if context.obj.json:
        print_json([as_data(row) for row in shown])
    elif shown:
        print_table(_COLUMNS, [_row(row, short) for row in shown])
    else:
        click.echo("there is no such check-in" if states else "there is no check-in yet")


@checkins.command()
@click.argument("uuids", nargs=-1, metavar="[CHECK-IN]...")
@click.option("--all-late", is_flag=True, help="All that are late.")
@json_option
@click.pass_context
def push(context: click.Context, uuids: tuple[str, ...], *, all_late: bool) -> None:
    """Tell the platform of these all the same, with the time at which it is told."""
    _move(context, "push", uuids, all_late=all_late)


@checkins.command()
@click.argument("uuids", nargs=-1, metavar="[CHECK-IN]...")
@click.option("--all-late", is_flag=True, help="All that are late.")
@json_option
@click.pass_context
def dismiss(context: click.Context, uuids: tuple[str, ...], *, all_late: bool) -> None:
    """Never tell the platform of these."""
    _move(context, "dismiss", uuids, all_late=all_late)


@checkins.command()
@click.argument("file")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these.")
@click.pass_context
def export(context: click.Context, file: str, states: tuple[str, ...]) -> None:
    """Write them to FILE (- is standard output) as CSV, with exact local times and their zone."""
    rows = [row for row in known(configured(context)) if row["state"] in (states or STATES)]
    with written(file) as out:
        write_csv(out, FIELDS, map(as_data, rows))


def _move(context: click.Context, what: str, uuids: tuple[str, ...], *, all_late: bool) -> None:
    """Push or dismiss, through `syncd` if it runs, and show where they stand then."""
    if bool(uuids) == all_late:
        raise click.UsageError("name the check-ins, as the list shows them, or say --all-late")
    config = configured(context)
    rows = known(config)
    late = [row["uuid"] for row in rows if row["state"] == "late"]
    chosen = late if all_late else [_chosen(rows, each, what)["uuid"] for each in uuids]
    moved = [uuid for some in _portions(chosen) for uuid in _moved(context, what, some)]
    now = [row for row in known(config) if row["uuid"] in moved]
    if context.obj.json:
        print_json([as_data(row) for row in now])
    elif now:
        print_table(_COLUMNS, [_row(row, _short([row["uuid"] for row in rows])) for row in now])
    else:
        click.echo("no check-in is late", err=True)
    if left := len(chosen) - len(moved):
        had = counted(left, "check-in has", "check-ins have")
        raise DoorwardError(f"{had} moved on meanwhile, or syncd has not taken it over yet")


def _chosen(rows: list[Row], typed: str, what: str) -> Row:
    """The check-in that the typed characters stand for, if this can be done to it."""
    if len(typed) < _SHORTEST:
        raise click.UsageError(f"{typed!r} is too short; type at least {_SHORTEST} characters")
    found = [row for row in rows if row["uuid"].startswith(typed.lower())]
    if not found:
        raise click.UsageError(f"no check-in begins with {typed!r}; doorward checkins lists them")
    if len(found) > 1:
        raise click.UsageError(f"{len(found)} check-ins begin with {typed!r}; type more of it")
    states = MOVED_BY_HAND[what]
    if found[0]["state"] not in states:
        raise click.UsageError(
            f"{typed} is {found[0]['state']}; {what} takes what is {', '.join(states)}"
        )
    return found[0]


def _portions(uuids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(uuids), _AT_ONCE):
        yield uuids[start : start + _AT_ONCE]


def _moved(context: click.Context, what: str, uuids: list[str]) -> list[str]:
    """Do it; returns those to which it was done."""
    then = _deliver if what == "push" else _note
    found: list[str] = asked_of_sync(context, what, then, uuids=uuids)["found"]
    return found


def _deliver(office: "Office") -> None:
    for platform in office.lines:
        while office.deliver(platform):
            office.note_settled()
    office.note_settled()


def _note(office: "Office") -> None:
    office.note_settled()


def _row(row: Row, short: Callable[[str], str]) -> tuple[str, ...]:
    who = (row["name"], row["platform"], row["door"])
    return (short(row["uuid"]), local(row["at"]), *who, row["state"], row["message"])


def _short(uuids: Sequence[str]) -> Callable[[str], str]:
    """What stands for each of them: as few characters as tell them all apart."""
    for length in range(_SHORTEST, 36):
        if len({uuid[:length] for uuid in uuids}) == len(uuids):
            return lambda uuid: uuid[:length]
    return lambda uuid: uuid
