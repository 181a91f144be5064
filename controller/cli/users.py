"""`doorward users`: who can log in to the console, and what they may do there."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import json_option
from controller.cli.output import local, plain, print_json, print_table
from controller.cli.reach import asked_of_sync
from controller.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

ROLES = ("viewer", "staff", "admin")
_COLUMNS = ("name", "role", "added", "by", "changed")


def password_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """Where a password comes from, if nobody is there to be asked."""
    from_file = click.option(
        "--password-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A file that holds nothing but the password.",
    )
    from_stdin = click.option("--password-stdin", is_flag=True, help="Read it from standard input.")
    return from_file(from_stdin(command))


@click.group()
def users() -> None:
    """Say who can log in to the console, and what they may do there.

    A viewer looks; staff act at the doors and for people; an admin does all there is.
    """


@users.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may do.")
@password_options
@json_option
@click.pass_context
def add(
    context: click.Context,
    name: str,
    role: str,
    password_file: Path | None,
    *,
    password_stdin: bool,
) -> None:
    """Let NAME log in to the console; asks for the password, twice."""
    hashed = _hashed(password_file, stdin=password_stdin)
    answer = asked_of_sync(context, "user_add", name=name, role=role, hash=hashed)
    _tell(context, answer, f"{answer['name']} can log in, as {answer['role']}")


@users.command(name="list")
@json_option
@click.pass_context
def list_(context: click.Context) -> None:
    """Show everybody who can log in."""
    found = asked_of_sync(context, "users")["users"]
    if context.obj.json:
        print_json(found)
    elif found:
        print_table(_COLUMNS, [_row(user) for user in found])
    else:
        click.echo("nobody can log in yet; type: doorward users add NAME --role admin")


@users.command()
@click.argument("name")
@json_option
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    """Take NAME's access to the console away, at once."""
    answer = asked_of_sync(context, "user_remove", name=name)
    _tell(context, answer, f"{answer['name']} can log in no more, and is logged out")


@users.command()
@click.argument("name")
@password_options
@json_option
@click.pass_context
def password(
    context: click.Context, name: str, password_file: Path | None, *, password_stdin: bool
) -> None:
    """Give NAME a new password; they are logged out everywhere."""
    hashed = _hashed(password_file, stdin=password_stdin)
    answer = asked_of_sync(context, "user_password", name=name, hash=hashed)
    _tell(context, answer, f"{answer['name']} has a new password, and must log in anew")


@users.command()
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@json_option
@click.pass_context
def role(context: click.Context, name: str, role: str) -> None:
    """Give NAME another ROLE; they are logged out everywhere."""
    answer = asked_of_sync(context, "user_role", name=name, role=role)
    _tell(context, answer, f"{answer['name']} is {answer['role']} now, and must log in anew")


def _hashed(file: Path | None, *, stdin: bool) -> str:
    from sync.passwords import checked, hashed

    return hashed(checked(_password(file, stdin=stdin)))


def _password(file: Path | None, *, stdin: bool) -> str:
    """As it was typed, without the end of its line."""
    if file and stdin:
        raise click.UsageError("--password-file and --password-stdin exclude each other")
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if file is None and not sys.stdin.isatty():
        raise click.UsageError("no terminal to ask at: use --password-stdin or --password-file")
    if file is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt="Once more"))
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}; nothing was changed") from error


def _row(user: dict[str, Any]) -> tuple[str, ...]:
    changed = "" if user["changed"] == user["added"] else local(user["changed"])
    return (user["name"], user["role"], local(user["added"]), user["added_by"], changed)


def _tell(context: click.Context, answer: dict[str, Any], words: str) -> None:
    if context.obj.json:
        print_json({name: answer[name] for name in ("name", "role") if name in answer})
    else:
        click.echo(plain(words))
