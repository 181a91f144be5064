"""The part of a simulated Cobot that calls others when something changes: its subscriptions.

It is as Cobot's documents have it: a message is tried again when it is not answered with 2xx, and
then the subscription is ended; 410 ends it at once; redirects are not followed. Only the pauses
between attempts, hours in the end, are left out.
"""

import http.client
import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from sync.simulator.messages import Request, Response

EVENTS = frozenset(
    {
        *("created_booking", "updated_booking", "deleted_booking", "booking_will_begin"),
        *("created_membership", "confirmed_membership", "canceled_membership"),
        *("uncanceled_membership", "reactivated_membership", "deleted_membership"),
        *("membership_cancellation_date_reached", "changed_membership_plan"),
        *("membership_plan_change_date_reached", "updated_membership_details"),
        *("created_checkin", "created_checkout", "created_checkin_token", "deleted_checkin_token"),
        *("membership_added_time_passes", "membership_removed_time_passes"),
        *("updated_custom_field", "approved_external_booking", "booking_has_ended"),
    }
)
_PATIENCE = 10.0  # seconds for an answer
_GONE = 410


@dataclass(slots=True)
class Subscription:
    """Whom Cobot calls of what."""

    id: str
    event: str
    callback_url: str
    active: bool = True


class Delivered(NamedTuple):
    """What became of one message: the status of the last attempt, 0 without any answer."""

    event: str
    status: int
    attempts: int


class _Message(NamedTuple):
    subscription: Subscription
    body: bytes


class Caller:
    """The subscriptions of one space. Whoever changes them holds `lock`; a thread calls.

    `tries`: attempts until a subscription is ended. `form`: write messages as forms, as of old.
    """

    def __init__(self, lock: threading.RLock, base: Callable[[], str]) -> None:
        self.subscriptions: list[Subscription] = []
        self.delivered: list[Delivered] = []
        self.tries = 11
        self.form = False
        self._lock, self._base = lock, base
        self._queue: queue.SimpleQueue[_Message | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._made = 0

    def subscribe(self, event: str, callback_url: str) -> Subscription | None:
        """None: the same is there already."""
        if any((s.event, s.callback_url) == (event, callback_url) for s in self.subscriptions):
            return None
        self._made += 1
        made = Subscription(f"sub-{self._made}", event, callback_url)
        self.subscriptions.append(made)
        return made

    def tell(self, event: str, path: str, **more: Any) -> None:
        """Call everybody who wants to know of this event, soon."""
        address = f"{self._base()}/api/{path}"
        body = json.dumps({"url": address, **more}).encode()
        for one in list(self.subscriptions):
            if one.active and one.event == event:
                self._start()
                self._queue.put(_Message(one, body))

    def stop(self) -> None:
        """Call nobody any more, once the present call is over."""
        thread, self._thread = self._thread, None
        if thread:
            self._queue.put(None)
            thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._call, name="cobot calls", daemon=True)
            self._thread.start()

    def _call(self) -> None:
        for message in self._messages():
            done = self._deliver(message)
            with self._lock:
                self.delivered.append(done)
                if not 200 <= done.status < 300:
                    message.subscription.active = False

    def _messages(self) -> Iterator[_Message]:
        while (message := self._queue.get()) is not None:
            yield message

    def _deliver(self, message: _Message) -> Delivered:
        status = attempts = 0
        while attempts < self.tries and not 200 <= status < 300 and status != _GONE:
            attempts += 1
            try:
                status = post(message.subscription.callback_url, message.body, form=self.form)
            except (OSError, http.client.HTTPException):
                status = 0
        return Delivered(message.subscription.event, status, attempts)


def subscriptions(calls: Caller, request: Request, one: str) -> Response:
    """The list of subscriptions, a new one, or the end of `one`; the lock is held."""
    if request.method == "GET":
        return Response(body=[_said(each) for each in calls.subscriptions])
    if request.method == "DELETE":
        left = [each for each in calls.subscriptions if each.id != one]
        found = len(left) < len(calls.subscriptions)
        calls.subscriptions = left
        return Response(204) if found else Response(404, {"error": "no such subscription"})
    asked = request.json()
    event, address = asked.get("event"), asked.get("callback_url")
    if event not in EVENTS or urlsplit(str(address)).scheme not in {"http", "https"}:
        return Response(422, {"errors": {"event": "is not included in the list"}})
    made = calls.subscribe(event, address)
    return Response(201, _said(made)) if made else Response(409, {"error": "exists"})


def post(address: str, body: bytes, *, form: bool = False) -> int:
    """One message on a connection of its own; the status of the answer."""
    url = urlsplit(address)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    line = kind(url.hostname or "", url.port, timeout=_PATIENCE)
    try:
        line.request("POST", url.path, _as_form(body) if form else body, _HEADERS[form])
        answer = line.getresponse()
        answer.read()
        return answer.status
    finally:
        line.close()


_HEADERS = {
    False: {"Content-Type": "application/json"},
    True: {"Content-Type": "application/x-www-form-urlencoded"},
}


def _said(one: Subscription) -> dict[str, Any]:
    said = {"id": one.id, "event": one.event, "active": one.active}
    return {**said, "callback_url": one.callback_url, "url": f"/api/subscriptions/{one.id}"}


def _as_form(body: bytes) -> bytes:
    return urlencode({"url": json.loads(body)["url"]}).encode()
