"""Somebody knows the path at which Cobot calls a real `syncd`, and makes the worst of it."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from controller.clock import SystemClock
from controller.config import load
from controller.control import ask
from controller.errors import DoorwardError
from sync.simulator.cobot import Member, SimulatedCobot
from tests.callers import ADA, Known, free_port, write_site
from tests.houses import TOKEN
from tests.lofts import wait_for
from tests.worlds import PATIENCE

pytestmark = pytest.mark.slow

FLOOD = 10_000
GROWTH = 64  # MiB that a flood may cost
MEMBERS = 200
_AT_ONCE = 100


class Syncd(Known):
    """The process, and a Cobot that has been asked to call it."""

    def __init__(self, folder: Path, cobot: SimulatedCobot) -> None:
        self.folder, self.cobot, self.port = folder, cobot, free_port()
        path = write_site(folder, cobot.url, self.port)
        super().__init__(load(path))
        command = [sys.executable, "-c", "from controller.cli import main; main()", "syncd"]
        where = {**os.environ, "DOORWARD_CONFIG": str(path)}
        with (folder / "syncd.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=where, stderr=log, stdout=log)
        wait_for(lambda: self.status().get("http", {}).get("failure") == "")
        wait_for(lambda: len(self.paths()) == 1 and self.holds(ADA))

    def status(self) -> dict[str, Any]:
        with suppress(DoorwardError):
            return ask(self.folder / "run" / "sync.sock", {"do": "status"})
        return {}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def paths(self) -> set[str]:
        """Where Cobot was asked to call."""
        with self.cobot.lock:
            found = list(self.cobot.calls.subscriptions)
        return {one.callback_url.partition(str(self.port))[2] for one in found}

    @property
    def path(self) -> str:
        (path,) = self.paths()
        return path

    def peak(self) -> float:
        """MiB that it ever took."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def send(self, bodies: list[bytes], path: str = "") -> set[int]:
        """On one connection, many before the first is answered; the answers."""
        statuses, path = set[int](), path or self.path
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)) as line:
            for start in range(0, len(bodies), _AT_ONCE):
                some = bodies[start : start + _AT_ONCE]
                line.sendall(b"".join(_request(path, body) for body in some))
                statuses |= _answers(line, len(some))
        return statuses

    def asked(self, pattern: str) -> int:
        with self.cobot.lock:
            return sum(bool(re.fullmatch(pattern, each.path)) for each in self.cobot.requests)


def _request(path: str, body: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _answers(line: socket.socket, count: int) -> set[int]:
    said = b""
    while said.count(b"HTTP/1.1 ") < count or b"\r\n\r\n" not in said[said.rindex(b"HTTP/1.1 ") :]:
        piece = line.recv(65536)
        assert piece, "hung up"
        said += piece
    return {int(status) for status in re.findall(rb"HTTP/1.1 ([0-9]{3}) ", said)}


@pytest.fixture
def syncd(tmp_path: Path) -> Iterator[Syncd]:
    clock = SystemClock(tmp_path, mode="always")
    with SimulatedCobot(clock.wall, token=TOKEN) as cobot:
        cobot.add_member("Ada Ruiz", cards=[ADA])
        for number in range(MEMBERS):
            cobot.add_member(f"Member {number}", cards=[f"{number + 1000:010}"])
        with closing(Syncd(tmp_path, cobot)) as made:
            yield made


@contextmanager
def at_the_door(syncd: Syncd) -> Iterator[None]:
    """Ada comes all the time meanwhile, and is known each time."""
    ended, seen = threading.Event(), list[bool]()

    def come() -> None:
        while not ended.wait(0.01):
            seen.append(syncd.holds(ADA) == ["plan:plan-resident"])

    door = threading.Thread(target=come)
    door.start()
    try:
        yield
    finally:
        ended.set()
        door.join(PATIENCE)
    assert seen
    assert all(seen)


def about(members: list[Member]) -> list[bytes]:
    kinds = ("memberships", "check_ins", "bookings", "check_in_tokens", "plans")
    return [
        json.dumps({"url": f"https://harbour.cobot.me/api/{kind}/{member.id}"}).encode()
        for member in members
        for kind in kinds
    ]


def test_a_flood_costs_one_roster_and_no_memory(syncd: Syncd) -> None:
    with syncd.cobot.lock:
        members = list(syncd.cobot.space.members.values())
        syncd.cobot.space.tokens.append(("0000000099", members[7].id))
    rosters, before = syncd.asked("/api/memberships"), syncd.peak()
    messages = about(members)
    bodies = (messages * (FLOOD // len(messages) + 1))[:FLOOD]
    random.Random(5).shuffle(bodies)
    with at_the_door(syncd):
        assert syncd.send(bodies) == {200}
        wait_for(lambda: syncd.holds("0000000099"))
        large = b'{"url": "' + b"x" * (1024 * 1024 - 16) + b'"}'
        assert syncd.send([large] * 20) == {200}
        assert syncd.send([b"x" * (1024 * 1024 + 1)]) == {413}
        assert syncd.send(messages[:200], "/cobot/harbour/not-the-path") == {404}
    assert syncd.peak() - before < GROWTH
    assert syncd.asked("/api/memberships") == rosters + 1
    assert syncd.asked("/api/memberships/[^/]+") <= 20


def test_who_is_slow_or_says_half_of_it_keeps_nobody_out(syncd: Syncd) -> None:
    head = f"POST {syncd.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n".encode()
    with ExitStack() as ends, at_the_door(syncd):
        for number in range(250):
            line = socket.create_connection(("127.0.0.1", syncd.port), timeout=PATIENCE)
            ends.callback(line.close)
            # Of those who have begun a body, as many as may be read at once wait for the rest.
            line.sendall(head + b"x" if number % 25 == 0 else head[: number % len(head)])
        syncd.cobot.add_member("Ben Ode", cards=["0000000018"])
        wait_for(lambda: syncd.holds("0000000018"))


def test_neither_the_path_nor_a_card_is_in_the_log(syncd: Syncd) -> None:
    ada = next(iter(syncd.cobot.space.members.values()))
    syncd.cobot.give_card(ada, "0077705923")
    wait_for(lambda: syncd.holds("0077705923"))
    syncd.send([b"{}", b'{"url": "https://x/api/check_in_tokens/0077705999"}'])
    wait_for(lambda: "everything is read again" in (syncd.folder / "syncd.log").read_text())
    said = (syncd.folder / "syncd.log").read_text()
    assert "read again, as hinted" in said
    assert '"/cobot/harbour"' in said
    for secret in (syncd.path.rpartition("/")[2], "0077705923", "0077705999", TOKEN):
        assert secret not in said
