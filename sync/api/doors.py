"""Doors: how they are, whom they admit, and opening one."""

from typing import Any

from controller.config import Config
from controller.control import Refused, ask
from controller.errors import HardwareError
from controller.model import Labels
from sync.api.answers import Call, Refusal
from sync.api.models import Door, Doors, Group, Groups, Opened
from sync.event_words import instant
from sync.inbound import Answer

_NO_GROUP = "group:\0"  # what no door names


class DoorDesk:
    """Each method takes a `Call` that was checked; may raise `Refusal` and `NotRunning`."""

    def __init__(self, config: Config, platform: str) -> None:
        """`platform`: the name of that of kind `api`; "" if there is none."""
        self._config, self._platform = config, platform
        self._socket = config.run / "door.sock"

    def doors(self, call: Call) -> Answer:  # noqa: ARG002
        status = ask(self._socket, {"do": "status"})
        found = Doors(doors=[_door(each) for each in status["doors"]])
        return Answer(200, found.model_dump())

    def groups(self, call: Call) -> Answer:  # noqa: ARG002
        """What registered users can be members of, by the doors' configuration."""
        named = dict.fromkeys(
            label.removeprefix(f"{self._platform}/").removeprefix("group:")
            for door in self._config.doors.values()
            for label in door.admits
            if label.removeprefix(f"{self._platform}/").startswith("group:")
            and not label.endswith("*")
        )
        groups = [Group(id=name, doors=self._admitting(f"group:{name}")) for name in named]
        said = Groups(groups=groups, any_group=self._admitting(_NO_GROUP))
        return Answer(200, said.model_dump())

    def open(self, call: Call) -> Answer:
        """Release one door for some seconds; the token's name goes into the journal."""
        door = call.path["id"]
        if door not in self._config.doors:
            raise Refusal(404, "there is no such door; GET /doors names them")
        request = {
            "do": "unlock",
            "door": door,
            "seconds": call.body.seconds,
            "on_behalf": f"api token {call.token}",
        }
        try:
            said = ask(self._socket, request)
        except Refused as error:
            why = "the door does not work" if error.exit_code == HardwareError.exit_code else ""
            raise Refusal(409, why or str(error)) from None
        return Answer(200, Opened(door=said["door"], seconds=said["seconds"]).model_dump())

    def _admitting(self, label: str) -> list[str]:
        held = (self._platform, label)
        return [
            name
            for name, door in self._config.doors.items()
            if held in Labels(door.admits) and held not in Labels(door.refuses)
        ]


def _door(status: dict[str, Any]) -> Door:
    trouble = {**status.get("unwell", {}), **status.get("alarms", {})}
    return Door(
        id=status["id"],
        name=status["name"],
        works=status["works"],
        mode=status.get("mode"),
        mode_until=instant(status.get("mode_until")),
        released=status.get("released"),
        open=status.get("open"),
        phase=status.get("phase"),
        trouble=[f"{part}: {why}" for part, why in trouble.items()],
    )
