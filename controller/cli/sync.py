"""`doorward sync`: fetch rosters now, or show what a fetch would change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import complete_platforms, json_option
from controller.cli.output import counted, plain, print_json
from controller.cli.reach import asked_of_sync, configured

if TYPE_CHECKING:
    from controller.config import Config
    from sync.office import Office

Say = Callable[[dict[str, Any]], None]
_TABLES = {
    "person": "people",
    "credential": "cards",
    "held": "labels",
    "pass": "passes",
    "allowance": "included passes",
    "visit": "visits",
    "blocked": "blocked cards",
}


@click.command()
@click.option(
    "--platform", "platforms", multiple=True, shell_complete=complete_platforms, help="Only these."
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--accept", is_flag=True, help="Take a roster also if it is not believable.")
@json_option
@click.pass_context
def sync(
    context: click.Context, platforms: tuple[str, ...], *, dry_run: bool, accept: bool
) -> None:
    """Fetch what the platforms say of people, now; through `syncd` if it runs.

    If it does not, check-ins that wait are told as well, and mail that waits is sent.
    """
    if dry_run and accept:
        raise click.UsageError("--dry-run and --accept exclude each other")
    config = configured(context)
    known_platforms(config, platforms)
    request = {"platforms": list(platforms), "dry_run": dry_run, "accept": accept}

    def then(office: "Office") -> None:
        if not dry_run:
            _go_on(office, list(platforms))

    with _progress() as say:
        answer = asked_of_sync(context, "sync", then, say=say, within=None, **request)
    if context.obj.json:
        print_json(answer["reports"])
    else:
        _print(answer["reports"], dry_run=dry_run)
    context.exit(answer["exit"])


def known_platforms(config: "Config", names: tuple[str, ...]) -> None:
    """UsageError for one that is not there."""
    from controller.config_errors import meant

    for name in names:
        if name not in config.platforms:
            raise click.UsageError(f"there is no platform {name!r}{meant(name, config.platforms)}")


def _go_on(office: "Office", platforms: list[str]) -> None:
    """What `syncd` does by itself after a fetch."""
    office.forget_unconfigured()
    for name in platforms or office.lines:
        while office.deliver(name):
            office.note_settled()
    office.note_settled()
    if office.post:
        office.post.turn(office.stopping.is_set)


@contextmanager
def _progress() -> Iterator[Say]:
    """Bars on a terminal; elsewhere nothing."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bars: dict[str, Any] = {}

        def say(told: dict[str, Any]) -> None:
            name = f"{told['platform']}: {told['what']}"
            if name not in bars:
                bars[name] = progress.add_task(plain(name), total=told["of"])
            progress.update(bars[name], completed=told["done"], total=told["of"])

        yield say


def _print(reports: list[dict[str, Any]], *, dry_run: bool) -> None:
    if not reports:
        click.echo("no platform is configured", err=True)
    for report in reports:
        name = report["platform"]
        if "error" in report:
            words = report["error"].removeprefix(f"{name}: ")
            click.echo(plain(f"{name}: NOT FETCHED: {words}"), err=True)
            continue
        would = "would be: " if dry_run else ""
        click.echo(plain(f"{name}: {would}{report['summary']}"))
        for line in _details(report, dry_run=dry_run):
            click.echo(plain(f"  {line}"))


def _details(report: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    changes = report["changes"]
    if dry_run:
        for table, (added, removed) in changes["rows"].items():
            if added or removed:
                yield f"{_TABLES.get(table, table)}: {added} to add, {removed} to remove"
    if losers := changes["losers"]:
        more = changes["lost"] - len(losers)
        verb = "would lose" if dry_run else "lost"
        rest = f" and {counted(more, 'more', 'more')}" if more else ""
        yield f"{verb} access: {', '.join(losers)}{rest}"
    for warning in report["warnings"]:
        yield f"warning: {warning}"
