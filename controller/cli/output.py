"""What commands print: tables, JSON, CSV."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import IO

import click

from controller.csv_rows import write_csv
from controller.errors import DoorwardError
from controller.wording import (
    ago,
    counted,
    iso,
    lasting,
    local,
    masked_cards,
    plain,
    zone_name,
)

__all__ = [
    "ago",
    "counted",
    "iso",
    "lasting",
    "local",
    "masked_cards",
    "plain",
    "print_json",
    "print_json_lines",
    "print_table",
    "write_csv",
    "written",
    "zone_name",
]

_PIPE_WIDTH = 10_000  # columns: nothing is folded for a program that reads


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
