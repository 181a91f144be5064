"""The port through which others call us: what a part of `sync` contributes to its one web server.

The server (`sync.inbound_server`) starts only if somebody contributes a route or a site. It bounds
bodies, waits and numbers, and compares bearers; a route sees requests whole and entitled.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LARGEST_BODY = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request, received whole; `headers` by their names in lower case."""

    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: as JSON, or a text if `media` says so."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/json"

    def encoded(self) -> bytes:
        if self.media.startswith("text/"):
            return str(self.body).encode()
        return json.dumps(self.body, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Route:
    """Requests of one method to one exact path.

    `bearer`: what they must carry as `Authorization: Bearer …`; "" lets everybody in. `secret`: one
    more part of the path, which nobody can guess; to who has it wrong there is nothing here.
    `answer` is called on a thread that may wait for the disk, several at a time.
    """

    method: str
    path: str
    answer: Callable[[Arrival], Answer]
    bearer: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """A part of the server with pages of its own: an ASGI application for all below `prefix`.

    Unlike a route it sees requests as they come: `sync.inbound_app.body_of` reads their bodies
    within bounds, and who may do what is its own matter.
    """

    prefix: str  # "" is everything that nobody else took
    app: Any
