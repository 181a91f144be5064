"""`doorward config`: check the configuration, show what is in force, print an example."""

import json
from collections.abc import Callable
from pathlib import Path

import click

from controller.config import Config, SecretRef, load
from controller.config_example import EXAMPLE
from controller.config_shown import effective
from controller.errors import ConfigError
from controller.secrets import lax, read_secret
from controller.toml_written import toml


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
    from controller.pins import problem

    found = checked(context.obj.path, read_secret)
    if why := problem(found):
        raise ConfigError(f"{found.path}: site.pin_digits: {why}")
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
    data = effective(checked(context.obj.path))
    as_json = as_json or context.obj.json
    click.echo(json.dumps(data, indent=2, ensure_ascii=False) if as_json else toml(data))


@config.command()
def example() -> None:
    """Print a complete, commented configuration to begin with."""
    click.echo(EXAMPLE, nl=False)


def checked(path: Path | None, secret: Callable[[SecretRef], str] | None = None) -> Config:
    """The whole file with every device, platform and template; ConfigError with all problems."""
    import hw
    import sync.platforms

    found = load(path, hw.TABLES, sync.platforms.PLATFORMS, secret)
    if secret:
        _try_templates(found)
    return found


def _try_templates(found: Config) -> None:
    """Fill in the templates of [mail]; ConfigError."""
    if found.mail:
        from sync.mail_text import Texts

        try:
            Texts(found.mail, found.site.name)
        except ConfigError as error:
            raise ConfigError(f"{found.path}: {error}") from None
