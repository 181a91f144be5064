"""Lists of people as they are written in a CSV or JSON file, with the place of each field.

No message repeats what stands in a field: it may be a card number in the wrong column.
"""

import csv
import io
import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from controller.errors import ConfigError

COLUMNS = ("id", "name", "card", "pin", "labels", "from", "until", "hours", "blocked")
SEVERAL = frozenset({"card", "labels", "hours"})  # separated by semicolons, in JSON also a list
REQUIRED = ("id", "name")
LARGEST = 64 * 1024 * 1024  # bytes
MOST_PROBLEMS = 100
NOBODY = "nobody is in it; a list without people is never taken over"

Texts = dict[str, tuple[str, ...]]  # column → what stands there, stripped, nothing empty


@dataclass(frozen=True, slots=True)
class Record:
    """One person as written. `where` is `staff.csv line 3, column ` and lacks but the column."""

    where: str
    texts: Texts

    def one(self, column: str) -> str:
        return next(iter(self.texts.get(column, ())), "")

    def several(self, column: str) -> tuple[str, ...]:
        return self.texts.get(column, ())


@dataclass(slots=True)
class Problems:
    """Everything wrong with one file, to be told at once."""

    found: list[str] = field(default_factory=list)

    def add(self, place: str, why: str) -> None:
        self.found.append(f"{place}: {why}")

    def has(self, place: str) -> bool:
        return any(problem.startswith(f"{place}: ") for problem in self.found)

    def check(self) -> None:
        """Raise ConfigError if anything was found."""
        more = len(self.found) - MOST_PROBLEMS
        rest = [f"… and {more} more"] if more > 0 else []
        if self.found:
            raise ConfigError(self.found[:MOST_PROBLEMS] + rest)


def read_records(path: Path, problems: Problems) -> Iterator[Record]:
    """The records of a file that can be understood: JSON if it is named `.json`, else CSV.

    The rest becomes problems; ConfigError if the file as a whole cannot be read.
    """
    text = _text(path)
    read = _json_records if path.suffix.lower() == ".json" else _csv_records
    return read(path, text, problems)


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: is no file; name the list itself")
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: is larger than {LARGEST >> 20} MiB; is it the right file?")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; write it, or correct `path`") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path} line {line}: is not UTF-8; save the file as UTF-8") from None
    if not text.strip():
        raise ConfigError(f"{path}: {NOBODY}")
    return text


def _csv_records(path: Path, text: str, problems: Problems) -> Iterator[Record]:
    rows = _rows(path, text, problems)
    line, header = next(rows, (1, []))
    columns = [name.strip().lower() for name in header]
    if not _header_is_good(f"{path} line {line}", columns, problems):
        return
    for line, row in rows:
        place = f"{path} line {line}"
        if len(row) != len(columns):
            problems.add(place, f"has {len(row)} fields where the header has {len(columns)}")
            continue
        where = f"{place}, column "
        cells = dict(zip(columns, row, strict=True))
        yield Record(where, {c: _texts(where + c, c, cells[c], problems) for c in columns})


def _rows(path: Path, text: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line on which it begins."""
    first = next(line for line in text.splitlines() if line.strip())
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(
                f"{path} line {line}", f"is no CSV ({error}); look at the quotes from here"
            )
            return
        if any(cell.strip() for cell in row):
            yield line, row


def _header_is_good(place: str, columns: list[str], problems: Problems) -> bool:
    if not set(columns) & set(COLUMNS):
        problems.add(place, f"must name the columns, e.g. {','.join(COLUMNS)}")
        return False
    before = len(problems.found)
    for number, name in enumerate(columns, 1):
        if name not in COLUMNS:
            problems.add(f"{place}, column {number}", _unknown(name))
        elif name in columns[: number - 1]:
            problems.add(f"{place}, column {number}", f"{name!r} is there twice")
    for name in REQUIRED:
        if name not in columns:
            problems.add(place, f"there is no column {name!r}")
    return len(problems.found) == before


def _unknown(name: str) -> str:
    shown = f" {name!r}" if re.fullmatch(r"[a-z _-]{1,20}", name) else ""
    near = get_close_matches(name, COLUMNS, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COLUMNS)}"
    return f"the name{shown} is not known; {hint}"


def _json_records(path: Path, text: str, problems: Problems) -> Iterator[Record]:
    for number, (line, raw) in enumerate(_objects(path, text, problems), 1):
        place = f"{path} record {number} (line {line})"
        if isinstance(raw, _Pairs):
            yield Record(f"{place}, key ", _json_texts(f"{place}, key ", raw, problems))
        else:
            problems.add(place, 'must be an object, e.g. {"id": "1", "name": "Ada", "card": "…"}')


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it is written, with keys that stand there twice."""


def _objects(path: Path, text: str, problems: Problems) -> Iterator[tuple[int, Any]]:
    """The elements of the list in `text`, each with the line on which it begins."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{path} line {error.lineno} column {error.colno}"
        problems.add(place, f"is no JSON: {error.msg}")
        return
    except (ValueError, RecursionError):
        problems.add(str(path), "holds a number or a depth of brackets that nobody writes")
        return
    if not isinstance(whole, list):
        problems.add(f"{path} line 1", "must be a list of objects: [ … ]")
        return
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    at, line, counted = text.index("[") + 1, 1, 0
    for _ in whole:
        at = _skip(text, at)
        line += text.count("\n", counted, at)
        counted = at
        raw, at = decoder.raw_decode(text, at)
        yield line, raw


def _skip(text: str, at: int) -> int:
    """Past blanks and the comma between two elements."""
    while text[at] in " \t\r\n,":
        at += 1
    return at


def _json_texts(where: str, raw: _Pairs, problems: Problems) -> Texts:
    texts: Texts = {}
    for key, value in raw:
        name = key.strip().lower()
        if name not in COLUMNS:
            problems.add(where.removesuffix(", key "), _unknown(name))
        elif name in texts:
            problems.add(where + name, "is there twice")
        else:
            texts[name] = _json_value(where + name, name, value, problems)
    return texts


def _json_value(place: str, name: str, value: object, problems: Problems) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case bool() if name == "blocked":
            return ("yes" if value else "no",)
        case int() if name == "id" and not isinstance(value, bool):
            return (str(value),)
        case str():
            return _texts(place, name, value, problems)
        case list() if name in SEVERAL and all(isinstance(each, str) for each in value):
            return tuple(t for each in value for t in _texts(place, name, each, problems))
        case int() | float() if name in {"card", "pin"}:
            problems.add(place, "must be in quotes: as a number it would lose its leading zeros")
        case _:
            kind = "text or a list of texts" if name in SEVERAL else "text"
            problems.add(place, f"must be {kind}")
    return ()


def _texts(place: str, name: str, cell: str, problems: Problems) -> tuple[str, ...]:
    if not _clean(cell):
        problems.add(place, "holds a character that cannot be shown; type it anew")
        return ()
    parts = cell.split(";") if name in SEVERAL else [cell]
    return tuple(text for part in parts if (text := " ".join(part.split())))


def _clean(text: str) -> bool:
    return not re.search("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]", text)
