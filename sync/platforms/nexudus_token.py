"""The right to ask Nexudus' REST API: bearer tokens by its OAuth password flow.

A refresh token serves once, and one at a time for each `client_id`. So each machine has an id of
its own, and what it was given last lies on the disk before anything is asked with it. Should that
fail half-way, the old one is used up and the new one lost: then the password serves again.
"""

import json
import os
import re
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from controller.errors import BadReply, ConfigError, Unauthorized, Unavailable
from controller.ports import Clock
from controller.secrets import give_to_owner_of
from sync.http import Line, Reply

log = structlog.get_logger(__name__)

_PATH = "/api/token"
_EARLY = 60.0  # seconds before its end in which a token is not used any more
_SHORT = 300.0  # seconds a token serves of which nothing is told
_LONGEST = 3600.0  # the documents say seven days, their authors minutes to hours
_REFUSED = (400, 401, 403)


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies in the file."""

    client: str
    refresh: str = ""


@dataclass(frozen=True, slots=True)
class _Given:
    access: str
    refresh: str
    seconds: float


class Tokens:
    """Tokens of one user. Any thread may ask; one at a time renews."""

    def __init__(self, line: Line, clock: Clock, path: Path, user: str, password: str) -> None:
        self._line, self._clock, self._path = line, clock, path
        self._user, self._password = user, password
        self._guard = threading.Lock()
        self._access, self._until = "", 0.0
        self._kept = read(path)
        line.hide(self._kept.refresh)

    def token(self) -> str:
        """One that serves; asks for one if need be."""
        with self._guard:
            if self._clock.monotonic() >= self._until:
                self._renew()
            return self._access

    def refused(self, token: str) -> None:
        """Nexudus does not accept it any more: the next one is new."""
        with self._guard:
            if token == self._access:
                self._until = 0.0

    def _renew(self) -> None:
        given = self._refreshed() or self._by_password()
        self._line.hide(given.access, given.refresh)
        self._keep(Kept(self._kept.client, given.refresh))
        self._access = given.access
        seconds = min(given.seconds, _LONGEST)
        self._until = self._clock.monotonic() + max(seconds - _EARLY, seconds / 2)

    def _refreshed(self) -> _Given | None:
        """By the refresh token; None where there is none that serves."""
        if not self._kept.refresh:
            return None
        reply = self._ask({"grant_type": "refresh_token", "refresh_token": self._kept.refresh})
        if reply.status == 200:
            return _given(reply)
        log.info("Nexudus' refresh token does not serve any more; logging in by password")
        return None

    def _by_password(self) -> _Given:
        form = {"grant_type": "password", "username": self._user, "password": self._password}
        reply = self._ask(form)
        if reply.status != 200:
            raise Unauthorized(
                f"{reply.where}: {reply.status}: Nexudus does not accept user and password "
                f"({_why(reply)}); all that is known stays in force. Log in with them at Nexudus "
                "(two-factor login must be off for them), correct the file, then: doorward sync"
            )
        return _given(reply)

    def _ask(self, form: dict[str, str]) -> Reply:
        client = {"client_id": self._kept.client}
        accept = (200, *_REFUSED)
        return self._line.request("POST", _PATH, form=form, headers=client, accept=accept)

    def _keep(self, kept: Kept) -> None:
        if kept == self._kept and self._path.exists():
            return
        try:
            write(self._path, kept)
        except OSError as error:
            raise Unavailable(
                f"{self._path}: the token of Nexudus cannot be kept ({error.strerror}), so it is "
                "not used; all that is known stays in force"
            ) from error
        self._kept = kept


def read(path: Path) -> Kept:
    """What is in the file; a new client without a token if there is nothing of use."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found: dict[str, Any] = json.loads(path.read_text())
        return Kept(str(uuid.UUID(str(found["client_id"]))), str(found["refresh_token"]))
    return Kept(str(uuid.uuid4()))


def write(path: Path, kept: Kept) -> None:
    """Whole or not at all, readable for its owner alone, and on the disk. May raise OSError."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        give_to_owner_of(path.parent, file.fileno())
        json.dump({"client_id": kept.client, "refresh_token": kept.refresh}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _given(reply: Reply) -> _Given:
    value = reply.json()
    said = value if isinstance(value, dict) else {}
    access, refresh = said.get("access_token"), said.get("refresh_token") or ""
    if not (isinstance(access, str) and access and isinstance(refresh, str)):
        raise BadReply(f"{reply.where}: the answer holds no token")
    seconds = said.get("expires_in")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        seconds = _SHORT
    return _Given(access, refresh, float(seconds))


def _why(reply: Reply) -> str:
    with suppress(BadReply):
        value = reply.json()
        said = value.get("error") if isinstance(value, dict) else None
        if isinstance(said, str) and re.fullmatch(r"[a-z_]{1,60}", said):  # nothing repeated
            return said
    return "without a reason"


def fixed(token: str) -> str:
    """A token that the operator brought; ConfigError if it cannot be one."""
    if not token.isascii() or " " in token:
        raise ConfigError("token: holds no bearer token of Nexudus; copy it again into its file")
    return token
