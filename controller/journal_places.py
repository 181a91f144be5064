"""Who is where, in journal.db: kept with each event, so that one look-up by a key finds it."""

import sqlite3

from controller.areas import forgotten_in
from controller.model import Event, Kind
from controller.passage import Place

MIGRATION = (
    # `area` NULL: unknown. `forgiven`: the event before which nobody looks for passbacks.
    """CREATE TABLE place(
        platform TEXT NOT NULL, person TEXT NOT NULL, area TEXT, seq INTEGER NOT NULL,
        wall_ms INTEGER NOT NULL, forgiven INTEGER NOT NULL,
        PRIMARY KEY(platform, person)) WITHOUT ROWID""",
    # Since this event nobody knows who is in the area (`areas.EVERYWHERE`: in any).
    "CREATE TABLE forgotten(area TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
)
# Events of a person before this position count no more for a passback; its two values are theirs.
FORGIVEN_UP_TO = """max(
    coalesce((SELECT forgiven FROM place WHERE platform = ? AND person = ?), 0),
    coalesce((SELECT seq FROM forgotten WHERE area = '*'), 0))"""
_PUT = """
    INSERT INTO place(platform, person, area, seq, wall_ms, forgiven)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    area = excluded.area, seq = excluded.seq, wall_ms = excluded.wall_ms,
    forgiven = max(forgiven, excluded.forgiven)"""
_PLACE = """
    SELECT area, wall_ms FROM place p WHERE platform = ? AND person = ? AND area IS NOT NULL
    AND seq > coalesce((SELECT max(seq) FROM forgotten WHERE area IN (p.area, '*')), 0)"""


def note_place(db: sqlite3.Connection, seq: int, event: Event, wall_ms: int) -> None:
    """What this event, now at `seq`, says of places; to be called in the event's transaction."""
    detail = event.detail or {}
    if event.person and event.kind is Kind.MOVED:
        row = (event.platform, event.person, detail.get("area"), seq, wall_ms, 0)
        db.execute(_PUT, row)
    elif event.person and event.kind is Kind.FORGIVEN:
        db.execute(_PUT, (event.platform, event.person, None, seq, wall_ms, seq))
    for area in forgotten_in(detail):
        db.execute("INSERT OR REPLACE INTO forgotten(area, seq) VALUES (?, ?)", (area, seq))


def place_in(db: sqlite3.Connection, platform: str, person: str) -> Place | None:
    """Where, by the events on disk, this person is; None if nobody knows."""
    row = db.execute(_PLACE, (platform, person)).fetchone()
    return Place(row[0], row[1] / 1000) if row else None
