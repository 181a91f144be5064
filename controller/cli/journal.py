"""`doorward journal`: prove that what is written was not changed, and write it out."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from controller.cli.events import event_as_data
from controller.cli.inputs import json_option, moment
from controller.cli.output import counted, local, print_json, write_csv, written, zone_name
from controller.cli.reach import clock_of, configured, journal_of

if TYPE_CHECKING:
    from controller.journal_read import JournalReader, Verdict
    from controller.model import Recorded

_FIELDS = (
    *("seq", "uuid", "time", "zone", "trust", "kind", "door", "reason", "name", "platform"),
    *("person", "card", "label", "pass_key", "visit", "visit_until", "checks_in", "author"),
    *("detail", "monotonic", "boot", "hash"),
)
_COVERS = (
    "This proves that between the first event and the newest none was changed, removed, put in or "
    "moved."
)
_NOT_COVERS = (
    "It does not prove that nothing was cut off at the end, or that the whole file was not written "
    "anew by somebody with this machine in hand: for that, note the newest hash elsewhere now and "
    "then, and look it up later in doorward journal export."
)


@click.group()
def journal() -> None:
    """Prove that what is written was not changed, and write it out."""


@journal.command()
@json_option
@click.pass_context
def verify(context: click.Context) -> None:
    """Follow the chain of hashes through the whole journal; ends with 1 if it is broken."""
    with journal_of(configured(context)) as reader:
        verdict = reader.verify()
        newest = _newest(reader)
    if context.obj.json:
        print_json(_as_data(verdict, newest))
    else:
        _print(verdict, newest)
    if verdict.broken_at is not None:
        context.exit(1)


@journal.command()
@click.argument("file")
@click.option("--from", "since", help="From then on; a day begins at midnight.")
@click.option("--to", "until", help="Until then; a day without a time is included whole.")
@click.option("--format", "form", type=click.Choice(("csv", "jsonl")), default="csv")
@click.pass_context
def export(
    context: click.Context, file: str, since: str | None, until: str | None, form: str
) -> None:
    """Write events to FILE (- is standard output), in order, as they were written."""
    config = configured(context)
    now = clock_of(config).wall()
    span = {}
    if since:
        span["since"] = moment(since, now)
    if until:
        span["until"] = moment(until, now, whole_day=True)
    with (
        journal_of(config) as reader,
        closing(reader.walk(**span)) as entries,
        written(file) as out,
    ):
        if form == "csv":
            write_csv(out, _FIELDS, map(_flat, entries))
        else:
            out.writelines(_lines(entries))


def _print(verdict: "Verdict", newest: "Recorded | None") -> None:
    known = counted(verdict.events, "event")
    if verdict.broken_at is not None:
        click.echo(f"BROKEN at event {verdict.broken_at}: it is missing or was changed.")
        click.echo(
            f"The {known} before it are as they were written. Nothing from there on is proven."
        )
        click.echo("Keep a copy of journal.db as it is, and find out who could write to it.")
        return
    pruned = f", {verdict.pruned} removed for their age" if verdict.pruned else ""
    click.echo(f"Unbroken: {known}{pruned}.")
    if newest:
        click.echo(f"Newest: event {newest.seq}, {local(newest.wall)}, hash {newest.hash.hex()}")
    click.echo(_COVERS)
    click.echo(_NOT_COVERS)


def _newest(reader: "JournalReader") -> "Recorded | None":
    from controller.errors import StoreError

    try:
        return next(iter(reader.events(last=1)), None)
    except StoreError:
        return None  # tampered with, as the verdict says


def _as_data(verdict: "Verdict", newest: "Recorded | None") -> dict[str, Any]:
    return {
        "unbroken": verdict.broken_at is None,
        "broken_at": verdict.broken_at,
        "events": verdict.events,
        "pruned": verdict.pruned,
        "newest": newest and {"seq": newest.seq, "hash": newest.hash.hex()},
    }


def _flat(entry: "Recorded") -> dict[str, Any]:
    detail = json.dumps(entry.event.detail, ensure_ascii=False) if entry.event.detail else ""
    return {**event_as_data(entry), "zone": zone_name(entry.wall), "detail": detail}


def _lines(entries: "Iterator[Recorded]") -> Iterator[str]:
    for entry in entries:
        yield json.dumps(event_as_data(entry), ensure_ascii=False) + "\n"
