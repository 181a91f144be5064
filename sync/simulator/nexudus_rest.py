"""A simulated Nexudus as far as its REST API goes, for an account that may tell by calling, too.

What the documents leave open is taken at its worst: lists leave fields out that only records asked
for by their ids have, pages hold fewer than asked for, tokens end early.
"""

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from controller.ports import Clock
from sync.simulator.nexudus import Coworker, Delivered, Location, SimulatedNexudus
from sync.simulator.server import Request, Response, SimulatedPlatform

__all__ = ["Booking", "CheckIn", "Contract", "Problem", "SimulatedNexudusRest", "Visitor"]

Row = dict[str, Any]
_TOTAL = ("CurrentPage", "CurrentPageSize", "TotalItems", "TotalPages", "HasNextPage", "Records")


class Contract(NamedTuple):
    """A plan that a customer has."""

    id: int
    coworker: int
    plan: int
    active: bool = True
    since: float | None = None
    cancelled: float | None = None


class Booking(NamedTuple):
    """A booked room."""

    id: int
    resource: int
    since: float
    until: float
    coworker: int | None = None
    tentative: bool = False
    room: str = ""


class Visitor(NamedTuple):
    """A guest of a booking."""

    id: int
    booking: int
    name: str
    added: float = 0.0


@dataclass(slots=True)
class CheckIn:
    """As it was created; `to` is None while it is open."""

    id: int
    coworker: int
    business: int
    since: float
    to: float | None
    system_id: str = ""


class Problem(NamedTuple):
    """Something that did not work at an access control system."""

    id: int
    coworker: int
    at: float
    text: str = "the webhook was not answered"


@dataclass(slots=True)
class _Account:
    """What there is, by number."""

    coworkers: dict[int, Coworker] = field(default_factory=dict)
    contracts: dict[int, Contract] = field(default_factory=dict)
    bookings: dict[int, Booking] = field(default_factory=dict)
    visitors: dict[int, Visitor] = field(default_factory=dict)
    check_ins: list[CheckIn] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class SimulatedNexudusRest(SimulatedPlatform):
    """One account. Change `account` at any time, under `lock`.

    `rights` that are taken away are answered 401. `largest` is the most that a page holds.
    `refuses` holds customers who may not check in, and why. `keeps_system_ids`: whether that field
    is taken. `sender` calls our webhook; what it cannot deliver is a `Problem`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        user: str = "acs@example.org",
        password: str = "simulated-nexudus-password",  # noqa: S107 - opens this simulation only
        sender: SimulatedNexudus | None = None,
        keep_log: bool = True,
    ) -> None:
        super().__init__(keep_log=keep_log)
        self.account, self.sender = _Account(), sender
        self.user, self.password = user, password
        self.rights = {"Coworker", "CoworkerContract", "Booking", "BookingVisitor", "Checkin"}
        self.rights.add("CoworkerAccessControlAudit")
        self.largest = 100
        self.token_seconds = 604_799.0
        self.keeps_system_ids = True
        self.refuses: dict[int, str] = {}
        self.logins: list[str] = []  # grant types, as they were asked for
        self._clock = clock
        self._access: dict[str, float] = {}  # token → when it ends
        self._refresh: dict[str, str] = {}  # client → the one token that serves

    def put(self, *coworkers: Coworker) -> None:
        """Add customers, or replace those with the same number."""
        with self.lock:
            self.account.coworkers.update((each.id, each) for each in coworkers)

    def tell(self, coworker: Coworker, location: Location) -> Delivered:
        """Tell by calling; what does not arrive is kept as a problem, and not told again."""
        assert self.sender
        delivered = self.sender.tell(coworker, location)
        if not 200 <= delivered.status < 300:
            with self.lock:
                number = len(self.account.problems) + 1
                self.account.problems.append(Problem(number, coworker.id, self._clock.wall()))
        return delivered

    def forget_tokens(self) -> None:
        """No token that was given out serves any more."""
        with self.lock:
            self._access.clear()
            self._refresh.clear()

    def end_access(self) -> None:
        """Access tokens end; refresh tokens serve on."""
        with self.lock:
            self._access.clear()

    def empty(self, request: Request) -> Response:
        return Response(200, _listed([], request, self.largest))

    def handle(self, request: Request) -> Response:
        if (request.method, request.path) == ("POST", "/api/token"):
            return self._give_token(request)
        if not self._entitled(request):
            return _refused(401, "Authorization has been denied for this request.")
        match request.method, request.path:
            case "GET", "/api/spaces/coworkers/":
                return self._by_id(request)
            case "GET", path if path in self._lists():
                return self._list(request)
            case "POST", "/api/spaces/checkins":
                return self._create_check_in(request)
        return _refused(404, "Not found")

    def _lists(self) -> dict[str, tuple[str, Callable[[], Iterable[Row]]]]:
        """Path → the right it needs, and its rows with all fields."""
        about = self.account
        return {
            "/api/spaces/coworkers": ("Coworker", lambda: map(_brief, about.coworkers.values())),
            "/api/spaces/bookings": ("Booking", lambda: map(_booking, about.bookings.values())),
            "/api/spaces/bookingvisitors": (
                "BookingVisitor", lambda: map(_visitor, about.visitors.values()),
            ),
            "/api/spaces/checkins": ("Checkin", lambda: map(_check_in, about.check_ins)),
            "/api/billing/coworkercontracts": (
                "CoworkerContract", lambda: map(_contract, about.contracts.values()),
            ),
            "/api/sys/coworkeraccesscontrolaudits": (
                "CoworkerAccessControlAudit", lambda: map(_problem, about.problems),
            ),
        }  # fmt: skip

    def _give_token(self, request: Request) -> Response:
        form = request.form() if "json" not in request.headers.get("Content-Type", "") else {}
        client = str(request.headers.get("client_id") or self.user)
        kind = form.get("grant_type", "")
        self.logins.append(kind)
        if kind == "password":
            right = (form.get("username"), form.get("password")) == (self.user, self.password)
        elif kind == "refresh_token":
            token = form.get("refresh_token")
            right = bool(token) and self._refresh.pop(client, None) == token
        else:
            return Response(400, {"error": "unsupported_grant_type"})
        if not right:
            return Response(400, {"error": "invalid_grant"})
        access, refresh = f"access-{uuid.uuid4().hex}", f"refresh-{uuid.uuid4().hex}"
        self._access[access] = self._clock.monotonic() + self.token_seconds
        self._refresh[client] = refresh
        given = {"access_token": access, "token_type": "bearer", "refresh_token": refresh}
        return Response(200, {**given, "expires_in": int(self.token_seconds)})

    def _entitled(self, request: Request) -> bool:
        token = str(request.headers.get("Authorization", "")).removeprefix("Bearer ")
        if self._clock.monotonic() >= self._access.get(token, 0.0):
            return False
        path = request.path.rstrip("/")
        return path not in self._lists() or self._lists()[path][0] in self.rights

    def _list(self, request: Request) -> Response:
        right, rows = self._lists()[request.path]
        fitting = [row for row in rows() if _fits(row, right, request)]
        return Response(200, _listed(fitting, request, self.largest))

    def _by_id(self, request: Request) -> Response:
        ids = json.loads(request.first("id", "[]"))
        known = self.account.coworkers
        return Response(200, [_whole(known[each]) for each in ids if each in known])

    def _create_check_in(self, request: Request) -> Response:
        said = request.json()
        coworker = self.account.coworkers.get(said.get("CoworkerId"))
        if not said.get("BusinessId") or not said.get("FromTime") or coworker is None:
            return _refused(400, "Please check the fields", "CoworkerId is not valid")
        if coworker.id in self.refuses:
            return _refused(200, "", self.refuses[coworker.id])
        number = len(self.account.check_ins) + 1
        to = _at(said["ToTime"]) if said.get("ToTime") else None
        system_id = said.get("SystemId", "") if self.keeps_system_ids else ""
        since, where = _at(said["FromTime"]), said["BusinessId"]
        self.account.check_ins.append(CheckIn(number, coworker.id, where, since, to, system_id))
        message = "Checkin was successfully created."
        value = {"Status": 200, "Message": message, "Value": {"Id": number}, "Errors": None}
        return Response(200, {**value, "WasSuccessful": True})


def _listed(rows: list[Row], request: Request, largest: int) -> Row:
    page = int(request.first("page", "1"))
    size = min(int(request.first("size", "25")), largest)
    pages = -(-len(rows) // size)
    here = rows[(page - 1) * size : page * size]
    values = (page, size, len(rows), pages, page < pages, here)
    return {**dict(zip(_TOTAL, values, strict=True)), "HasPreviousPage": page > 1}


def _fits(row: Row, entity: str, request: Request) -> bool:
    """Does a row pass the filters `Entity_Field`, `from_Entity_Field` and `to_Entity_Field`?"""
    for name, (value, *_) in request.query.items():
        end, _, key = name.rpartition(f"{entity}_")
        if not name.startswith((f"{entity}_", f"from_{entity}_", f"to_{entity}_")):
            continue
        if end == "":
            told = row.get(key, row.get(f"{key}Id"))
            if str(told).lower() != value.lower():
                return False
        elif row.get(key) is None or (_at(row[key]) < _at(value)) is (end == "from_"):
            return False
    return True


def _brief(coworker: Coworker) -> Row:
    """As in lists, which leave out what `_whole` shows."""
    return {k: v for k, v in _whole(coworker).items() if k in ("Id", "UniqueId", "FullName")}


def _whole(coworker: Coworker) -> Row:
    return {
        "Id": coworker.id,
        "UniqueId": coworker.unique_id,
        "FullName": coworker.name,
        "Email": f"customer{coworker.id}@example.org",
        "Active": coworker.active,
        "Archived": coworker.archived,
        "AccessCardId": coworker.card or None,
        "KeyFobNumber": coworker.fob or None,
        "AccessPincode": coworker.pin or None,
        "Businesses": list(coworker.businesses or coworker.groups),
        "Teams": list(coworker.teams),
        "UpdatedOn": "2025-01-15T10:30:00Z",
    }


def _contract(one: Contract) -> Row:
    return {
        "Id": one.id,
        "CoworkerId": one.coworker,
        "TariffId": one.plan,
        "TariffName": f"Plan {one.plan}",
        "Active": one.active,
        "Cancelled": one.cancelled is not None,
        "StartDate": _text(one.since),
        "CancellationDate": _text(one.cancelled),
    }


def _booking(one: Booking) -> Row:
    return {
        "Id": one.id,
        "ResourceId": one.resource,
        "ResourceName": one.room or None,
        "CoworkerId": one.coworker,
        "FromTime": _text(one.since),
        "ToTime": _text(one.until),
        "Tentative": one.tentative,
    }


def _visitor(one: Visitor) -> Row:
    return {
        "Id": one.id,
        "BookingId": one.booking,
        "VisitorId": 7000 + one.id,
        "VisitorFullName": one.name or None,
        "CreatedOn": _text(one.added),
    }


def _check_in(one: CheckIn) -> Row:
    return {
        "Id": one.id,
        "CoworkerId": one.coworker,
        "BusinessId": one.business,
        "FromTime": _text(one.since),
        "ToTime": _text(one.to),
        "SystemId": one.system_id or None,
    }


def _problem(one: Problem) -> Row:
    return {
        "Id": one.id,
        "CoworkerId": one.coworker,
        "Description": one.text,
        "IsProblem": True,
        "CreatedOn": _text(one.at),
    }


def _text(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _at(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _refused(status: int, message: str, *errors: str) -> Response:
    told = [{"AttemptedValue": None, "Message": each, "PropertyName": None} for each in errors]
    said = {"Status": status, "Message": message, "Value": None, "WasSuccessful": False}
    return Response(status, {**said, "Errors": told})
