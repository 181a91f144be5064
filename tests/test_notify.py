"""systemd at the other end of the line: a real datagram socket."""

import os
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


@pytest.fixture
def notifier(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Notifier:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    return Notifier()


def test_a_life(systemd: socket.socket, notifier: Notifier) -> None:
    assert notifier.ready("2 doors")
    assert systemd.recv(999) == b"READY=1\nSTATUS=2 doors"
    assert notifier.watchdog()
    assert systemd.recv(999) == b"WATCHDOG=1"
    assert notifier.status("1 of 2 doors")
    assert systemd.recv(999) == b"STATUS=1 of 2 doors"
    assert notifier.stopping()
    assert systemd.recv(999) == b"STOPPING=1"


def test_a_status_cannot_smuggle_in_another_message(
    systemd: socket.socket, notifier: Notifier
) -> None:
    notifier.status("reader lost\nMAINPID=1")
    assert systemd.recv(999) == b"STATUS=reader lost MAINPID=1"


def test_an_abstract_address() -> None:
    name = f"doorward-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        assert Notifier(f"@{name}").ready()
        assert listening.recv(999) == b"READY=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    alone = Notifier()
    assert not alone.ready("2 doors")
    assert alone.watchdog_every is None


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    assert not Notifier(str(tmp_path / "nobody")).ready()
    assert not Notifier("/" + "x" * 500).ready()


def test_the_watchdog_is_fed_twice_as_often_as_asked(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert notifier.watchdog_every == 5.0
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert notifier.watchdog_every == 5.0
    monkeypatch.setenv("WATCHDOG_PID", "1")  # meant for our parent
    assert notifier.watchdog_every is None
    monkeypatch.setenv("WATCHDOG_PID", "")
    monkeypatch.setenv("WATCHDOG_USEC", "")
    assert notifier.watchdog_every is None


def test_a_listener_that_does_not_read_is_waited_for_asleep(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        notifier = Notifier(str(tmp_path / "notify"), patience=0.2)
        while notifier.watchdog():
            pass
        before = time.thread_time()
        assert not notifier.watchdog()
        assert time.thread_time() - before < 0.1
