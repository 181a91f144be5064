"""The command `doorward` with click. Each subcommand is imported only when it is called."""

import importlib
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from controller.errors import DoorwardError

# Command → module in this package that holds it under the same name (`-` becomes `_`).
COMMANDS = {
    "backup": "backup",
    "cards": "cards",
    "checkins": "checkins",
    "config": "config",
    "console": "console",
    "controller": "daemons",
    "demo": "demo",
    "doctor": "doctor",
    "doors": "doors",
    "enroll": "enroll",
    "events": "events",
    "explain": "explain",
    "forgive": "forgive",
    "hw": "hw",
    "journal": "journal",
    "lock": "doors",
    "lock-all": "lock_all_command",
    "lockdown": "doors",
    "mail": "mail",
    "mode": "doors",
    "osdp": "osdp",
    "people": "people",
    "prop": "doors",
    "provision": "provision",
    "restore": "backup",
    "sandbox": "demo",
    "setup": "setup",
    "sim": "sim",
    "simulate": "demo",
    "status": "status",
    "sync": "sync",
    "syncd": "daemons",
    "targets": "targets",
    "tokens": "tokens",
    "unlock": "doors",
    "upgrade": "upgrade",
    "webhooks": "webhooks",
    "visitors": "visitors",
    "users": "users",
    "wipe": "wipe",
}


@dataclass
class Context:
    """What every command knows: where the configuration is, and whether to print JSON."""

    path: Path | None = None
    json: bool = False


class _Lazy(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has stopped; what Python would still flush goes nowhere.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(141) from None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"controller.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Configuration file; else $DOORWARD_CONFIG, else /etc/doorward/doorward.toml.",
)
@click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")
@click.version_option(package_name="doorward")
@click.pass_context
def cli(context: click.Context, path: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Doorward: doors that open from a local cache, and tell the platform afterwards."""
    context.obj = Context(path, as_json)


def main() -> None:
    """Errors become one message and their exit code."""
    try:
        code = cli(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except DoorwardError as error:
        click.echo(f"doorward: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(f"doorward: {error}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
