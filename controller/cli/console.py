"""`doorward console`: what the console in a browser needs around it."""

import click


@click.group()
def console() -> None:
    """Prepare the console for a network."""
