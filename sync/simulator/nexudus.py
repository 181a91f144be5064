"""A simulated Nexudus as far as Custom ACS goes: it asks for groups, and tells who is in which.

Its other role, that of a REST server, is `sync.simulator.nexudus_rest`.

It speaks real HTTP to whoever receives it. Whether Nexudus tells again what was refused is not
documented: `tries` says how often this one does.
"""

import http.client
import json
import ssl
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from controller.ports import Clock

_PATIENCE = 10.0  # seconds, as documented for the access groups


class Location(NamedTuple):
    """A business; `unique_id` as Nexudus writes it."""

    id: int
    name: str
    unique_id: str


@dataclass(slots=True)
class Coworker:
    """A customer and what they may: groups by location, each until a time or without an end."""

    id: int
    name: str
    unique_id: str
    card: str = ""
    fob: str = ""
    pin: str = ""
    active: bool = True
    archived: bool = False
    businesses: tuple[int, ...] = ()
    teams: tuple[int, ...] = ()
    groups: dict[int, dict[str, float | None]] = field(default_factory=dict)


class Delivered(NamedTuple):
    """What became of one message: the status of the last try, 0 without any answer."""

    status: int
    tries: int
    message: dict[str, Any]


class SimulatedNexudus:
    """One Nexudus account. Change its coworkers, then `tell`; any thread may.

    `sparse`: leave fields without a value out, as older samples do. `sevens`: seven digits of a
    second, as .NET writes them.
    """

    def __init__(
        self,
        clock: Clock,
        address: str,
        *,
        webhook_token: str,
        groups_token: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`address`: where the receiver's paths begin, `http://127.0.0.1:8460/nexudus/loft`."""
        self.sparse = self.sevens = False
        self.tries = 1
        self.deliveries: list[Delivered] = []
        self.admin = str(uuid.UUID(int=1))
        self._clock, self._tls = clock, tls
        self._url = urlsplit(address)
        self._webhook_token, self._groups_token = webhook_token, groups_token
        self._guard = threading.Lock()

    def ask_groups(self, location: Location) -> tuple[int, Any]:
        """Status and JSON of the access groups, as when an operator opens the mapping."""
        headers = {
            "X-Nexudus-Business-UniqueId": location.unique_id,
            "X-Nexudus-User-UniqueId": self.admin,
        }
        if self._groups_token:
            headers["Authorization"] = f"Bearer {self._groups_token}"
        return self.send("GET", "/groups", None, headers)

    def tell(self, coworker: Coworker, location: Location) -> Delivered:
        """Tell what this coworker may at this location now."""
        return self.deliver(self.message(coworker, location))

    def deliver(self, message: Mapping[str, Any]) -> Delivered:
        """Send one message, again if it is refused and `tries` says so."""
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = {
            "Authorization": f"Bearer {self._webhook_token}",
            "Content-Type": "application/json; charset=utf-8",
        }
        status = done = 0
        while done < self.tries and not 200 <= status < 300:
            done += 1
            try:
                status, _ = self.send("POST", "/webhook", body, headers)
            except (OSError, http.client.HTTPException):
                status = 0
        delivered = Delivered(status, done, dict(message))
        with self._guard:
            self.deliveries.append(delivered)
        return delivered

    def message(self, coworker: Coworker, location: Location) -> dict[str, Any]:
        """The payload as the documents describe it, at this moment."""
        groups = coworker.groups.get(location.id, {})
        return {
            "time": self._text(self._clock.wall()),
            "business": {
                "id": location.id,
                "name": location.name,
                "uniqueId": location.unique_id,
            },
            "coworker": self._said(coworker),
            "access_signature": f"{hash(tuple(groups.items())) & 0xFFFFFFFF:08x}",
            "groups": list(groups),
            "schedule": [
                {"group": group, "expires_on": None if end is None else self._text(end)}
                for group, end in groups.items()
            ],
        }

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        """One request on a connection of its own; status and JSON."""
        host, port = self._url.hostname or "", self._url.port
        line = (
            http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        )
        try:
            line.request(method, self._url.path + path, body, dict(headers))
            answer = line.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            line.close()

    def _said(self, coworker: Coworker) -> dict[str, Any]:
        said = {
            "id": coworker.id,
            "full_name": coworker.name,
            "email": f"customer{coworker.id}@example.org",
            "uniqueId": coworker.unique_id,
            "accessCardId": coworker.card or None,
            "keyFobNumber": coworker.fob or None,
            "accessPincode": coworker.pin or None,
        }
        return {k: v for k, v in said.items() if v is not None} if self.sparse else said

    def _text(self, at: float) -> str:
        moment = datetime.fromtimestamp(at, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}" + (
            f".{moment.microsecond:06}0Z" if self.sevens else "Z"
        )
