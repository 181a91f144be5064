"""The addresses that need no session: logging in, and out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sync.console.app import Front, trouble
from sync.console.gate import Gate, is_form_token, key_of, one
from sync.console.login import Doorkeeper, Entered
from sync.console.news import News
from sync.console.page import LOCAL, Shown
from sync.desk_users import Users

_LARGEST = 4096  # bytes of a login
_NOT_YET = Entered()
_NOT_OURS = (
    "This did not come from the login page of this console. Load it anew. If it always ends here, "
    "a proxy stands between that is not named in [http] trusted_proxies, or hides the Host."
)


class Entry:
    """Shows the login page, and takes what is typed there."""

    def __init__(
        self, front: Front, gate: Gate, users: Users, keeper: Doorkeeper, news: News
    ) -> None:
        self._front, self._gate, self._users = front, gate, users
        self._keeper, self._news = keeper, news

    def routes(self) -> list[Route]:
        return [
            Route("/login", self._ask, methods=["GET"]),
            Route("/login", self._enter, methods=["POST"]),
            Route("/logout", self._leave, methods=["POST"]),
        ]

    async def _ask(self, request: Request) -> Response:
        if await self._front.session(request):
            return RedirectResponse("/", 303)
        return await self._page(request)

    async def _enter(self, request: Request) -> Response:
        form = await self._front.form(request, _LARGEST) if self._gate.own_form(request) else None
        if form is None:
            words = _NOT_OURS
            return self._front.shown(request, trouble("Not logged in", words, 403))
        name, password = one(form, "name").strip(), one(form, "password")
        entered = await self._keeper.enter(name, password, self._gate.address(request))
        if not entered.token:
            return await self._page(request, entered, name)
        answer = RedirectResponse(_local(one(form, "next")), 303)
        self._gate.give(request, answer, entered.token)
        return answer

    async def _leave(self, request: Request) -> Response:
        token = self._gate.token(request)
        form = await self._front.form(request, _LARGEST) if self._gate.own_form(request) else None
        if not form or not is_form_token(one(form, "token"), token):
            words = "You are still logged in: this did not come from a page of this console."
            return self._front.shown(request, trouble("Not logged out", words, 403))
        await self._front.on_thread(self._gate.end, token)
        self._news.end(key_of(token))
        answer = RedirectResponse("/login", 303)
        self._gate.give(request, answer, "")
        return answer

    async def _page(
        self, request: Request, entered: Entered = _NOT_YET, name: str = ""
    ) -> Response:
        anybody = bool(await self._front.on_thread(self._users.all))
        following = _local(request.query_params.get("next", ""))
        data = {"why": entered.why, "name": name[:40], "anybody": anybody, "next": following}
        answer = self._front.shown(request, Shown("login.html", data, entered.status))
        if entered.wait:
            answer.headers["Retry-After"] = str(entered.wait)
        return answer


def _local(path: str) -> str:
    return path if LOCAL.fullmatch(path) else "/"
