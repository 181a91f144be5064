"""How a door is, for a page: from what the controller says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.console.said import reason_in_words

Pill = tuple[str, str]  # colour, words
_GRAVE = {
    "forced": "Forced open",
    "held": "Open for too long",
    "fire": "Fire alarm",
}


@dataclass(frozen=True, slots=True)
class Last:
    """Who was last at a door, and what became of it."""

    at: float
    name: str
    granted: bool
    why: str


@dataclass(frozen=True, slots=True)
class DoorView:
    """`colour`: good, warn, bad or quiet, for the whole of it. `troubles`: what is wrong there."""

    id: str
    name: str
    works: bool
    mode: str
    until: float | None
    colour: str
    pills: tuple[Pill, ...]
    troubles: tuple[str, ...]
    last: Last | None

    @property
    def lockdown(self) -> bool:
        return self.mode == "lockdown"

    @property
    def unlocked(self) -> bool:
        return self.mode == "unlocked"


def door_view(door: Mapping[str, Any]) -> DoorView:
    """`door`: of the controller's status."""
    wrong = {**door["unwell"], **door.get("alarms", {})}
    troubles = tuple(f"{part}: {why}" if part != "door" else why for part, why in wrong.items())
    about = (door["id"], door["name"] or door["id"])
    if not door["works"]:
        pills: tuple[Pill, ...] = (("bad", "Does not work"), ("quiet", "Locked"))
        return DoorView(*about, False, "", None, "bad", pills, troubles, None)
    first = _first(door)
    pills = (first, *_leaf(door))
    colour = "warn" if troubles and first[0] in ("good", "quiet") else first[0]
    last = _last(door["last"])
    return DoorView(*about, True, door["mode"], door["mode_until"], colour, pills, troubles, last)


def _first(door: Mapping[str, Any]) -> Pill:
    """What matters most."""
    word = door["word"]
    if word in _GRAVE:
        return ("bad", _GRAVE[word])
    if word == "lockdown":
        return ("bad", "Lockdown")
    if word == "unlocked by hand":
        return ("warn", "Unlocked")
    if word == "unlocked by hours":
        return ("warn", "Unlocked by its hours")
    return ("good", "Released") if door["released"] else ("quiet", "Locked")


def _leaf(door: Mapping[str, Any]) -> tuple[Pill, ...]:
    """Open or shut, where a contact tells."""
    if door["open"] is None:
        return ()
    return (("quiet", "Open" if door["open"] else "Shut"),)


def _last(last: Mapping[str, Any] | None) -> Last | None:
    if last is None:
        return None
    granted = last["reason"] == "granted"
    name = last["name"] or ("Somebody" if granted else "Somebody unknown")
    return Last(last["at"], name, granted, "" if granted else reason_in_words(last["reason"]))
