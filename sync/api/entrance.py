"""Who may ask what: tokens, scopes, and how often."""

import threading
from collections.abc import Mapping

import structlog

from controller.ports import Clock
from sync.api.answers import Refusal
from sync.api.limits import Allowance, Rates
from sync.desk_tokens import Token, Tokens

log = structlog.get_logger(__name__)

_LONGEST = 200  # characters of a token
_NO_TOKEN = "the token is missing or wrong; send it as X-Api-Token or as Authorization: Bearer"  # noqa: S105


class Entrance:
    """Any thread may use it."""

    def __init__(self, tokens: Tokens, clock: Clock, rates: Rates) -> None:
        self._tokens, self._clock = tokens, clock
        self._guard = threading.Lock()
        self._requests = Allowance(rates.requests)
        self._openings = Allowance(rates.openings)
        self._strangers = Allowance(rates.strangers)

    def admit(self, headers: Mapping[str, str], address: str, scope: str) -> Token:
        """The token of a request. Raises `Refusal` and `StoreError`.

        Without a right one, nothing is told but that; from one address only so often, while right
        ones from there go on.
        """
        shown = _shown(headers)
        token = self._tokens.known(shown, self._clock.wall()) if shown else None
        if token is None:
            self._take(self._strangers, address)
            log.info("a request without a right token", address=address)
            raise Refusal(401, _NO_TOKEN, headers={"WWW-Authenticate": "Bearer"})
        self._take(self._requests, token.name)
        if scope not in token.scopes:
            raise Refusal(403, f"this token lacks the scope {scope}")
        if scope == "doors:open":
            self._take(self._openings, token.name)
        return token

    def _take(self, allowance: Allowance, who: str) -> None:
        with self._guard:
            wait = allowance.take(who, self._clock.monotonic())
        if wait:
            after = {"Retry-After": str(int(wait) + 1)}
            raise Refusal(429, "too many requests; come again later", headers=after)


def _shown(headers: Mapping[str, str]) -> str:
    """The token a request shows, "" if none that could be one."""
    shown = headers.get("x-api-token", "")
    if not shown:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        shown = given.strip() if scheme.lower() == "bearer" else ""
    return shown if len(shown) <= _LONGEST else ""
