"""`doorward doctor` in a house that is well, and with each part broken in turn."""

import ctypes
import io
import json
import os
import platform
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from controller.cli.doctor_bundle import device_lines
from controller.cli.doctor_files import wear
from controller.cli.doctor_finding import State
from controller.cli.doctor_machine import certificate, unit_says
from controller.config import load
from controller.journal_read import JournalReader
from controller.model import Event, Kind
from controller.store import look_through
from tests.halls import Hall, doorward, hall
from tests.houses import KEY, TOKEN
from tests.mails import certificate as pem
from tests.worlds import PATIENCE


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    with hall(tmp_path_factory.mktemp("hall")) as built:
        for name in ("cobot-token", "hive-key"):
            (built.folder / name).chmod(0o600)
        built.member("Mia Member", "1234567001")
        built.sync()
        yield built


def found(place: Hall, *words: str) -> dict[str, dict[str, Any]]:
    """By part; of several the worst."""
    order = ("green", "yellow", "red")
    told: dict[str, dict[str, Any]] = {}
    for each in place.do("doctor", "--json", *words).json["findings"]:
        before = told.get(each["part"])
        if before is None or order.index(each["state"]) >= order.index(before["state"]):
            told[each["part"]] = each
    return told


def bad(told: dict[str, dict[str, Any]]) -> set[str]:
    return {part for part, each in told.items() if each["state"] == "red"}


def test_a_house_that_is_well(place: Hall) -> None:
    told = place.do("doctor")
    assert told.code == 0, told.all
    assert "platform loft:" in told.out
    assert "platform gym:" in told.out
    assert "door front: well: lock, main, keypad, contact, exit_button" in told.out
    assert "the chain holds through the newest" in told.out
    assert "0 bad" in told.out
    assert "the chain holds through all" in place.do("doctor", "--deep").out


def test_it_is_documented_in_json(place: Hall) -> None:
    data = place.do("doctor", "--json").json
    assert data["well"] is True
    assert all({"part", "state", "said", "next"} == set(each) for each in data["findings"])


def test_keys_that_platforms_do_not_accept(place: Hall) -> None:
    place.hive.key, right = "another", place.hive.key
    try:
        told = found(place)
    finally:
        place.hive.key = right
    assert bad(told) == {"platform gym"}
    assert told["platform gym"]["next"] == "doorward sync --platform gym"


def test_a_reader_that_is_lost_and_the_exit_code(place: Hall) -> None:
    door = place.controller.doors.working["front"]
    reader: Any = door.parts.readers["main"][0]
    reader.unplug()
    assert door.catch_up(PATIENCE)
    said = place.do("doctor")
    reader.plug()
    assert door.catch_up(PATIENCE)
    assert said.code == 1
    assert "BAD  door front, main: " in said.out
    assert "→ doorward hw list; doorward hw test front" in said.out


@contextmanager
def time_goes_by(place: Hall) -> Iterator[None]:
    over = threading.Event()

    def go() -> None:
        while not over.wait(0.05):
            place.clock.advance(0.5)

    moving = threading.Thread(target=go)
    moving.start()
    try:
        yield
    finally:
        over.set()
        moving.join()


def test_locks_are_clicked_by_consent_alone(place: Hall) -> None:
    refused = found(place, "--relays")
    assert refused.get("door front, lock", {"state": "yellow"})["state"] != "green"
    before = len(place.events(Kind.UNLOCKED))
    assert found(place, "--relays", "--yes")["door gym, lock"]["state"] == "red", (
        "time stands still"
    )
    with time_goes_by(place):
        told = found(place, "--relays", "--yes")
    assert told["door front, lock"]["state"] == told["door gym, lock"]["state"] == "green", told
    assert len(place.events(Kind.UNLOCKED)) == before + 4
    assert not place.released("front")


def test_without_syncd_the_rest_is_still_looked_at(place: Hall) -> None:
    with place.without_syncd():
        told = found(place)
    assert bad(told) == {"syncd"}
    assert told["platforms"]["state"] == "yellow"
    assert told["door front"]["state"] == "green"


def test_without_either_process(place: Hall, tmp_path: Path) -> None:
    text = place.config.path.read_text().replace('run = "run"', f'run = "{tmp_path}/none"')
    path = place.folder / "other.toml"
    path.write_text(text)
    said = doorward(path, "doctor")
    assert said.code == 1
    assert "controller: does not run" in said.out
    assert "→ systemctl start doorward-controller" in said.out
    assert "cache.db: opens" in said.out


@pytest.mark.parametrize("broken", ["nonsense", "[doors.front]\nadmits = 1\n", 'x = "CANARY'])
def test_a_broken_configuration(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "doorward.toml"
    path.write_text(broken)
    said = doorward(path, "doctor", "--bundle", str(tmp_path / "b.tar.gz"))
    assert said.code == 1
    assert "BAD  configuration: " in said.out
    assert "everything else" in said.out
    assert "doctor.txt" in contents(tmp_path / "b.tar.gz")


def test_a_mistake_in_one_platform_hides_nothing_else(place: Hall) -> None:
    path = place.folder / "typo.toml"
    path.write_text(place.config.path.read_text().replace('kind = "hive"', 'kind = "hiwe"'))
    said = doorward(path, "doctor", "--json")
    told = {each["part"]: each for each in said.json["findings"]}
    assert said.code == 1
    assert "'hiwe' is not known" in told["configuration"]["said"]
    assert told["journal.db"]["state"] == "green"


def test_secrets_that_are_missing_or_open_to_all(place: Hall) -> None:
    (place.folder / "hive-key").chmod(0o644)
    (place.folder / "cobot-token").rename(place.folder / "away")
    try:
        told = found(place)
    finally:
        (place.folder / "away").rename(place.folder / "cobot-token")
        (place.folder / "hive-key").chmod(0o600)
    assert {"platforms.gym.key", "platforms.loft.token"} <= bad(told)
    assert told["platforms.gym.key"]["next"].startswith("chmod 600 ")


def test_databases_that_are_damaged_or_tampered_with(tmp_path: Path) -> None:
    with hall(tmp_path) as place:
        place.do("doctor")
        assert place.controller.journal.append(Event(Kind.FORCED, "front")).wait(PATIENCE)
        data = place.config.data
    with closing(sqlite3.connect(data / "journal.db")) as db, db:
        db.execute("UPDATE event SET door = 'gym' WHERE kind = 'door_forced'")
    (data / "cache.db").write_bytes(b"no database at all" * 100)
    (data / "cache.db.damaged-1767607200").write_bytes(b"x")
    for name in ("cache.db-wal", "cache.db-shm"):
        (data / name).unlink(missing_ok=True)
    (data / "desk.db").unlink()
    told = {e["part"]: e for e in doorward(place.config.path, "doctor", "--json").json["findings"]}
    assert told["journal.db"]["state"] == "green"
    assert "breaks at event" in told["journal"]["said"]
    assert told["cache.db"]["state"] == told["desk.db"]["state"] == "red"
    assert told["cache.db.damaged-1767607200"]["state"] == "red"


def test_a_look_through_a_large_file_ends(place: Hall) -> None:
    place.controller.journal.flush(PATIENCE)
    assert look_through(place.config.data / "journal.db", 9, most=0) == ""


def test_the_tail_of_the_chain_is_that_of_the_whole(place: Hall) -> None:
    for _ in range(3):
        assert place.controller.journal.append(Event(Kind.EXIT, "front")).wait(PATIENCE)
    with closing(JournalReader(place.config.data / "journal.db")) as reader:
        whole = reader.verify()
        assert reader.verify_tail(10_000).events == whole.events
        assert reader.verify_tail(2).events == 2


def test_wear_of_emmc_and_of_what_does_not_tell(tmp_path: Path) -> None:
    assert [each.state for each in wear(tmp_path)] == [State.YELLOW]
    device = tmp_path / "mmcblk0" / "device"
    device.mkdir(parents=True)
    for text, state in (("0x02 0x01\n", State.GREEN), ("0x01 0x0a\n", State.RED),
                        ("0x00 0x00\n", State.YELLOW)):  # fmt: skip
        (device / "life_time").write_text(text)
        (told,) = wear(tmp_path)
        assert (told.part, told.state) == ("wear of mmcblk0", state)


@pytest.mark.parametrize(
    ("shown", "state", "said"),
    [
        ({}, State.YELLOW, "does not answer"),
        ({"LoadState": "not-found"}, State.YELLOW, "not installed"),
        ({"ActiveState": "failed", "Result": "watchdog"}, State.RED, "failed (watchdog)"),
        ({"UnitFileState": "disabled"}, State.RED, "does not start with the machine"),
        ({"WatchdogUSec": "0"}, State.RED, "no watchdog"),
        ({"NRestarts": "7"}, State.RED, "7 restarts"),
        ({"NRestarts": "1"}, State.GREEN, "1 restart"),
    ],
)
def test_what_systemd_says(shown: dict[str, str], state: State, said: str) -> None:
    usual = {"ActiveState": "active", "UnitFileState": "enabled", "WatchdogUSec": "10s"}
    (told,) = unit_says("doorward-sync.service", {**usual, **shown} if shown else {})
    assert told.state is state
    assert said in told.said


def test_a_certificate_that_ends_soon_or_has_ended(place: Hall) -> None:
    (place.folder / "cert.pem").write_bytes(pem())
    path = place.folder / "tls.toml"
    more = '[http]\ncertificate = "cert.pem"\ncertificate_key = "cert.pem"\n'
    path.write_text(place.config.path.read_text().replace("[http]\n", more))
    config = load(path)
    now = datetime.now(UTC)
    (soon,) = certificate(config, now.timestamp())
    (late,) = certificate(config, (now + timedelta(days=9)).timestamp())
    (good,) = certificate(config, (now - timedelta(days=20)).timestamp())
    assert (soon.state, late.state, good.state) == (State.RED, State.RED, State.GREEN)
    assert "has ended" in late.said
    (place.folder / "cert.pem").write_text("nonsense")
    (wrong,) = certificate(config, now.timestamp())
    assert wrong.state is State.RED


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as bundle:
        return {
            Path(each.name).name: io.TextIOWrapper(file, "utf-8").read()
            for each in bundle
            if (file := bundle.extractfile(each))
        }


CARD, NAME, PIN = "1234567001", "Mia Member", "8264"
URL_SECRET, ADDRESS = "hooks-canary-71ab", "canary@example.org"


def test_a_bundle_holds_what_helps_and_nothing_that_harms(place: Hall, tmp_path: Path) -> None:
    path = place.folder / "bundle.toml"
    (place.folder / "hook").write_text("hook-canary-secret-0001")
    (place.folder / "hook").chmod(0o600)
    more = f"""
[targets.chat]
url = "https://chat.example/services/{URL_SECRET}?t={URL_SECRET}"
secret = {{ file = "hook" }}
[mail]
server = "mail.example"
sender = "{ADDRESS}"
"""
    path.write_text(place.config.path.read_text() + more)
    for card in (CARD, "9999888877"):
        place.scan("front", card)
    detail = {"names": [NAME], "why": f"{TOKEN} {ADDRESS} {CARD}"}
    who = {"name": NAME, "person": "m-1", "card": "…7001", "author": "canary-staff"}
    event = Event(Kind.DURESS, "front", **who, detail=detail)  # type: ignore[arg-type]
    assert place.controller.journal.append(event).wait(PATIENCE)
    file = tmp_path / "bundle.tar.gz"
    place.controller.journal.flush(PATIENCE)
    assert "written: " in doorward(path, "doctor", "--bundle", str(file)).err
    assert file.stat().st_mode & 0o777 == 0o600
    told = contents(file)
    assert {"doctor.txt", "doctor.json", "config.toml", "status.json", "events.jsonl"} < {*told}
    key = (place.config.data / "device.key").read_bytes()
    canaries = [TOKEN, KEY, CARD, "7001", NAME, "Mia", PIN, URL_SECRET, ADDRESS, key.hex()]
    canaries += ["canary-staff", "hook-canary-secret-0001", "9999888877", "8877"]
    for name, text in told.items():
        if name != "versions.txt":
            assert [each for each in canaries if each in text] == [], name
    assert key not in b"".join(text.encode() for text in told.values())
    assert "chat.example" in told["config.toml"]
    kinds = [json.loads(line)["kind"] for line in told["events.jsonl"].splitlines()]
    assert "duress" in kinds
    assert "access" in kinds
    assert "doorward" in told["versions.txt"]


def test_of_the_kernels_words_only_those_on_devices() -> None:
    text = "[1] usb 1-1: new\n[2] Kernel command line: console=ttyS0 canary=1\n[3] IPv6: up\n"
    assert device_lines(text) == "[1] usb 1-1: new\n"


def test_no_file_is_overwritten_by_a_bundle(place: Hall, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_text("mine")
    assert place.do("doctor", "--bundle", str(file)).code == 2
    assert file.read_text() == "mine"
    assert place.do("doctor", "--bundle", str(tmp_path / "none" / "b")).code == 1


_SETRESUID = {"x86_64": 117, "aarch64": 147}.get(platform.machine())


@contextmanager
def thread_of_nobody() -> Iterator[None]:
    """This thread alone is an ordinary user's: the house around it goes on as whoever it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(_SETRESUID, 65534, 65534, 0) == 0
    try:
        yield
    finally:
        assert libc.syscall(_SETRESUID, 0, 0, 0) == 0


@pytest.mark.skipif(_SETRESUID is None, reason="no such machine was tried")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_is_told_what_could_not_be_looked_at() -> None:
    with TemporaryDirectory() as folder, hall(Path(folder)) as place:
        place.do("doctor")
        Path(folder).chmod(0o755)
        for each in (place.config.data, place.config.run):
            each.chmod(0o700)
        for name in ("cobot-token", "hive-key"):
            (place.folder / name).chmod(0o600)
        with thread_of_nobody():
            said = doorward(place.config.path, "doctor", "--json")
    told = {each["part"]: each for each in said.json["findings"]}
    unsure = {part for part, each in told.items() if each["state"] == "yellow"}
    assert unsure >= {"platforms.loft.token", "controller", "syncd", "cache.db", "journal.db"}
    assert "sudo -u doorward doorward doctor" in told["journal.db"]["next"]
    assert "group doorward" in told["controller"]["next"]
