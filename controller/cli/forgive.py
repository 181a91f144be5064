"""`doorward forgive`: forget where somebody is, so that no passback keeps them out."""

import click

from controller.cli.inputs import json_option
from controller.cli.output import plain, print_json
from controller.cli.reach import ask_controller, configured
from controller.logs import configure


@click.command()
@click.argument("who", metavar="[PERSON]", required=False)
@click.option("--everybody", is_flag=True, help="Forget where anybody is.")
@json_option
@click.pass_context
def forgive(context: click.Context, who: str | None, *, everybody: bool) -> None:
    """Forget in which area PERSON is and when they entered; the next entry is no passback.

    A person is part of a name, platform/key, or a masked card (…B2C3). Who forgave is on record.
    """
    from controller.cli.reach import cache_of
    from controller.cli.whom import person_meant

    if bool(who) == everybody:
        raise click.UsageError("name one person, or say --everybody")
    configure("doorward", "critical")
    config = configured(context)
    if who:
        with cache_of(config) as cache:
            platform, key, name = person_meant(config, cache, who)[:3]
        ask_controller(config, "forgive", platform=platform, person=key, name=name)
        said = f"{name} ({platform}/{key})"
    else:
        ask_controller(config, "forgive", everybody=True)
        said = "everybody"
    if context.obj.json:
        print_json({"forgiven": said})
    else:
        click.echo(plain(f"forgiven: {said}; where they are is unknown until they next go through"))
