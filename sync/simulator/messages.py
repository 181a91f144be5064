"""What a simulated platform is asked and answers, and what can go wrong in between."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Literal, get_args
from urllib.parse import parse_qs

FaultKind = Literal[
    "status",  # `status`, with Retry-After if `retry_after` is given
    "html",  # 200 and a page for people
    "garbage",  # 200 and no JSON
    "empty_list",  # 200 and nobody in it, as the platform would say it
    "redirect",  # 302 to `location`
    "truncate",  # half the answer, then the end of the connection
    "reset",  # half the answer, then a TCP reset
    "hang",  # no answer while the fault lasts
    "slow",  # the answer, `piece` bytes every `gap` seconds
    "lose_answer",  # the request is carried out, then the connection dropped
    "late_status",  # the request is carried out, then answered with `status`
]
FAULT_KINDS: tuple[str, ...] = get_args(FaultKind)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with requests of `method` whose path matches the regular expression `path`.

    The first `after` matching requests go well, the next `times` do not (None: all of them).
    """

    kind: FaultKind
    path: str = ""
    times: int | None = None
    after: int = 0
    method: str = ""
    status: int = 500
    retry_after: int | str | None = None
    location: str = "http://127.0.0.1:9/elsewhere"
    piece: int = 1
    gap: float = 0.05

    def matches(self, request: "Request") -> bool:
        return self.method in {"", request.method} and bool(re.search(self.path, request.path))


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; `headers` are found whatever their case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes

    def form(self) -> dict[str, str]:
        """The fields of a form-encoded body; of a field sent twice the last."""
        return {k: v[-1] for k, v in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    def json(self) -> Any:
        return json.loads(self.body)

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; a `body` that is not bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()
