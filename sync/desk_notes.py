"""What staff did that the journal does not know yet, in desk.db: the controller may not run."""

import json
from typing import Any

from sync.desk import Desk

_AT_ONCE = 200


def add(desk: Desk, note: dict[str, Any]) -> None:
    """`note`: an event as `door.sock` takes it; no card number is in it."""
    desk.write("INSERT INTO notes(note) VALUES (?)", (json.dumps(note, ensure_ascii=False),))


def waiting(desk: Desk) -> list[tuple[int, dict[str, Any]]]:
    """The oldest ones, each with its number."""
    rows = desk.read("SELECT id, note FROM notes ORDER BY id LIMIT ?", (_AT_ONCE,))
    return [(row["id"], json.loads(row["note"])) for row in rows]


def forget(desk: Desk, until: int) -> None:
    """The journal has all up to this number."""
    desk.write("DELETE FROM notes WHERE id <= ?", (until,))
