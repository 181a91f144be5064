"""Log lines of child processes, as a person reads them."""

import json
from datetime import datetime
from typing import Any

import click

_COLOURS = {"controller": "cyan", "syncd": "magenta", "platforms": "yellow"}
_LOUD = {"warning": "yellow", "error": "red", "critical": "red"}
_KNOWN = {"timestamp", "level", "process", "event", "logger", "times", "exception"}
_WIDTH = 10


def readable(name: str, line: str) -> str:
    """`17:42:03 syncd      roster fetched  platform=harbour`; what is no log line stays whole."""
    prefix = click.style(f"{name:{_WIDTH}}", fg=_COLOURS.get(name))
    try:
        said = json.loads(line)
        at = datetime.fromisoformat(said["timestamp"]).astimezone()
        event = str(said["event"])
    except (ValueError, KeyError, TypeError):
        return f"{'':8} {prefix} {_shown(line)}"
    colour = _LOUD.get(said.get("level", ""))
    fields = " ".join(f"{k}={_value(v)}" for k, v in said.items() if k not in _KNOWN)
    said_again = f"  {click.style(fields, dim=True)}" if fields else ""
    text = f"{at:%H:%M:%S} {prefix} {click.style(_shown(event), fg=colour)}{said_again}"
    trace = said.get("exception", "")
    return "\n".join([text, *(f"{'':8} {prefix} {each}" for each in str(trace).splitlines())])


def _value(value: Any) -> str:
    if isinstance(value, str):
        shown = _shown(value)
        return repr(shown) if " " in shown else shown
    return json.dumps(value, ensure_ascii=False)


def _shown(text: str) -> str:
    """Names come from outside: what would steer the terminal is written out instead."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
