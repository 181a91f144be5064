"""`doorward mail`: what is mailed, and what became of it."""

from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import json_option
from controller.cli.output import counted, iso, local, plain, print_json, print_table
from controller.cli.reach import asked_of_sync
from controller.errors import DoorwardError

if TYPE_CHECKING:
    from sync.office import Office

_STATES = ("waiting", "sending", "sent", "failed", "unknown", "late", "dropped")
_COLUMNS = ("mail", "queued", "to", "about", "kind", "state", "why")
_numbers = click.argument("numbers", nargs=-1, type=click.IntRange(1), metavar="[MAIL]...")


@click.group()
def mail() -> None:
    """See what is mailed, send it again or not at all, try the server."""


@mail.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these.")
@json_option
@click.pass_context
def list_(context: click.Context, states: tuple[str, ...]) -> None:
    """List mails that wait, and those of the last weeks."""
    found = asked_of_sync(context, "mails")["mails"]
    shown = [each for each in found if each["state"] in (states or _STATES)]
    if context.obj.json:
        print_json([_as_data(each) for each in shown])
    elif shown:
        print_table(_COLUMNS, [_row(each) for each in shown])
    else:
        click.echo("there is no such mail" if states else "there is no mail yet")


@mail.command()
@click.argument("address")
@json_option
@click.pass_context
def test(context: click.Context, address: str) -> None:
    """Send a mail to ADDRESS now, and say what the server answers."""
    said = asked_of_sync(context, "mail_test", to=address)["said"]
    if context.obj.json:
        print_json({"to": address, "said": said})
    else:
        click.echo(plain(f"sent to {address}; the server says: {said}"))


@mail.command()
@_numbers
@click.option("--all-failed", is_flag=True, help="All that failed.")
@json_option
@click.pass_context
def retry(context: click.Context, numbers: tuple[int, ...], *, all_failed: bool) -> None:
    """Send these again, or at last: failed, unknown or dropped; and now what waits."""
    if all_failed and numbers:
        raise click.UsageError("name mails, or say --all-failed")
    if all_failed:
        found = asked_of_sync(context, "mails")["mails"]
        numbers = tuple(each["id"] for each in found if each["state"] == "failed")
    _moved(context, "mail_retry", numbers)


@mail.command()
@_numbers
@json_option
@click.pass_context
def drop(context: click.Context, numbers: tuple[int, ...]) -> None:
    """Never send these: waiting, failed or unknown."""
    if not numbers:
        raise click.UsageError("name mails, as the list shows them")
    _moved(context, "mail_drop", numbers)


@mail.command()
@click.option("--cancelled", is_flag=True, help="That for a booking that was cancelled.")
def template(*, cancelled: bool) -> None:
    """Print the text that visitors are mailed, to begin one of your own with."""
    from sync.mail_text import BOOKED, CANCELLED

    click.echo(CANCELLED if cancelled else BOOKED, nl=False)


def _moved(context: click.Context, do: str, numbers: tuple[int, ...]) -> None:
    """Do it, and show where they stand; error if it could not be done to some of them."""
    moved = asked_of_sync(context, do, _send, numbers=list(numbers))["found"]
    found: list[dict[str, Any]] = asked_of_sync(context, "mails")["mails"]
    if context.obj.json:
        print_json([_as_data(each) for each in found if each["id"] in moved])
    elif moved:
        print_table(_COLUMNS, [_row(each) for each in found if each["id"] in moved])
    elif not numbers:
        click.echo("what waits is tried now")
    if left := len(set(numbers)) - len(moved):
        raise DoorwardError(f"{counted(left, 'mail is', 'mails are')} not there, or beyond that")


def _send(office: "Office") -> None:
    if office.post:
        office.post.turn(office.stopping.is_set)


def _as_data(each: dict[str, Any]) -> dict[str, Any]:
    return {**each, "queued": iso(each["queued"]), "until": iso(each["until"])}


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    told = (each["to"], each["about"], each["kind"], each["state"], each["error"])
    return (str(each["id"]), local(each["queued"]), *told)
