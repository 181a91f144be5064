"""The page Now: every door, who came last, what happens, and whether all is well."""

from controller.errors import StoreError
from controller.files import journal_of
from sync.console.door_view import DoorView, door_view
from sync.console.health import parts, summary, worst
from sync.console.page import Answer, Asked, Page, Shown
from sync.console.said import SHOWN, Said, said

_EVENTS = 15
_FAR_BACK = 5000  # events among which the newest of these are looked for


def now(asked: Asked) -> Answer:
    """What there is to see at a glance."""
    found, config = asked.lookout.look(), asked.office.config
    health = parts(found, config)
    data = {
        "doors": doors_of(asked),
        "running": found["controller"]["running"],
        "happened": happened(asked),
        "health": health,
        "state": worst(health),
        "summary": summary(health),
    }
    return Shown("now.html", data)


def doors_of(asked: Asked) -> list[DoorView]:
    """Every door; none if the controller does not answer."""
    return [door_view(each) for each in asked.lookout.look()["controller"].get("doors", ())]


def happened(asked: Asked, last: int = _EVENTS) -> list[Said]:
    """The newest events that a desk should see, the newest first."""
    names = {name: door.name for name, door in asked.office.config.doors.items()}
    try:
        with journal_of(asked.office.config) as journal:
            after = max(0, journal.newest() - _FAR_BACK)
            found = journal.events(after=after, last=last, kinds=SHOWN)
            return [said(each, names) for each in reversed(found)]
    except StoreError:
        return []  # whether that is in order is told among the rest


PAGES = (Page("GET", "/", now),)
