"""What commands print: tables, instants in local time with their zone, JSON.

Names and messages come from outside: what would steer a terminal is written out instead.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import IO

import click

from controller.errors import DoorwardError

_LATEST = 253_402_000_000.0  # in every zone this is still the year 9999
_PIPE_WIDTH = 10_000  # columns: nothing is folded for a program that reads
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def print_json(data: object) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_json_lines(rows: Iterable[object]) -> None:
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table as wide as it has to be; on a terminal no wider than that."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    shown, terminal = StringIO(), sys.stdout.isatty()
    console = Console(file=shown, force_terminal=terminal, width=None if terminal else _PIPE_WIDTH)
    console.print(table)
    click.echo("\n".join(line.rstrip() for line in shown.getvalue().splitlines()))


def write_csv(file: IO[str], fields: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """CSV in which no cell is a formula to a spreadsheet: members choose their own names."""
    writer = csv.DictWriter(file, fields, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})


@contextmanager
def written(name: str) -> Iterator[IO[str]]:
    """The file of that name, made anew, or standard output for `-`; `DoorwardError` if it fails."""
    try:
        if name == "-":
            yield sys.stdout
            sys.stdout.flush()
            return
        with Path(name).open("w", encoding="utf-8") as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DoorwardError(
            f"{name} cannot be written ({error.strerror}); what may stand in it is not whole"
        ) from error


def plain(text: str) -> str:
    """The same with every character that cannot be shown written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def local(at: float | None) -> str:
    """`2026-11-21 18:30:05 CET`, in this machine's zone; empty if there is no such time."""
    return "" if at is None else f"{_moment(at):%Y-%m-%d %H:%M:%S %Z}"


def iso(at: float | None, exact_to: str = "seconds") -> str | None:
    """`2026-11-21T18:30:05+01:00`: the same for programs."""
    return None if at is None else _moment(at).isoformat(timespec=exact_to)


def zone_name(at: float) -> str:
    """The name of this machine's zone at that time: `CET`."""
    return f"{_moment(at):%Z}"


def lasting(seconds: float) -> str:
    """A length of time in one or two units: `2 h 5 min`."""
    whole = round(abs(seconds))
    for place, (name, size) in enumerate(_UNITS):
        if whole >= size:
            below, part = _UNITS[min(place + 1, len(_UNITS) - 1)]
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {below}" if rest else "")
    return "0 s"


def ago(seconds: float) -> str:
    """How long something is past; ahead, if the clock was set back meanwhile."""
    return f"{lasting(seconds)} {'ago' if seconds > -1 else 'ahead'}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 person`, `2 people`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def masked_cards(last: Iterable[str]) -> list[str]:
    """Last characters, as the cache keeps them, in the way cards are shown."""
    return [f"…{each}" if each else "PIN" for each in last]


def _cell(value: object) -> object:
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(min(at, _LATEST), UTC).astimezone()
