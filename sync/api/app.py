"""The API as an ASGI application below /api/v1: takes requests in, checked and entitled."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from controller.errors import DoorwardError, NotRunning
from sync.api.answers import Call, Operation, Refusal, misfit, wrong
from sync.api.description import PREFIX
from sync.api.entrance import Entrance
from sync.api.limits import Rates
from sync.api.models import DOOR_ID, ID
from sync.api.operations import operations
from sync.desk import Desk
from sync.desk_tokens import Tokens
from sync.inbound import Answer, Site
from sync.inbound_app import BODY_WITHIN, body_of
from sync.office import Office

log = structlog.get_logger(__name__)

_LARGEST = 64 * 1024  # bytes of a body
_AT_ONCE = 16  # requests being read and answered
_TURN_WITHIN = 5.0  # seconds until one of them makes way
_LATER = {"Retry-After": "10"}


def site(office: Office, desk: Desk, rates: Rates | None = None) -> Site:
    """The API of this office."""
    entrance = Entrance(Tokens(desk), office.clock, rates or Rates())
    return Site(PREFIX, application(operations(office), entrance))


def application(table: Iterable[Operation], entrance: Entrance) -> Starlette:
    reception = _Reception(entrance)
    by_path: dict[str, dict[str, Operation]] = {}
    for each in table:
        by_path.setdefault(each.path, {})[each.method] = each
    routes = [Route(path, reception.serving(of), methods=[*of]) for path, of in by_path.items()]
    for route in routes:
        (route.methods or set()).discard("HEAD")
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_found})
    app.router.redirect_slashes = False
    return app


class _Reception:
    """So many requests at once, each within its time."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._loop: asyncio.AbstractEventLoop | None = None  # another one if the server began anew

    def serving(self, of: dict[str, Operation]) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            try:
                async with self._place():
                    return _response(await self._answer(of[request.method], request))
            except Refusal as refusal:
                return _response(refusal.answer)
            except NotRunning:
                why = "the doors' controller does not run; nothing was done"
                return _response(Refusal(503, why, headers=_LATER).answer)
            except DoorwardError as error:
                log.critical("a request to the API cannot be served", why=str(error))
                why = "this cannot be kept or read at present; nothing was done, see the log"
                return _response(Refusal(503, why, headers=_LATER).answer)
            except Exception:
                log.exception("a request to the API failed in a way nobody thought of")
                return _response(Refusal(500, "this failed; see the log").answer)

        return serve

    @asynccontextmanager
    async def _place(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._places = loop, asyncio.Semaphore(_AT_ONCE)
        places = self._places
        try:
            async with asyncio.timeout(_TURN_WITHIN):
                await places.acquire()
        except TimeoutError:
            raise Refusal(503, "too much at once", headers=_LATER) from None
        try:
            yield
        finally:
            places.release()

    async def _answer(self, operation: Operation, request: Request) -> Answer:
        name, headers = "", {key.lower(): text for key, text in request.headers.items()}
        if operation.scope:
            address = request.client.host if request.client else ""
            admit = partial(self._entrance.admit, headers, address, operation.scope)
            name = (await run_in_threadpool(admit)).name
        body = await _body(request) if operation.body else b""
        call = Call(
            name,
            _path(operation, request),
            _query(operation.query, request),
            _parsed(operation.body, body),
            headers,
        )
        return await run_in_threadpool(operation.answer, call)


async def _body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_WITHIN):
            body = await body_of(request)
    except (TimeoutError, ClientDisconnect):
        raise Refusal(408, "the request came too slowly", headers=_HANG_UP) from None
    if body is None or len(body) > _LARGEST:
        raise Refusal(413, f"more than {_LARGEST} bytes", headers=_HANG_UP)
    return body


_HANG_UP = {"Connection": "close"}


def _path(operation: Operation, request: Request) -> dict[str, str]:
    given = {name: str(text) for name, text in request.path_params.items() if name == "id"}
    pattern = DOOR_ID if operation.path.startswith("/doors") else ID
    if given and not re.fullmatch(pattern.strip("^$"), given["id"]):
        raise wrong("id", f"should match {pattern}")
    return given


def _query(model: type[BaseModel] | None, request: Request) -> Any:
    """Lists may be repeated, everything else is given once."""
    given = request.query_params.multi_items()
    if model is None:
        return None
    found: dict[str, Any] = {}
    for name, text in given:
        field = model.model_fields.get(name)
        if field and isinstance(field.default, list):
            found.setdefault(name, []).append(text)
        elif name in found:
            raise wrong(name[:50], "should be given once")
        else:
            found[name] = text
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise misfit(error, "query") from None


def _parsed(model: type[BaseModel] | None, body: bytes) -> Any:
    if model is None:
        return None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise misfit(error, "body") from None


async def _not_found(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    why = "there is nothing here; see openapi.json"
    if error.status_code == 405:
        why = "this can be asked, but not by this method"
    return _response(Refusal(error.status_code, why, headers=error.headers).answer)


def _response(answer: Answer) -> Response:
    headers = {"Cache-Control": "no-store", **answer.headers}
    if answer.status in (204, 304):
        return Response(status_code=answer.status, headers=headers)
    return Response(answer.encoded(), answer.status, headers, "application/json")
