"""Check-ins as lists show them: those that `sync` has taken over, and those it has not yet."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from controller.errors import StoreError
from controller.files import cache_of, journal_of
from controller.wording import iso, zone_name

if TYPE_CHECKING:
    from controller.config import Config
    from controller.model import Recorded

Row = dict[str, Any]  # the columns of a delivery, as far as they are shown
_PART = 1000
STATES = ("pending", "sent", "refused", "late", "unknown", "dismissed")
MOVED_BY_HAND = {
    "push": ("late", "refused", "unknown"),
    "dismiss": ("pending", "late", "refused", "unknown"),
}
FIELDS = (
    *("uuid", "time", "zone", "name", "platform", "person", "door", "state", "message"),
    *("attempts", "settled", "visit_until"),
)


def known(config: "Config") -> list[Row]:
    """Every check-in, oldest first; those too that `sync` has not taken over yet."""
    rows: list[Row] = []
    taken: dict[tuple[str, str], int] = {}
    missing: StoreError | None = None
    try:
        with cache_of(config) as cache:
            rows, taken = cache.deliveries(), cache.taken()
    except StoreError as error:
        missing = error
    try:
        with journal_of(config) as journal:
            rows += [waiting(each) for each in journal.untaken(taken)]
    except StoreError:
        if missing:
            raise missing from None
    return sorted(rows, key=lambda row: (row["at"], row["seq"]))


def each_known(config: "Config", states: tuple[str, ...] = ()) -> Iterator[Row]:
    """The same in these states, a part at a time: never held in memory together."""
    taken: dict[tuple[str, str], int] = {}
    with cache_of(config) as cache:
        if (config.data / "cache.db").exists():
            taken, last = cache.taken(), None
            while rows := cache.deliveries(states, limit=_PART, after=last):
                yield from rows
                last = rows[-1]
    if not states or "pending" in states:
        yield from untaken(config, taken)


def untaken(config: "Config", taken: dict[tuple[str, str], int]) -> Iterator[Row]:
    """Those that `sync` has not taken over yet; nothing if there is no journal."""
    try:
        with journal_of(config) as journal:
            yield from map(waiting, journal.untaken(taken))
    except StoreError:
        if (config.data / "journal.db").exists():
            raise


def waiting(entry: "Recorded") -> Row:
    """One of them, as if it had been taken over."""
    event = entry.event
    return {
        "uuid": entry.uuid,
        "seq": entry.seq,
        "at": entry.wall,
        "name": event.name,
        "platform": event.platform,
        "person": event.person,
        "door": event.door,
        "state": "pending",
        "message": "waits for syncd",
        "attempts": 0,
        "settled_at": None,
        "visit_until": event.visit_until or entry.wall,
    }


def as_data(row: Row) -> Row:
    """For programs and spreadsheets; FIELDS."""
    return {
        "uuid": row["uuid"],
        "time": iso(row["at"]),
        "zone": zone_name(row["at"]),
        "name": row["name"],
        "platform": row["platform"],
        "person": row["person"],
        "door": row["door"],
        "state": row["state"],
        "message": row["message"],
        "attempts": row["attempts"],
        "settled": iso(row["settled_at"]),
        "visit_until": iso(row["visit_until"]),
    }
