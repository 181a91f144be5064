"""A configured installation in a directory, and its two processes as systemd would start them."""

import itertools
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.machine import ROOT
from controller.control import ask

KEY = "a-key-for-doors-7f3a"
_START_WITHIN, _STOP_WITHIN = 60.0, 30.0  # seconds
_numbers = itertools.count()
_CONFIG = """\
[site]
data = "data"
run = "run"
[clock]
trust = "always"
[http]
port = 0
[doors.front]
name = "Front door"
admits = ["plan:*", "type:*"]
open_for = {open_for}
lock = {{ driver = "sim" }}
{readers}
[platforms.gym]
kind = "hive"
url = "{hive}"
key = {{ file = "hive-key" }}
zone = "Europe/Berlin"
late = "push"
cards = [{{ source = "door_access_id", format = "hex" }}]
doors = {{ front = "front-01" }}
"""


def reader_names(count: int) -> list[str]:
    """Of a door that so many cards are held to that no single reader would be believed."""
    return [f"r{number}" for number in range(count)]


def configured(
    place: Path,
    hive: str = "http://127.0.0.1:9",
    open_for: float = 5.0,
    readers: Sequence[str] = ("main",),
) -> Path:
    """Write the configuration of one door and one Hive; returns its path."""
    place.mkdir(parents=True, exist_ok=True)
    secret = place / "hive-key"
    secret.write_text(KEY)
    secret.chmod(0o600)
    path = place / "doorward.toml"
    sim = '{ driver = "sim", card = { format = "hex" } }'
    stanzas = "\n".join(f"readers.{name} = {sim}" for name in readers)
    path.write_text(_CONFIG.format(hive=hive, open_for=open_for, readers=stanzas))
    return path


@dataclass(frozen=True, slots=True)
class Running:
    """A process of the product: its id, and how long after exec it said that it is ready."""

    place: Path
    pid: int
    began: float  # by time.perf_counter
    ready_after: float  # seconds
    _seen: list[dict[str, Any]] = field(default_factory=list)  # the last decision

    def scan(self, card: str, reader: str = "") -> str:
        """Hold a card to a reader of the controller's door; returns the reason.

        RuntimeError if nothing was decided, as for a reader that reads more than people present.
        """
        text = f"{reader}={card}" if reader else card
        request = {"do": "sim", "door": "front", "act": "scan", "text": text}
        last: dict[str, Any] = ask(self.place / "run" / "door.sock", request)["last"]
        if [last] == self._seen:
            raise RuntimeError(f"nothing was decided about what was held to {reader or 'a reader'}")
        self._seen[:] = [last]
        return str(last["reason"])


@contextmanager
def running(
    what: str, config: Path, program: Sequence[str | Path] | None = None
) -> Iterator[Running]:
    """`doorward controller` or `doorward syncd`, from its READY=1 to the end of the block.

    `program`: what to run instead of `doorward`.
    """
    address = f"@doorward-bench-{os.getpid()}-{next(_numbers)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind("\0" + address[1:])
        doorward = program or [Path(sys.executable).with_name("doorward")]
        with config.with_name(f"{what}.log").open("ab") as log:
            began = time.perf_counter()
            process = subprocess.Popen(
                [*doorward, "--config", config.absolute(), what],
                cwd=ROOT,
                env={**os.environ, "NOTIFY_SOCKET": address},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            _await_ready(notified, process, config)
            ready_after = time.perf_counter() - began
            threading.Thread(target=_listen, args=(notified,), daemon=True).start()
            yield Running(config.parent, process.pid, began, ready_after)
        finally:
            _stop(process)
            notified.shutdown(socket.SHUT_RDWR)


def _listen(notified: socket.socket) -> None:
    """As systemd does: else its signs of life pile up, and the process waits for somebody."""
    with suppress(OSError):
        while notified.recv(4096):
            pass


def _await_ready(notified: socket.socket, process: subprocess.Popen[bytes], config: Path) -> None:
    until = time.monotonic() + _START_WITHIN
    while time.monotonic() < until and process.poll() is None:
        # Often enough to see a process that died, and woken at once by one that is ready.
        if select.select([notified], [], [], 0.1)[0] and b"READY=1" in notified.recv(4096):
            return
    raise RuntimeError(f"{process.args!r} did not get ready; see the logs in {config.parent}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
