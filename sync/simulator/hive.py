"""A simulated Hive: the Door Access API as its support article describes it.

What the article leaves open is taken as PHP and MySQL would have it: a form field is falsey when
absent, "" or "0"; texts are equal whatever their case and trailing blanks.
"""

import hmac
from collections.abc import Iterable
from typing import Any, NamedTuple

from controller.ports import Clock
from sync.simulator.hive_people import Door, Membership, User, invented, usual_doors
from sync.simulator.server import Request, Response, SimulatedPlatform

__all__ = ["PAGE", "Door", "Entry", "Membership", "SimulatedHive", "User"]

PAGE = 100  # users


class Entry(NamedTuple):
    """One recorded entry, at the time at which Hive was told."""

    at: float
    user_id: int
    door_id: str


class SimulatedHive(SimulatedPlatform):
    """One Hive with its own key. Change it by `put`, `remove` and `put_door`, at any time.

    `skipped` are left out of `/users`, as when the list shifts while it is read page by page.
    `refuses` holds reasons that `/users` does not show (user id → message).
    `denial_status` is the HTTP status of a refused `/access`, which the article does not tell.
    """

    def __init__(
        self,
        clock: Clock,
        key: str = "simulated-door-key",
        doors: Iterable[Door] | None = None,
        *,
        base: str = "",
        keep_log: bool = True,
    ) -> None:
        """`base`: the path before every endpoint, as in `/door-api/3f9c`."""
        super().__init__(keep_log=keep_log)
        self.key = key
        self.list_users = True
        self.denial_status = 200
        self.denial_shows_user = False
        self.refuses: dict[int, str] = {}
        self.skipped: set[int] = set()
        self.entries: list[Entry] = []
        self._clock, self._base = clock, base
        self._doors = {door.door_id: door for door in _given(doors)}
        self._users: dict[int, User] = {}
        self._listed: list[User] | None = None
        self._listed_until: float | None = None  # when a membership ends and a list grows old

    @property
    def url(self) -> str:
        return super().url + self._base

    @property
    def users(self) -> dict[int, User]:
        """A copy, by id."""
        with self.lock:
            return dict(self._users)

    @property
    def doors(self) -> dict[str, Door]:
        """A copy, by door id."""
        with self.lock:
            return dict(self._doors)

    def put(self, *users: User) -> None:
        """Add users, or replace those with the same id."""
        with self.lock:
            self._users.update((user.id, user) for user in users)
            self._listed = None

    def remove(self, *user_ids: int) -> None:
        with self.lock:
            for user_id in user_ids:
                del self._users[user_id]
            self._listed = None

    def put_door(self, door: Door) -> None:
        with self.lock:
            self._doors[door.door_id] = door
            self._listed = None

    def populate(self, seed: int, count: int) -> None:
        """Add so many invented users; the same seed and time give the same ones."""
        first = max(self._users, default=200) + 1
        self.put(*invented(seed, count, self._clock.wall(), first))

    def empty(self, request: Request) -> Response:
        if request.path.endswith("/doors"):
            return _success(doors=[])
        return _success(users=[], page=1, next_page=False)

    def handle(self, request: Request) -> Response:
        if not hmac.compare_digest(_key_in(request), self.key.encode()):
            return _failure("Invalid API key", 401)
        match request.method, request.path.removeprefix(self._base):
            case "GET", "/test":
                return _success()
            case "GET", "/doors":
                return self._list_doors()
            case "GET", "/users":
                return self._list_users(request)
            case "POST", "/access":
                return self._access(request)
        return _failure("Not found", 404)

    def _list_doors(self) -> Response:
        return _success(doors=[door.said() for door in self._doors.values()])

    def _list_users(self, request: Request) -> Response:
        if not self.list_users:
            return _failure("The users endpoint is not enabled", 403)
        asked = request.first("p")
        page = int(asked) if asked.isdecimal() and int(asked) > 0 else 1
        listed, now, doors = self._everybody(), self._clock.wall(), list(self._doors.values())
        users = [user.said(doors, now) for user in listed[(page - 1) * PAGE : page * PAGE]]
        more = page * PAGE < len(listed)
        return _success(users=users, page=page, next_page=page + 1 if more else False)

    def _everybody(self) -> list[User]:
        """Users with access to a door, by id; worked out anew only when something changed."""
        now = self._clock.wall()
        grown_old = self._listed_until is not None and now >= self._listed_until
        if self._listed is None or grown_old:
            doors = [door for door in self._doors.values() if door.active]
            admitted = [u for u in self._users.values() if any(u.may_enter(d, now) for d in doors)]
            self._listed = sorted(admitted, key=lambda user: user.id)
            self._listed_until = _next_end(admitted, now)
        if self.skipped:
            return [user for user in self._listed if user.id not in self.skipped]
        return self._listed

    def _access(self, request: Request) -> Response:
        form = request.form()
        door = self._doors.get(form.get("door_id", ""))
        if door is None:
            return self._denied("Door not found")
        user = self._match(form)
        if user is None:
            return self._denied("User not found")
        now = self._clock.wall()
        if user.id in self.refuses:
            return self._denied(self.refuses[user.id], user)
        if not user.may_enter(door, now):
            return self._denied("No membership with access to this door", user)
        if form.get("check_only", "") in {"", "0"}:
            self.entries.append(Entry(now, user.id, door.door_id))
        return _success(user=user.said(list(self._doors.values()), now))

    def _match(self, form: dict[str, str]) -> User | None:
        """The one user whom every identifier in the form fits."""
        given = {name for name in ("id", "door_access_id", "barcode_id") if form.get(name)}
        if not given:
            return None
        if "id" in given:
            user = self._users.get(int(form["id"]) if form["id"].isdecimal() else -1)
            candidates = [user] if user else []
        else:
            candidates = list(self._users.values())
        fitting = (
            user
            for user in candidates
            if all(_same(str(getattr(user, name)), form[name]) for name in given)
        )
        return next(fitting, None)

    def _denied(self, message: str, user: User | None = None) -> Response:
        if user is None or not self.denial_shows_user:
            return _failure(message, self.denial_status)
        said = user.said(list(self._doors.values()), self._clock.wall())
        return _failure(message, self.denial_status, user=said)


def _given(doors: Iterable[Door] | None) -> Iterable[Door]:
    return usual_doors() if doors is None else doors


def _key_in(request: Request) -> bytes:
    return str(request.headers.get("X-DOOR-API-KEY", "")).encode()


def _success(**fields: Any) -> Response:
    return Response(200, {"success": True, "message": "", **fields})


def _failure(message: str, status: int, **fields: Any) -> Response:
    return Response(status, {"success": False, "message": message, **fields})


def _same(one: str, other: str) -> bool:
    return one.rstrip().casefold() == other.rstrip().casefold()


def _next_end(users: Iterable[User], now: float) -> float | None:
    ends = (m.expires for u in users for m in u.memberships if m.expires and m.expires > now)
    return min(ends, default=None)
