"""Plain data as a TOML document (toml.io, 1.0) that `tomllib` reads back as the same."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

_NO_COMMENTS: Mapping[str, str] = {}


def toml(
    data: Mapping[str, Any],
    comments: Mapping[str, str] = _NO_COMMENTS,
    inline: Collection[str] = (),
) -> str:
    """`comments` stand above the table or value with that dotted path.

    Tables whose own name is in `inline` are written on one line.
    """
    return "\n".join(_tables("", data, comments, inline)).strip()


def value(data: Any) -> str:
    """One value; tables on one line."""
    if isinstance(data, Mapping):
        inner = ", ".join(f"{key(name)} = {value(each)}" for name, each in data.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(data, list | tuple):
        return f"[{', '.join(map(value, data))}]"
    if isinstance(data, datetime | date | time):
        return data.isoformat()
    return json.dumps(data, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else value(name)


def _tables(
    path: str, data: Mapping[str, Any], comments: Mapping[str, str], inline: Collection[str]
) -> Iterator[str]:
    """Lines of a table: its own values first, then the tables in it."""
    inner = {name: each for name, each in data.items() if name not in inline and _is_table(each)}
    for name, each in data.items():
        if name not in inner:
            yield from _comment(comments, f"{path}.{name}")
            yield f"{key(name)} = {value(each)}"
    for name, each in inner.items():
        where, plain = f"{path}.{key(name)}".lstrip("."), f"{path}.{name}"
        for table in each if isinstance(each, list) else [each]:
            lines = list(_tables(where, table, comments, inline))
            if isinstance(each, list):
                yield from ("", *_comment(comments, plain), f"[[{where}]]")
            elif not lines or lines[0] != "":
                yield from ("", *_comment(comments, plain), f"[{where}]")
            yield from lines


def _comment(comments: Mapping[str, str], path: str) -> Iterator[str]:
    yield from (f"# {line}" for line in comments.get(path.lstrip("."), "").splitlines())


def _is_table(data: Any) -> bool:
    if isinstance(data, list):
        return bool(data) and all(isinstance(each, dict) for each in data)
    return isinstance(data, dict)
