"""The address under which a browser hears that something has changed: server-sent events."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sync.console.app import Front
from sync.console.news import Listener, News

_AT_LEAST_EVERY = 30.0  # seconds: times on a page are told anew, and a dead line is noticed
_CALM = 0.2  # seconds that news are gathered before they are told


class Stream:
    """`GET /stream`: `changed` whenever something has, `over` when the session has ended."""

    def __init__(self, front: Front, news: News) -> None:
        self._front, self._news = front, news

    def routes(self) -> list[Route]:
        return [Route("/stream", self._listen, methods=["GET"])]

    async def _listen(self, request: Request) -> Response:
        session = await self._front.session(request)
        if session is None:
            return Response("not logged in", 401)
        listener = self._news.join(session.key)
        if listener is None:
            return Response("too many are looking", 503, {"Retry-After": "30"})
        return _Telling(listener, self._news)


class _Telling(Response):
    """Goes on until somebody hangs up."""

    def __init__(self, listener: Listener, news: News) -> None:
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"  # else a proxy may gather it
        self._listener, self._news = listener, news

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        gone = asyncio.ensure_future(_hung_up(receive))
        try:
            head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(head)
            await send(_event("changed"))
            while not gone.done() and not self._listener.over:
                await self._news_or(gone)
                if not self._listener.over and not gone.done():
                    await send(_event("changed"))
            if not gone.done():
                await send(_event("over", more=False))
        finally:
            gone.cancel()
            self._news.leave(self._listener)

    async def _news_or(self, gone: "asyncio.Future[None]") -> None:
        woken = asyncio.ensure_future(self._listener.woken.wait())
        await asyncio.wait((woken, gone), timeout=_AT_LEAST_EVERY, return_when=_FIRST)
        woken.cancel()
        if self._listener.woken.is_set() and not self._listener.over:
            await asyncio.wait((gone,), timeout=_CALM)
        self._listener.woken.clear()


_FIRST = asyncio.FIRST_COMPLETED


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(name: str, *, more: bool = True) -> dict[str, object]:
    text = f"retry: 3000\nevent: {name}\ndata: {name}\n\n"
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
