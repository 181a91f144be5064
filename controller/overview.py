"""How everything is, from both processes if they answer and from the files; and what to do next."""

from collections.abc import Iterator, Mapping
from shutil import disk_usage
from typing import TYPE_CHECKING, Any

from controller.clock import clock_state
from controller.control import ask
from controller.errors import DoorwardError, StoreError, nobody_listens
from controller.files import cache_of, clock_of, journal_of
from controller.pins import too_short
from controller.secrets import came_from_elsewhere
from controller.wording import counted, lasting, local
from controller.words import CHECK_INS, GUESSED, MAILS

if TYPE_CHECKING:
    from controller.config import Config

_MIB = 1024 * 1024
_LITTLE = 200  # MiB; a journal of a year is a tenth of it
_PATIENCE = 3.0  # seconds for each process to answer
_GRAVE = {
    "forced": "opened though nobody was let in; look there, the alarm ends when it is shut",
    "held": "open for too long; shut it, or allow it: doorward prop DOOR --for 15m",
    "fire": "the fire alarm is on",
}
_NOT_RUNNING = {
    "controller": "controller does not answer, so no card opens a door. Start it: "
    "systemctl start doorward-controller (or: doorward controller)",
    "syncd": "syncd does not answer: the doors go on by what was fetched last, and no check-in is "
    "told. Start it: systemctl start doorward-sync (or: doorward syncd)",
}
_NO_DISK = (
    "the controller found no disk for {} when it started: keyholders alone get in, and what "
    "happens is kept in memory until the machine goes off. Look at the disk (dmesg, findmnt), "
    "then: systemctl restart doorward-controller"
)
_ONLY_ALERTED = ("queue_old", "roster_old", "card_elsewhere", "duress")
_CLONED = (
    "the device key was made on another machine. If this is a copy of its card, both share the "
    "hashes of all cards and visitors' PINs: see docs/technician.md, Copies of a card. If a backup "
    "was moved here for good: rm {}/device.machine"
)


def gather(config: "Config", syncd: dict[str, Any] | None = None) -> dict[str, Any]:
    """All there is to know; times in unix seconds. `syncd` is its status, if that is known."""
    controller, syncd = _asked(config, "door.sock"), syncd or _asked(config, "sync.sock")
    return {
        "site": config.site.name,
        "clock": controller.get("clock") or _own_clock(config),
        "controller": controller,
        "syncd": syncd,
        "cloned": came_from_elsewhere(config.data),
        **_from_files(config, {line["platform"]: line for line in syncd.get("platforms", ())}),
        "disk": _disk(config),
    }


def todo(config: "Config", found: dict[str, Any]) -> Iterator[str]:
    """What needs a person, the gravest first; nothing if all is well."""
    for process, words in _NOT_RUNNING.items():
        if not found[process]["running"]:
            why = found[process]["why"]
            yield words + (f". But: {why}" if why else "")
    if found["controller"]["running"]:
        if found["controller"]["data"] != str(config.data):
            yield _NO_DISK.format(config.data)
        yield from _at_doors(found["controller"])
    yield from found["files"].values()
    yield from _at_machine(config, found)
    yield from _at_lines(found["syncd"])
    yield from only_alerted(found)
    if found["pins"]:
        yield found["pins"]
    for platform in found["platforms"]:
        yield from _at_platform(platform, found)
    for state, meaning in CHECK_INS.items():
        if number := found["check_ins"].get(state, 0):
            yield (
                f"{counted(number, 'check-in')} {state}: {meaning}. "
                f"See doorward checkins --state {state}, then push or dismiss"
            )


def only_alerted(found: Mapping[str, Any]) -> Iterator[str]:
    """What people were alerted to and nothing else here shows: what is old, what was seen."""
    for alert in found["syncd"].get("alerts", ()):
        if alert["kind"] in _ONLY_ALERTED:
            yield f"{alert['text']} (alerted {local(alert['at'])})"


def _at_machine(config: "Config", found: dict[str, Any]) -> Iterator[str]:
    if found["disk"]["low"]:
        yield (
            f"the disk with {config.data} is almost full: {found['disk']['free_mib']} MiB left. "
            "Make room, before events wait in memory: df, du"
        )
    if found["clock"]["trust"] == "guessed":
        yield (
            "the time is only a guess since the power came back: "
            f"{GUESSED[config.clock.guessed]}. Let the machine reach a time server, "
            "or fit a battery-backed clock"
        )
    if off := found["clock"].get("disbelieved"):
        yield (
            f"the machine's clock was set {'on' if off > 0 else 'back'} by {lasting(abs(off))}, "
            "and neither a time server nor its battery-backed clock says so: time goes on here as "
            "it was. Set it right, or let the machine reach a time server; if it is right: "
            "timedatectl set-time sets both clocks"
        )
    if found["cloned"]:
        yield _CLONED.format(config.data)


def _asked(config: "Config", socket: str) -> dict[str, Any]:
    try:
        return {"running": True, **ask(config.run / socket, {"do": "status"}, timeout=_PATIENCE)}
    except DoorwardError as error:
        return {"running": False, "why": "" if nobody_listens(error) else str(error)}


def _own_clock(config: "Config") -> dict[str, Any]:
    return clock_state(clock_of(config))


def _disk(config: "Config") -> dict[str, Any]:
    """How much room is left beside the databases."""
    try:
        used = disk_usage(config.data)
    except OSError:
        return {"free_mib": None, "low": False}  # what is wrong with the place is told elsewhere
    free = used.free // _MIB
    return {"free_mib": free, "low": free < _LITTLE}


def _from_files(config: "Config", lines: dict[str, Any]) -> dict[str, Any]:
    """Platforms and check-ins; `files` says what cannot be read and why."""
    rosters: dict[str, Any] = {}
    counts: dict[str, int] = {}
    taken: dict[tuple[str, str], int] = {}
    files: dict[str, str] = {}
    pins = ""
    try:
        with cache_of(config) as cache:
            pins = too_short(config, cache)
            rosters = {row["name"]: row for row in cache.rosters()}
            counts, taken = cache.delivery_counts(), cache.taken()
    except StoreError as error:
        files["cache.db"] = str(error)
    try:
        with journal_of(config) as journal:
            waiting = sum(1 for _ in journal.untaken(taken))
    except StoreError as error:
        waiting, files["journal.db"] = 0, str(error)
    if waiting:
        counts["pending"] = counts.get("pending", 0) + waiting
    platforms = [_platform(name, rosters.get(name), lines.get(name)) for name in config.platforms]
    return {"platforms": platforms, "check_ins": counts, "files": files, "pins": pins}


def _platform(name: str, row: dict[str, Any] | None, line: dict[str, Any] | None) -> dict[str, Any]:
    """`row` is what the cache knows of it, `line` what syncd says."""
    row, line = row or {}, line or {}
    return {
        "platform": name,
        "people": row.get("people", 0),
        "synced_at": row.get("synced_at"),
        "failure": line.get("failure") or row.get("failure", ""),
        "failed_at": row.get("failed_at"),
        "next_try_s": line.get("next_try_s"),
        "busy": line.get("busy", False),
        "webhooks": line.get("webhooks", ""),
        "live": line.get("live"),
        "warnings": row.get("warnings", "").splitlines(),
    }


def _at_doors(controller: dict[str, Any]) -> Iterator[str]:
    for door in controller["doors"]:
        for part, why in door["unwell"].items():
            told = part == "door" or f"{door['id']}/{part}" in why
            yield f"door {door['id']}: {why if told else f'{part}: {why}'}"
        for what, why in door.get("alarms", {}).items():
            yield f"door {door['id']}: alarm, {what}: {why}"
        if door.get("word") in _GRAVE:
            yield f"door {door['id']}: {_GRAVE[door['word']]}"
    for silent in controller.get("silent", ()):
        at = "at keypad" if silent["counted"] == "keypad" else "after the card of"
        yield (
            f"too many wrong PINs {at} {silent['whose']}: none is looked at for "
            f"{lasting(silent['seconds'])} more. Who it was: "
            "doorward events --kind lockout_max_attempts"
        )
    journal = controller["journal"]
    if journal["failing"]:
        yield (
            f"the journal cannot be written ({journal['failing']}); events wait in memory and are "
            "lost with the process. Look at the disk: df, dmesg"
        )
    if journal["lost"]:
        yield f"{counted(journal['lost'], 'event')} lost while the journal could not be written"
    if controller["cache"]["failing"]:
        yield f"the controller cannot look people up: {controller['cache']['failing']}"


def _at_lines(syncd: dict[str, Any]) -> Iterator[str]:
    """What lies between others and us, but for the platforms."""
    if failure := syncd.get("http", {}).get("failure"):
        yield f"nobody can call us: {failure}. It is tried again by itself; see the log of syncd"
    if trouble := syncd.get("desk"):
        yield f"no console, no API and no mail, and no card can be blocked: {trouble}"
    yield from _at_mail(syncd.get("mail"))
    for target, why in syncd.get("targets", {}).items():
        yield f"target {target} is not told what happens: {why}. See doorward targets"


def _at_mail(mail: dict[str, Any] | None) -> Iterator[str]:
    """`mail` is what syncd says of it; None where there is none."""
    if not mail:
        return
    counts = mail["counts"]
    if mail["trouble"]:
        waits = counts.get("waiting", 0)
        which = counted(waits, "mail waits", "mails wait") if waits else "no mail is sent"
        yield f"{which}: {mail['trouble']}. Try it: doorward mail test ADDRESS"
    for state, meaning in MAILS.items():
        if number := counts.get(state, 0):
            yield (
                f"{counted(number, 'mail')} {state}: {meaning}. "
                f"See doorward mail list --state {state}, then retry or drop"
            )


def _at_platform(platform: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    name, since = platform["platform"], local(platform["failed_at"])
    if platform["failure"]:
        # Most messages begin with the platform's name already.
        words = platform["failure"].removeprefix(f"{name}: ")
        yield f"{name}: {words}" + (f" (since {since})" if since else "")
    elif platform["synced_at"] is None and "cache.db" not in found["files"]:
        yield f"{name}: nothing was fetched yet; doorward sync --platform {name} says why"
    if platform["webhooks"]:
        yield (
            f"{name}: may not call us, so changes are seen only when it is polled: "
            f"{platform['webhooks'].removeprefix(f'{name}: ')}. "
            f"Tried again by itself, or at once: doorward webhooks install {name}"
        )
