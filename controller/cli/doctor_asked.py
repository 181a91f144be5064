"""What the two processes tell `doorward doctor`."""

import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from controller.cli.doctor_finding import Finding, bad, good, unsure
from controller.cli.reach import ask_controller
from controller.control import converse
from controller.errors import DoorwardError

if TYPE_CHECKING:
    from controller.config import Config

_EACH = 90.0  # seconds for one line to the outside
_CLICK = 0.5  # seconds for which a lock is released
_UNIT = {"controller": "doorward-controller", "syncd": "doorward-sync"}
_AS_SERVICE = "sudo -u doorward doorward doctor"


def controller_says(config: "Config", found: dict[str, Any]) -> Iterator[Finding]:
    """Both processes, and every device of every door."""
    for process in _UNIT:
        yield _process(process, found[process])
    controller = found["controller"]
    if not controller["running"]:
        yield unsure("devices", "only the running controller knows how they are")
        return
    for door in controller["doors"]:
        yield from _devices(config, door)
    for name, trouble in (("journal.db", controller["journal"]["failing"]),
                          ("cache.db", controller["cache"]["failing"])):  # fmt: skip
        if trouble:
            yield bad(name, f"the controller cannot use it: {trouble}", "df; dmesg")


def sync_says(config: "Config", found: dict[str, Any]) -> Iterator[Finding]:
    """Every line to the outside, tried by `syncd` with its own keys."""
    yield from _check_ins(found["check_ins"])
    if not found["syncd"]["running"]:
        yield unsure("platforms", "they are tried by syncd, which does not answer",
                     "systemctl start doorward-sync")  # fmt: skip
        return
    try:
        *_, answer = converse(config.run / "sync.sock", {"do": "doctor"}, timeout=_EACH)
    except DoorwardError as error:
        yield unsure("platforms", str(error), "doorward status")
        return
    for check in answer["checks"]:
        said = check["said"]
        if check["ok"]:
            yield good(check["part"], said)
        else:
            yield bad(check["part"], said, check["next"])
    if failure := found["syncd"].get("http", {}).get("failure"):
        yield bad("web server", failure, "journalctl -u doorward-sync -n 50")


def locks_clicked(config: "Config", found: dict[str, Any], *, yes: bool) -> Iterator[Finding]:
    """Each lock is released for a moment, by consent."""
    if not found["controller"]["running"]:
        yield unsure("locks", "the controller does not answer", "doorward hw test DOOR")
        return
    for name in config.doors:
        part = f"door {name}, lock"
        if not yes and not _consents(name):
            yield unsure(part, "not tried: no consent")
            continue
        try:
            why = _clicked(config, name)
        except DoorwardError as error:
            why = str(error)
        if why:
            yield bad(part, why, f"doorward hw test {name}")
        else:
            yield good(part, "was released for a moment and is shut again, as far as it tells")


def _consents(door: str) -> bool:
    """False, too, if nobody is there to be asked."""
    return sys.stdin.isatty() and click.confirm(f"Release {door} for a moment?", err=True)


def _clicked(config: "Config", name: str) -> str:
    """Release it and wait until that is over; what is wrong then."""
    ask_controller(config, "unlock", door=name, seconds=_CLICK)
    threading.Event().wait(_CLICK + 0.5)
    doors = ask_controller(config, "status")["doors"]
    door = next(each for each in doors if each["id"] == name)
    if door["released"] and door["mode"] == "normal":
        return "the controller still holds it released"
    return str(door["unwell"].get("lock", ""))


def _process(name: str, found: dict[str, Any]) -> Finding:
    if found["running"]:
        return good(name, f"answers, pid {found['pid']}")
    if "ermission" in found["why"]:
        return unsure(name, found["why"], f"join the group doorward, or: {_AS_SERVICE}")
    return bad(name, found["why"] or "does not run", f"systemctl start {_UNIT[name]}")


def _devices(config: "Config", door: dict[str, Any]) -> Iterator[Finding]:
    name, ill = door["id"], door["unwell"]
    settings = config.doors.get(name)
    parts = ["lock", *(settings.readers if settings else ())]
    parts += [p for p in ("contact", "exit_button", "indicator", "tamper", "fire")
              if getattr(settings, p, None)]  # fmt: skip
    for part, why in ill.items():
        yield bad(f"door {name}, {part}", why, f"doorward hw list; doorward hw test {name}")
    for what, why in door.get("alarms", {}).items():
        yield bad(f"door {name}", f"alarm, {what}: {why}", f"doorward hw watch {name}")
    if door.get("word") in ("forced", "held", "fire"):
        yield bad(f"door {name}", f"is {door['word']}", "doorward status")
    if well := [part for part in parts if part not in ill] if "door" not in ill else []:
        yield good(f"door {name}", f"well: {', '.join(well)}")


def _check_ins(counts: dict[str, int]) -> Iterator[Finding]:
    from controller.words import CHECK_INS

    waiting = {state: counts[state] for state in CHECK_INS if counts.get(state)}
    for state, number in waiting.items():
        said = f"{number} {state}: {CHECK_INS[state]}"
        yield bad("check-ins", said, f"doorward checkins --state {state}")
    if not waiting:
        yield good("check-ins", "none waits for a person")
