"""Hands at doors: through the running controller, or on the devices themselves.

Both tell the same: first how each part stands, then all that it tells.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from controller.cli.hw_directly import Directly
from controller.cli.hw_ears import Ears, Hands, Hear, Seen
from controller.cli.hw_through import LONGEST, ThroughController
from controller.cli.reach import ask_controller, configured, nobody_listens
from controller.errors import DoorwardError, HardwareError, NotRunning
from controller.ports import Health

if TYPE_CHECKING:
    from controller.config import Config


@contextmanager
def hands_at(
    context: click.Context,
    doors: list[str],
    ears: Ears,
    *,
    lock: bool = False,
    seconds: float | None = None,
) -> Iterator[dict[str, Hands]]:
    """Hands at these doors, whichever way there is; with `lock`, at their locks too.

    `seconds`: for about how long, which the journal then says; longer does no harm.
    Where there are several, one that does not work says so and keeps no other from being heard.
    """
    config = configured(context)
    with ExitStack() as stack:
        found: dict[str, Hands] = {}
        through = _controller_runs(config)
        if not through:
            config = _with_drivers(context)
        for door in doors:
            hands: Hands
            if through:
                hear = _forgiving(door, ears.hear) if len(doors) > 1 else ears.hear
                hands = ThroughController(config, door, hear, seconds or LONGEST)
            else:
                hands = Directly(config, door, ears.hear, lock=lock)
            stack.callback(hands.close)
            found[door] = hands
        yield found


def _controller_runs(config: "Config") -> bool:
    """False only if nobody is there: a controller that may not be asked still has the devices."""
    try:
        ask_controller(config, "status")
    except NotRunning as error:
        if not nobody_listens(error):
            raise
        return False
    return True


def _forgiving(door: str, hear: Hear) -> Hear:
    """A door that does not work is one more thing to be told."""

    def heard(what: Seen | DoorwardError) -> None:
        if isinstance(what, DoorwardError) and what.exit_code == HardwareError.exit_code:
            what = Seen(door, "door", Health(False, str(what)))
        hear(what)

    return heard


def _with_drivers(context: click.Context) -> "Config":
    from controller.config import load
    from controller.logs import configure
    from hw import TABLES

    configure("doorward", "critical")
    return load(context.obj.path, devices=TABLES)
