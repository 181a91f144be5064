"""Cobot calls: from a change there to what a door knows of it.

`doorward syncd` runs as in production, the simulated Cobot is another process that calls it.
Members join and are cancelled in turn; each time this process looks into cache.db, as a door would,
until it says so. `syncd` follows twenty hints a minute one by one, so that it is started anew now
and then. The floor is one bare request to the same Cobot.
"""

import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.child import Child, Talk, child
from bench.figures import Figures, percentile
from bench.place import running
from controller.cache import Cache
from controller.cards import card_hash
from controller.clock import SystemClock
from controller.control import ask
from controller.journal_file import History
from controller.model import Facts
from controller.secrets import device_key
from sync.http import Line
from sync.simulator.cobot import SimulatedCobot

TOKEN = "a-cobot-token-7f3a"
_FIRST = 2_000_000_000  # the first card of those who join
_PATIENCE = 30.0  # seconds for one change to be known
_LOOK = 0.001
_CONFIG = """\
[site]
data = "data"
run = "run"
[clock]
trust = "always"
[http]
port = {port}
[doors.front]
admits = ["plan:*"]
lock = {{ driver = "sim" }}
[doors.front.readers.main]
driver = "sim"
card = {{ format = "dec10" }}
[platforms.harbour]
kind = "cobot"
url = "{cobot}"
www_url = "{cobot}"
subdomain = "harbour"
zone = "Europe/Berlin"
token = {{ file = "cobot-token" }}
cards = [{{ source = "tokens", format = "dec10" }}]
bookings = true
webhook_url = "http://127.0.0.1:{port}"
"""


def measure(work: Path, *, members: int = 500, rounds: int = 6, changes: int = 18) -> Figures:
    """So many changes in each life of `syncd`, at a space with so many members."""
    place = work / "webhooks"
    place.mkdir()
    with child(space, members=members) as cobot:
        url = str(cobot.answer())
        config = configured(place, url)
        spans: list[float] = []
        for _ in range(rounds):
            with running("syncd", config):
                called(place)
                spans += changed(place, cobot, changes)
        bare = _bare(place, url, changes * rounds)
    for name, values in (("changes", spans), ("bare request", bare)):
        p50, p99 = (percentile(values, share) for share in (0.5, 0.99))
        print(
            f"  {name:14} p50 {p50:.1f}, p99 {p99:.1f}, max {max(values):.1f} ms of {len(values)}"
        )
    return {
        "webhook_to_door_p50_ms": round(percentile(spans, 0.5), 1),
        "webhook_to_door_p99_ms": round(percentile(spans, 0.99), 1),
    }


def configured(place: Path, cobot: str, more: str = "") -> Path:
    """Write the configuration of one door and one Cobot that is to call us; returns its path."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    (place / "cobot-token").write_text(TOKEN)
    path = place / "doorward.toml"
    path.write_text(_CONFIG.format(port=port, cobot=cobot) + more)
    return path


def space(members: int) -> Talk:
    """Child: a Cobot. Yields its address; told of a card, its holder joins or is cancelled.

    Then it yields the moment before that, by the kernel's monotonic clock.
    """
    with tempfile.TemporaryDirectory() as folder:
        clock = SystemClock(Path(folder), mode="always")
        simulated = SimulatedCobot(clock.wall, token=TOKEN, keep_log=False)
        simulated.populate(1, members)
        with simulated:
            answer: Any = simulated.url
            joined: dict[str, Any] = {}
            while True:
                card = yield answer
                answer = time.monotonic()
                if card in joined:
                    yesterday = simulated.space.today() - timedelta(days=1)
                    simulated.alter(joined.pop(card), "canceled_membership", canceled_to=yesterday)
                elif card:
                    joined[card] = simulated.add_member("New Member", cards=[card])


def called(place: Path) -> None:
    """Wait until everybody is known and Cobot has been asked to call."""
    request = {"do": "webhooks", "act": "install", "platforms": []}
    assert not ask(place / "run" / "sync.sock", request, timeout=60)["exit"]
    assert not ask(place / "run" / "sync.sock", {"do": "sync"}, timeout=60)["exit"]


def changed(place: Path, cobot: Child, changes: int) -> Iterator[float]:
    """Milliseconds from a change until a door would know of it."""
    key = device_key(place / "data")
    with closing(Cache(place / "data" / "cache.db")) as cache:
        for number in range(changes // 2):
            card = f"{_FIRST + int(time.monotonic() * 1000) % 10**9 + number:010}"
            hashed = card_hash(key, f"32:{int(card):08X}")

            def known(hashed: bytes = hashed) -> Facts:
                return cache.facts(hashed, lambda *_: History((), frozenset()))

            for true in (lambda look=known: look().holders, lambda look=known: _ended(look())):
                changed = float(cobot.ask(card))
                yield (_when(true) - changed) * 1000


def _ended(facts: Facts) -> bool:
    return bool(facts.holders) and (facts.holders[0].person.until or 1e12) < time.time()


def _when(true: Callable[[], object]) -> float:
    """The moment at which this has come true."""
    begin = time.monotonic()
    while not true():
        if time.monotonic() - begin > _PATIENCE:
            raise RuntimeError("a change was told of and is not in force; see the log of syncd")
        time.sleep(_LOOK)
    return time.monotonic()


def _bare(place: Path, url: str, count: int) -> list[float]:
    """Milliseconds of one request that `syncd` has to make in any case."""
    clock, spans = SystemClock(place, mode="always"), []
    with Line(url, clock=clock, wait=bool, headers={"Authorization": f"Bearer {TOKEN}"}) as line:
        for _ in range(count):
            begin = time.perf_counter()
            line.request("GET", "/api/check_ins")
            spans.append((time.perf_counter() - begin) * 1000)
    return spans
