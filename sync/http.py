"""One line to one web service: the only place that knows httpx.

What goes wrong comes out as an error that says who must act; no key appears in any of them.
"""

import logging
import re
import ssl
import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn, Self
from urllib.parse import SplitResult, quote, urlsplit

import httpcore
import httpx

from controller.errors import BadReply, ConfigError, Unauthorized, Unavailable
from controller.ports import Clock
from sync.deadline import Attempt, Backend, NotNow, left_within
from sync.names import NAMES, Names
from sync.reply import Reply

__all__ = ["Limit", "Line", "Reply", "web_address"]

_IDLE = 5.0  # seconds; a POST into a connection that died meanwhile leaves its fate open
_PATIENCE = 90.0  # seconds that a request waits by itself when told to come again later
_TRIES = 3
_LEARNED = 100  # secrets; those before them serve nobody any more
_AGENT = "doorward"
_NUMBER = re.compile(r"[0-9]{4,}|(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{6,}")

# httpx logs whole addresses at INFO, and an address can hold a key.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests in any `per_seconds`, of those that `pattern` matches.

    The regular expression must match the whole of `GET /api/members`: method, blank, path.
    """

    pattern: str
    count: int
    per_seconds: float = 60.0


class Line:
    """Requests to one base address, within its rate limits, each within a deadline.

    `wait(seconds)`, called before each exchange, if only with 0, sleeps and returns True when the
    program is stopping. `headers` go to the base
    address only, never to another host. `timeout` bounds each wait for the network, `total` the
    whole request. `secrets` are blotted out of every message. `admits`: may this numeric address be
    connected to? Asked whenever one is. `names` looks hosts up. Safe to use from several threads.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        wait: Callable[[float], bool],
        headers: Mapping[str, str] | None = None,
        limits: Sequence[Limit] = (),
        secrets: Iterable[str] = (),
        timeout: float = 20.0,
        total: float = 60.0,
        ca_file: Path | None = None,
        max_body: int = 64 * 1024 * 1024,
        admits: Callable[[str], bool] | None = None,
        names: Names = NAMES,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._clock, self._wait = clock, wait
        self._headers = _plain({"Accept": "application/json", **(headers or {})})
        self._windows = [_Window(limit) for limit in limits]
        self._guard = threading.Lock()
        self._secrets = _forms(secrets)
        self._learned: deque[str] = deque(maxlen=_LEARNED)
        self._total, self._max_body = total, max_body
        self._attempt = Attempt(clock)
        tls = _tls(ca_file) if self.base_url.startswith("https:") else None
        self._client = httpx.Client(
            transport=_Transport(tls, Backend(self._attempt, admits, names)),
            headers={"User-Agent": _AGENT},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=timeout,
            trust_env=False,
        )

    def request(
        self,
        method: str,
        path_or_absolute_url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Container[int] = (200,),
    ) -> Reply:
        """One exchange. Raises unless the status is in `accept`; redirects are never followed.

        `headers`: more of them, which go to the base address only, too.

        A GET that is told to come again in at most 90 seconds does so, twice at most, and not at
        all beyond a deadline set by `sync.deadline.within`.
        """
        url = self._absolute(path_or_absolute_url)
        ours = _origin(url) == _origin(self.base_url)
        sent = {**self._headers, **_plain(dict(headers or {}))} if ours else {}
        for attempt in range(_TRIES):
            request = self._client.build_request(
                method, url, params=params, json=json, data=form, content=content, headers=sent
            )
            reply = self._within_limits(request)
            if reply.status in accept:
                return reply
            later = self._retry_after(reply)
            again = method == "GET" and reply.status == 429 and attempt + 1 < _TRIES
            if not again or later is None or later > min(_PATIENCE, self._left()):
                self._refuse(reply, later)
            self._pause(later, reply.where)
        raise AssertionError("the last attempt returns or raises")

    def hide(self, *secrets: str) -> None:
        """Blot these, learned since, out of every message; they serve for a time only."""
        self._learned.extend(_forms(secrets))

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _absolute(self, path: str) -> str:
        if path.startswith(("http://", "https://")):
            return path
        return f"{self.base_url}/{path.lstrip('/')}"

    def _exchange(self, request: httpx.Request) -> Reply:
        where = self._named(request)
        self._attempt.begin(self._total)
        try:
            response = self._client.send(request, stream=True)
            try:
                body = self._body(response, where)
            finally:
                response.close()
        except httpx.HTTPError as error:
            self._fail(error, request, where)
        sent = request.method != "GET"
        return Reply(response.status_code, response.headers, body, where, sent)

    def _body(self, response: httpx.Response, where: str) -> bytes:
        pieces, size = [], 0
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > self._max_body:
                raise BadReply(
                    f"{where}: the answer is larger than {self._max_body // 1024} KiB",
                    maybe_sent=response.request.method != "GET",
                )
        return b"".join(pieces)

    def _fail(self, error: httpx.HTTPError, request: httpx.Request, where: str) -> NoReturn:
        maybe_sent = request.method != "GET" and self._attempt.sent
        if isinstance(error, httpx.DecodingError):
            raise BadReply(f"{where}: the answer cannot be unpacked", maybe_sent=maybe_sent)
        certificate = _certificate_trouble(error)
        if certificate:
            host = request.url.host
            raise Unavailable(
                f"{where}: the certificate of {host} is not accepted ({certificate}); nothing was "
                "sent. Check this machine's date, and the address; if the service has a "
                "certificate authority of its own, name its file as ca_file"
            ) from error
        why = self._blotted(str(error)) or type(error).__name__
        raise Unavailable(f"{where}: {_trouble(error)} ({why})", maybe_sent=maybe_sent) from error

    def _refuse(self, reply: Reply, later: float | None) -> NoReturn:
        status, done = reply.status, reply.maybe_sent
        said = f"{reply.where}: {status} {_phrase(status)}{self._quoted(reply)}"
        if status in {401, 403}:
            raise Unauthorized(
                f"{said}. Our key is not accepted, or not for this; all that is known stays in "
                "force. Give it the rights, or put a new key into its file, then: doorward sync"
            )
        if status == 402:
            raise Unauthorized(
                f"{said}. The account is suspended or lacks an add-on that has to be paid for; all "
                "that is known stays in force"
            )
        if status == 429:
            raise Unavailable(f"{said}: too many requests", retry_after=later)
        if status >= 500 or status == 408:
            raise Unavailable(said, retry_after=later, maybe_sent=done)
        if 300 <= status < 400:
            there = self._blotted(reply.headers.get("Location", "")).partition("?")[0] or "nowhere"
            why = f"{said}: a redirect to {there} is not followed; correct the address"
            raise BadReply(why, passing=True)
        raise BadReply(said, maybe_sent=done and status < 300)

    def _within_limits(self, request: httpx.Request) -> Reply:
        """Take the next free place in every window that counts this, wait for it, and send."""
        endpoint = f"{request.method} {request.url.path}"
        now = self._clock.monotonic()
        with self._guard:
            windows = [window for window in self._windows if window.counts(endpoint)]
            at = max([now, *(window.free_at() for window in windows)])
            if at - now > self._left():
                raise NotNow(f"{endpoint}: not asked, its limit is used up for now")
            for window in windows:
                window.taken.append(at)
        # Even where there is nothing to wait for, this is a sign of life, and the moment to stop.
        self._pause(at - now, endpoint)
        try:
            return self._exchange(request)
        except Unavailable:
            if not self._attempt.sent:
                self._give_back(windows, at)
            raise

    def _give_back(self, windows: Iterable["_Window"], at: float) -> None:
        """Nobody counted what never went out: an outage must not use up the limit for its end."""
        with self._guard:
            for window in windows:
                with suppress(ValueError):
                    window.taken.remove(at)

    def _left(self) -> float:
        return left_within(self._clock.monotonic())

    def _pause(self, seconds: float, where: str) -> None:
        if self._wait(seconds):
            raise Unavailable(f"{where}: not asked, the program is stopping")

    def _retry_after(self, reply: Reply) -> float | None:
        text = reply.headers.get("Retry-After", "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
            return float(text)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._clock.wall())
        except (ValueError, OverflowError):
            return None

    def _named(self, request: httpx.Request) -> str:
        url = request.url
        return self._blotted(f"{request.method} {url.scheme}://{url.netloc.decode()}{url.path}")

    def _quoted(self, reply: Reply) -> str:
        """What it says of an error, if to programs; without what may be a card or a PIN."""
        text = " ".join(reply.body[:2000].decode("utf-8", "replace").split())
        if not text.startswith(("{", "[")):
            return ""
        text = _NUMBER.sub("…", self._blotted(text))
        return f" {text if len(text) <= 200 else text[:199] + '…'}"

    def _blotted(self, text: str) -> str:
        for secret in (*self._secrets, *self._learned):
            text = text.replace(secret, "****")
        return text


def web_address(text: str) -> str:
    """A base address without its last slash; ValueError unless https, or http on this machine."""
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{text!r} is no web address; write one like 'https://example.org'")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain address: no user, no '?' and no '#'")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must start with https://, or the key could be read on its way")
    address = text.strip().rstrip("/")
    if _port(parts) is None or re.search(r"\s", address):
        raise ValueError(f"{text!r} is no web address: no blanks, and the port is a number")
    try:
        httpx.URL(address)
    except httpx.InvalidURL as error:
        raise ValueError(f"{text!r} is no web address: {error}") from error
    return address


@dataclass(slots=True)
class _Window:
    """When the latest requests of one kind went out, or will."""

    limit: Limit
    taken: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = deque(maxlen=self.limit.count)

    def counts(self, endpoint: str) -> bool:
        return re.fullmatch(self.limit.pattern, endpoint) is not None

    def free_at(self) -> float:
        if len(self.taken) < self.limit.count:
            return 0.0
        return self.taken[0] + self.limit.per_seconds


class _Transport(httpx.HTTPTransport):
    """httpx's own, except that no drip of bytes, not even of headers, outlasts the deadline."""

    def __init__(self, tls: ssl.SSLContext | None, backend: Backend) -> None:
        tls = tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=8,
            max_keepalive_connections=4,
            keepalive_expiry=_IDLE,
            network_backend=backend,
        )


def _forms(secrets: Iterable[str]) -> list[str]:
    """As they are, and as they stand in an address."""
    return [form for s in secrets if s for form in {s, quote(s, safe="")}]


def _plain(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise ConfigError(
                f"{name}: the key holds a character that no key has; copy it again into its file"
            )
    return headers


@lru_cache(maxsize=8)
def _tls(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"ca_file: {ca_file} cannot be used ({error}); name a PEM file with the certificate "
            "of the authority"
        ) from error


def _certificate_trouble(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or "it cannot be verified"
        error = error.__cause__ or error.__context__
    return ""


def _trouble(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "cannot be reached"
    if isinstance(error, httpx.TimeoutException):
        return "took too long to answer"
    return "the connection broke off"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", _port(parts)


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
