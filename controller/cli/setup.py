"""`doorward setup`: from a bare machine to a first scan by questions, left and taken up again."""

import click

from controller.cli.inputs import Length


@click.command()
@click.option(
    "--wait", type=Length(), default="60s", show_default=True, help="For a card to be shown."
)
@click.option(
    "--release", type=Length(), default="3s", show_default=True, help="To try the lock for so long."
)
@click.pass_context
def setup(context: click.Context, wait: float, release: float) -> None:
    """Set up this machine's first door by questions, from the reader to the first scan.

    Works over ssh and on a serial console, and without any hardware too. Nothing that is in force
    is touched before the new configuration is checked; it can be left and taken up again.
    """
    from controller.cli.setup_answers import Answers
    from controller.cli.setup_ask import Asking
    from controller.cli.setup_wizard import Wizard
    from controller.config import default_path

    path = (context.obj.path or default_path()).absolute()
    try:
        Wizard(Asking(), path, Answers(path.parent), wait, release).run()
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nLeft. What was answered is kept: doorward setup goes on from there.")
        context.exit(130)
