"""Who is at the other end: addresses behind proxies, sessions, and what shows that a form is ours.

A session is a random token in a cookie, of which only the hash is kept. It is over after
`IDLE` seconds without a click, after `WHOLE` seconds at the latest, on logout, and when its user is
removed or gets another password or role.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from starlette.requests import Request
from starlette.responses import Response

from controller.config_model import HttpSettings
from controller.ports import Clock
from sync.desk_users import Session, Users

IDLE = 8 * 3600.0
WHOLE = 24 * 3600.0
_BACK = 300.0  # seconds the clock may be set back before it is no longer the same day's work
_NOTED = 300.0  # seconds between two notes of a click: flash wears out


class Gate:
    """Sessions of these users."""

    def __init__(self, settings: HttpSettings, users: Users, clock: Clock) -> None:
        self._proxies = [ip_network(each) for each in settings.trusted_proxies]
        self._users, self._clock = users, clock

    def begin(self, name: str, password: str) -> str:
        """The token of a new session; "" if `password` is no longer the hash that is kept."""
        now = self._clock.wall()
        self._users.forget(now - WHOLE, now - IDLE)
        token = secrets.token_urlsafe(32)
        return token if self._users.begin(key_of(token), name, password, now) else ""

    def session(self, token: str, *, click: bool = False) -> Session | None:
        """Whose it is, if it still holds. `click`: somebody is really there."""
        return self.by_key(key_of(token), click=click) if token else None

    def by_key(self, key: bytes, *, click: bool = False) -> Session | None:
        """The same by what is kept of the token."""
        found, now = self._users.session(key), self._clock.wall()
        if found is None:
            return None
        if not -_BACK <= now - found.begun <= WHOLE or not -_BACK <= now - found.seen <= IDLE:
            self._users.end(key)
            return None
        if click and abs(now - found.seen) > _NOTED:
            self._users.seen(key, now)
        return found

    def end(self, token: str) -> None:
        self._users.end(key_of(token))

    def address(self, request: Request) -> str:
        """That of whoever asks, as far as those in between are trusted."""
        nearest = request.client.host if request.client else ""
        if not self._trusted(nearest):
            return nearest
        told = request.headers.get("x-forwarded-for", "")
        for each in reversed([part.strip() for part in told.split(",") if part.strip()]):
            if not self._trusted(each):
                return each
        return nearest

    def encrypted(self, request: Request) -> bool:
        """Is nothing of it readable on the way?"""
        nearest = request.client.host if request.client else ""
        told = request.headers.get("x-forwarded-proto", "") if self._trusted(nearest) else ""
        return bool((told or request.scope["scheme"]) == "https")

    def own_form(self, request: Request) -> bool:
        """Was it sent by a page of this very site?"""
        scheme = "https" if self.encrypted(request) else "http"
        return request.headers.get("origin") == f"{scheme}://{request.headers.get('host', '')}"

    def token(self, request: Request) -> str:
        return request.cookies.get(self._cookie(request), "")[:100]

    def give(self, request: Request, answer: Response, token: str) -> None:
        """Put the token into a cookie; "" takes it away."""
        answer.set_cookie(
            self._cookie(request),
            token,
            max_age=int(WHOLE) if token else 0,
            path="/",
            secure=self.encrypted(request),
            httponly=True,
            samesite="strict",
        )

    def _cookie(self, request: Request) -> str:
        """Browsers let nobody but this host, over TLS, set one whose name begins so."""
        return "__Host-doorward" if self.encrypted(request) else "doorward"

    def _trusted(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self._proxies)
        except ValueError:
            return False


def key_of(token: str) -> bytes:
    """What is kept of a session's token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def form_token(token: str) -> str:
    """What every form of a session carries."""
    return hmac.new(token.encode("utf-8", "replace"), b"a form of ours", "sha256").hexdigest()


def is_form_token(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), form_token(token).encode())


def one(values: Mapping[str, list[str]], name: str) -> str:
    """One value of a form."""
    return next(iter(values.get(name) or [""]))
