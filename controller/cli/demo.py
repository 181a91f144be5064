"""`doorward sandbox`, `doorward demo`, and `doorward simulate` behind both."""

from pathlib import Path
from typing import Any

import click

_HOME = "doorward.sandbox"  # under which the subcommands find the directory


@click.group(invoke_without_command=True)
@click.option(
    "--dir",
    "home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var"),
    show_default=True,
    help="Where configuration, databases, sockets and logs go.",
)
@click.option("--keep", is_flag=True, help="Go on with the databases and the clock of last time.")
@click.pass_context
def sandbox(context: click.Context, home: Path, *, keep: bool) -> None:
    """Run everything here, with simulated doors and platforms, until Ctrl-C.

    The subcommands, typed in a second terminal, play fate with the simulated platforms.
    """
    context.meta[_HOME] = home
    if context.invoked_subcommand is None:
        from controller.cli.sandbox_run import run

        run(home, keep=keep)


@sandbox.command()
@click.argument("platform", required=False)
@click.pass_context
def cut(context: click.Context, platform: str | None) -> None:
    """Cut the line: the platform, or all, stop answering."""
    cut_off = _town(context, "cut", platform)["cut"]
    click.echo(f"cut off: {', '.join(cut_off)}")


@sandbox.command()
@click.argument("platform", required=False)
@click.pass_context
def mend(context: click.Context, platform: str | None) -> None:
    """Mend the line, and end a fault."""
    cut_off = _town(context, "mend", platform)["cut"]
    click.echo(f"cut off: {', '.join(cut_off) or 'none'}")


@sandbox.command()
@click.argument("kind")
@click.argument("platform", required=False)
@click.option("--path", help="Only requests whose path matches this.")
@click.option("--times", type=int, help="Only so many of them.")
@click.option("--status", type=int, help="For kind `status`; else 500.")
@click.pass_context
def fault(context: click.Context, /, kind: str, platform: str | None, **more: Any) -> None:
    """Let requests go wrong: status, html, garbage, empty_list, hang, lose_answer …"""
    _town(context, "fault", platform, kind=kind, **more)
    click.echo(f"{platform or 'every platform'}: {kind} from now on; `mend` ends it")


@sandbox.command("check-ins")
@click.argument("platform", required=False)
@click.pass_context
def check_ins(context: click.Context, platform: str | None) -> None:
    """What the simulated platforms themselves were told."""
    from controller.cli.output import print_json
    from controller.cli.sandbox_run import print_check_ins

    show = print_json if context.obj.json else print_check_ins
    show(_town(context, "check_ins", platform)["check_ins"])


@sandbox.command()
@click.argument("platform", required=False)
@click.pass_context
def members(context: click.Context, platform: str | None) -> None:
    """The invented members, with card numbers to try."""
    from controller.cli.output import print_json
    from controller.cli.sandbox_run import print_members

    show = print_json if context.obj.json else print_members
    show(_town(context, "members", platform)["members"])


@click.command()
@click.option(
    "--dir",
    "home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to play; else in a temporary directory that goes when all went well.",
)
@click.option("--sabotage", type=click.Choice(["cut", "mend"]), hidden=True)
def demo(home: Path | None, sabotage: str | None) -> None:
    """Play a story on the sandbox; ends with 0 only if every step of it came true."""
    from controller.cli.demo_run import run

    run(home, sabotage)


@click.command(hidden=True)
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--port", type=int, required=True, help="Of the first; else the next one free.")
def simulate(run_dir: Path, port: int) -> None:
    """Run the simulated platforms of a sandbox (what `doorward sandbox` starts)."""
    from sync.simulator.town import run

    run(run_dir, port)


def _town(context: click.Context, do: str, platform: str | None, **more: Any) -> dict[str, Any]:
    """Ask the platforms of the sandbox in --dir, or of the one whose configuration is in force."""
    from controller.cli.sandbox_run import town_socket
    from controller.control import ask

    given = {key: value for key, value in more.items() if value is not None}
    named = {"platform": platform} if platform else {}
    return ask(town_socket(context.meta[_HOME], context.obj.path), {"do": do, **named, **given})
