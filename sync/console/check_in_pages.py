"""The page Check-ins: what platforms were told, and what waits for a person's word."""

from collections.abc import Iterable
from io import StringIO
from itertools import islice
from typing import Any

from controller.check_ins import FIELDS, STATES, Row, as_data, each_known, untaken
from controller.csv_rows import write_csv
from controller.errors import ConfigError, DoorwardError, StoreError
from controller.files import cache_of
from controller.wording import counted
from controller.words import CHECK_INS
from sync import check_ins
from sync.console.page import Answer, Asked, GoTo, Page, Sent, Shown
from sync.console.people import person_url
from sync.desk_users import Role

_HERE = "/check-ins"
_SHOWN = 200  # of those that wait for a word: as many as are moved at once
_ALONGSIDE = 30  # of the others
_SETTLED = ("sent", "dismissed")


def shown(asked: Asked) -> Answer:
    """What waits for a word, what is on its way, and what was told lately."""
    config = asked.office.config
    with cache_of(config) as cache:
        counts, taken = cache.delivery_counts(), cache.taken()
        to_decide = cache.deliveries(tuple(CHECK_INS), limit=_SHOWN)
        on_the_way = cache.deliveries(("pending",), limit=_ALONGSIDE)
        settled = cache.deliveries(_SETTLED, limit=_ALONGSIDE, newest=True)
    fresh, trouble = _fresh(asked, taken)
    counts["pending"] = counts.get("pending", 0) + len(fresh)
    return Shown(
        "check_ins.html",
        {
            "counts": counts,
            "to_decide": list(map(_listed, to_decide)),
            "undecided": sum(counts.get(state, 0) for state in CHECK_INS),
            "on_the_way": list(map(_listed, [*on_the_way, *fresh][:_ALONGSIDE])),
            "settled": list(map(_listed, settled)),
            "meaning": CHECK_INS,
            "doors": {name: door.name for name, door in config.doors.items()},
            "states": STATES,
            "trouble": trouble,
        },
    )


def move(asked: Asked) -> Answer:
    """Tell the platform of the ticked ones all the same, or never."""
    do, chosen = asked.text("do"), asked.texts("uuid")[:_SHOWN]
    if do not in _MOVES:
        return GoTo(_HERE, "Nothing was done: say what is to be done.", wrong=True)
    if not chosen:
        return GoTo(_HERE, "Nothing was done: tick the check-ins that are meant.", wrong=True)
    act, words = _MOVES[do]
    try:
        found = act(asked.office, chosen, asked.author)
    except DoorwardError as error:
        return GoTo(_HERE, str(error), wrong=True)
    finally:
        asked.lookout.forget()
    told = [f"{counted(len(found), 'check-in', 'check-ins')} {words}."] if found else []
    if left := len(chosen) - len(found):
        told.append(f"{counted(left, 'other')} had moved on meanwhile and stayed as they were.")
    return GoTo(_HERE, " ".join(told), wrong=not found)


_MOVES = {
    "push": (check_ins.push, "will be told now, with the time of the telling"),
    "dismiss": (check_ins.dismiss, "will never be told"),
}


def export(asked: Asked) -> Answer:
    """All of them, or those in one state, as CSV."""
    state = asked.text("state")
    if state and state not in STATES:
        raise ConfigError(f"a check-in is {', '.join(STATES)}")
    rows = each_known(asked.office.config, (state,) if state else ())
    return csv(f"check-ins{'-' if state else ''}{state}.csv", FIELDS, map(as_data, rows))


def csv(name: str, fields: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> Sent:
    """A table to keep. It begins with a mark by which spreadsheets know that it is UTF-8."""
    out = StringIO()
    write_csv(out, fields, rows)
    return Sent(name, b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace"))


def _fresh(asked: Asked, taken: dict[tuple[str, str], int]) -> tuple[list[Row], str]:
    """Those that the journal has and nobody took over yet; or why they cannot be seen."""
    try:
        return list(islice(untaken(asked.office.config, taken), 1000)), ""
    except StoreError as error:
        return [], str(error)


def _listed(row: Row) -> dict[str, Any]:
    return {**row, "url": person_url(row["platform"], row["person"])}


PAGES = (
    Page("GET", "/check-ins", shown),
    Page("GET", "/check-ins.csv", export),
    Page("POST", "/check-ins/move", move, Role.STAFF),
)
