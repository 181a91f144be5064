"""`doorward config`: check the configuration, show what is in force, print an example."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from controller.config import Config, SecretRef, load
from controller.config_example import EXAMPLE
from controller.config_shown import effective
from controller.secrets import lax, read_secret


@click.group()
def config() -> None:
    """Check the configuration, show what is in force, print an example."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(context: click.Context, *, as_json: bool) -> None:
    """Read the whole configuration and name every problem; nothing is started.

    Run it as the user that the services run as: it reads their secrets too.
    """
    found = _load_all(context, read_secret)
    careless = [note for _, ref in found.secrets() if (note := lax(ref))]
    warnings = [*careless, *found.warnings()]
    if as_json or context.obj.json:
        click.echo(json.dumps({"path": str(found.path), "problems": [], "warnings": warnings}))
        return
    for note in warnings:
        click.echo(f"warning: {note}", err=True)
    doors, platforms = len(found.doors), len(found.platforms)
    click.echo(f"{found.path}: in order; doors: {doors}, platforms: {platforms}")


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(context: click.Context, *, as_json: bool) -> None:
    """Print the configuration in force, with all defaults; secrets are never shown."""
    data = effective(_load_all(context))
    as_json = as_json or context.obj.json
    click.echo(json.dumps(data, indent=2, ensure_ascii=False) if as_json else toml(data))


@config.command()
def example() -> None:
    """Print a complete, commented configuration to begin with."""
    click.echo(EXAMPLE, nl=False)


def toml(data: Mapping[str, Any]) -> str:
    """Plain data as a TOML document."""
    return "\n".join(_tables("", data)).strip()


def _load_all(context: click.Context, secret: Callable[[SecretRef], str] | None = None) -> Config:
    import hw
    import sync.platforms

    return load(context.obj.path, hw.TABLES, sync.platforms.PLATFORMS, secret)


def _tables(path: str, data: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a TOML table: its own values first, then the tables in it."""
    inner = {name: each for name, each in data.items() if _is_table(each)}
    for name, each in data.items():
        if name not in inner:
            yield f"{_key(name)} = {_value(each)}"
    for name, each in inner.items():
        where = f"{path}.{_key(name)}".lstrip(".")
        for table in each if isinstance(each, list) else [each]:
            lines = list(_tables(where, table))
            if isinstance(each, list):
                yield from ("", f"[[{where}]]")
            elif not lines or lines[0] != "":
                yield from ("", f"[{where}]")
            yield from lines


def _is_table(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, dict) for each in value)
    return isinstance(value, dict)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(each) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
