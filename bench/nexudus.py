"""Nexudus tells: how long it waits for our answer, while messages come at a steady rate.

`doorward syncd` runs as in production, with a cache of some size; each message is about somebody
else and comes on a connection of its own, as from a service with many senders.
"""

import http.client
import json
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from bench.figures import Figures, percentile
from bench.place import running
from controller.cache import Cache
from controller.clock import SystemClock
from sync.inbox import Inbox, Told
from sync.simulator.nexudus import Coworker, Location, SimulatedNexudus

MESSAGES, RATE, KNOWN = 1_500, 50.0, 10_000
_SENDERS = 16
_PATIENCE = 60.0  # seconds for the last message to be in force
_LOOK = 0.05
_HERE = Location(501, "Harbour", "harbour")
_CONFIG = """\
[site]
data = "data"
run = "run"
[clock]
trust = "always"
[http]
port = {port}
[doors.front]
admits = ["group:*"]
lock = {{ driver = "sim" }}
[doors.front.readers.main]
driver = "sim"
card = {{ format = "hex" }}
[platforms.loft]
kind = "nexudus"
zone = "Europe/Berlin"
webhook_token = {{ file = "webhook-token" }}
groups = {{ main = "Main entrance" }}
cards = [{{ source = "accessCardId", format = "hex" }}]
"""


def measure(
    work: Path, *, messages: int = MESSAGES, rate: float = RATE, known: int = KNOWN
) -> Figures:
    """So many messages at so many a second, at a space that knows so many people."""
    place = work / "nexudus"
    place.mkdir()
    token = secrets.token_hex(16)
    (place / "webhook-token").write_text(token)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    config = place / "doorward.toml"
    config.write_text(_CONFIG.format(port=port))
    _fill(place / "data", known)
    clock = SystemClock(place, mode="always")
    address = f"http://127.0.0.1:{port}/nexudus/loft"
    nexudus = SimulatedNexudus(clock, address, webhook_token=token)
    with running("syncd", config):
        _in_force(place, "group:main", known)
        bodies = [
            json.dumps(nexudus.message(_somebody(n), _HERE)).encode() for n in range(messages)
        ]
        waits = _sent(port, token, bodies, rate)
        after = _in_force(place, "group:late", messages)
    print(f"  the last of {messages:,} in force {after * 1000:.0f} ms after its answer or before")
    print(f"  p50 {percentile(waits, 0.5):.1f} ms, max {max(waits):.1f} ms")
    return {"nexudus_accept_p99_ms": round(percentile(waits, 0.99), 1)}


def _fill(data: Path, known: int) -> None:
    data.mkdir()
    state = {"number": "1", "business": "501", "misfits": [], "oddities": []}
    inbox = Inbox(data / "inbox.db")
    told = (Told("loft", f"known-{n}", "harbour", 1.0, 1.0, state | _held(n)) for n in range(known))
    with ThreadPoolExecutor(_SENDERS) as threads:
        list(threads.map(inbox.tell, told))
    inbox.close()


def _held(number: int) -> dict[str, object]:
    card = f"hash:{number:064x}:{number % 10000:04}"
    return {"name": f"Known {number}", "cards": [card], "groups": {"main": None}}


def _somebody(number: int) -> Coworker:
    groups: dict[int, dict[str, float | None]] = {_HERE.id: {"late": None}}
    return Coworker(number, f"Member {number}", f"m-{number}", f"{number:08X}", groups=groups)


def _sent(port: int, token: str, bodies: list[bytes], rate: float) -> list[float]:
    """Milliseconds from the moment at which each was due to its answer."""
    begin = time.monotonic() + 0.5
    pause = threading.Event()

    def send(number: int) -> float:
        due = begin + number / rate
        pause.wait(max(0.0, due - time.monotonic()))
        headers = {"Authorization": f"Bearer {token}"}
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)) as line:
            line.request("POST", "/nexudus/loft/webhook", bodies[number], headers)
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"message {number} was answered {answer.status}")
        return (time.monotonic() - due) * 1000

    with ThreadPoolExecutor(_SENDERS) as threads:
        return list(threads.map(send, range(len(bodies))))


def _in_force(place: Path, label: str, people: int) -> float:
    """Wait until so many hold the label; seconds."""
    begin = time.monotonic()
    query = "SELECT count(*) FROM held WHERE label = ?"
    with closing(Cache(place / "data" / "cache.db")) as cache:
        while time.monotonic() - begin < _PATIENCE:
            if (place / "data" / "cache.db").exists() and cache.rows(query, (label,))[0][
                0
            ] >= people:
                return time.monotonic() - begin
            time.sleep(_LOOK)
    raise RuntimeError(f"{people} were told of and not all are in force; see the log in {place}")
