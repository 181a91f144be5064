"""Forgetting old events without breaking the chain or losing an open check-in."""

import sqlite3

STEP = 500  # events per call: some ten milliseconds


def prune(db: sqlite3.Connection, before_ms: int, largest: int) -> int:
    """Delete up to STEP of the oldest events; returns how many, 0 when nothing is left to do.

    Every stretch removed leaves its last hash in `gap`, so that `verify` can step over it. The
    newest event always stays.
    """
    seqs = _candidates(db, before_ms, too_large=_used_bytes(db) > largest)
    if not seqs:
        return 0
    db.execute("BEGIN IMMEDIATE")
    try:
        for first, last in _stretches(seqs):
            _remove(db, first, last)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.executescript("PRAGMA incremental_vacuum")  # `execute` would free a single page
    return len(seqs)


def _candidates(db: sqlite3.Connection, before_ms: int, *, too_large: bool) -> list[int]:
    """Of the first STEP events those that may go. Never looks at more: a million may lie behind."""
    query = """SELECT seq, wall_ms FROM event WHERE seq NOT IN (SELECT seq FROM open_check_in)
               AND seq < (SELECT max(seq) FROM event) ORDER BY seq LIMIT ?"""
    rows = db.execute(query, (STEP,))
    return [seq for seq, wall_ms in rows if too_large or wall_ms < before_ms]


def _used_bytes(db: sqlite3.Connection) -> int:
    size, pages, free = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))


def _stretches(seqs: list[int]) -> list[tuple[int, int]]:
    stretches: list[tuple[int, int]] = []
    for seq in seqs:
        if stretches and stretches[-1][1] == seq - 1:
            stretches[-1] = (stretches[-1][0], seq)
        else:
            stretches.append((seq, seq))
    return stretches


def _remove(db: sqlite3.Connection, first: int, last: int) -> None:
    (digest,) = db.execute("SELECT hash FROM event WHERE seq = ?", (last,)).fetchone()
    before = db.execute("SELECT first FROM gap WHERE last = ?", (first - 1,)).fetchone()
    after = db.execute("SELECT last, hash FROM gap WHERE first = ?", (last + 1,)).fetchone()
    start = before[0] if before else first
    end, digest = after or (last, digest)
    db.execute("DELETE FROM gap WHERE first IN (?, ?)", (start, last + 1))
    db.execute("INSERT INTO gap(first, last, hash) VALUES (?, ?, ?)", (start, end, digest))
    db.execute("DELETE FROM event WHERE seq BETWEEN ? AND ?", (first, last))
