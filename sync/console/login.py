"""Logging in and out: one answer for unknown names and wrong passwords, after the same time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple

import structlog

from controller.ports import Clock
from sync.console.gate import Gate
from sync.console.throttle import Throttle
from sync.desk_users import Users
from sync.passwords import hashed, matches

log = structlog.get_logger(__name__)

_AT_ONCE = 2  # passwords being checked; each takes memory and a core
_WAITING = 16  # that wait for their turn


class Entered(NamedTuple):
    """The token of a new session; or none, why not, and how many seconds to wait."""

    token: str = ""
    why: str = ""
    status: int = 200
    wait: int = 0


class Doorkeeper:
    """Checks passwords; used by the web server's loop alone."""

    def __init__(self, gate: Gate, users: Users, clock: Clock) -> None:
        self._gate, self._users, self._clock = gate, users, clock
        self._throttle = Throttle()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")
        self._busy = 0

    async def enter(self, name: str, password: str, address: str) -> Entered:
        """Is that the password of this name? Nobody is asked again too soon."""
        if self._busy >= _AT_ONCE + _WAITING:
            return Entered("", "Too many people log in at this moment. Try again.", 503, 1)
        if wait := self._throttle.attempt(name, address, self._clock.monotonic()):
            log.warning("login refused: too many attempts", address=address)
            return Entered("", _too_often(wait), 429, int(wait) + 1)
        self._busy += 1
        try:
            loop = asyncio.get_running_loop()
            known, token = await loop.run_in_executor(self._threads, self._checked, name, password)
        finally:
            self._busy -= 1
        if not token:
            # What is nobody's name may be a password, or a card held to a reader that types.
            log.warning("login refused", name=known or "nobody known", address=address)
            return Entered("", "This name and this password do not belong together.", 401)
        self._throttle.succeeded(name)
        log.info("logged in", name=known, address=address)
        return Entered(token)

    def _checked(self, name: str, password: str) -> tuple[str, str]:
        """The name as it is known, and the token of a session; either may be ""."""
        nobodys, user = self._nobodys, self._users.called(name)
        kept = self._users.password(user.name) if user else ""
        right = matches(password, kept or nobodys)
        if user is None:
            return "", ""
        return user.name, self._gate.begin(user.name, kept) if kept and right else ""

    @cached_property
    def _nobodys(self) -> str:
        """Something to compare with where there is nobody, so that it takes as long."""
        return hashed("the password of nobody")


def _too_often(wait: float) -> str:
    seconds = int(wait) + 1
    when = f"{seconds} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
    return f"Too many attempts. Try again in {when}."
