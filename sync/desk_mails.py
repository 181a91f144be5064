"""Mail in desk.db: what is to be sent, and what became of it. No PIN stands here.

    waiting → sending → sent | failed | unknown        waiting → late | dropped

A mail is `sending`, on the disk, before its content goes out. Whoever finds it so afterwards cannot
know whether it arrived: it is `unknown`, and goes out again only by a person's word.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sync.desk import Desk
from sync.visitors import Told

_FIELDS = "state, kind, platform, person, name, address, zone, rooms, subject, text, until, queued"
_ADD = f"INSERT OR IGNORE INTO mails(key, tries, error, {_FIELDS}) VALUES (?, 0, '', "


class MailState(StrEnum):
    """Where a mail stands. WAITING moves by itself, FAILED and UNKNOWN by a person's word."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    LATE = "late"
    DROPPED = "dropped"


class MailKind(StrEnum):
    """What a mail is about. A TEXT carries its own; the others are written when they are sent."""

    BOOKED = "booked"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail; `until` (wall seconds) it is worth sending."""

    id: int
    kind: MailKind
    state: MailState
    platform: str
    person: str
    name: str
    address: str
    zone: str
    rooms: tuple[Told, ...]
    subject: str
    text: str
    until: float
    queued: float
    tries: int
    error: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mail to be put into the queue."""

    kind: MailKind
    address: str
    until: float
    platform: str = ""
    person: str = ""
    name: str = ""
    zone: str = ""
    rooms: tuple[Told, ...] = ()
    subject: str = ""
    text: str = ""


class MailBox:
    """Any thread may use it; every method may raise `StoreError`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add(self, wanted: Wanted, now: float, key: str | None = None) -> bool:
        """Queue it; False if one with that key is, or was, there."""
        return bool(self._desk.write(f"{_ADD}{_marks(12)})", (key, *_row(wanted, now))))

    def change(self, number: int, wanted: Wanted, now: float) -> None:
        """Make another mail of one that waits."""
        names = ", ".join(f"{name} = ?" for name in _FIELDS.split(", "))
        query = f"UPDATE mails SET {names}, error = '' WHERE id = ? AND state = 'waiting'"
        self._desk.write(query, (*_row(wanted, now), number))

    def waiting(self) -> list[Mail]:
        """The oldest first."""
        return self._found("state = 'waiting'")

    def of_visitors(self, now: float) -> dict[tuple[str, str], list[Mail]]:
        """Mails about bookings that are not over, by platform and person, the oldest first."""
        found: dict[tuple[str, str], list[Mail]] = {}
        for mail in self._found("kind <> 'text' AND until > ?", (now,)):
            found.setdefault((mail.platform, mail.person), []).append(mail)
        return found

    def all(self) -> list[Mail]:
        """Every mail that is still kept, the oldest first."""
        return self._found("1")

    def begin(self, number: int) -> bool:
        """Note that it goes out now; False if it is no longer to be sent."""
        query = """UPDATE mails SET state = 'sending', tries = tries + 1
                   WHERE id = ? AND state = 'waiting'"""
        return bool(self._desk.write(query, (number,)))

    def not_sent(self, number: int, error: str) -> None:
        """It was certainly not taken, and waits."""
        query = """UPDATE mails SET state = 'waiting', error = ?
                   WHERE id = ? AND state IN ('waiting', 'sending') AND
                    (state <> 'waiting' OR error <> ?)"""
        self._desk.write(query, (error, number, error))

    def settle(self, number: int, state: MailState, error: str = "") -> None:
        """Say what became of it; what a person decided meanwhile stays."""
        query = """UPDATE mails SET state = ?, error = ?
                   WHERE id = ? AND state IN ('waiting', 'sending')"""
        self._desk.write(query, (state.value, error, number))

    def restored(self) -> None:
        """These come out of a backup: what waited then may have been sent since."""
        query = """UPDATE mails SET state = 'unknown', error = ?
                   WHERE state IN ('waiting', 'sending')"""
        self._desk.write(query, ("it waited when the backup was made, and may have been sent",))

    def interrupted(self) -> int:
        """Those whose end nobody saw are unknown from now on; how many that were."""
        query = "UPDATE mails SET state = 'unknown', error = ? WHERE state = 'sending'"
        why = "the program ended while it was being sent; it may have arrived"
        return self._desk.write(query, (why,))

    def retry(self, numbers: Sequence[int]) -> list[int]:
        """A person says: send these, again or at last. Returns those found."""
        states = (MailState.FAILED, MailState.UNKNOWN, MailState.DROPPED)
        return self._by_hand(numbers, MailState.WAITING, states, "")

    def drop(self, numbers: Sequence[int], author: str) -> list[int]:
        """A person says: do not send these. Returns those found."""
        states = (MailState.WAITING, MailState.FAILED, MailState.UNKNOWN)
        return self._by_hand(numbers, MailState.DROPPED, states, f"dropped by {author}")

    def counts(self, now: float) -> dict[str, int]:
        """How many mails stand in which state, of those that still matter or wait."""
        query = """SELECT state, count(*) AS number FROM mails
                   WHERE until > ? OR state IN ('waiting', 'sending') GROUP BY state"""
        rows = self._desk.read(query, (now,))
        return {row["state"]: row["number"] for row in rows}

    def forget(self, before: float) -> int:
        """Drop what is over and was worth sending until before that time (wall)."""
        query = "DELETE FROM mails WHERE until < ? AND state NOT IN ('waiting', 'sending')"
        return self._desk.write(query, (before,))

    def _by_hand(
        self, numbers: Sequence[int], to: MailState, states: Sequence[MailState], error: str
    ) -> list[int]:
        query = f"""UPDATE mails SET state = ?, error = ?
                    WHERE id = ? AND state IN ({_marks(len(states))})"""
        allowed = tuple(state.value for state in states)
        return [
            number
            for number in numbers
            if self._desk.write(query, (to.value, error, number, *allowed))
        ]

    def _found(self, where: str, values: tuple[object, ...] = ()) -> list[Mail]:
        rows = self._desk.read(f"SELECT * FROM mails WHERE {where} ORDER BY id", values)
        return [_mail(row) for row in rows]


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _row(wanted: Wanted, now: float) -> tuple[object, ...]:
    w = wanted
    rooms = json.dumps([[t.room, t.start, t.end] for t in w.rooms], ensure_ascii=False)
    who = (MailState.WAITING.value, w.kind.value, w.platform, w.person, w.name, w.address, w.zone)
    return (*who, rooms, w.subject, w.text, w.until, now)


def _mail(row: Mapping[str, Any]) -> Mail:
    rooms = tuple(Told(*each) for each in json.loads(row["rooms"]))
    kind, state = MailKind(row["kind"]), MailState(row["state"])
    who = (row["platform"], row["person"], row["name"], row["address"], row["zone"])
    times = (row["until"], row["queued"], row["tries"])
    return Mail(
        row["id"], kind, state, *who, rooms, row["subject"], row["text"], *times, row["error"]
    )
