"""Whether all is well, part by part, and what to do if not: for people without a manual."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from controller.config import Config
from controller.overview import only_alerted
from controller.wording import counted, lasting

_LATE_AFTER = 3  # times `every`
_AT_LEAST = 900.0  # seconds that nobody need be told of
_WHO = "Tell whoever looks after this system"
Found = Mapping[str, Any]


class Part(NamedTuple):
    """`state`: good, warn or bad. `act`: what to do; "" if nothing. `path`: a page to do it on."""

    state: str
    title: str
    words: str
    act: str = ""
    path: str = ""


def parts(found: Found, config: Config) -> list[Part]:
    """Everything there is to be well, in the order in which it matters to a desk."""
    return [
        _doors(found),
        *_devices(found),
        *(_platform(each, found, config) for each in found["platforms"]),
        _check_ins(found),
        _clock(found, config),
        _disk(found, config),
        *(Part("warn", "Alerts", why, _WHO) for why in only_alerted(found)),
    ]


def worst(of: list[Part]) -> str:
    """The state of the whole."""
    return max((part.state for part in of), key=("good", "warn", "bad").index)


def summary(of: list[Part]) -> str:
    """All of it in a few words."""
    unwell = sum(1 for part in of if part.state != "good")
    return f"{counted(unwell, 'thing needs', 'things need')} attention" if unwell else "All is well"


def _doors(found: Found) -> Part:
    controller = found["controller"]
    if not controller["running"]:
        act = f"{_WHO}, at once. They type: systemctl start doorward-controller"
        why = f". {controller['why']}" if controller["why"] else ""
        return Part(
            "bad", "Doors", f"The doors’ program does not answer: no card opens a door{why}", act
        )
    doors = controller["doors"]
    broken = [each["name"] or each["id"] for each in doors if not each["works"]]
    if broken:
        words = f"{', '.join(broken)}: does not work and stays locked"
        return Part("bad", "Doors", words, f"{_WHO}. The other doors go on.", "/doors")
    if failing := controller["cache"]["failing"]:
        return Part("bad", "Doors", f"Nobody can be looked up: {failing}", f"{_WHO}, at once.")
    return Part("good", "Doors", f"{counted(len(doors), 'door')} at work")


def _devices(found: Found) -> Iterator[Part]:
    """Readers, contacts, locks: one line for those that are well, one for each that is not."""
    if not found["controller"]["running"]:
        return
    doors = [each for each in found["controller"]["doors"] if each["works"]]
    unwell = [(door, part, why) for door in doors for part, why in door["unwell"].items()]
    alarms = [(door, what, why) for door in doors for what, why in door["alarms"].items()]
    for door, part, why in unwell:
        words = f"{door['name'] or door['id']}, {part}: does not answer"
        yield Part("bad", "Readers and devices", words, f"Look whether it is plugged in. {why}")
    for door, what, why in alarms:
        words = f"{door['name'] or door['id']}: alarm, {what}"
        yield Part("bad", "Readers and devices", words, f"Go and look. {why}")
    if not unwell and not alarms:
        yield Part("good", "Readers and devices", "All of them answer")


def _platform(platform: Found, found: Found, config: Config) -> Part:
    name, at = platform["platform"], platform["synced_at"]
    title, now = f"Members of {name}", found["clock"]["wall"]
    if platform["failure"]:
        since = f"The doors go on by the list of {_ago(now - at)}" if at else "There is no list yet"
        act = f"It is tried again by itself. If it stays so: {platform['failure']}"
        return Part("warn" if at else "bad", title, f"Cannot be fetched. {since}.", act)
    if at is None:
        return Part(
            "warn", title, "Were never fetched yet", "Wait a minute; then the log says why."
        )
    people = counted(platform["people"], "person", "people")
    words = f"{people}, fetched {_ago(now - at)}"
    late = now - at > max(_LATE_AFTER * config.every(name), _AT_LEAST)
    if late:
        return Part("warn", title, words, f"That is long ago. {_WHO}: doorward sync says why.")
    return Part("good", title, words)


def _check_ins(found: Found) -> Part:
    counts = found["check_ins"]
    undecided = sum(counts.get(state, 0) for state in ("late", "refused", "unknown"))
    if undecided:
        words = f"{counted(undecided, 'check-in waits', 'check-ins wait')} for somebody’s word"
        act = "Decide on the page Check-ins: push, or dismiss."
        return Part("warn", "Check-ins", words, act, "/check-ins")
    if waiting := counts.get("pending", 0):
        words = f"{counted(waiting, 'check-in waits', 'check-ins wait')} to be told, by itself"
        return Part("good", "Check-ins", words)
    return Part("good", "Check-ins", "All of them are told")


def _clock(found: Found, config: Config) -> Part:
    trust = found["clock"]["trust"]
    if trust == "guessed":
        refused = config.clock.guessed == "deny"
        then = "Whoever comes within hours or on a pass is refused" if refused else "People come in"
        words = f"The time is only a guess since the power came back. {then}."
        return Part("bad" if refused else "warn", "Clock", words, f"{_WHO}: it needs the internet.")
    if off := found["clock"].get("disbelieved"):
        words = f"The machine’s clock was set {'on' if off > 0 else 'back'} by {lasting(abs(off))}"
        return Part(
            "warn", "Clock", f"{words}, and nobody vouches for it: not followed.", f"{_WHO}."
        )
    return Part(
        "good", "Clock", "The time is right" if trust == "synchronized" else "Kept by this machine"
    )


def _disk(found: Found, config: Config) -> Part:
    controller, disk = found["controller"], found["disk"]
    if controller.get("data", str(config.data)) != str(config.data):
        words = "The disk was not there when the doors’ program started. Keyholders alone get in."
        return Part("bad", "Disk", words, f"{_WHO}, at once.")
    if controller.get("journal", {}).get("failing"):
        words = f"What happens cannot be written down: {controller['journal']['failing']}"
        return Part("bad", "Disk", words, f"{_WHO}, at once. The doors go on meanwhile.")
    if found["files"]:
        return Part("bad", "Disk", next(iter(found["files"].values())), f"{_WHO}.")
    if disk["low"]:
        words = f"Almost full: {disk['free_mib']} MB left"
        return Part("warn", "Disk", words, f"{_WHO}: it needs room.")
    return Part("good", "Disk", "Enough room")


def _ago(seconds: float) -> str:
    return "just now" if seconds < 60 else f"{lasting(seconds)} ago"
