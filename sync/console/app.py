"""The console as an ASGI application: who may see and do what, the same headers everywhere."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.errors import DoorwardError, StoreError
from sync.console.gate import Gate, form_token, is_form_token, one
from sync.console.lookout import Lookout
from sync.console.page import Answer, Asked, GoTo, NotThere, Page, Sent, Shown
from sync.console.views import STATIC, Views
from sync.desk_users import Role, Session
from sync.inbound_app import BODY_WITHIN, body_of
from sync.office import Office

log = structlog.get_logger(__name__)

_THREADS = 6
_FORMS_AT_ONCE = 8
_FIELDS = 2000  # of a form
_TOLD = 500  # words that wait for their page
_MOST_PARTS = 20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # "no-referrer" would have browsers hide the Origin of our own forms, too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_Found = TypeVar("_Found")
_Endpoint = Callable[[Request], Awaitable[Response]]


class Front:
    """Serves pages to whoever is logged in; runs on the web server's loop."""

    def __init__(self, office: Office, gate: Gate, views: Views, lookout: Lookout) -> None:
        self._office, self._gate, self._views, self._lookout = office, gate, views, lookout
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="console")
        self._forms = asyncio.Semaphore(_FORMS_AT_ONCE)
        self._told: OrderedDict[bytes, tuple[str, bool]] = OrderedDict()

    def application(self, pages: Sequence[Page], more: Sequence[Route]) -> ASGIApp:
        """These pages and other addresses, with the headers that everything gets."""
        routes = [Route(each.path, self._endpoint(each), methods=[each.method]) for each in pages]
        static = Route("/static/{name}", self._static)
        app = Starlette(
            routes=[*routes, *more, static],
            exception_handlers={
                404: self._nothing,
                405: self._nothing,
                StoreError: self._unreadable,
            },
        )
        app.router.redirect_slashes = False
        return _with_headers(app)

    async def on_thread(self, do: Callable[..., _Found], *what: Any, **how: Any) -> _Found:
        """Where it may wait for the disk."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(do, *what, **how))

    async def session(self, request: Request) -> Session | None:
        """Whose request it is. What a page asks by itself is no sign of life."""
        by_itself = "x-live" in request.headers
        token = self._gate.token(request)
        return await self.on_thread(self._gate.session, token, click=not by_itself)

    def shown(
        self, request: Request, shown: Shown, session: Session | None = None, **more: Any
    ) -> Response:
        """A page as a response; `more` is what its template needs besides."""
        by_itself = "x-live" in request.headers  # and takes no words away from who waits for them
        told = self._told.pop(session.key, None) if session and not by_itself else None
        around = {
            "path": request.scope["path"],
            "user": session.user if session else None,
            "form_token": form_token(self._gate.token(request)) if session else "",
            "told": told,
            **more,
        }
        parts = request.headers.get("x-part", "").split()[:_MOST_PARTS]
        if parts and session and shown.status == 200:
            return _html(self._views.parts(shown, around, parts))
        return _html(self._views.page(shown, around), shown.status)

    async def form(self, request: Request, largest: int) -> dict[str, list[str]] | None:
        """What was filled in; None if that cannot be had."""
        async with self._forms:
            try:
                async with asyncio.timeout(BODY_WITHIN):
                    body = await body_of(request, largest)
            except (TimeoutError, ClientDisconnect):
                return None
        if body is None:
            return None
        try:
            text = body.decode("utf-8", "replace")
            return parse_qs(text, keep_blank_values=True, max_num_fields=_FIELDS)
        except ValueError:
            return None

    def _endpoint(self, page: Page) -> _Endpoint:
        async def serve(request: Request) -> Response:
            session = await self.session(request)
            if session is None:
                return _stranger(request)
            if not session.user.role.reaches(page.role):
                return self._refused(request, session, _not_for(session.user.role))
            form: dict[str, list[str]] | None = {}
            if page.method == "POST":
                form = await self._own_form(request)
                if form is None:
                    return self._refused(request, session, _NOT_OURS)
            query = parse_qs(str(request.query_params), keep_blank_values=True)
            around = (session.user, self._office, self._lookout)
            asked = Asked(*around, request.path_params, query, form or {})
            return await self.on_thread(self._answer, page, asked, request, session)

        return serve

    async def _own_form(self, request: Request) -> dict[str, list[str]] | None:
        """A form that this session's own page sent."""
        if not self._gate.own_form(request):
            return None
        form = await self.form(request, 1024 * 1024)
        token = self._gate.token(request)
        return form if form and is_form_token(one(form, "token"), token) else None

    def _answer(self, page: Page, asked: Asked, request: Request, session: Session) -> Response:
        answer = _tried(page, asked)
        if isinstance(answer, GoTo):
            if answer.told:
                self._told[session.key] = (answer.told, answer.wrong)
                while len(self._told) > _TOLD:
                    self._told.popitem(last=False)
            return _go(answer.path)
        if isinstance(answer, Sent):
            name = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(answer.name)}"}
            return Response(answer.content, headers=name, media_type=answer.kind)
        return self.shown(request, answer, session)

    def _refused(self, request: Request, session: Session, words: str) -> Response:
        return self.shown(request, trouble("This is not for you", words, 403), session)

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            return await self._nothing(request, None)
        keep = {"Cache-Control": "public, max-age=31536000, immutable"}
        kept = keep if request.query_params else {}
        return Response(self._views.static[name], headers=kept, media_type=STATIC[name])

    async def _unreadable(self, request: Request, error: Exception) -> Response:
        log.warning("the console cannot tell who is there", error=str(error))
        return self.shown(request, trouble("This cannot be shown now", str(error), 503))

    async def _nothing(self, request: Request, _error: Exception | None) -> Response:
        words = "There is no page at this address. It may have been written wrongly."
        return self.shown(request, trouble("Nothing here", words, 404))


_NOT_OURS = (
    "This form did not come from a page of this console, or from one that is out of date. "
    "Nothing was done. Go back, load the page anew, and try again."
)


def trouble(title: str, words: str, status: int) -> Shown:
    """A page that says what is wrong."""
    return Shown("trouble.html", {"title": title, "words": words}, status)


def _not_for(role: Role) -> str:
    return (
        f"Your role is {role.value}, and this needs more than that. Nothing was done. Another role "
        "is given by whoever looks after this system: doorward users role NAME staff"
    )


def _tried(page: Page, asked: Asked) -> Answer:
    try:
        return page.answer(asked)
    except NotThere as error:
        return trouble("Nothing here", str(error), 404)
    except DoorwardError as error:
        if page.method == "POST":
            return GoTo(asked.back(page.home()), str(error), wrong=True)
        return trouble("This cannot be shown now", str(error), 503)
    except Exception:
        log.exception("a page of the console failed", path=page.path)
        return trouble("This failed", "Something went wrong in Doorward; its log says what.", 500)


def _stranger(request: Request) -> Response:
    """Whoever is not logged in, or no longer."""
    if "x-part" in request.headers:
        return Response("not logged in", 401)
    wanted = request.scope["path"] if request.method == "GET" else "/"
    return _go("/login" if wanted == "/" else f"/login?next={quote(wanted)}")


def _go(path: str) -> Response:
    return RedirectResponse(quote(path, safe="/?&=%#;:,+"), 303)


def _html(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="text/html; charset=utf-8")


def _with_headers(app: ASGIApp) -> ASGIApp:
    named = {name.lower().encode(): text.encode() for name, text in HEADERS.items()}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                more = [pair for pair in named.items() if pair[0] not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await app(scope, receive, sending)

    return serve
