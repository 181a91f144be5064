"""A simulated Cobot: all three of its addresses on one, with one space.

`url`, `www_url` and `api2_url` of a Cobot platform may all name it.
"""

import hmac
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import unquote

from controller.model import Hours
from sync.simulator import cobot_said as said
from sync.simulator import cobot_writes as writes
from sync.simulator.cobot_people import USUAL, populate
from sync.simulator.cobot_space import (
    WHOLE_DAY,
    Booking,
    Member,
    PassType,
    Plan,
    Refused,
    Space,
    Stay,
    TimePass,
    Visitor,
    bookings_between,
)
from sync.simulator.server import Request, Response, SimulatedPlatform

__all__ = [
    "WHOLE_DAY",
    "Booking",
    "Member",
    "PassType",
    "Plan",
    "SimulatedCobot",
    "Stay",
    "TimePass",
    "Visitor",
]

SCOPES = (
    *("read_memberships", "checkin_tokens", "read_check_ins", "write_check_ins"),
    *("read_time_passes", "read_custom_fields", "read_bookings", "read_resources", "read_plans"),
    *("read_external_bookings", "write_custom_fields"),
)


class SimulatedCobot(SimulatedPlatform):
    """One space at Cobot. `space` may be changed at any time, under `lock`.

    `limits` switches on Cobot's rate limits, in the time of `now`. `addon`: the space pays for
    external bookings. `page_size` is the most that a page of the second API holds.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        token: str = "simulated-cobot-token",  # noqa: S107 - opens nothing but this simulation
        subdomain: str = "harbour",
        zone: str = "Europe/Berlin",
        limits: bool = False,
        keep_log: bool = True,
    ) -> None:
        super().__init__(keep_log=keep_log)
        self.space = Space(now, subdomain, zone)
        for plan in USUAL:
            self.space.add_plan(plan)
        self.token = token
        self.scopes = set(SCOPES)
        self.limits = limits
        self.addon = True
        self.page_size = 200
        self.names_pass_holders = True  # does the list of all unused passes say whose they are?
        self._lately: dict[str, deque[float]] = {}

    @property
    def now(self) -> Callable[[], float]:
        """The time in the space, and of every stamp."""
        return self.space.now

    @now.setter
    def now(self, now: Callable[[], float]) -> None:
        with self.lock:
            self.space.now = now

    @property
    def check_ins(self) -> list[Stay]:
        """A copy, in order."""
        with self.lock:
            return list(self.space.check_ins)

    def add_plan(
        self, plan_id: str, *types: PassType, name: str = "", hidden: bool = False
    ) -> Plan:
        with self.lock:
            return self.space.add_plan(Plan(plan_id, name or plan_id, types, hidden))

    def add_member(
        self,
        name: str,
        plan: Plan | str = "plan-resident",
        *,
        cards: Iterable[str] = (),
        passes: int = 0,
        starts_at: date | None = None,
        canceled_to: date | None = None,
        **more: Any,
    ) -> Member:
        """A member with these check-in tokens and so many bought passes; `more` as in `Member`.

        The plans are those of `cobot_people.USUAL` and what `add_plan` added; an unknown one is
        unlimited.
        """
        with self.lock:
            if isinstance(plan, str):
                plan = self.space.plans.get(plan) or self.space.add_plan(Plan(plan, plan))
            member = Member(more.pop("id", None) or self.space.made("m"), name, plan, **more)
            member.starts_at, member.canceled_to = starts_at, canceled_to
            self.space.members[member.id] = member
            self.space.tokens += [(card, member.id) for card in cards]
            self.space.field_labels += [
                label for label in member.fields if label not in self.space.field_labels
            ]
            for _ in range(passes):
                self.space.add_pass(member.id)
            return member

    def add_pass(
        self, member: Member, *, expires_at: float | None = None, hours: Hours = WHOLE_DAY
    ) -> TimePass:
        with self.lock:
            return self.space.add_pass(member.id, expires_at=expires_at, hours=hours)

    def remove_member(self, member: Member) -> None:
        with self.lock:
            del self.space.members[member.id]
            self.space.tokens = [row for row in self.space.tokens if row[1] != member.id]

    def book(
        self,
        resource: str,
        start: float,
        end: float,
        member: Member | None = None,
        visitor: str | None = None,
    ) -> Booking:
        """A room for a member, for a visitor of that name, or for neither."""
        with self.lock:
            self.space.resources.setdefault(resource, resource)
            one = Booking(self.space.made("bk"), resource, start, end)
            one.member = member.id if member else None
            one.visitor = Visitor(self.space.made("eb"), visitor) if visitor else None
            self.space.bookings.append(one)
            return one

    def check_in(self, member: Member) -> Stay:
        """Someone checks in by themselves, by the app or at the desk."""
        with self.lock:
            return self.space.check_in(member)

    def populate(self, seed: int, count: int = 36) -> None:
        """Add so many invented members, with plans, passes, cards and bookings."""
        with self.lock:
            populate(self.space, seed, count)

    def empty(self, request: Request) -> Response:
        if request.path.startswith("/api/"):
            return Response(body=[])
        return Response(body={"data": [], "meta": {"totalPages": 1, "currentPage": 1}})

    def handle(self, request: Request) -> Response:
        self.space.catch_up()
        for route in _ROUTES:
            found = re.fullmatch(route.path, request.path)
            if found and route.method == request.method:
                parts = {name: unquote(part) for name, part in found.groupdict().items()}
                return self._refusal(request, route) or route.answer(self, request, parts)
        return Response(404, {"error": "not found"})

    def _refusal(self, request: Request, route: "_Route") -> Response | None:
        if route.scope is None:
            return None
        bearer = str(request.headers.get("Authorization", "")).encode()
        if not hmac.compare_digest(bearer, f"Bearer {self.token}".encode()):
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return Response(401, {"error": "The access token is invalid"}, challenge)
        if route.scope and route.scope not in self.scopes:
            return Response(403, {"error": f"The token lacks the scope {route.scope}"})
        return self._too_many(route) if self.limits else None

    def _too_many(self, route: "_Route") -> Response | None:
        most = 6 if route.path == _MEMBERSHIPS else 60
        now = self.now()
        lately = self._lately.setdefault(f"{route.method} {route.path}", deque())
        while lately and lately[0] <= now - 60:
            lately.popleft()
        if len(lately) < most:
            lately.append(now)
            return None
        seconds = int(lately[0] + 60 - now) + 1
        return Response(429, {"error": "Rate limit exceeded"}, {"Retry-After": str(seconds)})

    def _space(self, _request: Request, path: Mapping[str, str]) -> Response:
        space = self.space
        if path["name"] != space.subdomain:
            return Response(404, {"error": "no such space"})
        about = {"id": space.id, "name": "Harbour Loft", "subdomain": space.subdomain}
        return Response(body={**about, "time_zone_name": space.zone.key, "url": self.url})

    def _access_token(self, _request: Request, path: Mapping[str, str]) -> Response:
        if path["token"] != self.token:
            return Response(404, {"error": "no such token"})
        return Response(body={"scope": sorted(self.scopes)})

    def _memberships(self, request: Request, _path: Mapping[str, str]) -> Response:
        everybody = request.first("all") == "true"
        listed = [m for m in self.space.members.values() if everybody or self._is_listed(m)]
        return Response(body=[said.membership(member) for member in listed])

    def _is_listed(self, member: Member) -> bool:
        ended = member.canceled_to is not None and member.canceled_to <= self.space.today()
        return member.confirmed and not ended

    def _membership(self, _request: Request, path: Mapping[str, str]) -> Response:
        member = self.space.members.get(path["member"])
        return Response(body=said.membership(member)) if member else _GONE

    def _tokens(self, _request: Request, _path: Mapping[str, str]) -> Response:
        members = self.space.members
        return Response(body=[said.token(members[m], t) for t, m in self.space.tokens])

    def _passes(self, _request: Request, _path: Mapping[str, str]) -> Response:
        rows = [said.time_pass(one) for one in self.space.unused_passes()]
        if not self.names_pass_holders:
            rows = [{k: v for k, v in row.items() if k != "membership_id"} for row in rows]
        return Response(body=rows)

    def _passes_of(self, _request: Request, path: Mapping[str, str]) -> Response:
        member = self.space.members.get(path["member"])
        if member is None:
            return _GONE
        holders = {member.id} | {
            other.id
            for other in self.space.members.values()
            if member.team and other.team == member.team
        }
        unused = self.space.unused_passes()
        return Response(body=[said.time_pass(one) for one in unused if one.member in holders])

    def _check_ins(self, _request: Request, _path: Mapping[str, str]) -> Response:
        return self._stays(self.space.check_ins_of(self.space.today()))

    def _work_sessions(self, request: Request, _path: Mapping[str, str]) -> Response:
        since, until = _asked(request, "from"), _asked(request, "to")
        if since is None or until is None:
            return Response(422, {"errors": {"from": "is no time with an offset"}})
        return self._stays([s for s in self.space.check_ins if since <= s.valid_from <= until])

    def _stays(self, stays: Iterable[Stay]) -> Response:
        return Response(body=[said.check_in(stay, self._name(stay.member)) for stay in stays])

    def _name(self, member: str) -> str:
        known = self.space.members.get(member)
        return known.name if known else ""

    def _start(self, _request: Request, path: Mapping[str, str]) -> Response:
        member = self.space.members.get(path["member"])
        return self._started(member) if member else _GONE

    def _start_by_token(self, request: Request, _path: Mapping[str, str]) -> Response:
        holders = dict(self.space.tokens)
        member = self.space.members.get(holders.get(str(request.json().get("token")), ""))
        return self._started(member) if member else Response(204)

    def _started(self, member: Member) -> Response:
        try:
            stay = self.space.check_in(member)
        except Refused as refused:
            return Response(422, {"base": [str(refused)]})
        return Response(201, said.check_in(stay, member.name))

    def _custom_fields(self, _request: Request, _path: Mapping[str, str]) -> Response:
        labels = self.space.field_labels
        members = self.space.members.values()
        return Response(body=[said.custom_fields(member, labels) for member in members])

    def _plans(self, _request: Request, _path: Mapping[str, str]) -> Response:
        return Response(body=[said.plan(plan) for plan in self.space.plans.values()])

    def _resources(self, _request: Request, _path: Mapping[str, str]) -> Response:
        rooms = self.space.resources.items()
        return Response(body=[{"id": room, "name": name, "hidden": False} for room, name in rooms])

    def _bookings(self, request: Request, _path: Mapping[str, str]) -> Response:
        since, until = _asked(request, "from"), _asked(request, "to")
        if since is None or until is None:
            return Response(422, {"errors": {"from": "is no time with an offset"}})
        found = bookings_between(self.space.bookings, since, until)
        return Response(body=[said.booking(one, self.space) for one in found])

    def _booking_records(self, request: Request, path: Mapping[str, str]) -> Response:
        """By their start; a page at a time."""
        since, until = _asked(request, "filter[from]"), _asked(request, "filter[to]")
        if path["space"] != self.space.id:
            return Response(404, {"errors": [{"title": "Not found"}]})
        if since is None or until is None:
            return Response(422, {"errors": [{"detail": "filter[from] must have an offset"}]})
        include = "externalBooking" in request.first("include")
        if include and not self.addon:
            return Response(402, {"errors": [{"detail": "The add-on is not active."}]})
        found = [one for one in self.space.bookings if since <= one.start <= until]
        return Response(body=self._page(found, request, include=include))

    def _page(self, found: list[Booking], request: Request, *, include: bool) -> dict[str, Any]:
        size = min(int(request.first("page[size]", "72")), self.page_size)
        number, total = int(request.first("page[number]", "1")), max(1, -(-len(found) // size))
        page = found[(number - 1) * size : number * size]
        links = {"next": f"{self.url}{request.path}?page[number]={number + 1}"}
        return {
            "data": [said.booking_record(one) for one in page],
            "included": [said.visitor_record(one) for one in page if include and one.visitor],
            "meta": {"totalPages": total, "currentPage": number},
            "links": links if number < total else {},
        }


def _asked(request: Request, name: str) -> float | None:
    return said.asked_moment(request.first(name))


class _Route(NamedTuple):
    """`scope`: what the token needs; "" any token will do; None it is public."""

    method: str
    path: str
    scope: str | None
    answer: Callable[[SimulatedCobot, Request, Mapping[str, str]], Response]


_GONE = Response(404, {"error": "Membership not found"})
_MEMBERSHIPS = "/api/memberships"
_ONE = f"{_MEMBERSHIPS}/(?P<member>[^/]+)"
_C = SimulatedCobot
_ROUTES = (
    _Route("GET", "/health", None, lambda *_: Response(204)),
    _Route("GET", "/api/spaces/(?P<name>[^/]+)", None, _C._space),
    _Route("GET", "/api/access_tokens/(?P<token>[^/]+)", "", _C._access_token),
    _Route("GET", _MEMBERSHIPS, "read_memberships", _C._memberships),
    _Route("GET", _ONE, "read_memberships", _C._membership),
    _Route("GET", "/api/check_in_tokens", "checkin_tokens", _C._tokens),
    _Route(
        *("POST", "/api/check_in_tokens", "checkin_tokens"),
        lambda cobot, request, _: writes.add_token(cobot.space, request),
    ),
    _Route("GET", "/api/time_passes/unused", "read_time_passes", _C._passes),
    _Route("GET", f"{_ONE}/time_passes/unused", "read_time_passes", _C._passes_of),
    _Route("GET", "/api/check_ins", "read_check_ins", _C._check_ins),
    _Route("GET", "/api/work_sessions", "read_check_ins", _C._work_sessions),
    _Route("POST", "/api/check_ins", "write_check_ins", _C._start_by_token),
    _Route("POST", f"{_ONE}/work_sessions", "write_check_ins", _C._start),
    _Route("GET", "/api/custom_fields", "read_custom_fields", _C._custom_fields),
    _Route(
        *("GET", f"{_ONE}/custom_fields", "read_custom_fields"),
        lambda cobot, _, path: writes.fields_of(cobot.space, path["member"]),
    ),
    _Route(
        *("PUT", f"{_ONE}/custom_fields", "write_custom_fields"),
        lambda cobot, request, path: writes.set_fields(cobot.space, request, path["member"]),
    ),
    _Route("GET", "/api/plans", None, _C._plans),
    _Route("GET", "/api/resources", "read_resources", _C._resources),
    _Route("GET", "/api/bookings", "read_bookings", _C._bookings),
    _Route("GET", "/spaces/(?P<space>[^/]+)/bookings", "read_bookings", _C._booking_records),
)
