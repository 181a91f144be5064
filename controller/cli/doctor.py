"""`doorward doctor`: every part tried for real, and what to type next."""

from collections.abc import Iterator
from pathlib import Path

import click

from controller.cli.doctor_finding import Finding, State
from controller.cli.inputs import json_option
from controller.cli.output import plain, print_json

_WORDS = {State.GREEN: "ok ", State.RED: "BAD", State.YELLOW: " ? "}
_COLOURS = {State.GREEN: "green", State.RED: "red", State.YELLOW: "yellow"}


@click.command()
@click.option("--deep", is_flag=True, help="Read all of the databases and of the journal's chain.")
@click.option("--relays", is_flag=True, help="Release each lock for a moment; asks at each door.")
@click.option("--yes", is_flag=True, help="With --relays: do not ask.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what support needs to a new FILE.tar.gz: no secret, no card, no name.",
)
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    *,
    deep: bool,
    relays: bool,
    yes: bool,
    bundle: Path | None,
) -> None:
    """Try every part for real; say of each whether it is well, and what to type if not.

    Ends with 1 if anything is bad, else with 0; what could not be looked at is marked "?".
    """
    from controller.cli.doctor_parts import examined

    if bundle is not None and bundle.exists():
        raise click.UsageError(f"{bundle} is there already; name another file")
    found: list[Finding] = []
    for finding in examined(context, deep=deep, relays=relays, yes=yes):
        found.append(finding)
        if not context.obj.json:
            click.echo(_line(finding))
    if context.obj.json:
        print_json(as_data(found))
    if bundle is not None:
        from controller.cli.doctor_bundle import write

        write(context, bundle, [as_data(found)], "\n".join(map(_plain, found)))
        click.echo(f"written: {bundle}; look into it before you pass it on", err=True)
    bad = sum(each.state is State.RED for each in found)
    if not context.obj.json:
        unsure = sum(each.state is State.YELLOW for each in found)
        click.echo(f"\n{len(found)} looked at, {bad} bad, {unsure} could not be told")
    context.exit(1 if bad else 0)


def as_data(found: list[Finding]) -> dict[str, object]:
    """For programs."""
    return {
        "well": not any(each.state is State.RED for each in found),
        "findings": [
            {"part": f.part, "state": f.state.value, "said": f.said, "next": f.next} for f in found
        ],
    }


def _line(finding: Finding) -> str:
    word = click.style(_WORDS[finding.state], fg=_COLOURS[finding.state])
    return "\n".join([f"{word}  {_said(finding)}", *_next(finding)])


def _plain(finding: Finding) -> str:
    return "\n".join([f"{_WORDS[finding.state]}  {_said(finding)}", *_next(finding)])


def _said(finding: Finding) -> str:
    return plain(f"{finding.part}: {finding.said}")


def _next(finding: Finding) -> Iterator[str]:
    if finding.next:
        yield plain(f"     → {finding.next}")
