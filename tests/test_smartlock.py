"""The flow of Cobot's integration guide, with Doorward as its "SmartLock", between real processes.

A program between the two, here `Integration`, is called by Cobot when a membership is confirmed or
ends, registers users here, is told when one opens a lock, and checks them in at Cobot.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from controller.cache import Cache
from controller.control import ask
from controller.errors import DoorwardError
from sync.desk_tokens import SCOPES
from tests.locks import TARGET, Said, ada, call, write_site
from tests.receivers import Receiver
from tests.worlds import PATIENCE

pytestmark = pytest.mark.slow

CARD, OTHER = "04A1B2C3", "0BADCAFE"


def until(true: Any) -> Any:
    """Wait for something to come true in another process."""
    end, pause = time.monotonic() + PATIENCE, threading.Event()
    while time.monotonic() < end:
        with suppress(DoorwardError, ConnectionError):
            if value := true():
                return value
        pause.wait(0.02)
    raise AssertionError("never came true")


class SmartLock:
    """`doorward controller` and `doorward syncd`, and somebody with a card before the door."""

    def __init__(self, folder: Path, target: str) -> None:
        self.folder = folder
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        write_site(folder, TARGET.format(url=target), self.port)
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-c", "from controller.cli import main; main()", name]
        where = {**os.environ, "DOORWARD_CONFIG": str(self.folder / "doorward.toml")}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(command, env=where, stderr=log, stdout=log)
        pid = self.running[name].pid
        until(lambda: self.tell(name, "status")["pid"] == pid)
        if name == "syncd":
            until(lambda: call(self.url, "GET", "/openapi.json").status == 200)

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running.pop(name).wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            assert process.wait(PATIENCE) == 0
        self.running.clear()

    def tell(self, process: str, do: str, **what: Any) -> dict[str, Any]:
        path = self.folder / "run" / ("door.sock" if process == "controller" else "sync.sock")
        return ask(path, {"do": do, **what})

    def new_token(self) -> str:
        return str(self.tell("syncd", "token-add", name="cobot", scopes=[*SCOPES])["shown"])

    def scan(self, card: str) -> str:
        request = {"door": "front", "act": "scan", "text": card}
        return str(self.tell("controller", "sim", **request)["last"]["reason"])

    def known(self) -> set[str]:
        """Ids of those who are in force at the doors."""
        with closing(Cache(self.folder / "data" / "cache.db")) as cache:
            return {found.person.key for found in cache.people(limit=-1)}


class Integration:
    """The guide's little web application."""

    def __init__(self, lock: SmartLock, token: str) -> None:
        self._lock, self._token = lock, token
        self.tokens: dict[str, str] = {}  # SmartLock's user → Cobot's membership
        self.check_ins: list[str] = []

    def membership_confirmed(self, membership: str, name: str, card: str) -> None:
        """Register a user, and the id that is answered as a check-in token at Cobot."""
        said = self._ask("POST", "/users", ada(name=name, cards=[f"32:{card}"]))
        assert said.status == 201
        self.tokens[said.body["id"]] = membership

    def membership_cancelled(self, membership: str) -> None:
        (user,) = (user for user, whose in self.tokens.items() if whose == membership)
        assert self._ask("PATCH", f"/users/{user}", {"active": False}).status == 200

    def lock_opened(self, event: dict[str, Any]) -> None:
        """Check in whoever came; who comes again within their visit is checked in already."""
        if event["kind"] == "lock_opened" and event["visit"] != "again":
            self.check_ins.append(self.tokens[event["user"]["id"]])

    def open(self, door: str) -> Said:
        return self._ask("POST", f"/doors/{door}/open", {})

    def _ask(self, method: str, path: str, body: Any) -> Said:
        return call(self._lock.url, method, path, self._token, body)


@pytest.fixture
def program() -> Iterator[Receiver]:
    with Receiver() as built:
        yield built


@pytest.fixture
def lock(tmp_path: Path, program: Receiver) -> Iterator[SmartLock]:
    made = SmartLock(tmp_path, program.url)
    try:
        made.start("controller")
        made.start("syncd")
        yield made
    finally:
        for process in made.running.values():
            process.kill()
            process.wait()


def test_register_open_and_check_in(lock: SmartLock, program: Receiver) -> None:
    token = lock.new_token()
    cobot = Integration(lock, token)
    cobot.membership_confirmed("membership-1", "Ada Ruiz", CARD)
    until(lambda: lock.scan(CARD) == "granted")
    told = until(lambda: [e for e in program.took if e["kind"] == "lock_opened"])
    cobot.lock_opened(told[0])
    assert cobot.check_ins == ["membership-1"]
    assert cobot.open("front").body == {"door": "front", "seconds": 5}
    cobot.membership_cancelled("membership-1")
    until(lambda: lock.scan(CARD) == "denied_credential_disabled")
    until(lambda: program.took[-1]["reason"] == "denied_credential_disabled")
    assert program.forged == 0
    user = {"name": "Otto", "cards": ["40:04A1B2C3D4"], "pin": "864213"}
    assert call(lock.url, "PUT", "/users/m-1", token, user).status == 201
    assert call(lock.url, "PUT", "/users/m-2", token, {**user, "pin": "x"}).status == 400
    assert call(lock.url, "GET", "/doors", token[:-1]).status == 401
    lock.stop()
    told_ids = [each["id"] for each in program.took]
    assert len(told_ids) == len(set(told_ids))
    written = b"".join(p.read_bytes() for p in lock.folder.rglob("*") if p.is_file())
    for secret in (token, token[:-1], "04A1B2C3D4", "864213"):
        assert secret.encode() not in written


def test_killed_after_an_answer_nothing_is_lost(lock: SmartLock) -> None:
    """Killed between what was accepted and the doors, or just after: nobody can tell."""
    token = lock.new_token()
    wanted = set()
    for n in range(4):
        user = {"name": f"Member {n}", "groups": ["main"], "cards": [f"32:0000000{n}"]}
        assert call(lock.url, "PUT", f"/users/m-{n}", token, user).status == 201
        wanted.add(f"m-{n}")
        if n == 2:
            gone = f"m-{n - 1}"
            assert call(lock.url, "DELETE", f"/users/{gone}", token).status == 204
            wanted.remove(gone)
            lock.kill("syncd")
            assert lock.scan("0000000F") == "denied_unknown_credential", "the doors go on"
            lock.start("syncd")
    until(lambda: lock.known() == wanted)
    assert lock.scan("00000000") == "granted"
    assert lock.scan("00000001") == "denied_unknown_credential"


def test_killed_while_it_tells_nothing_is_lost_and_repeats_have_the_same_id(
    lock: SmartLock, program: Receiver
) -> None:
    until(lambda: lock.tell("syncd", "targets")["targets"][0]["behind"] == 0)
    for n in range(12):
        lock.scan(f"0000000{n:X}")
        if n == 5:
            lock.kill("syncd")
            lock.start("syncd")
    until(lambda: len({each["id"] for each in program.took}) == 12)
    firsts = list(dict.fromkeys(each["cursor"] for each in program.took))
    assert firsts == sorted(firsts, key=lambda text: int(text.split(".")[1])), "in order"
    lock.stop()
