"""Tables as CSV, for spreadsheets."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import IO


def write_csv(file: IO[str], fields: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """CSV in which no cell is a formula to a spreadsheet: members choose their own names."""
    writer = csv.DictWriter(file, fields, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: object) -> object:
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    return f"'{value}" if risky else value
