"""The page Doors: open, unlock, lock, lockdown; and who did it last."""

from collections import defaultdict

from controller.errors import DoorwardError, StoreError
from controller.files import journal_of
from controller.model import Kind
from sync.console.door_view import DoorView
from sync.console.now import doors_of
from sync.console.page import Answer, Asked, GoTo, NotThere, Page, Shown
from sync.console.said import Said, said
from sync.console.times import Times
from sync.desk_users import Role

_BY_HAND = (Kind.MODE, Kind.UNLOCKED, Kind.PROPPED)
_OF_EACH = 3
_FAR_BACK = 5000  # events among which these are looked for


def doors(asked: Asked) -> Answer:
    """All doors, and what can be done there."""
    controller = asked.lookout.look()["controller"]
    listed = doors_of(asked)
    data = {
        "running": controller["running"],
        "why": controller.get("why", ""),
        "doors": listed,
        "by_hand": _by_hand(asked),
        "all_locked_down": bool(listed) and all(each.lockdown for each in listed if each.works),
        "any_locked_down": any(each.lockdown for each in listed),
    }
    return Shown("doors.html", data)


def open_once(asked: Asked) -> Answer:
    """Let somebody in."""
    door = _door(asked)
    if door.lockdown:
        return _not_done(
            asked, f"{door.name} is in lockdown, so it was not opened. Lift that first."
        )
    seconds = asked.act("unlock", door=door.id)["seconds"]
    return _done(asked, f"{door.name} is open for {seconds:g} seconds.")


def unlock(asked: Asked) -> Answer:
    """Unlock a door for everybody, until a time of day."""
    door = _door(asked)
    if door.lockdown:
        return _not_done(asked, f"{door.name} is in lockdown, and stays so. Lift that first.")
    times, wall = Times(asked.office.config.zone), asked.lookout.look()["clock"]["wall"]
    until = times.next(asked.text("until"), wall)
    asked.act("mode", door=door.id, mode="unlocked", until=until)
    return _done(asked, f"{door.name} is unlocked for everybody until {times.short(until, wall)}.")


def lock(asked: Asked) -> Answer:
    """End whatever holds a door unlocked; a lockdown stays."""
    door = _door(asked)
    if door.lockdown:
        return _not_done(asked, f"{door.name} is in lockdown, and stays so.")
    asked.act("mode", door=door.id, mode="normal")
    asked.lookout.forget()
    hours = any(words == "Unlocked by its hours" for _, words in _door(asked).pills)
    if hours:
        words = f"{door.name} stands unlocked by its hours; only a lockdown shuts it before."
        return _not_done(asked, words)
    return _done(asked, f"{door.name} is locked, and opens for whom it admits.")


def ask_lockdown(asked: Asked) -> Answer:
    """Is it really meant?"""
    chosen = _chosen(asked)
    lifting = asked.text("lift") == "yes"
    return Shown("lockdown.html", {"doors": chosen, "lifting": lifting})


def lockdown(asked: Asked) -> Answer:
    """Keep everybody out of these doors, or of all; `lift` ends it."""
    lifting = asked.text("lift") == "yes"
    chosen = [each for each in _chosen(asked) if each.lockdown or not lifting]
    failed = []
    for door in chosen:
        try:
            asked.act("mode", door=door.id, mode="normal" if lifting else "lockdown")
        except DoorwardError as error:
            failed.append(f"{door.name}: {error}")
    if failed:
        return GoTo("/doors", f"Not done everywhere. {' '.join(failed)}", wrong=True)
    return GoTo("/doors", _all_in_words([door.name for door in chosen], lifting=lifting))


def _all_in_words(names: list[str], *, lifting: bool) -> str:
    if not names:
        return "No door was in lockdown; nothing was changed."
    verb = "is" if len(names) == 1 else "are"
    how = "back to normal" if lifting else "in lockdown: nobody gets in from outside"
    return f"{' and '.join(names)} {verb} {how}."


def _door(asked: Asked) -> DoorView:
    """The one in the address. Raises `DoorwardError` if it cannot be acted on."""
    name = asked.path["door"]
    _running(asked)
    for each in doors_of(asked):
        if each.id == name:
            if not each.works:
                raise DoorwardError(f"{each.name} does not work: {'; '.join(each.troubles)}")
            return each
    raise NotThere(f"There is no door {name!r}.")


def _chosen(asked: Asked) -> list[DoorView]:
    """The doors that are named, or all that work. `NotThere` if one is not there."""
    _running(asked)
    known = {each.id: each for each in doors_of(asked) if each.works}
    named = asked.texts("door")
    if not set(named) <= set(known):
        raise NotThere("There is no such door, or it does not work.")
    return [known[name] for name in named] or list(known.values())


def _running(asked: Asked) -> None:
    controller = asked.lookout.look()["controller"]
    if not controller["running"]:
        raise DoorwardError(
            "The doors’ program does not answer, so nothing was done and every door is locked. "
            f"Whoever looks after this system types: systemctl start doorward-controller. "
            f"{controller['why']}".strip()
        )


def _done(asked: Asked, words: str) -> GoTo:
    return GoTo(asked.back("/doors"), words)


def _not_done(asked: Asked, words: str) -> GoTo:
    return GoTo(asked.back("/doors"), words, wrong=True)


def _by_hand(asked: Asked) -> dict[str, list[Said]]:
    """What people did at each door, the newest first."""
    found: dict[str, list[Said]] = defaultdict(list)
    names = {name: door.name for name, door in asked.office.config.doors.items()}
    try:
        with journal_of(asked.office.config) as journal:
            after = max(0, journal.newest() - _FAR_BACK)
            events = journal.events(after=after, kinds=_BY_HAND)
    except StoreError:
        return {}
    for each in reversed(events):
        if len(of_door := found[each.event.door]) < _OF_EACH:
            of_door.append(said(each, names))
    return dict(found)


PAGES = (
    Page("GET", "/doors", doors),
    Page("POST", "/doors/{door}/open", open_once, Role.STAFF),
    Page("POST", "/doors/{door}/unlock", unlock, Role.STAFF),
    Page("POST", "/doors/{door}/lock", lock, Role.STAFF),
    Page("GET", "/doors/lockdown", ask_lockdown, Role.STAFF),
    Page("POST", "/doors/lockdown", lockdown, Role.STAFF),
)
