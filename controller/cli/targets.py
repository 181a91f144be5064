"""`doorward targets`: which programs are told what happens, and whether they are."""

from typing import Any

import click

from controller.cli.inputs import json_option
from controller.cli.output import counted, plain, print_json, print_table
from controller.cli.reach import asked_of_sync

_COLUMNS = ("target", "address", "not told yet", "trouble")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def targets(context: click.Context) -> None:
    """List the targets of webhooks and how far behind they are; or test, skip.

    Ends with 1 if one of them cannot be told at present.
    """
    if context.invoked_subcommand:
        return
    found = asked_of_sync(context, "targets")["targets"]
    if context.obj.json:
        print_json(found)
    elif found:
        print_table(_COLUMNS, [_row(each) for each in found])
    else:
        click.echo("no target is configured: [targets.<name>]", err=True)
    context.exit(1 if any(each["failure"] for each in found) else 0)


@targets.command("test")
@click.argument("name")
@click.pass_context
def test(context: click.Context, name: str) -> None:
    """Send one message of kind `test`, and show what became of it."""
    click.echo(plain(asked_of_sync(context, "target-test", target=name)["said"]))


@targets.command("skip")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def skip(context: click.Context, name: str, *, yes: bool) -> None:
    """Tell a target nothing of what waits for it, only of what happens from now on."""
    if not yes:
        click.confirm(f"Is {name} never to be told of what waits for it?", abort=True)
    skipped = asked_of_sync(context, "target-skip", target=name)["skipped"]
    click.echo(f"{name} is not told of {counted(skipped, 'event')}")


def _row(target: dict[str, Any]) -> tuple[str, ...]:
    trouble = target["failure"]
    if target["next_try_s"]:
        trouble = f"{trouble}; tried again in {target['next_try_s']:.0f} s"
    return (target["target"], target["url"], counted(target["behind"], "event"), trouble)
