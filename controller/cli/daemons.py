"""`doorward controller` and `doorward syncd`: the two processes."""

import click


@click.command()
@click.pass_context
def controller(context: click.Context) -> None:
    """Run the doors (what doorward-controller.service starts)."""
    from controller.daemon import run

    run(context.obj.path)


@click.command()
@click.pass_context
def syncd(context: click.Context) -> None:
    """Run what speaks to the platforms (what doorward-sync.service starts)."""
    from sync.daemon import run

    run(context.obj.path)
