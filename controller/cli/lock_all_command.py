"""`doorward lock-all` for those who ask for help or for JSON; alone, it needs no click."""

import click


@click.command()
@click.pass_context
def lock_all(context: click.Context) -> int:
    """Drive every lock shut, without the controller.

    For when the controller is gone: systemd runs it whenever it has ended. While the controller
    runs it holds the locks itself; use `doorward lockdown` then. Exit code 0: all locks were driven
    shut; 1: at least one may stand open; 3: neither the controller's list of locks nor the
    configuration can be read.
    """
    from controller.cli.lock_all import run

    return run(str(context.obj.path or ""), as_json=context.obj.json)
