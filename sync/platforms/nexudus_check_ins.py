"""Check-ins: Nexudus takes them with the times at which a visit began and ends, however late.

A check-in may use up a pass, or sell one, and there is no key by which a repeated request could be
known. So it is read first, each time, and never sent where one is there already.
"""

import threading
from collections.abc import Iterator

from sync.platform import CheckIn, Outcome, State
from sync.platforms.nexudus_api import NexudusApi
from sync.platforms.nexudus_rows import Record, iso, words

_DAY = 86400.0
_MOMENT = 60.0  # seconds of a visit of which no end is known
_DOOR_ACCESS = 2  # what Nexudus calls check-ins that come from doors


class CheckIns:
    """Check-ins at one location."""

    def __init__(self, api: NexudusApi, location: int) -> None:
        self._api, self._location = api, location
        self._guard = threading.Lock()

    def tell(self, check_in: CheckIn, coworker: int) -> Outcome:
        """Check someone in for their visit, unless they are checked in for it."""
        with self._guard:
            if self.was_told(check_in, coworker):
                return Outcome(State.SENT, "already checked in")
            said = self._api.create_check_in(self._fields(check_in, coworker))
        if said.flag("WasSuccessful"):
            return Outcome(State.SENT, f"checked in until {iso(_until(check_in))}")
        return Outcome(State.REFUSED, words(said))

    def was_told(self, check_in: CheckIn, coworker: int) -> bool:
        """Does Nexudus show this very check-in, or another for the same time?"""
        # A day more on both sides: it is not documented in which zone the filter reckons.
        since, until = check_in.at - 2 * _DAY, _until(check_in) + _DAY
        return any(
            row.raw.get("SystemId") == check_in.uuid or self._covers(row, check_in)
            for row in self._of(coworker, since, until)
        )

    def _of(self, coworker: int, since: float, until: float) -> Iterator[Record]:
        for row in self._api.check_ins(coworker, since, until):
            if row.number("CoworkerId") != coworker:
                raise row.bad("CoworkerId", "the customer asked for")
            yield row

    def _covers(self, row: Record, check_in: CheckIn) -> bool:
        """One that was left open counts for a day."""
        begin, end = row.moment("FromTime"), row.moment_if_any("ToTime")
        end = begin + _DAY if end is None else end
        here = row.number("BusinessId") == self._location
        return here and int(begin) <= _until(check_in) and int(check_in.at) <= end

    def _fields(self, check_in: CheckIn, coworker: int) -> dict[str, object]:
        """Whether `Source` and `SystemId` are taken is not documented; nothing depends on them."""
        return {
            "BusinessId": self._location,
            "CoworkerId": coworker,
            "FromTime": iso(check_in.at),
            "ToTime": iso(_until(check_in)),
            "Source": _DOOR_ACCESS,
            "SystemId": check_in.uuid,
        }


def _until(check_in: CheckIn) -> float:
    return check_in.visit_until or check_in.at + _MOMENT
