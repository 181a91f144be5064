"""`doorward enroll`: the next card nobody knows, shown at a door, becomes a person's."""

from collections.abc import Iterator
from typing import Any

import click

from controller.cli.inputs import Length, complete_doors, complete_platforms, json_option
from controller.cli.output import lasting, plain, print_json
from controller.cli.reach import ENROLMENT, asked_of_sync, cache_of, configured, known_door
from controller.cli.whom import person_meant
from controller.model import Reason
from controller.words import REASONS


@click.command()
@click.argument("person")
@click.option(
    "--door", required=True, shell_complete=complete_doors, help="Where the card is shown."
)
@click.option("--platform", default="", shell_complete=complete_platforms, help="Whose PERSON is.")
@click.option(
    *("--seconds", "seconds"),
    type=Length(),
    default="60s",
    show_default=True,
    help="How long to wait for it, at most 120 s.",
)
@click.option("--fresh", is_flag=True, help="Not a card shown a moment ago: only the next one.")
@click.option(
    "--replaces", default="", metavar="LAST4", help="The end of their old card: block that one."
)
@json_option
@click.pass_context
def enroll(
    context: click.Context,
    person: str,
    door: str,
    platform: str,
    seconds: float,
    replaces: str,
    *,
    fresh: bool,
) -> None:
    """Give PERSON the card that is shown at a door, at the platform and here, at once.

    PERSON is part of a name, platform/key, or a masked card (…B2C3). A card nobody knows that was
    shown in the minute before counts too, unless --fresh. Where the platform cannot be written,
    what to enter where is shown here, once.
    """
    config = configured(context)
    known_door(config, door)
    if platform:
        from controller.cli.sync import known_platforms

        known_platforms(config, (platform,))
    with cache_of(config) as cache:
        whom = person_meant(config, cache, person, platform)
    request: dict[str, Any] = {
        "platform": whom.platform,
        "person": whom.key,
        "door": door,
        "seconds": seconds,
        "fresh": fresh,
        "replaces": replaces,
    }
    say = Progress(whom.name)
    done = asked_of_sync(context, "enroll", say=say, within=ENROLMENT, **request)
    if context.obj.json:
        print_json({name: value for name, value in done.items() if name != "ok"})
    else:
        _print(done)


class Progress:
    """Tells whoever waits what happens; `say` of `sync.enrolment`."""

    def __init__(self, name: str) -> None:
        self._name, self._waits = name, False

    def __call__(self, told: dict[str, Any]) -> None:
        if told["say"] == "waiting":
            if self._waits:
                return
            self._waits = True
        for line in self._lines(told):
            click.echo(plain(line), err=True)

    def _lines(self, told: dict[str, Any]) -> Iterator[str]:
        match told["say"]:
            case "waiting":
                left = lasting(told["left"])
                yield f"Hold the card for {self._name} to a reader of {told['door']} ({left}) …"
            case "not_written":
                yield f"{told['platform']} cannot be written from here: what to enter follows."
            case "taken":
                yield _taken(told)
            case "card":
                ago = f", shown {lasting(told['age'])} ago" if told["age"] >= 1 else ""
                yield f"Card {told['card']}{ago}."
            case "registering":
                yield f"Registering it at {told['platform']} …"
            case "by_hand":
                yield "To be entered by hand, shown this once:"
                yield f"  {told['entry']}"


def _taken(told: dict[str, Any]) -> str:
    if told["name"]:
        whose = f"{told['name']}'s ({told['platform']}/{told['person']})"
        return f"Card {told['card']} is {whose} already; hold another."
    return f"Card {told['card']} cannot be enrolled: {REASONS[Reason(told['reason'])][0]}."


def _print(done: dict[str, Any]) -> None:
    whose = f"{done['name']} ({done['platform']}/{done['person']})"
    if done["already"]:
        click.echo(plain(f"Card {done['card']} was {whose}'s already; nothing was changed."))
    else:
        where = f" in {done['where']}" if done["where"] else ""
        click.echo(plain(f"Card {done['card']} is now {whose}'s, at the platform{where} and here."))
    if done["replaced"]:
        click.echo(plain(f"Their card {done['replaced']} is blocked here."))
    for each in done["to_do"]:
        click.echo(plain(f"To do: {each}"))
