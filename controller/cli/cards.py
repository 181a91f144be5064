"""`doorward cards`: find out how cards are written, hash them for lists, block lost ones."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from controller.cards import FORMS, CardFormat, hash_card, mask
from controller.cards_match import Meeting, match_all
from controller.cli.cards_blocked import block_command, list_command, unblock_command
from controller.config import load
from controller.secrets import device_key

OFFERED = 3


@click.group()
def cards() -> None:
    """Find out how cards are written, hash them for lists, and block lost ones."""


for command in (block_command, unblock_command, list_command):
    cards.add_command(command)


@cards.command("match")
@click.option("--read", "read", multiple=True, required=True, help="What the reader sent.")
@click.option(
    "--stored", multiple=True, required=True, help="The same card as printed or at the platform."
)
@click.option("--all", "everything", is_flag=True, help="Show more than the first few answers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def match_command(
    context: click.Context,
    read: tuple[str, ...],
    stored: tuple[str, ...],
    *,
    everything: bool,
    as_json: bool,
) -> None:
    """Name the settings under which a reader and a platform mean the same card.

    Give both options again for a second card: what holds for two cards is not chance.
    """
    if len(read) != len(stored):
        raise click.UsageError("each --read needs its --stored, in the same order")
    found = match_all(list(zip(read, stored, strict=True)))
    sound = [meeting for meeting in found if not meeting.weak] or found
    shown = sound if everything else sound[:OFFERED]
    if as_json or context.obj.json:
        click.echo(json.dumps([_as_data(meeting) for meeting in shown], indent=2))
    else:
        click.echo("\n".join(_answer(read[0], stored[0], shown, len(sound))))
    if not found:
        context.exit(1)


@cards.command("hash")
@click.option(
    "--format", "form", required=True, type=click.Choice(list(FORMS)), help="How it is written."
)
@click.option("--keep-bits", type=int, help="Keep so many of the low bits.")
@click.option("--reversed", "backwards", is_flag=True, help="Turn the bytes round.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("number")
@click.pass_context
def hash_command(
    context: click.Context,
    form: str,
    keep_bits: int | None,
    number: str,
    *,
    backwards: bool,
    as_json: bool,
) -> None:
    """Print NUMBER as this machine's keyed hash, for a list that shall not hold the number.

    With - the numbers are read from standard input, one on each line, and stay out of the shell's
    history. A hash is worth something only on the machine that made it.
    """
    try:
        card_format = CardFormat(form, keep_bits, backwards)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    numbers = sys.stdin.read().split("\n") if number == "-" else [number]
    canonical = list(_canonical(card_format, [line for line in numbers if line.strip()]))
    key = device_key(load(context.obj.path).data)
    hashes = [hash_card(key, each) for each in canonical]
    click.echo(json.dumps(hashes) if as_json or context.obj.json else "\n".join(hashes))


def _canonical(card_format: CardFormat, numbers: list[str]) -> Iterator[str]:
    if not numbers:
        raise click.UsageError("no number was given")
    for line, number in enumerate(numbers, 1):
        try:
            yield card_format.canonical(number)
        except ValueError as error:
            raise click.UsageError(f"number {line} ({mask(number)}) {error}") from error


def _answer(read: str, stored: str, shown: list[Meeting], total: int) -> Iterator[str]:
    if not shown:
        yield f"{mask(read)} and {mask(stored)} do not meet under any settings."
        yield "They are two cards, or one is written in a way that Doorward does not know."
        yield "Hold the card to the reader again, and compare with what is printed on it."
        return
    if shown[0].weak:
        yield "Only the last 16 bits agree, which many cards share: ask for the whole number."
    for place, meeting in enumerate(shown, 1):
        yield f"{place}. {_what(meeting)}"
        yield f"   under the reader:         card = {_toml(meeting.reader)}"
        yield f"   in the platform's cards:  {_toml(meeting.stored)[2:-2]}"
    if total > 1:
        more = f" (of {total}; --all shows the rest)" if total > len(shown) else ""
        yield f"Take the first that fits what you know of your cards{more}."
        yield "A second card, by a second --read and --stored, leaves fewer answers."


def _what(meeting: Meeting) -> str:
    bits = f"as {meeting.bits} bits" if meeting.bits else "as they are"
    return f"They meet {bits}" + (", weak:" if meeting.weak else ":")


def _toml(card_format: CardFormat) -> str:
    return "{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in _set(card_format).items()) + " }"


def _set(card_format: CardFormat) -> dict[str, Any]:
    """Only what differs from the default."""
    settings: dict[str, Any] = {"format": card_format.form}
    if card_format.keep_bits is not None:
        settings["keep_bits"] = card_format.keep_bits
    if card_format.reverse:
        settings["byte_order"] = "reversed"
    return settings


def _as_data(meeting: Meeting) -> dict[str, Any]:
    return {
        "reader": _set(meeting.reader),
        "stored": _set(meeting.stored),
        "bits": meeting.bits,
        "weak": meeting.weak,
    }
