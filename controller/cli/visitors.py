"""`doorward visitors`: who is coming, and whether they were mailed."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from controller.cli.inputs import json_option
from controller.cli.output import print_json, print_table
from controller.cli.reach import asked_of_sync

_COLUMNS = ("name", "room", "from", "to", "doors", "mail")


@click.command()
@click.option("--pins", is_flag=True, help="The PIN of each, too; the journal notes who looked.")
@json_option
@click.pass_context
def visitors(context: click.Context, *, pins: bool) -> None:
    """List visitors with a booking that is not over, and what became of the mail to each.

    Times are those on the wall of the space.
    """
    found = asked_of_sync(context, "visitors", pins=pins)["visitors"]
    if context.obj.json:
        print_json([_as_data(each) for each in found])
    elif found:
        columns = ("pin", *_COLUMNS) if pins else _COLUMNS
        print_table(columns, [row for each in found for row in _rows(each)])
    else:
        click.echo("no visitor is coming")


def _rows(visitor: dict[str, Any]) -> list[tuple[str, ...]]:
    """One for each room."""
    doors, pin = ", ".join(visitor["doors"]), visitor.get("pin")
    rows: list[tuple[str, ...]] = []
    for room in visitor["rooms"]:
        times = _there(room["start"], visitor["zone"]), _there(room["end"], visitor["zone"])
        row = (visitor["name"], room["room"], *times, doors, visitor["mail"])
        rows.append(row if pin is None else (pin, *row))
    return rows


def _as_data(visitor: dict[str, Any]) -> dict[str, Any]:
    times = ("start", "end", "since", "until")
    rooms = [
        {**room, **{name: _at(room[name], visitor["zone"]).isoformat() for name in times}}
        for room in visitor["rooms"]
    ]
    return {**visitor, "rooms": rooms}


def _there(at: float, zone: str) -> str:
    return f"{_at(at, zone):%Y-%m-%d %H:%M %Z}"


def _at(at: float, zone: str) -> datetime:
    return datetime.fromtimestamp(at, ZoneInfo(zone))
