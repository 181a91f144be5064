"""What door.sock does for staff, for `sync` and for the simulator's user."""

import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from controller.assembly import Doors
from controller.control import Answer, Command, Request, Say
from controller.door import Door
from controller.errors import ConfigError, DoorwardError, HardwareError
from controller.knowledge import Knowledge
from controller.model import Event, Kind, Mode

Play = Callable[[Mapping[str, object], str, str], Answer]


class DoorCommands:
    """Commands by name; each takes the request, who asks, and how to report progress."""

    def __init__(self, doors: Doors, knowledge: Knowledge, play: Play) -> None:
        """`play` acts on simulated devices: a door's by part, what to do, and a text."""
        self._doors, self._knowledge, self._play = doors, knowledge, play
        self._journal, self._clock = doors.journal, doors.clock

    def table(self) -> dict[str, Command]:
        return {
            "status": self.status,
            "unlock": self.unlock,
            "mode": self.mode,
            "settled": self.settled,
            "sim": self.sim,
        }

    def status(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """How the controller and each door are."""
        doors = [self._door_status(name) for name in self._doors.config.doors]
        return {
            "pid": os.getpid(),
            "version": version("doorward"),
            "clock": {"wall": self._clock.wall(), "trust": self._clock.trust().value},
            "journal": {"failing": self._journal.failing, "lost": self._journal.dropped},
            "cache": {"failing": self._knowledge.trouble},
            "doors": doors,
        }

    def unlock(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Release one door for some seconds."""
        door = self._door(request)
        if door.mode is Mode.LOCKDOWN:
            raise DoorwardError(
                f"{door.id} is in lockdown; lift it first: doorward lockdown off {door.id}"
            )
        seconds = _number(request, "seconds")
        door.unlock(author, seconds)
        door.catch_up(2.0)
        return {"door": door.id, "seconds": seconds or door.settings.open_for}

    def mode(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Set one door, or all if none is named, to a mode, for ever or until a wall time."""
        try:
            mode = Mode(request.get("mode", ""))
        except ValueError:
            raise ConfigError(f"a mode is one of {', '.join(Mode)}") from None
        named = request.get("door")
        doors = [self._door(request)] if named else list(self._doors.working.values())
        for door in doors:
            door.set_mode(mode, _number(request, "until"), author)
        for door in doors:
            door.catch_up(2.0)
        return {"doors": [door.id for door in doors], "mode": mode.value}

    def settled(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """`sync` says what became of check-ins; kept, so that none is ever told twice."""
        tickets = [
            self._journal.append(
                Event(
                    Kind.TOLD,
                    str(item["door"]),
                    platform=str(item["platform"]),
                    person=str(item["person"]),
                    name=str(item["name"]),
                    author=str(item.get("author", "")),
                    detail={key: item[key] for key in ("seq", "uuid", "state", "message")},
                )
            )
            for item in request["items"]
            if item["chain"] == self._journal.chain
        ]
        if tickets and not tickets[-1].wait(5.0):
            raise DoorwardError("the journal does not take entries at present")
        return {"noted": len(tickets)}

    def sim(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Act on a simulated device: scan, open, close, press, unplug, plug, state."""
        door = self._door(request)
        act, text = str(request.get("act", "")), str(request.get("text", ""))
        self._play(_devices(door), act, text)
        door.catch_up(2.0)
        return {**self._play(_devices(door), "state", ""), "last": _last(door)}

    def _door(self, request: Request) -> Door:
        name = str(request.get("door", ""))
        if name in self._doors.missing:
            raise HardwareError(f"door {name} does not work: {self._doors.missing[name]}")
        if name not in self._doors.working:
            known = ", ".join(self._doors.config.doors)
            raise ConfigError(f"there is no door {name!r}; there are: {known}")
        return self._doors.working[name]

    def _door_status(self, name: str) -> dict[str, Any]:
        config = self._doors.config.doors[name]
        about: dict[str, Any] = {"id": name, "name": config.name}
        if name in self._doors.missing:
            return {**about, "works": False, "unwell": {"door": self._doors.missing[name]}}
        door = self._doors.working.get(name)
        if door is None:
            return {**about, "works": False, "unwell": {"door": "starting"}}
        until = door.state.mode_until if door.mode is door.state.mode else None
        now = {"mode": door.mode.value, "mode_until": until, "released": door.released}
        return {
            **about,
            "works": True,
            **now,
            "open": door.state.open if door.parts.contact else None,
            "last": _last(door),
            "unwell": dict(door.unwell),
        }


def _last(door: Door) -> dict[str, Any] | None:
    if door.last is None:
        return None
    at, decision = door.last
    name = decision.person.name if decision.person else ""
    return {
        "at": at,
        "reason": decision.reason.value,
        "name": name,
        "visit": decision.visit,
        "notes": list(decision.notes),
    }


def _devices(door: Door) -> dict[str, Any]:
    parts = door.parts
    named = {name: reader for name, (reader, _) in parts.readers.items()}
    others = {"lock": parts.lock, "contact": parts.contact, "exit_button": parts.exit_button}
    return {**others, "indicator": parts.indicator, **named}


def _number(request: Request, name: str) -> float | None:
    value = request.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ConfigError(f"{name} must be a number")
    return value
