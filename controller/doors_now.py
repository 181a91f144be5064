"""How the doors are set and what time it is: from the controller, or from what it left."""

from typing import TYPE_CHECKING

from controller.control import ask
from controller.errors import NotRunning, StoreError
from controller.files import clock_of, journal_of
from controller.model import Mode, Now, Trust

if TYPE_CHECKING:
    from controller.config import Config

Set = tuple[Mode, float | None]  # a door's mode, and until when (wall)


def doors_now(config: "Config") -> tuple[dict[str, Set], Now]:
    """Each door's mode, also of one that does not work, and one time for all. `Refused`."""
    try:
        status = ask(config.run / "door.sock", {"do": "status"})
    except NotRunning:
        clock = clock_of(config)
        return _as_left(config), Now(clock.wall(), clock.trust())
    clock = status["clock"]
    told = {
        door["id"]: (Mode(door["mode"]), door["mode_until"])
        for door in status["doors"]
        if "mode" in door
    }
    left = {} if len(told) == len(config.doors) else _as_left(config)
    return {**left, **told}, Now(clock["wall"], Trust(clock["trust"]))


def mode_then(modes: dict[str, Set], door: str, wall: float) -> Mode:
    """The mode of a door at a time from now on, if nobody changes it."""
    mode, until = modes.get(door, (Mode.NORMAL, None))
    return Mode.NORMAL if until is not None and wall >= until else mode


def _as_left(config: "Config") -> dict[str, Set]:
    try:
        with journal_of(config) as journal:
            return journal.modes()
    except StoreError:
        return {}
