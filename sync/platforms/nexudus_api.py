"""The requests that are made of Nexudus' REST API: as whom, how fast, and lists that are whole.

How many requests are allowed is not documented; one a second is asked for at most.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from controller.config import SecretRef
from controller.errors import BadReply, Unauthorized
from sync.http import Limit, Line, Reply
from sync.platform import Surroundings
from sync.platforms.nexudus_rows import Record, minute, record, records
from sync.platforms.nexudus_settings import NexudusApiSettings
from sync.platforms.nexudus_token import Tokens, fixed

COWORKERS = "/api/spaces/coworkers"
BOOKINGS = "/api/spaces/bookings"
VISITORS = "/api/spaces/bookingvisitors"
CHECK_INS = "/api/spaces/checkins"
CONTRACTS = "/api/billing/coworkercontracts"
AUDITS = "/api/sys/coworkeraccesscontrolaudits"

_PAGE = 100  # as many as Nexudus' own pages ask for; its limit is not documented
_AT_ONCE = 100  # records by their ids: the address must not grow too long
_MOST_PAGES = 10_000
_REFUSALS = (400, 404, 409, 422)
Params = Mapping[str, str | int]


class NexudusApi:
    """One Nexudus account, spoken to as one of its administrators."""

    def __init__(self, name: str, settings: NexudusApiSettings, around: Surroundings) -> None:
        secret = around.secret(_key(settings))
        self._line = Line(
            settings.url,
            clock=around.clock,
            wait=around.wait,
            limits=(Limit(".*", 1, settings.pause),) if settings.pause else (),
            secrets=(secret,),
            ca_file=settings.ca_file,
        )
        self.url, self._token = settings.url, ""
        self._tokens: Tokens | None = None
        if settings.user:
            path = around.data / f"nexudus-{name}.token"
            self._tokens = Tokens(self._line, around.clock, path, settings.user, secret)
        else:
            self._token = fixed(secret)

    def close(self) -> None:
        self._line.close()

    def test(self) -> int:
        """How many customers there are."""
        page = self._page(COWORKERS, {}, 1, 1)
        return page.number_if_any("TotalItems") or 0

    def coworkers(self) -> Iterator[list[Record]]:
        """All customers, some at a time, each with all their fields."""
        for page in self._pages(COWORKERS, {}):
            ids = [row.number() for row in page]
            for begin in range(0, len(ids), _AT_ONCE):
                yield self.coworkers_by_id(ids[begin : begin + _AT_ONCE])

    def coworkers_by_id(self, ids: list[int]) -> list[Record]:
        """These; lists leave fields out that this shows."""
        what = "Nexudus coworker"
        params = {"id": f"[{','.join(map(str, ids))}]"}
        rows = list(records(what, self._get(f"{COWORKERS}/", params).json()))
        if {row.number() for row in rows} != set(ids):
            raise BadReply(f"{what}: {len(ids)} were asked for and others were told of")
        return rows

    def contracts(self) -> Iterator[Record]:
        return self._rows(CONTRACTS, {"CoworkerContract_Active": "true"})

    def bookings(self, since: float, until: float) -> Iterator[Record]:
        """Those that begin in a stretch of time."""
        return self._rows(BOOKINGS, _between("Booking_FromTime", since, until))

    def visitors(self, since: float) -> Iterator[Record]:
        """Visitors of bookings, as far as they were added since then."""
        return self._rows(VISITORS, {"from_BookingVisitor_CreatedOn": minute(since)})

    def problems(self, since: float) -> Iterator[Record]:
        """What Nexudus could not do at access control systems since then."""
        name = "CoworkerAccessControlAudit"
        params = {f"{name}_IsProblem": "true", f"from_{name}_CreatedOn": minute(since)}
        return self._rows(AUDITS, params)

    def check_ins(self, coworker: int, since: float, until: float) -> list[Record]:
        """Check-ins of one customer that begin in a stretch of time."""
        stretch = _between("Checkin_FromTime", since, until)
        return list(self._rows(CHECK_INS, {"Checkin_Coworker": coworker, **stretch}))

    def create_check_in(self, fields: Mapping[str, Any]) -> Record:
        """Nexudus' answer, which says in `WasSuccessful` whether it made one."""
        accept = (200, 201, *_REFUSALS)
        call = partial(self._line.request, "POST", CHECK_INS, json=fields, accept=accept)
        reply = self._entitled(call)
        said = record(f"Nexudus {CHECK_INS}", reply)
        if not isinstance(said.raw.get("WasSuccessful"), bool):
            if reply.status in _REFUSALS:
                return Record(said.what, {**said.raw, "WasSuccessful": False})
            raise BadReply(f"{said.what}: WasSuccessful should be true or false", maybe_sent=True)
        return said

    def _rows(self, path: str, params: Params) -> Iterator[Record]:
        for page in self._pages(path, params):
            yield from page

    def _pages(self, path: str, params: Params) -> Iterator[list[Record]]:
        """All pages of a list; half a list must never pass for a whole one."""
        seen = set[int]()
        for number in range(1, _MOST_PAGES + 1):
            page = self._page(path, params, number, _PAGE)
            rows = list(records(f"Nexudus {path}", page.raw.get("Records")))
            ids = {row.number() for row in rows}
            more = page.raw.get("HasNextPage")
            if not isinstance(more, bool):
                raise page.bad("HasNextPage", "true or false")
            if seen & ids or len(ids) < len(rows):
                raise BadReply(f"{page.what}: repeats others; the list is not whole")
            seen |= ids
            _check(page, number, len(rows), len(seen), more=more)
            if rows:
                yield rows
            if not more:
                return
        raise BadReply(f"Nexudus {path}: there are more than {_MOST_PAGES} pages")

    def _page(self, path: str, params: Params, number: int, size: int) -> Record:
        asked = {**params, "page": number, "size": size, "orderBy": "Id"}
        return record(f"Nexudus {path}, page {number}", self._get(path, asked))

    def _get(self, path: str, params: Params) -> Reply:
        return self._entitled(partial(self._line.request, "GET", path, params=params))

    def _entitled(self, call: "partial[Reply]") -> Reply:
        """Make a request with a token, and once more with a new one if it is not accepted.

        What was refused for want of a right was not carried out.
        """
        if self._tokens is None:
            return call(headers=_bearer(self._token))
        token = self._tokens.token()
        try:
            return call(headers=_bearer(token))
        except Unauthorized:
            self._tokens.refused(token)
            return call(headers=_bearer(self._tokens.token()))


def _key(settings: NexudusApiSettings) -> SecretRef:
    key = settings.password or settings.token
    assert key, "the settings have one of both"
    return key


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _between(field: str, since: float, until: float) -> dict[str, str | int]:
    return {f"from_{field}": minute(since), f"to_{field}": minute(until + 60)}


def _check(page: Record, number: int, here: int, so_far: int, *, more: bool) -> None:
    """Does this page say of itself what it is?"""
    if page.number_if_any("CurrentPage") not in (None, number):
        raise BadReply(f"{page.what}: another page was answered")
    total = page.raw.get("TotalItems")
    if isinstance(total, bool) or not isinstance(total, int):
        raise page.bad("TotalItems", "a number")
    if more and not here:
        raise BadReply(f"{page.what}: is empty and not the last; the list is not whole")
    if not more and so_far != total:
        raise BadReply(
            f"{page.what}: {so_far} of {total} were told of, and no more follow; "
            "the list is not whole"
        )
