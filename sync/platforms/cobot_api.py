"""The requests that are made of Cobot: which address, within which limits, what comes back.

Lists of the first API are whole; those of the second come in pages.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from controller.errors import BadReply, ConfigError, Unauthorized, Unavailable
from sync.http import Limit, Line, Reply
from sync.platform import Surroundings
from sync.platforms.cobot_parse import Row, moment_text, rows
from sync.platforms.cobot_settings import CobotSettings

_HOUR = 3600.0
_DAY = 24 * _HOUR
_PAGE = 200  # as many as a page can hold
_MOST_PAGES = 1000
# Cobot counts 6 or 60 requests a minute; a second more allows for the way there.
_MINUTE = 61.0
_LIMITS = (
    Limit("GET /api/memberships", 6, _MINUTE),
    Limit("GET /api/memberships/[^/]+", 60, _MINUTE),
    Limit("GET /api/memberships/[^/]+/time_passes/unused", 50, _MINUTE),
    Limit("POST /api/memberships/[^/]+/work_sessions", 60, _MINUTE),
    Limit("POST /api/check_in_tokens", 60, _MINUTE),
    Limit("(GET|PUT) /api/memberships/[^/]+/custom_fields", 60, _MINUTE),
    *(
        Limit(f"GET /api/{path}", 60, _MINUTE)
        for path in (
            *("check_in_tokens", "time_passes/unused", "check_ins", "work_sessions"),
            *("custom_fields", "bookings", "resources"),
        )
    ),
)

# To a card: all that can be told without repeating its number, as an error that quotes would.
_ANSWERS_TO_CARD = (
    *range(200, 300),
    *(status for status in range(400, 600) if status not in {401, 402, 408, 429}),
)
# To a check-in: whatever says that it was or was not made, rather than that something is broken.
_ANSWERS = (200, 201, 204, 400, 404, 409, 410, 422)


@dataclass(frozen=True, slots=True)
class Space:
    """What everybody may know of a space."""

    id: str
    zone: ZoneInfo


class CobotApi:
    """One space, spoken to with one token."""

    def __init__(self, settings: CobotSettings, around: Surroundings) -> None:
        self._settings, self._clock = settings, around.clock
        self._token = around.secret(settings.token)
        self._options: dict[str, Any] = {
            "clock": around.clock,
            "wait": around.wait,
            "secrets": (self._token,),
            "ca_file": settings.ca_file,
        }
        bearer = {"Authorization": f"Bearer {self._token}"}
        self._line = Line(settings.url, headers=bearer, limits=_LIMITS, **self._options)
        self._www = Line(settings.www_url, **self._options)
        self._api2 = Line(
            settings.api2_url,
            headers={**bearer, "Accept": "application/vnd.api+json"},
            limits=(Limit("GET .*", 60, _MINUTE),),
            **self._options,
        )
        self._space: Space | None = None
        self._ask_again = 0.0

    def close(self) -> None:
        for line in (self._line, self._www, self._api2):
            line.close()

    def space(self) -> Space:
        """The space, asked for once a day; an older answer serves while there is no new one."""
        now = self._clock.monotonic()
        if self._space is None:
            self._space, self._ask_again = self._ask_space(), now + _DAY
        elif now >= self._ask_again:
            self._ask_again = now + _HOUR
            with suppress(Unavailable, Unauthorized, BadReply):
                self._space, self._ask_again = self._ask_space(), now + _DAY
        return self._space

    def memberships(self) -> Iterator[Row]:
        return self._list("membership", "memberships")

    def membership(self, member: str) -> Row | None:
        """One; None for someone who was deleted."""
        path = f"/api/memberships/{quote(member, safe='')}"
        reply = self._line.request("GET", path, accept=(200, 404))
        return _object(f"membership {member}", reply) if reply.status == 200 else None

    def tokens(self) -> Iterator[Row]:
        return self._list("check-in token", "check_in_tokens")

    def custom_fields(self) -> Iterator[Row]:
        return self._list("row of custom fields", "custom_fields")

    def unused_passes(self) -> Iterator[Row]:
        return self._list("time pass", "time_passes/unused")

    def unused_passes_of(self, member: str) -> Iterator[Row]:
        """None for someone who has just been deleted."""
        path = f"/api/memberships/{quote(member, safe='')}/time_passes/unused"
        reply = self._line.request("GET", path, accept=(200, 404))
        return rows("Cobot time pass", reply.json()) if reply.status == 200 else iter(())

    def check_ins(self) -> Iterator[Row]:
        """Today's, of everybody."""
        return self._list("check-in", "check_ins")

    def work_sessions(self, since: float, until: float, *, optional: bool = False) -> Iterator[Row]:
        """The check-ins of a stretch of time, of everybody.

        `optional`: none, rather than an error, where there is no such list.
        """
        return self._list("check-in", "work_sessions", _stretch(since, until), optional=optional)

    def bookings(self, since: float, until: float) -> Iterator[Row]:
        """Those that overlap a stretch of time, of all rooms."""
        return self._list("booking", "bookings", _stretch(since, until))

    def resources(self) -> Iterator[Row]:
        return self._list("resource", "resources")

    def start_work_session(self, member: str) -> Reply:
        """Check someone in, now."""
        path = f"/api/memberships/{quote(member, safe='')}/work_sessions"
        return self._line.request("POST", path, accept=_ANSWERS)

    def add_token(self, member: str, token: str) -> Reply:
        """Give someone a check-in token."""
        body = {"membership_id": member, "token": token}
        return self._line.request(
            "POST", "/api/check_in_tokens", json=body, accept=_ANSWERS_TO_CARD
        )

    def fields_of(self, member: str) -> list[dict[str, Any]]:
        """The custom fields of one member, as they are said."""
        row = _object(f"custom fields of {member}", self._line.request("GET", _fields(member)))
        return [dict(field.raw) for field in row.rows("fields")]

    def set_fields(self, member: str, fields: list[dict[str, Any]]) -> Reply:
        """Replace the custom fields of one member."""
        body = {"fields": fields}
        return self._line.request("PUT", _fields(member), json=body, accept=_ANSWERS_TO_CARD)

    def scopes(self) -> set[str] | None:
        """What our token may do; None where that cannot be asked for."""
        if self._settings.url.startswith("http:") and self._settings.www_url.startswith("https:"):
            return None  # a simulated space: its token is nobody else's business
        path = f"/api/access_tokens/{quote(self._token, safe='')}"
        bearer = {"Authorization": f"Bearer {self._token}"}
        with (
            suppress(Unavailable, Unauthorized, BadReply),
            Line(self._settings.www_url, headers=bearer, **self._options) as line,
        ):
            scope = _object("token", line.request("GET", path)).raw.get("scope")
            if isinstance(scope, list):
                return {str(each) for each in scope}
            if isinstance(scope, str):
                return set(scope.split())
        return None

    def pages(self, path: str, params: dict[str, str]) -> Iterator[Row]:
        """All pages of a list of the second API; half a list must never pass for a whole one."""
        seen = set[str]()
        for number in range(1, _MOST_PAGES + 1):
            asked: dict[str, str | int] = {
                **params,
                "page[number]": number,
                "page[size]": _PAGE,
            }
            page = _object(
                f"page {number} of {path}", self._api2.request("GET", path, params=asked)
            )
            ids = [row.id() for row in page.rows("data")]
            more = _more(page, number)
            if (not ids and (more or number > 1)) or seen.intersection(ids):
                raise BadReply(f"{page.what}: repeats others or is empty; the list is not whole")
            seen.update(ids)
            yield page
            if not more:
                return
        raise BadReply(f"Cobot: {path} has more than {_MOST_PAGES} pages")

    def _list(
        self,
        what: str,
        path: str,
        params: dict[str, str | int] | None = None,
        *,
        optional: bool = False,
    ) -> Iterator[Row]:
        accept = (200, 404) if optional else (200,)
        reply = self._line.request("GET", f"/api/{path}", params=params, accept=accept)
        return iter(()) if reply.status == 404 else rows(f"Cobot {what}", reply.json())

    def _ask_space(self) -> Space:
        name = self._settings.space
        if name is None:
            raise ConfigError("subdomain: is missing; add the name of the space at Cobot")
        reply = self._www.request("GET", f"/api/spaces/{quote(name, safe='')}")
        space = _object(f"space {name}", reply)
        return Space(space.id(), _zone(space))


def _object(what: str, reply: Reply) -> Row:
    value = reply.json()
    if not isinstance(value, dict):
        raise BadReply(f"Cobot {what}: should be an object", maybe_sent=reply.maybe_sent)
    return Row(f"Cobot {what}", value)


def _fields(member: str) -> str:
    return f"/api/memberships/{quote(member, safe='')}/custom_fields"


def _zone(space: Row) -> ZoneInfo:
    try:
        return ZoneInfo(space.text("time_zone_name"))
    except (KeyError, ValueError, OSError) as error:
        raise space.bad("time_zone_name", "a time zone that this machine knows") from error


def _stretch(since: float, until: float) -> dict[str, str | int]:
    return {"from": moment_text(since), "to": moment_text(until)}


def _more(page: Row, number: int) -> bool:
    """Is there a page behind this one?"""
    meta = page.row("meta") if "meta" in page else Row(page.what, {})
    if "currentPage" in meta and meta.whole("currentPage") != number:
        raise BadReply(f"{page.what}: another page was answered")
    links = page.row("links") if "links" in page else Row(page.what, {})
    return number < meta.whole("totalPages", 1) or "next" in links
