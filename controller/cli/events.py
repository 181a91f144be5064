"""`doorward events`: what happened at the doors, and what happens now."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import complete_doors, json_option
from controller.cli.output import iso, local, plain, print_json_lines, print_table
from controller.cli.reach import configured, journal_of, known_door
from controller.model import Kind

if TYPE_CHECKING:
    from controller.config import Config
    from controller.journal_read import JournalReader
    from controller.model import Event, Recorded

_COLUMNS = ("time", "door", "what", "who", "card", "more")
_WIDTHS = (24, 10, 34, 24, 6, 0)  # of lines that come one by one
_LOOK = 0.25  # seconds between looks at the journal


@click.command()
@click.option("--door", shell_complete=complete_doors, help="Only of this door.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice([k.value for k in Kind]))
@click.option("--last", type=click.IntRange(0), default=20, show_default=True, help="So many.")
@click.option("--follow", "-f", is_flag=True, help="Go on with new ones as they come; Ctrl-C ends.")
@json_option
@click.pass_context
def events(
    context: click.Context, door: str | None, kinds: tuple[str, ...], last: int, *, follow: bool
) -> None:
    """Show the newest events, oldest first. With --json one object on each line."""
    config = configured(context)
    if door:
        known_door(config, door)
    wanted: dict[str, Any] = {"door": door or "", "kinds": tuple(Kind(kind) for kind in kinds)}
    with journal_of(config) as journal:
        newest, found = journal.newest(), journal.events(last=last, **wanted)
    if follow:
        _print_lines(context, found)
        for fresh in _following(config, newest, wanted):
            _print_lines(context, fresh)
    elif context.obj.json:
        print_json_lines(event_as_data(each) for each in found)
    else:
        print_table(_COLUMNS, [_row(each) for each in found])


def event_as_data(recorded: "Recorded") -> dict[str, Any]:
    """An event for programs, with everything the journal keeps of it."""
    event = recorded.event
    return {
        "seq": recorded.seq,
        "uuid": recorded.uuid,
        "time": iso(recorded.wall, "milliseconds"),
        "monotonic": recorded.monotonic,
        "boot": recorded.boot,
        "trust": recorded.trust.value,
        "kind": event.kind.value,
        "door": event.door,
        "reason": event.reason,
        "platform": event.platform,
        "person": event.person,
        "name": event.name,
        "card": event.card,
        "label": event.label,
        "pass_key": event.pass_key,
        "visit": event.visit,
        "visit_until": iso(event.visit_until),
        "checks_in": event.checks_in,
        "author": event.author,
        "detail": event.detail or {},
        "hash": recorded.hash.hex(),
    }


def _following(config: "Config", after: int, wanted: dict[str, Any]) -> "Iterator[list[Recorded]]":
    """What is appended after a position, for ever; a journal begun anew is followed too."""
    pause, chain = threading.Event(), ""
    while True:
        with journal_of(config) as journal:
            after = after if chain in ("", journal.chain) else 0
            chain, seen = journal.chain, -1
            while _in_place(config, journal):
                if (changes := journal.changes()) != seen:
                    seen, newest = changes, journal.newest()
                    found = journal.events(after=after, **wanted)
                    yield [each for each in found if each.seq <= newest]
                    after = newest
                pause.wait(_LOOK)
        while not (config.data / "journal.db").exists():
            pause.wait(_LOOK)
        pause.wait(_LOOK)  # until it is set up


def _in_place(config: "Config", journal: "JournalReader") -> bool:
    path = config.data / "journal.db"
    return path.exists() and path.stat().st_ino == journal.inode


def _print_lines(context: click.Context, found: "list[Recorded]") -> None:
    if context.obj.json:
        print_json_lines(event_as_data(each) for each in found)
        return
    for each in found:
        cells = zip(_row(each), _WIDTHS, strict=True)
        click.echo("  ".join(plain(cell).ljust(width) for cell, width in cells).rstrip())


def _row(recorded: "Recorded") -> tuple[str, ...]:
    event = recorded.event
    what = event.reason or event.kind.value
    who = f"{event.name} ({event.platform}/{event.person})" if event.person else event.author
    return (local(recorded.wall), event.door, what, who, event.card, ", ".join(_more(event)))


def _more(event: "Event") -> Iterator[str]:
    """What else is worth knowing, shortly."""
    if event.label:
        yield event.label
    if event.visit:
        yield f"{event.visit} visit until {local(event.visit_until)}"
    if event.pass_key:
        yield f"uses pass {event.pass_key}"
    if event.checks_in:
        yield "checks in"
    if event.person and event.author and event.kind is not Kind.TOLD:
        yield f"by {event.author}"
    yield from _details(event)


def _details(event: "Event") -> Iterator[str]:
    detail = dict(event.detail or {})
    if event.kind is Kind.TOLD:
        yield f"{detail.pop('state', '')}: {detail.pop('message', '')}"
    for name, value in detail.items():
        if name == "until":
            yield f"until {local(value)}"
        elif name == "notes":
            yield from value
        elif name not in ("seq", "uuid"):
            yield f"{name} {value}"
