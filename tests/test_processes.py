"""The two real processes, killed for real: nothing is lost, nothing told twice, doors stay shut."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from controller.cache import Cache
from controller.clock import SystemClock
from controller.control import ask
from controller.errors import DoorwardError
from controller.journal_read import JournalReader
from controller.model import Kind
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import Membership, SimulatedHive, User
from tests.hives import DOORS
from tests.houses import KEY, TOKEN, UNLIMITED, config_text

pytestmark = pytest.mark.slow

PATIENCE = 30.0  # seconds until a test gives up; none passes or fails by speed
FAR = 4_000_000_000


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait for something to come true in another process."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(DoorwardError):
            if value := true():
                return value
        time.sleep(0.02)
    raise AssertionError(f"never came true: {what}")


class Processes:
    """`doorward controller` and `doorward syncd` over two simulated platforms."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cobot = SimulatedCobot(time.time, token=TOKEN)
        self.hive = SimulatedHive(SystemClock(folder), KEY, DOORS)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-c", "from controller.cli import main; main()", name]
        log = (self.folder / f"{name}.log").open("ab")
        where = {**os.environ, "DOORWARD_CONFIG": str(self.folder / "doorward.toml")}
        self.running[name] = subprocess.Popen(command, env=where, stderr=log, stdout=log)
        log.close()
        until(lambda: self.ask(name, {"do": "status"})["pid"] == self.running[name].pid, name)

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running.pop(name).wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            assert process.wait(PATIENCE) == 0
        self.running.clear()

    def ask(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        socket = "door.sock" if name == "controller" else "sync.sock"
        return ask(self.folder / "run" / socket, request)

    def scan(self, door: str, card: str) -> str:
        request = {"do": "sim", "door": door, "act": "scan", "text": card}
        answer = self.ask("controller", request)
        return str(answer["last"]["reason"])

    def deliveries(self) -> list[dict[str, Any]]:
        cache = Cache(self.folder / "data" / "cache.db")
        try:
            return cache.deliveries()
        finally:
            cache.close()

    def sync(self) -> None:
        answer = self.ask("syncd", {"do": "sync"})
        assert answer["exit"] == 0, answer


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    with made.cobot, made.hive:
        (tmp_path / "cobot-token").write_text(TOKEN)
        (tmp_path / "hive-key").write_text(KEY)
        (tmp_path / "doorward.toml").write_text(config_text(made.cobot.url, made.hive.url))
        try:
            yield made
        finally:
            for process in made.running.values():
                process.kill()
                process.wait()


def kill_and_scan(place: Processes, chance: random.Random, people: int) -> None:
    """Everybody enters at both doors; now and then a process dies just before."""
    for n in range(people):
        if n % 4 == 3:
            victim = chance.choice(["controller", "syncd"])
            place.kill(victim)
            place.start(victim)
            doors = place.ask("controller", {"do": "status"})["doors"]
            assert victim == "syncd" or not any(door["released"] for door in doors)
        assert place.scan("front", f"{n:010}") == "granted"
        assert place.scan("gym", f"0BAD{n:04}") == "granted"


def test_killed_at_random_every_entry_is_told_once(place: Processes) -> None:
    members = [
        place.cobot.add_member(f"Member {n}", UNLIMITED, cards=[f"{n:010}"]) for n in range(24)
    ]
    users = [
        User(n, f"Guest {n}", "", f"0BAD{n:04}", memberships=(Membership(n, 1, FAR),))
        for n in range(24)
    ]
    place.hive.put(*users)
    place.start("controller")
    place.start("syncd")
    place.sync()
    kill_and_scan(place, random.Random(7), 24)

    def settled() -> bool:
        rows = place.deliveries()
        return len(rows) == 48 and all(row["state"] != "pending" for row in rows)

    until(settled, "every check-in settled")
    place.stop()
    told = [stay.member for stay in place.cobot.check_ins]
    assert sorted(told) == sorted(member.id for member in members)
    at_hive = [entry.user_id for entry in place.hive.entries]
    assert len(at_hive) == len(set(at_hive))
    unknown = {row["person"] for row in place.deliveries() if row["state"] == "unknown"}
    assert {str(n) for n in range(24)} <= {str(n) for n in at_hive} | unknown
    journal = JournalReader(place.folder / "data" / "journal.db")
    assert journal.verify().broken_at is None
    assert len([e for e in journal.events(kinds=(Kind.ACCESS,)) if e.event.checks_in]) == 48
    journal.close()


def test_doors_go_on_without_syncd_and_without_the_network(place: Processes) -> None:
    place.cobot.add_member("Ada Ruiz", UNLIMITED, cards=["0000000017"])
    place.start("controller")
    place.start("syncd")
    place.sync()
    place.kill("syncd")
    place.cobot.cut()
    assert place.scan("front", "0000000017") == "granted"
    place.start("syncd")
    until(place.deliveries, "the check-in is queued")
    assert place.deliveries()[0]["state"] == "pending"
    place.cobot.mend()
    until(lambda: place.cobot.check_ins, "the check-in arrives")
    until(lambda: place.deliveries()[0]["state"] == "sent", "it is settled")
    place.stop()
    assert len(place.cobot.check_ins) == 1


def test_no_log_line_holds_a_full_card_number(place: Processes) -> None:
    place.cobot.add_member("Ada Ruiz", UNLIMITED, cards=["0123456789"])
    place.start("controller")
    place.start("syncd")
    place.sync()
    for card in ("0123456789", "9876543210", "not a card at all"):
        place.scan("front", card)
    until(lambda: place.cobot.check_ins, "the check-in arrives")
    place.stop()
    written = b"".join(p.read_bytes() for p in place.folder.rglob("*") if p.is_file())
    for secret in (b"0123456789", b"9876543210", b"075BCD15", TOKEN.encode()):
        # The token's own file is the one place for it.
        assert written.count(secret) == (1 if secret == TOKEN.encode() else 0)
