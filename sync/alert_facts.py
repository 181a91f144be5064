"""What of the vitals, and of the journal, somebody should be told."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from controller.alerts import AlertKind, Fact
from controller.config_alerts import AlertSettings
from controller.model import Kind, Recorded, Trust
from sync.vitals import Vitals

# Events that may be over before anybody looks at the door itself.
SIGHTED = {
    Kind.FORCED: AlertKind.FORCED,
    Kind.HELD: AlertKind.HELD,
    Kind.DURESS: AlertKind.DURESS,
    Kind.LOCKOUT: AlertKind.LOCKOUT,
    Kind.ELSEWHERE: AlertKind.ELSEWHERE,
}
_WORDS = {"forced": AlertKind.FORCED, "held": AlertKind.HELD, "fire": AlertKind.FIRE}
_AT_DOOR = {
    AlertKind.FORCED: "was opened though nobody was let in. Look there; the alarm at the door ends "
    "when it is shut",
    AlertKind.HELD: "is open for too long. Shut it, or allow it: doorward prop {door} --for 15m",
    AlertKind.FIRE: "the fire alarm is on",
    AlertKind.DURESS: "a PIN was typed under duress: somebody there needs help",
    AlertKind.LOCKOUT: "too many wrong PINs. Who it was: "
    "doorward events --kind lockout_max_attempts",
    AlertKind.ELSEWHERE: "a card was used here sooner after another door than anybody gets here: "
    "perhaps a copy. Whose it is: doorward events --kind card_elsewhere",
}
_MIB = 1024 * 1024


def standing(settings: AlertSettings, vitals: Vitals) -> Iterator[Fact]:
    """What stands at this moment."""
    if vitals.controller is None:
        yield Fact(
            AlertKind.CONTROLLER,
            "",
            f"the controller does not answer, so no card opens a door: {vitals.silence}. "
            "Start it: systemctl start doorward-controller",
        )
    else:
        yield from _at_doors(vitals.controller)
    yield from _at_files(settings, vitals)
    yield from _late(settings, vitals)
    if vitals.trust is Trust.GUESSED:
        what = "the time is only a guess since the power came back. Let the machine reach a time "
        yield Fact(AlertKind.CLOCK, "", f"{what}server, or fit a battery-backed clock")
    if vitals.mail and vitals.mail["trouble"]:
        yield Fact(AlertKind.MAIL, "", f"no mail goes out: {vitals.mail['trouble']}")
    for target in vitals.targets:
        if why := target["failure"]:
            name = target["target"]
            yield Fact(AlertKind.TARGET, name, f"target {name} is not told: {why}")


def sighted(events: Iterable[Recorded]) -> Iterator[Fact]:
    """What happened lately and may be over."""
    for event in (each.event for each in events):
        if kind := SIGHTED.get(event.kind):
            yield at_door(kind, event.door)


def at_door(kind: AlertKind, door: str) -> Fact:
    return Fact(kind, door, f"door {door}: {_AT_DOOR[kind].format(door=door)}")


def _at_doors(controller: Mapping[str, Any]) -> Iterator[Fact]:
    for door in controller["doors"]:
        name = door["id"]
        for part, why in door["unwell"].items():
            yield Fact(AlertKind.DEVICE, f"{name}/{part}", f"door {name}, {part}: {why}")
        for what, why in door.get("alarms", {}).items():
            yield Fact(AlertKind.ALARM, f"{name}/{what}", f"door {name}, {what}: {why}")
        if kind := _WORDS.get(door.get("word", "")):
            yield at_door(kind, name)
    if why := controller["journal"]["failing"]:
        yield Fact(
            AlertKind.JOURNAL,
            "",
            f"the journal cannot be written ({why}); events wait in memory and are lost with the "
            "process. Look at the disk: df, dmesg",
        )


def _at_files(settings: AlertSettings, vitals: Vitals) -> Iterator[Fact]:
    for name, why in vitals.unreadable.items():
        yield Fact(AlertKind.DAMAGED, name, why)
    if (controller := vitals.controller) and (why := controller["cache"]["failing"]):
        yield Fact(AlertKind.DAMAGED, "cache.db", f"the controller cannot look people up: {why}")
    for name in vitals.damaged:
        yield Fact(
            AlertKind.DAMAGED,
            name,
            f"{name} was set aside because it is damaged, and a new one begun. Look at the disk "
            "(dmesg); then keep it elsewhere or delete it",
        )
    if vitals.disk_size and vitals.disk_free < settings.disk_below_mib * _MIB:
        room = f"{vitals.disk_free // _MIB} MiB left on the disk of the databases"
        yield Fact(AlertKind.DISK, "", f"{room}. Make room: du -x / | sort -n | tail")


def _late(settings: AlertSettings, vitals: Vitals) -> Iterator[Fact]:
    for platform, at in vitals.oldest.items():
        if vitals.wall - at > settings.queue_older_than:
            waits = (
                f"{platform}: check-ins wait to be told, the oldest for {_span(vitals.wall - at)}"
            )
            yield Fact(AlertKind.QUEUE, platform, f"{waits}. Why: doorward status")
    for platform, synced in vitals.synced.items():
        age = vitals.uptime if synced is None else vitals.wall - synced
        if age > settings.roster_older_than:
            known = f"{platform}: nothing was fetched for {_span(age)}"
            why = vitals.failures.get(platform, "")
            tail = f" ({why})" if why else ""
            yield Fact(AlertKind.ROSTER, platform, f"{known}{tail}. Try it: doorward sync")


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{seconds / 60:.0f} minutes"
