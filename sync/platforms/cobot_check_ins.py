"""Check-ins: who is in the space as Cobot sees it, and telling of one entry without charging twice.

Cobot stamps the time at which it is told, may charge again while a check-in still runs, and has no
key by which a repeated request could be known. So it is read first, each time.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.errors import BadReply, Unavailable
from controller.ports import Clock
from controller.schedule import midnight
from sync.http import Reply
from sync.platform import CheckIn, Outcome, State
from sync.platforms.cobot_api import CobotApi
from sync.platforms.cobot_parse import Row, member_of, words

_FRESH = 10.0  # seconds for which one reading serves a burst of entries
_SKEW = 300.0  # seconds by which Cobot's clock and ours may differ
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Session:
    """One check-in at Cobot."""

    member: str
    since: float
    until: float
    id: str = ""

    def overlaps(self, since: float, until: float) -> bool:
        return self.since <= until and since <= self.until


class CheckIns:
    """The check-ins of one space.

    `longest_stay`: seconds for which a check-in may run; one of yesterday may not be over yet.
    """

    def __init__(
        self, api: CobotApi, clock: Clock, zone: Callable[[], ZoneInfo], day_ends: int
    ) -> None:
        self.longest_stay = _DAY  # until a roster has told
        self._api, self._clock, self._zone = api, clock, zone
        self._rollover = day_ends * 60.0
        self._guard = threading.Lock()
        self._reading: tuple[float, list[Session]] | None = None
        self._in_doubt: dict[str, float] = {}  # uuid → when it was sent

    def running(self) -> list[Session]:
        """Today's check-ins, and earlier ones that may still run."""
        now = self._clock.wall()
        today = midnight(datetime.fromtimestamp(now, self._zone()).date(), self._zone())
        found = list(_sessions(self._api.check_ins()))
        if now - today < max(self._rollover, self.longest_stay):
            since = today - max(_DAY, self.longest_stay)
            found += _sessions(self._api.work_sessions(since, today, optional=True))
        return found

    def tell(self, check_in: CheckIn) -> Outcome:
        """Check someone in unless they are; see `sync.platform.Platform.check_in`."""
        with self._guard:
            now = self._clock.wall()
            for session in self._recent():
                if session.member == check_in.person and session.overlaps(now, now + _SKEW):
                    return Outcome(State.SENT, f"already checked in until {self._at(session)}")
            return self._send(check_in, now)

    def was_told(self, check_in: CheckIn) -> bool:
        """Does Cobot show a check-in of this person for this entry, or for our telling of it?"""
        times = [(check_in.at, check_in.visit_until or check_in.at + _SKEW)]
        if check_in.uuid in self._in_doubt:
            sent = self._in_doubt[check_in.uuid]
            times.append((sent, sent + _SKEW))
        return any(
            session.member == check_in.person and session.overlaps(since, until)
            for session in self._between(min(times)[0], max(until for _, until in times))
            for since, until in times
        )

    def _recent(self) -> list[Session]:
        now = self._clock.monotonic()
        if self._reading is None or now - self._reading[0] > _FRESH:
            self._reading = None
            self._reading = now, self.running()
        return self._reading[1]

    def _send(self, check_in: CheckIn, now: float) -> Outcome:
        try:
            reply = self._api.start_work_session(check_in.person)
            session = _started(reply, check_in.person, now)
        except (Unavailable, BadReply) as error:
            self._reading = None
            if error.maybe_sent:
                self._in_doubt[check_in.uuid] = now
            raise
        self._in_doubt.pop(check_in.uuid, None)
        if session is None:
            return Outcome(State.REFUSED, _refusal(reply))
        if self._reading:
            self._reading[1].append(session)
        return Outcome(State.SENT, f"checked in until {self._at(session)}")

    def _between(self, since: float, until: float) -> Iterable[Session]:
        now = self._clock.wall()
        today = midnight(datetime.fromtimestamp(now, self._zone()).date(), self._zone())
        if since >= today:
            return self.running()
        reach = max(_DAY, self.longest_stay)
        return _sessions(self._api.work_sessions(since - reach, until))

    def _at(self, session: Session) -> str:
        return f"{datetime.fromtimestamp(session.until, self._zone()):%Y-%m-%d %H:%M %Z}"


def _sessions(rows: Iterable[Row]) -> Iterator[Session]:
    for row in rows:
        member = member_of(row)
        if member is not None:  # else a visitor's, who has no membership
            known = row.id() if "id" in row else ""
            yield Session(member, row.moment("valid_from"), row.moment("valid_until"), known)


def _started(reply: Reply, member: str, now: float) -> Session | None:
    """The check-in that was made; None if none was. A success that shows none is in doubt."""
    if reply.status not in {200, 201} or not reply.body.strip():
        return None
    value = reply.json()
    row = Row("Cobot check-in", value if isinstance(value, dict) else {})
    if "valid_until" not in row and "id" not in row:
        raise BadReply(f"{reply.where}: the answer shows no check-in", maybe_sent=True)
    try:
        until = row.moment("valid_until")
    except BadReply:
        until = now + _FRESH
    return Session(member, now, until)


def _refusal(reply: Reply) -> str:
    if reply.status == 404:
        return "Cobot has no such membership any more"
    if not reply.body.strip():
        return "Cobot answered without making a check-in"
    return words(reply)
