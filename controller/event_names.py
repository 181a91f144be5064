"""What other programs call events: the journal's own kinds, told apart where they ask for it. Pure.

`access` is two names, by how it ended; what staff opened is told apart from what a member opened.
"""

from collections.abc import Iterable

from controller.model import Event, Kind

OPENED, DENIED, BY_HAND, LOST = (
    "lock_opened",
    "access_denied",
    "lock_opened_by_hand",
    "events_lost",
)
# What is told to targets and stands in no journal.
ALERTS = RAISED, CLEARED = "alert_raised", "alert_cleared"
_OTHERWISE = {Kind.ACCESS: (OPENED, DENIED), Kind.UNLOCKED: (BY_HAND,)}
_KINDS = {name: kind for kind in Kind for name in _OTHERWISE.get(kind, (kind.value,))}
NAMES = tuple(_KINDS)


def name_of(event: Event) -> str:
    """Its name among `NAMES`."""
    if event.kind is Kind.ACCESS:
        return OPENED if event.reason == "granted" else DENIED
    return BY_HAND if event.kind is Kind.UNLOCKED else event.kind.value


def kinds_of(names: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds in the journal that hold events of these names, and perhaps of others."""
    return tuple(dict.fromkeys(_KINDS[name] for name in names))
