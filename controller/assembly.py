"""Doors built from their configuration, each by itself: what one lacks does not stop another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from controller.config import Config, Stanza
from controller.config import Door as DoorConfig
from controller.door import Door, Fitted, Parts
from controller.errors import HardwareError
from controller.interlock import Interlock
from controller.journal import Journal
from controller.knowledge import Knowledge
from controller.live import Asker
from controller.logs import Once
from controller.model import Event, Kind, Mode
from controller.ports import Clock

log = structlog.get_logger(__name__)

_AGAIN = 10.0  # seconds between attempts to build a door whose device is missing


@dataclass(slots=True)
class Doors:
    """All doors of this controller: those that work, and why the others do not."""

    config: Config
    knowledge: Knowledge
    journal: Journal
    clock: Clock
    working: dict[str, Door] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    interlock: Interlock = field(default_factory=Interlock)
    asker: Asker | None = None
    _again_at: float = 0.0
    _once: Once = field(default_factory=lambda: Once(log))

    def start(self) -> None:
        """Build and start what can be; call again now and then for what could not."""
        now = self.clock.monotonic()
        if now < self._again_at:
            return
        self._again_at = now + _AGAIN
        modes = self.journal.modes()
        for name in self.config.doors:
            if name not in self.working:
                self._start(name, modes)

    def stop(self) -> None:
        for door in self.working.values():
            door.stop()

    def stuck(self, longest: float) -> list[str]:
        """Doors whose thread has not come round for so many seconds."""
        now = self.clock.monotonic()
        return [name for name, door in self.working.items() if now - door.heartbeat > longest]

    def _start(self, name: str, modes: Mapping[str, tuple[Mode, float | None]]) -> None:
        try:
            parts = _parts(name, self.config.doors[name])
        except HardwareError as error:
            if name not in self.missing:
                detail = {"part": "door", "why": str(error)}
                self.journal.append(Event(Kind.DEVICE_LOST, name, detail=detail))
            self.missing[name] = str(error)
            self._once.trouble(name, "door does not work", door=name, error=str(error))
            return
        door = Door(
            self.config.rules(name),
            self.config.settings(name),
            parts,
            self.knowledge,
            self.journal,
            self.clock,
            self.interlock,
            self.asker,
        )
        door.start(*modes.get(name, (Mode.NORMAL, None)))
        self.working[name] = door
        if self.missing.pop(name, None) is not None:
            self.journal.append(Event(Kind.DEVICE_BACK, name, detail={"part": "door"}))
            self._once.fine(name, "door works", door=name)


def _parts(name: str, config: DoorConfig) -> Parts:
    def made(stanza: Stanza, part: str) -> Any:
        return stanza.factory(stanza.settings, f"{name}/{part}")

    def optional(part: str) -> Any:
        stanza: Stanza | None = getattr(config, part)
        return made(stanza, part) if stanza else None

    lock = made(config.lock, "lock")
    try:
        readers = {
            reader: Fitted(made(stanza, reader), stanza.card.card_format(), stanza.strength)
            for reader, stanza in config.readers.items()
        }
        others = {
            part: optional(part)
            for part in ("contact", "exit_button", "indicator", "tamper", "fire")
        }
    except HardwareError:
        lock.stop()
        raise
    return Parts(lock, readers, **others)
