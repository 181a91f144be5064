"""The routes of `sync.inbound` as one ASGI application: the only place that knows Starlette."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor

import structlog
from starlette import routing
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sync.inbound import LARGEST_BODY, Answer, Arrival, Route, Site

log = structlog.get_logger(__name__)

BODY_WITHIN = 10.0  # seconds for a whole body
_AT_ONCE = 16  # entitled requests being read and answered
_TURN_WITHIN = 5.0  # seconds until one of them makes way
_LONGEST_BEARER = 4096

_UNKNOWN = Answer(404, {"error": "there is nothing here"})
_UNAUTHORIZED = Answer(401, {"error": "the bearer token is missing or wrong"})
_TOO_LARGE = Answer(413, {"error": f"more than {LARGEST_BODY} bytes"}, {"Connection": "close"})
_TOO_SLOW = Answer(408, {"error": "the request came too slowly"}, {"Connection": "close"})
_BUSY = Answer(503, {"error": "too much at once"}, {"Retry-After": "5", "Connection": "close"})
_BROKEN = Answer(500, {"error": "this failed; see the log"})
_ASKS_FOR_BEARER = {"WWW-Authenticate": "Bearer"}


def application(
    routes: Iterable[Route],
    threads: Executor,
    body_within: float = BODY_WITHIN,
    sites: Iterable[Site] = (),
) -> Starlette:
    """All routes, whose answers `threads` run; then the sites, the longest prefix first."""
    desk = _Desk(threads, body_within)
    made: list[routing.BaseRoute] = [
        routing.Route(_pattern(route), desk.endpoint(route), methods=[route.method])
        for route in routes
    ]
    by_length = sorted(sites, key=lambda site: len(site.prefix), reverse=True)
    made += [routing.Mount(site.prefix, site.app) for site in by_length]
    app = Starlette(routes=made, exception_handlers={404: _not_found, 405: _not_found})
    app.router.redirect_slashes = False
    return app


async def body_of(request: Request, largest: int = LARGEST_BODY) -> bytes | None:
    """The whole body; None if it is larger, of which then no more is read."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > largest:
        return None
    pieces, size = [], 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            return None
    return b"".join(pieces)


class _Desk:
    """Takes requests in: entitled, small enough and in time, and so many at once."""

    def __init__(self, threads: Executor, body_within: float) -> None:
        self._threads, self._body_within = threads, body_within
        self._places = asyncio.Semaphore(_AT_ONCE)

    def endpoint(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            if not _in_on_it(request, route.secret):
                return _response(_UNKNOWN)
            if not _entitled(request, route.bearer):
                return _response(_UNAUTHORIZED, _ASKS_FOR_BEARER)
            try:
                async with asyncio.timeout(_TURN_WITHIN):
                    await self._places.acquire()
            except TimeoutError:
                return _response(_BUSY)
            try:
                return _response(await self._answer(route, request))
            finally:
                self._places.release()

        return serve

    async def _answer(self, route: Route, request: Request) -> Answer:
        try:
            async with asyncio.timeout(self._body_within):
                body = await body_of(request)
        except TimeoutError:
            return _TOO_SLOW
        except ClientDisconnect:
            return _TOO_SLOW  # nobody is there to read it
        if body is None:
            return _TOO_LARGE
        arrival = Arrival({name.lower(): text for name, text in request.headers.items()}, body)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, route.answer, arrival)
        except Exception:
            log.exception("a request from outside could not be answered", path=route.path)
            return _BROKEN


def _pattern(route: Route) -> str:
    return f"{route.path}/{{secret}}" if route.secret else route.path


def _in_on_it(request: Request, secret: str) -> bool:
    """Compared in constant time."""
    given = str(request.path_params.get("secret", ""))
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def _entitled(request: Request, bearer: str) -> bool:
    """Compared in constant time."""
    if not bearer:
        return True
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or len(given) > _LONGEST_BEARER:
        return False
    return hmac.compare_digest(given.encode("latin-1", "replace"), bearer.encode())


async def _not_found(_request: Request, _error: Exception) -> Response:
    return _response(_UNKNOWN)


def _response(answer: Answer, more: dict[str, str] | None = None) -> Response:
    headers = {"Cache-Control": "no-store", **answer.headers, **(more or {})}
    return Response(answer.encoded(), answer.status, headers, answer.media)
