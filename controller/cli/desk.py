"""What staff do with cards: through `syncd` if it runs, else by what it works with."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controller.cli.reach import nobody_listens, office_of, own_name
from controller.errors import NotRunning

if TYPE_CHECKING:
    import click

    from controller.config import Config

Say = Callable[[dict[str, Any]], None]
_SILENCE = 120.0  # seconds between two answers; somebody else's enrolment may come first


def at_desk(
    context: "click.Context",
    config: "Config",
    request: dict[str, Any],
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """One command of sync.sock; `say` hears what it says meanwhile. Raises `DoorwardError`."""
    from controller.control import converse

    try:
        for answer in converse(config.run / "sync.sock", request, timeout=_SILENCE):
            if answer.get("ok"):
                return answer
            say(answer)
    except NotRunning as error:
        if not nobody_listens(error):
            raise
    from sync.commands import SyncCommands

    with office_of(context) as office:
        return SyncCommands(office).table()[request["do"]](request, own_name(), say)
