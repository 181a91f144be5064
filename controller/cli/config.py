"""`doorward config`: check the configuration, show what is in force, print an example."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from controller.config import PARTS, Config, Door, SecretRef, Strict, load
from controller.config_example import EXAMPLE
from controller.errors import ConfigError
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
    from controller.cli.pins import problem

    found = _load_all(context, read_secret)
    if why := problem(found):
        raise ConfigError(f"{found.path}: site.pin_digits: {why}")
    _try_templates(found)
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


def effective(found: Config) -> dict[str, Any]:
    """Everything in force as plain data, laid out as in the file."""
    return {
        "site": _plain(found.site),
        "clock": _plain(found.clock),
        "journal": _plain(found.journal),
        "sync": _plain(found.sync),
        "live": _plain(found.live),
        "http": _plain(found.http),
        **({"mail": _plain(found.mail)} if found.mail else {}),
        **({"alerts": _plain(found.alerts)} if found.alerts else {}),
        "staleness": [_plain(each) for each in found.staleness],
        "areas": {name: _plain(area) for name, area in found.areas.items()},
        "journeys": [_plain(each) for each in found.journeys],
        "doors": {name: _door(door) for name, door in found.doors.items()},
        "platforms": {name: _plain(stanza.settings) for name, stanza in found.platforms.items()},
        "targets": {name: _plain(target) for name, target in found.targets.items()},
    }


def toml(data: Mapping[str, Any]) -> str:
    """Plain data as a TOML document."""
    return "\n".join(_tables("", data)).strip()


def _load_all(context: click.Context, secret: Callable[[SecretRef], str] | None = None) -> Config:
    import hw
    import sync.platforms

    return load(context.obj.path, hw.TABLES, sync.platforms.PLATFORMS, secret)


def _try_templates(found: Config) -> None:
    """Fill in the templates of [mail]; ConfigError."""
    if found.mail:
        from sync.mail_text import Texts

        try:
            Texts(found.mail, found.site.name)
        except ConfigError as error:
            raise ConfigError(f"{found.path}: {error}") from None


def _door(door: Door) -> dict[str, Any]:
    parts = {name: stanza for name in PARTS if (stanza := getattr(door, name))}
    readers = {
        name: _plain(reader.settings) | {"card": _plain(reader.card), "side": reader.side}
        for name, reader in door.readers.items()
    }
    own = _masked(door.model_dump(mode="json", exclude={*PARTS, "readers"}))
    devices = {name: _plain(stanza.settings) for name, stanza in parts.items()}
    return {**own, **devices, "readers": readers}


def _plain(settings: Strict) -> Any:
    return _masked(settings.model_dump(mode="json", exclude_none=True))


def _masked(value: Any) -> Any:
    """The same without what could be a secret: hidden texts, and logins in addresses."""
    if isinstance(value, dict):
        return {str(name): _masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, str):
        return "****" if re.fullmatch(r"\*+", value) and len(value) > 1 else _no_login(value)
    return value


def _no_login(text: str) -> str:
    return re.sub(r"(?<=://)[^/@\s]+@", "****@", text)


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
