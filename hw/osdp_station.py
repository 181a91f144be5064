"""One address on an OSDP bus: is it there, is it who it should be, is what it tells of now?

No I/O but through the panel and the line of its bus, and only on the bus's thread.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from osdp import Capability, Command

from hw.osdp_line import CCRYPT, NAK, Line, Reply
from hw.osdp_panel import Panel, completed, is_notification, went_offline


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds.

    `refresh`: the longest rest of the loop. `answer`: how long a lost device may take to answer.
    `gap`: without an answer for so long, what comes next may be old (one lost frame costs libosdp
    1.0); for `quiet` it is thrown away then. `patience`: how long it may be away before anybody
    hears of it. `first`, `longest`: rest before it is tried again. `stale`: no command takes
    longer.
    """

    refresh: float = 0.01
    answer: float = 0.3
    gap: float = 1.5
    quiet: float = 1.0
    patience: float = 2.0
    first: float = 0.5
    longest: float = 5.0
    stale: float = 3.0


class Trouble(StrEnum):
    """Why a device cannot be used."""

    NONE = ""
    PORT = "port"  # the line itself is lost
    SILENT = "silent"
    GARBLED = "garbled"
    PLAIN = "plain"  # it offers no secure channel
    KEY = "key"  # it does not prove that it has our key
    NO_KEY = "no key"  # we have none


INSECURE = (Trouble.PLAIN, Trouble.KEY)
REFUSALS = 3
ONCE = 0.05  # seconds of rest after a loss, the first time: a garbled frame costs no more


@dataclass(frozen=True, slots=True)
class State:
    """How a device is; `detail` in words, where the trouble has some of its own."""

    trouble: Trouble = Trouble.NONE
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        return self.trouble is Trouble.NONE


@dataclass
class Order:
    """A command on its way to a device; `done` hears once whether it was carried out."""

    command: Mapping[str, Any]
    done: Callable[[bool], None]
    owner: object = None  # unsent orders of one owner give way to its next

    @property
    def kind(self) -> tuple[int, int]:
        which = self.command.get("type", 0) if self.command["command"] == Command.Status else 0
        return int(self.command["command"]), int(which)


class Link(Protocol):
    """What a part has of its bus: see `hw.osdp_bus.Member`."""

    def send(self, order: Order, *, urgent: bool = False) -> bool: ...
    def withdraw(self, owner: object) -> None: ...
    def settled(self, seconds: float) -> bool: ...
    def capability(self, which: int) -> tuple[int, int]: ...
    def leave(self) -> None: ...


class Part:
    """What a reader, lock, input or indicator hears of its device, on the bus's thread.

    None of these may raise, wait, or call the bus otherwise than by `link.send` and `capability`.
    """

    link: Link | None = None  # from before anything is told

    def changed(self, state: State) -> None:
        """It can be used, or not any more."""

    def ready(self) -> None:
        """What it tells from now on is of now."""

    def took(self, event: Mapping[str, Any]) -> None:
        """An event of libosdp, no older than the last poll."""

    def tick(self) -> None:
        """Time has passed."""


@dataclass
class Station:
    """See the module. `state` is None until it is known."""

    address: int
    key: bytes | None
    tempo: Tempo
    parts: list[Part] = field(default_factory=list)
    state: State | None = None
    polls: int = 0  # answers over the secure channel
    dropped: int = 0  # events that came too late
    secure: bool = False
    _since: float = 0.0  # when it was last well, or began to be tried
    _good: float = float("-inf")  # its last answer over the secure channel
    _began: float = 0.0
    _trying: bool = True
    _rest: float = ONCE
    _rest_until: float = 0.0
    _codes: set[int] = field(default_factory=set)  # of its replies since `_began`
    _last_code: int = 0
    _noise: int = 0  # that came in since `_began`
    _noise_before: int | None = None
    _found: Trouble = Trouble.SILENT  # by the last try
    _quiet_until: float = 0.0
    _ready: bool = False
    _urgent: "deque[Order]" = field(default_factory=deque)
    _orders: "deque[Order]" = field(default_factory=deque)
    _sent: Order | None = None
    _sent_at: float = 0.0
    _refusals: Counter[tuple[int, int]] = field(default_factory=Counter)
    _guard: threading.Lock = field(default_factory=threading.Lock)  # of the orders not yet sent
    _all_done: threading.Event = field(default_factory=threading.Event)
    _give_up: bool = False

    @property
    def trying(self) -> bool:
        """Should something be sent to it now and then? Else it is at rest after a loss."""
        return self._trying

    # ---- from any thread

    def order(self, order: Order, *, urgent: bool = False) -> bool:
        """Put it behind the others; False (and `done` never hears) if the device is not there."""
        with self._guard:
            if self.state is None or not self.state.ok or self._in_vain(order):
                return False
            mine = self._urgent if urgent else self._orders
            overtaken = _taken_out(mine, order.owner)
            self._all_done.clear()
            mine.append(order)
        for other in overtaken:
            other.done(False)
        return True

    def withdraw(self, owner: object) -> None:
        """See to it that no order of this owner is carried out from now on.

        Should one have been sent, the connection is broken and made anew: libosdp would repeat it.
        """
        with self._guard:
            _taken_out(self._urgent, owner)
            _taken_out(self._orders, owner)
            self._give_up = self._give_up or (self._sent is not None and self._sent.owner == owner)

    def settled(self, seconds: float) -> bool:
        """Wait until all orders were carried out or dropped; False if not within so long."""
        return self._all_done.wait(seconds)

    # ---- on the bus's thread

    def begin(self, now: float) -> None:
        """The panel is new, or the line was opened."""
        self._trying, self._began, self._since = True, now, now
        self._codes.clear()
        self._noise, self._noise_before, self._last_code = 0, None, 0
        self._found, self._rest, self.secure = Trouble.SILENT, ONCE, False
        self._complete(False)

    def heard(self, reply: Reply, now: float) -> None:
        """A whole reply of its address came in."""
        self._codes.add(reply.code)
        self._last_code = reply.code
        if self.secure:
            if now - self._good > self.tempo.gap:
                self._quiet_until, self._ready = now + self.tempo.quiet, False
            self._good, self.polls = now, self.polls + 1

    def step(self, now: float, panel: Panel, line: Line) -> None:
        """After each refresh."""
        events = list(panel.events(self.address))
        lost = any(went_offline(event) for event in events)
        for event in events:
            self._take(event, now)
        self.secure = panel.secure(self.address)
        if self._trying:
            self._watch(now, panel, line, lost=lost)
        else:
            self._try_again(now, panel, line)
        if self.secure and self._good >= self._began and self._silence(now) == 0:
            self._well(now)
            self._send(now, panel)
        elif self._silence(now) > self.tempo.patience:
            self.tell(State(self._found))

    def tell(self, state: State) -> None:
        """To all parts, if it is news."""
        if state == self.state:
            return
        with self._guard:
            self.state = state
        if not state.ok:
            self._ready = False
            self._drop_orders()
        for part in list(self.parts):
            part.changed(state)

    def port_lost(self, error: Exception) -> None:
        self.secure = False
        self.tell(State(Trouble.PORT, error))

    def greet(self, part: Part) -> None:
        """A part that joins later hears how things stand."""
        self.parts.append(part)
        if self.state is not None:
            part.changed(self.state)
        if self._ready:
            part.ready()

    # ---- below: how

    def _silence(self, now: float) -> float:
        """Seconds without a sign of life, beyond what a poll may take; 0.0 if there is none."""
        quiet = now - max(self._since, self._good)
        return quiet if quiet > self.tempo.gap else 0.0

    def _well(self, now: float) -> None:
        self._rest, self._found = ONCE, Trouble.SILENT
        self.tell(State())
        if not self._ready and now >= self._quiet_until:
            self._ready = True
            for part in list(self.parts):
                part.ready()

    def _watch(self, now: float, panel: Panel, line: Line, *, lost: bool) -> None:
        if lost:
            self._rest_now(now, panel)
            return
        asked = line.asked.get(self.address)
        mute = asked is not None and not self._codes and now - asked > self.tempo.answer
        unheard = now - max(self._began, self._good)
        mute = mute or (self.secure and unheard > self.tempo.patience)
        mute = mute or (not self.secure and bool(self._codes) and now - self._began > 10.0)
        if mute or self._give_up:
            line.muted.add(self.address)  # libosdp goes offline when it next wants to send
        if self._noise_before is None:
            self._noise_before = line.noise
        self._noise = line.noise - self._noise_before

    def _rest_now(self, now: float, panel: Panel) -> None:
        """Libosdp has given it up: so that it does not wait for 300 s, it is disabled."""
        self._found = self._diagnosis(panel)
        self._trying = self._give_up = self._ready = False
        self._drop_orders()
        panel.forget(self.address)
        panel.disable(self.address)
        self._rest_until = now + self._rest
        self._rest = min(max(2 * self._rest, self.tempo.first), self.tempo.longest)

    def _try_again(self, now: float, panel: Panel, line: Line) -> None:
        if now < self._rest_until or panel.enabled(self.address):
            return
        panel.forget(self.address)
        line.muted.discard(self.address)
        line.asked.pop(self.address, None)
        self._codes.clear()
        self._trying, self._began = True, now
        self._noise, self._noise_before = 0, None
        panel.enable(self.address)

    def _diagnosis(self, panel: Panel) -> Trouble:
        if not self._codes:
            return Trouble.GARBLED if self._noise else Trouble.SILENT
        if self._good >= self._began:
            return Trouble.SILENT  # it was well; the next try will show what it is now
        if self._last_code in (CCRYPT, NAK):
            return Trouble.KEY
        level, _ = panel.capability(self.address, Capability.CommunicationSecurity)
        return Trouble.GARBLED if level & 1 else Trouble.PLAIN

    def _take(self, event: Mapping[str, Any], now: float) -> None:
        done = completed(event)
        if done is not None:
            self._complete(done)
        elif not is_notification(event):
            if now < self._quiet_until:
                self.dropped += 1
                # Where there was one from before there may be more: until it has none left.
                self._quiet_until = max(self._quiet_until, now + self.tempo.quiet / 2)
                return
            for part in list(self.parts):
                part.took(event)

    def _send(self, now: float, panel: Panel) -> None:
        if self._sent is not None:
            if now - self._sent_at > self.tempo.stale:
                self._complete(False)
            return
        with self._guard:
            queue = self._urgent or self._orders
            order = queue.popleft() if queue else None
            if order is None:
                self._all_done.set()
                return
        self._sent, self._sent_at = order, now
        if not panel.submit(self.address, dict(order.command)):
            self._complete(False)

    def _complete(self, done: bool) -> None:  # noqa: FBT001 - the one thing it is told
        order, self._sent = self._sent, None
        if order is None:
            return
        if done:
            self._refusals.pop(order.kind, None)
        elif self._last_code == NAK:
            self._refusals[order.kind] += 1
        order.done(done)

    def _in_vain(self, order: Order) -> bool:
        """Libosdp goes offline at each refusal, so what is always refused is not sent again."""
        return order.kind[0] != Command.Output and self._refusals[order.kind] >= REFUSALS

    def _drop_orders(self) -> None:
        with self._guard:
            dropped = [*self._urgent, *self._orders]
            self._urgent.clear()
            self._orders.clear()
        self._complete(False)
        for order in dropped:
            order.done(False)
        self._all_done.set()


def _taken_out(queue: "deque[Order]", owner: object) -> list[Order]:
    found = [each for each in queue if owner is not None and each.owner == owner]
    for each in found:
        queue.remove(each)
    return found
