"""`doorward checkins`: which entries platforms were told of, and what a person decides of others."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import json_option
from controller.cli.output import counted, iso, local, plain, print_json, print_table, zone_name
from controller.cli.reach import ask_sync, cache_of, configured, journal_of, nobody_listens
from controller.errors import DoorwardError, NotRunning, StoreError

if TYPE_CHECKING:
    from controller.config import Config
    from sync.office import Office

Row = dict[str, Any]

_STATES = ("pending", "sent", "refused", "late", "unknown", "dismissed")
_MOVED_BY_HAND = {
    "push": ("late", "refused", "unknown"),
    "dismiss": ("pending", "late", "refused", "unknown"),
}
_COLUMNS = ("check-in", "time", "name", "platform", "door", "state", "message")
_FIELDS = (
    *("uuid", "time", "zone", "name", "platform", "person", "door", "state", "message"),
    *("attempts", "settled", "visit_until"),
)
_SHORTEST = 8  # characters of a uuid that stand for it, if they are enough


@click.group(invoke_without_command=True)
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these.")
@json_option
@click.pass_context
def checkins(context: click.Context, states: tuple[str, ...]) -> None:
    """List the entries that platforms are to be told of; or push, dismiss, export them."""
    if context.invoked_subcommand:
        if states:
            raise click.UsageError("--state goes with the list alone, or after export")
        return
    found = _known(configured(context))
    short = _short([row["uuid"] for row in found])
    shown = [row for row in found if row["state"] in (states or _STATES)]
    if context.obj.json:
        print_json([_as_data(row) for row in shown])
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
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=False))
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these.")
@click.pass_context
def export(context: click.Context, file: Any, states: tuple[str, ...]) -> None:
    """Write them to FILE (- is standard output) as CSV, with exact local times and their zone."""
    writer = csv.DictWriter(file, _FIELDS, lineterminator="\n")
    writer.writeheader()
    for row in _known(configured(context)):
        if row["state"] in (states or _STATES):
            writer.writerow({name: _cell(value) for name, value in _as_data(row).items()})


def _known(config: "Config") -> list[Row]:
    """Every check-in, oldest first; those too that `sync` has not taken over yet."""
    rows: list[Row] = []
    taken: dict[tuple[str, str], int] = {}
    missing: StoreError | None = None
    try:
        with cache_of(config) as cache:
            rows, taken = cache.deliveries(), cache.taken()
    except StoreError as error:
        missing = error
    try:
        with journal_of(config) as journal:
            rows += [_waiting(each) for each in journal.untaken(taken)]
    except StoreError:
        if missing:
            raise missing from None
    return sorted(rows, key=lambda row: (row["at"], row["seq"]))


def _waiting(entry: Any) -> Row:
    event = entry.event
    return {
        **{"uuid": entry.uuid, "seq": entry.seq, "at": entry.wall, "name": event.name},
        **{"platform": event.platform, "person": event.person, "door": event.door},
        **{"state": "pending", "message": "waits for syncd", "attempts": 0, "settled_at": None},
        "visit_until": event.visit_until or entry.wall,
    }


def _as_data(row: Row) -> Row:
    return {
        "uuid": row["uuid"],
        "time": iso(row["at"]),
        "zone": zone_name(row["at"]),
        "name": row["name"],
        "platform": row["platform"],
        "person": row["person"],
        "door": row["door"],
        "state": row["state"],
        "message": row["message"],
        "attempts": row["attempts"],
        "settled": iso(row["settled_at"]),
        "visit_until": iso(row["visit_until"]),
    }


def _row(row: Row, short: Callable[[str], str]) -> tuple[str, ...]:
    who = (row["name"], row["platform"], row["door"])
    return (short(row["uuid"]), local(row["at"]), *who, row["state"], row["message"])


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: members choose their own names."""
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value


def _short(uuids: Sequence[str]) -> Callable[[str], str]:
    """What stands for each of them: as few characters as tell them all apart."""
    for length in range(_SHORTEST, 36):
        if len({uuid[:length] for uuid in uuids}) == len(uuids):
            return lambda uuid: uuid[:length]
    return lambda uuid: uuid
