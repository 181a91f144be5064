"""What happened and how a door is, in words for a desk: from the journal and the doors' status."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from controller.model import Event, Kind, Reason, Recorded
from controller.words import REASONS

# What a desk need not see in a stream of what happens; the journal has it all.
HIDDEN = {
    *(Kind.CLOSED, Kind.OPENED, Kind.TOLD, Kind.READ_REFUSED, Kind.EXIT),
    *(Kind.HELD_WARNING, Kind.ALARM_OVER, Kind.FIRE_OVER),
}
SHOWN = tuple(kind for kind in Kind if kind not in HIDDEN)
_SOMEBODY = "Somebody"
_PLAIN: dict[Kind, tuple[str, str, str]] = {  # colour, short, what happened
    Kind.ENTERED: ("good", "Came in", "{who} opened the door"),
    Kind.NO_ENTRY: ("quiet", "Not opened", "{who} was let in and did not open"),
    Kind.DURESS: ("bad", "Calls for help", "{who} typed the PIN that calls for help"),
    Kind.FORCED: ("bad", "Forced", "Opened though nobody was let in"),
    Kind.HELD: ("bad", "Held open", "Open for too long"),
    Kind.PROPPED: ("quiet", "May stand open", "{author} lets it stand open"),
    Kind.FIRE: ("bad", "Fire alarm", "The fire alarm is on"),
    Kind.UNLOCKED: ("good", "Opened", "{author} opened it"),
    Kind.WATCHED: ("quiet", "Watched", "{author} watches what the devices tell"),
    Kind.DEVICE_LOST: ("bad", "No answer", "{part} does not answer"),
    Kind.DEVICE_BACK: ("good", "Answers", "{part} answers again"),
    Kind.ALARM: ("bad", "Alarm", "{what}"),
    Kind.CLOCK_STEPPED: ("warn", "Clock", "The clock was set"),
    Kind.STARTED: ("quiet", "Started", "The doors' program was started"),
    Kind.STOPPED: ("quiet", "Stopped", "The doors' program was stopped"),
    Kind.CARD_ENROLLED: ("good", "New card", "{author} gave {who} a card"),
    Kind.CARD_BLOCKED: ("warn", "Blocked", "{author} blocked a card of {who}"),
    Kind.CARD_UNBLOCKED: ("good", "Unblocked", "{author} unblocked a card of {who}"),
    Kind.PINS_SHOWN: ("quiet", "PIN", "{author} looked at the PIN of {who}"),
    Kind.PUSHED: ("quiet", "Check-ins", "{author} had late check-ins told"),
    Kind.UPGRADING: ("warn", "Upgrade", "{author} began an upgrade"),
    Kind.UPGRADED: ("good", "Upgraded", "A new release is in force"),
    Kind.ROLLED_BACK: ("bad", "Rolled back", "The new release did not hold: the old one is back"),
    Kind.RENEWED: ("warn", "Journal", "The journal was damaged and begun anew"),
}
_MODES = {
    "normal": ("quiet", "Locked", "{author} set it back to normal"),
    "unlocked": ("warn", "Unlocked", "{author} unlocked it"),
    "lockdown": ("bad", "Lockdown", "{author} locked it down"),
}
_HOURS = {
    True: ("warn", "Unlocked", "Its hours began: unlocked for everybody"),
    False: ("quiet", "Locked", "Its hours are over: locked"),
}


class Said(NamedTuple):
    """One thing that happened. `colour`: good, warn, bad or quiet; `until`: how long it lasts."""

    seq: int
    at: float
    door: str
    colour: str
    short: str
    text: str
    why: str = ""
    until: float | None = None


def said(recorded: Recorded, names: Mapping[str, str]) -> Said:
    """An event in words. `names` of doors by their ids."""
    event, detail = recorded.event, recorded.event.detail or {}
    colour, short, text = _words(event, detail)
    filled = text.format(
        who=event.name or _SOMEBODY,
        author=_author(event.author),
        part=str(detail.get("part", "a device")).capitalize(),
        what=str(detail.get("what", "something is wrong")).capitalize(),
    )
    why = _why(event, detail)
    until = detail.get("until") if isinstance(detail.get("until"), int | float) else None
    door = names.get(event.door, event.door)
    return Said(recorded.seq, recorded.wall, door, colour, short, filled, why, until)


def reason_in_words(reason: str) -> str:
    """`no pass is left`; the word itself if it is none of ours."""
    if reason == Reason.UNKNOWN:
        return "nobody’s card"
    try:
        return REASONS[Reason(reason)][0]
    except (ValueError, KeyError):
        return reason.replace("_", " ")


def _words(event: Event, detail: Mapping[str, Any]) -> tuple[str, str, str]:
    if event.kind is Kind.ACCESS:
        return _access(event)
    if event.kind is Kind.MODE:
        return _MODES.get(str(detail.get("mode")), ("quiet", "Mode", "{author} set its mode"))
    if event.kind is Kind.HOURS:
        return _HOURS[bool(detail.get("unlocked"))]
    words = event.kind.value.replace("_", " ")
    return _PLAIN.get(event.kind, ("quiet", words.capitalize(), words.capitalize()))


def _access(event: Event) -> tuple[str, str, str]:
    if event.reason == Reason.GRANTED:
        return ("good", "Let in", "{who}")
    if event.reason == Reason.UNKNOWN:
        return ("bad", "Refused", "An unknown card")
    return ("bad", "Refused", "{who}")


def _why(event: Event, detail: Mapping[str, Any]) -> str:
    """What else is worth knowing, shortly."""
    if event.kind is Kind.ACCESS and event.reason == Reason.UNKNOWN:
        words = reason_in_words(event.reason)
        return f"{words}, {event.card}" if event.card else words
    if event.kind is Kind.ACCESS and event.reason != Reason.GRANTED:
        return reason_in_words(event.reason)
    return str(detail.get("why", ""))


def _author(author: str) -> str:
    """`Ada` of `Ada (console), through doorward`."""
    return author.partition(" (console)")[0] or "Somebody"
