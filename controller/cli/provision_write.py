"""Setup files for many machines, from a table: what they share from one file, the rest by column.

Errors name line and column, never what stands there.
"""

import csv
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cli.provision_file import INLINE, NAME, checked_in, put, read
from controller.config_errors import meant
from controller.errors import ConfigError
from controller.toml_written import toml

OWN = ("hostname", "doors")  # columns that are no keys of the file
_ROOTS = ("setup", "site", "clock", "journal", "sync", "live", "http", "mail")
_MORE = ("areas", "doors", "platforms", "targets")
_HEAD = "# Copy this file to the boot partition of {name}; it is deleted once it is applied.\n\n"


@dataclass(frozen=True)
class Box:
    """One machine to be: the whole content of its setup file."""

    hostname: str
    text: str


def boxes(table: Path, like: Path) -> list[Box]:
    """Each as its machine would check it; ConfigError with every problem of every row."""
    shared = _shared(like)
    columns, rows = _rows(table)
    problems = list(_columns(columns, table))
    found: dict[str, Box] = {}
    for line, row in [] if problems else rows:
        where = f"{table.name}, line {line}"
        try:
            box = _box(shared, row)
            if box.hostname in found:
                raise ConfigError(f"hostname: {box.hostname!r} stands there twice")
            found[box.hostname] = box
        except ConfigError as error:
            problems += [f"{where}: {each}" for each in error.problems]
    if not problems and not found:
        problems.append(f"{table.name}: has no rows; write one for each machine")
    if problems:
        raise ConfigError(problems)
    return list(found.values())


def write_boxes(made: Sequence[Box], out: Path) -> list[Path]:
    """For their owner's eyes alone. ConfigError, and nothing is written, if one is there."""
    paths = [out / box.hostname / NAME for box in made]
    if there := [path for path in paths if path.exists()]:
        raise ConfigError([f"{path}: is there already; delete it first" for path in there])
    for box, path in zip(made, paths, strict=True):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        put(path, _HEAD.format(name=box.hostname) + box.text, 0o600)
    return paths


def _shared(like: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(like.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{like}: is not valid TOML: {error}") from None


def _rows(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Columns, and each row with its line; semicolons are taken for commas where there are none."""
    try:
        text = table.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{table}: is not UTF-8 text; save it as CSV UTF-8") from None
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, restkey="", restval="")
    columns = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    rows = []
    for row in reader:
        if row.pop("", None):
            raise ConfigError(
                f"{table.name}, line {reader.line_num}: has more cells than there are columns; "
                "put cells with commas in quotes"
            )
        cells = {name: cell.strip() for name, cell in row.items()}
        if any(cells.values()):
            rows.append((reader.line_num, cells))
    return columns, rows


def _columns(columns: Sequence[str], table: Path) -> Iterator[str]:
    if "hostname" not in columns:
        yield f"{table.name}: there is no column hostname; add one"
    for name in columns:
        if columns.count(name) > 1:
            yield f"{table.name}: there are two columns {name!r}; leave one"
        root, dot, _ = name.partition(".")
        if name not in OWN and not (dot and root in (*_ROOTS, *_MORE)):
            known = (*OWN, "setup.secrets.<name>", "setup.wifi.password", "doors.<door>.name")
            yield f"{table.name}: column {name!r} is no key of a setup file{meant(name, known)}"


def _box(shared: dict[str, Any], row: dict[str, str]) -> Box:
    data = deepcopy(shared)
    hostname = row["hostname"]
    data.setdefault("setup", {})["hostname"] = hostname
    problems = list(_keep_doors(data, row.get("doors", "").split()))
    for name, cell in row.items():
        if name not in OWN and cell:
            problems += _set(data, name, cell)
    if problems:
        raise ConfigError(problems)
    text = toml(data, inline=INLINE) + "\n"
    with tempfile.TemporaryDirectory(prefix="doorward-") as folder:
        staged = Path(folder)
        put(staged / NAME, text, 0o600)
        checked_in(staged, staged, read(staged / NAME))
    return Box(hostname, text)


def _keep_doors(data: dict[str, Any], wanted: Sequence[str]) -> Iterator[str]:
    """Drop the other doors, and what platforms say of them."""
    doors = data.get("doors", {})
    yield from (
        f"doors: there is no {each!r}{meant(each, doors)}" for each in wanted if each not in doors
    )
    if not wanted:
        return
    data["doors"] = {name: each for name, each in doors.items() if name in wanted}
    for platform in data.get("platforms", {}).values():
        if isinstance(platform, dict) and isinstance(platform.get("doors"), dict):
            kept = {name: each for name, each in platform["doors"].items() if name in wanted}
            platform["doors"] = kept


def _set(data: dict[str, Any], name: str, cell: str) -> Iterator[str]:
    """Put a cell where its column says; as text, unless something else stands there."""
    *path, last = name.split(".")
    place = data
    for part in path:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            yield f"{name}: {part} is no table in what they share"
            return
    if isinstance(place.get(last, ""), str):
        place[last] = cell
        return
    try:
        place[last] = tomllib.loads(f"value = {cell}")["value"]
    except tomllib.TOMLDecodeError:
        yield f'{name}: must be written as in the file, such as 5, true or ["plan:*"]'
