"""`doorward webhooks`: have a platform call us when something changes, see it, or end it."""

from collections.abc import Callable, Iterator
from typing import Any

import click

from controller.cli.inputs import complete_platforms, json_option
from controller.cli.output import counted, plain, print_json, print_table
from controller.cli.reach import asked_of_sync, configured
from controller.cli.sync import known_platforms

Report = dict[str, Any]

_DONE = {
    "created": "ordered",
    "renewed": "ordered anew, as the platform had given up",
    "kept": "in order before",
    "removed": "of no use any more, taken away",
}
_STANDING = {
    "active": "",
    "inactive": "the platform has given up: doorward webhooks install",
    "missing": "not ordered: doorward webhooks install",
    "stale": "of no use any more: doorward webhooks install takes it away",
}
_platforms = click.argument(
    "platforms", nargs=-1, metavar="[PLATFORM]...", shell_complete=complete_platforms
)


@click.group()
def webhooks() -> None:
    """Have platforms call us when something changes (Cobot; needs webhook_url)."""


@webhooks.command()
@_platforms
@json_option
@click.pass_context
def install(context: click.Context, platforms: tuple[str, ...]) -> None:
    """Order all calls that are wanted; what is in order already stays.

    Ends with 1 if the platform does not know some of them.
    """
    _do(context, "install", platforms, _installed)


@webhooks.command("list")
@_platforms
@json_option
@click.pass_context
def list_(context: click.Context, platforms: tuple[str, ...]) -> None:
    """Show our orders there, and what is missing; ends with 1 if not all are active."""
    _do(context, "list", platforms, _listed)


@webhooks.command()
@_platforms
@json_option
@click.pass_context
def remove(context: click.Context, platforms: tuple[str, ...]) -> None:
    """Take all our orders away; those of others stay."""
    _do(context, "remove", platforms, _removed)


def _do(
    context: click.Context,
    act: str,
    platforms: tuple[str, ...],
    show: Callable[[Report], None],
) -> None:
    config = configured(context)
    known_platforms(config, platforms)
    answer = asked_of_sync(context, "webhooks", within=None, act=act, platforms=list(platforms))
    if context.obj.json:
        print_json(answer["reports"])
    else:
        for report in answer["reports"]:
            _print(report, show)
    context.exit(answer["exit"])


def _print(report: Report, show: Callable[[Report], None]) -> None:
    name = report["platform"]
    if "error" in report:
        words = report["error"].removeprefix(f"{name}: ")
        click.echo(plain(f"{name}: FAILED: {words}"), err=True)
    else:
        show(report)


def _installed(report: Report) -> None:
    click.echo(plain(f"{report['platform']}: calls {report['address']}"))
    for line in _lines(report):
        click.echo(plain(f"  {line}"))
    for event, words in report["refused"].items():
        click.echo(plain(f"  REFUSED: {event}: {words}"), err=True)


def _lines(report: Report) -> Iterator[str]:
    for part, meaning in _DONE.items():
        if events := report[part]:
            yield f"{meaning}: {', '.join(events)}"


def _listed(report: Report) -> None:
    click.echo(plain(f"{report['platform']}: calls {report['address']}"))
    rows = [(each["event"], each["standing"]) for each in report["webhooks"]]
    print_table(("event", "standing", ""), [(*row, _STANDING[row[1]]) for row in rows])


def _removed(report: Report) -> None:
    count = counted(len(report["removed"]), "order")
    click.echo(plain(f"{report['platform']}: {count} taken away"))
    if report["removed"]:
        click.echo(
            "take webhook_url out of the configuration too, and start syncd anew; "
            "else it orders them again within a day",
            err=True,
        )
