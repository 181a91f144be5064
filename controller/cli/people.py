"""`doorward people`: who is known, with which cards and labels; and the PINs of visitors."""

from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import json_option
from controller.cli.output import counted, iso, local, masked_cards, print_json, print_table
from controller.cli.reach import cache_of, configured, key_of

if TYPE_CHECKING:
    from controller.cache import Found

_VISITOR = "visitor:"  # how the keys of persons begin who come from a visitor's booking
_COLUMNS = ("name", "person", "cards", "labels", "valid until", "note")


@click.command()
@click.argument("text", default="")
@click.option("--visitors", is_flag=True, help="Visitors with a booking, and the PIN of each.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
@click.pass_context
def people(context: click.Context, text: str, *, visitors: bool, limit: int) -> None:
    """List people whose name, key or last card characters hold TEXT.

    A visitor's PIN is worked out from the booking and this machine's key, and stored nowhere; it is
    shown only with --visitors, to those who may read the key.
    """
    config = configured(context)
    with cache_of(config) as cache:
        if visitors:
            found = [each for each in cache.people(_VISITOR, limit=-1) if _is_visitor(each, text)]
            pins = _pins(key_of(config), found)
        else:
            found = cache.people(text.removeprefix("…"), limit=limit + 1)
            pins = {}
    shown = found[:limit]
    if context.obj.json:
        print_json([person_as_data(each, pins) for each in shown])
    else:
        _print(shown, pins, more=len(found) > limit)


def person_as_data(found: "Found", pins: dict[str, str] | None = None) -> dict[str, Any]:
    """A person for programs; cards are masked."""
    person = found.person
    data = {
        "platform": person.platform,
        "key": person.key,
        "name": person.name,
        "cards": masked_cards(found.cards),
        "labels": list(found.labels),
        "since": iso(person.since),
        "until": iso(person.until),
        "blocked": bool(person.blocked),
        "note": person.note,
    }
    return {**data, "pin": pins[person.key]} if pins else data


def _print(found: "list[Found]", pins: dict[str, str], *, more: bool) -> None:
    if not found:
        click.echo("nobody was found")
        return
    columns = ("pin", *_COLUMNS) if pins else _COLUMNS
    print_table(columns, [_row(each, pins) for each in found])
    if more:
        shown = counted(len(found), "person is", "people are")
        click.echo(f"Only {shown} shown; say more of the name, or give --limit.")


def _row(found: "Found", pins: dict[str, str]) -> tuple[str, ...]:
    person = found.person
    note = f"BLOCKED {person.note}".strip() if person.blocked else person.note
    row = (
        person.name,
        f"{person.platform}/{person.key}",
        " ".join(masked_cards(found.cards)),
        " ".join(found.labels),
        local(person.until),
        note,
    )
    return (pins[person.key], *row) if pins else row


def _is_visitor(found: "Found", text: str) -> bool:
    person = found.person
    said = f"{person.name} {person.key} {person.note}".casefold()
    return person.key.startswith(_VISITOR) and text.casefold() in said


def _pins(key: bytes, found: "list[Found]") -> dict[str, str]:
    """PINs by the person's key, as the platform's line worked them out when it fetched them."""
    from controller.cards import visitor_pin

    keys = [each.person.key for each in found]
    return {each: visitor_pin(key, each.removeprefix(_VISITOR)) for each in keys}
