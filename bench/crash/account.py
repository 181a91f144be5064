"""The account at the end: what each platform's own records say of every first entry."""

import contextlib
from collections import Counter
from typing import Any

from bench.crash.house import PROCESSES, House, until
from controller.cache import Cache
from controller.model import Kind

_WHY = {"refused", "late", "unknown", "dismissed"}  # states that say why a check-in was not told


def settle(house: House) -> None:
    """Everything works again; wait until no check-in waits any more."""
    for name in ("loft", "gym"):
        house.mend(name)
    house.stop("syncd")
    house.start("syncd")
    until(lambda: _settled(house), "every check-in is settled")


def check(house: House) -> None:
    """AssertionError if a first entry was lost or told twice, or the journal does not verify."""
    house.look()
    house.stop(*PROCESSES)
    with house.journal() as journal:
        assert journal.verify().broken_at is None, "the journal does not verify"
        events = journal.events(kinds=(Kind.ACCESS,))
    entries = {e.uuid: e for e in events if e.event.checks_in}
    rows = {row["uuid"]: row for row in deliveries(house)}
    assert rows.keys() == entries.keys(), "a first entry has no delivery, or one has no entry"
    for row in rows.values():
        assert row["state"] == "sent" or (row["state"] in _WHY and row["message"]), row
    _told_once(house, list(rows.values()))


def deliveries(house: House) -> list[dict[str, Any]]:
    with contextlib.closing(Cache(house.folder / "data" / "cache.db")) as cache:
        return cache.deliveries()


def _settled(house: House) -> bool:
    with house.journal() as journal:
        entries = sum(e.event.checks_in for e in journal.events(kinds=(Kind.ACCESS,)))
    rows = deliveries(house)
    return len(rows) == entries and all(row["state"] != "pending" for row in rows)


def _told_once(house: House, rows: list[dict[str, Any]]) -> None:
    """Hive has one record for each that was sent, and may have one where no answer came.

    Cobot is asked first: one record may then stand for several entries, never several for one.
    """
    records = {
        "gym": Counter(str(entry.user_id) for entry in house.gym.entries),
        "loft": Counter(stay.member for stay in house.loft.check_ins),
    }
    told = Counter((row["platform"], row["person"], row["state"]) for row in rows)
    made = Counter(row["person"] for row in rows if row["message"].startswith("checked in until"))
    for platform, person in house.cards:
        sent, unknown = (told[platform, person, state] for state in ("sent", "unknown"))
        least = sent if platform == "gym" else max(made[person], bool(sent))
        kept = records.get(platform, Counter())[person]
        assert least <= kept <= sent + unknown, (
            f"{platform} {person}: {kept} records, {sent} sent, {unknown} unknown"
        )
