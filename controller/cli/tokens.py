"""`doorward tokens`: by which programs may use the HTTP API."""

from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import json_option
from controller.cli.output import iso, local, print_json, print_table
from controller.cli.reach import asked_of_sync, configured
from sync.desk_tokens import SCOPES

if TYPE_CHECKING:
    from controller.config import Config

_COLUMNS = ("name", "may", "added", "by", "last used")


@click.group()
def tokens() -> None:
    """Tokens by which programs may use the HTTP API (docs/api.md)."""


@tokens.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="What it may do; several times for several.",
)
@json_option
@click.pass_context
def add(context: click.Context, name: str, scopes: tuple[str, ...]) -> None:
    """Make a token and show it, once.

    Whoever has one with users:write or doors:open can get in: it is as good as a key.
    """
    config = configured(context)
    answer = asked_of_sync(context, "token-add", name=name, scopes=list(scopes))
    if context.obj.json:
        print_json({"name": name, "scopes": sorted(scopes), "token": answer["shown"]})
        return
    click.echo(answer["shown"])
    click.echo(f"This is shown once; if it is lost: doorward tokens remove {name}", err=True)
    _mention_api(config)


@tokens.command("list")
@json_option
@click.pass_context
def show(context: click.Context) -> None:
    """Show every token's name and what it may do; the tokens themselves are kept nowhere."""
    found = asked_of_sync(context, "tokens")["tokens"]
    if context.obj.json:
        print_json([_data(each) for each in found])
    else:
        print_table(_COLUMNS, [_row(each) for each in found])


@tokens.command("remove")
@click.argument("name")
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    """Refuse a token from now on."""
    asked_of_sync(context, "token-remove", name=name)
    click.echo(f"{name} is refused from now on")


def _data(token: dict[str, Any]) -> dict[str, Any]:
    return {**token, "added": iso(token["added"]), "used": iso(token["used"])}


def _row(token: dict[str, Any]) -> tuple[str, ...]:
    added, used = local(token["added"]), local(token["used"]) or "never"
    return (token["name"], ", ".join(token["scopes"]), added, token["added_by"], used)


def _mention_api(config: "Config") -> None:
    served = config.http.api or any(each.kind == "api" for each in config.platforms.values())
    if not served:
        click.echo(
            "The API is not served yet: write [http] api = true, or a platform of kind 'api', "
            "then restart syncd",
            err=True,
        )
