"""`doorward cards block`, `unblock` and `list`: cards that open nothing here, whatever is said."""

import sys
from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import complete_doors, json_option
from controller.cli.output import iso, local, masked_cards, plain, print_json, print_table
from controller.cli.reach import ENROLMENT, asked_of_sync, cache_of, configured
from controller.cli.whom import person_meant

if TYPE_CHECKING:
    from controller.config import Config

_WHOSE = click.option("--person", default="", help="Whose it is; CARD is then its end, …B2C3.")


@click.command("block")
@click.argument("card", default="")
@_WHOSE
@click.option(
    "--door", default="", shell_complete=complete_doors, help="Whose reader sends CARD so."
)
@click.option("--reason", "why", default="lost", show_default=True, help="Why, in a word.")
@json_option
@click.pass_context
def block_command(context: click.Context, card: str, person: str, door: str, why: str) -> None:
    """Block a lost card here at once, offline too: by its number, or by whose it is and its end.

    CARD is a number as a reader sends it or a platform has it (- reads it from standard input, so
    that it stays out of the shell's history), a masked card (…B2C3), or with --person the last
    characters; without CARD it is the only one they have. It stays blocked until unblocked.
    """
    config = configured(context)
    how: dict[str, Any] = {"why": why, "door": door, **_meant(config, card, person)}
    done = asked_of_sync(context, "block", within=ENROLMENT, **how)
    if context.obj.json:
        print_json(_as_data(done))
    else:
        click.echo(plain(f"Card {done['card']}{_of(done)} is blocked and opens nothing here."))
        if done["platform"]:
            click.echo(plain(f"At {done['platform']} it is registered as before."))


@click.command("unblock")
@click.argument("card", default="")
@_WHOSE
@json_option
@click.pass_context
def unblock_command(context: click.Context, card: str, person: str) -> None:
    """Take back a block: CARD and --person as for `block`."""
    config = configured(context)
    ended = _is_end(card) and not person  # whoever had it may be known no longer
    meant: dict[str, Any] = {"last": card} if ended else _meant(config, card, person)
    done = asked_of_sync(context, "unblock", within=ENROLMENT, **meant)
    if context.obj.json:
        print_json(_as_data(done))
    else:
        click.echo(plain(f"Card {done['card']}{_of(done)} opens again what the platforms say."))


@click.command("list")
@click.option("--blocked", is_flag=True, help="Those that are blocked here, why and by whom.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="So many.")
@click.argument("text", default="")
@json_option
@click.pass_context
def list_command(context: click.Context, text: str, limit: int, *, blocked: bool) -> None:
    """List cards, masked, and whose they are; of people whose name, key or card holds TEXT."""
    config = configured(context)
    if blocked:
        rows = asked_of_sync(context, "blocks", within=ENROLMENT)["blocks"]
        rows = [row for row in rows if text.casefold() in f"{row['name']} {row['card']}".casefold()]
        _print_blocked(context, rows[:limit])
        return
    with cache_of(config) as cache:
        found = cache.people(text.removeprefix("…"), limit=limit)
    cards = [(card, each.person) for each in found for card in masked_cards(each.cards)]
    if context.obj.json:
        print_json([{"card": c, "name": p.name, **_key(p.platform, p.key)} for c, p in cards])
    else:
        print_table(
            ("card", "name", "person"), [(c, p.name, f"{p.platform}/{p.key}") for c, p in cards]
        )


def _meant(config: "Config", card: str, person: str) -> dict[str, str]:
    """How sync.sock is told which card is meant."""
    if card == "-":
        card = sys.stdin.readline().strip()
    if not card and not person:
        raise click.UsageError("say which: its number, or --person")
    if not person and not _is_end(card):
        return {"number": card}
    with cache_of(config) as cache:
        whom = person_meant(config, cache, person or card)
    return {"last": card, **_key(whom.platform, whom.key)}


def _is_end(card: str) -> bool:
    return card.startswith(("…", "..."))


def _print_blocked(context: click.Context, rows: list[dict[str, Any]]) -> None:
    if context.obj.json:
        print_json([_as_data(row) for row in rows])
    elif not rows:
        click.echo("no card is blocked here")
    else:
        columns = ("card", "name", "person", "why", "since", "by")
        print_table(columns, [_row(row) for row in rows])


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    whose = f"{row['platform']}/{row['person']}" if row["person"] else ""
    return (row["card"], row["name"], whose, row["why"], local(row["at"]), row["by"])


def _of(done: dict[str, Any]) -> str:
    return f" of {done['name']} ({done['platform']}/{done['person']})" if done["person"] else ""


def _key(platform: str, person: str) -> dict[str, str]:
    return {"platform": platform, "person": person}


def _as_data(told: dict[str, Any]) -> dict[str, Any]:
    return {**{n: v for n, v in told.items() if n != "ok"}, "at": iso(told["at"])}
