"""One line over a rough network: certificates, addresses, name servers; and what keeps watch."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from controller.errors import Unavailable
from sync.deadline import within
from sync.http import Line
from sync.life import Life
from sync.names import Names
from tests.fakes import FakeClock
from tests.lines import Echo, Waiting
from tests.lives import MovingClock
from tests.rough import Certificates, Rough, Way

_HANGING = """
import socket, subprocess, time
from sync.names import Names
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))  # takes every question and answers none
begin = time.monotonic()
try:
    Names().addresses("doors.example.org", 443, 0.3)
except TimeoutError as error:
    assert server.recv(512), "the C library did ask it"
    assert time.monotonic() - begin < 4, "it would have waited for five seconds"
    print(error, flush=True)
"""


def test_no_certificate_but_the_right_one_gets_a_key(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    with Echo() as echo, Rough(urlsplit(echo.url).port or 0, tls=made.good()) as front:
        clock = MovingClock()
        with Line(front.url, clock=clock, wait=Waiting(clock), ca_file=made.ca_file) as line:
            assert line.request("GET", "/").status == 200
            for wrong in (made.expired(), made.other_name(), made.self_signed()):
                front.tls, front.way = wrong, Way.THROUGH
                with pytest.raises(Unavailable, match=r"certificate of .* is not") as said:
                    line.request("POST", "/")
                assert "nothing was sent. Check this machine's date" in str(said.value)
                assert not said.value.maybe_sent
            front.tls, front.way = made.good(), Way.THROUGH
            assert line.request("GET", "/").status == 200
        assert echo.served == 2


def test_a_network_that_knows_ipv6_alone() -> None:
    with Echo() as echo, Rough(urlsplit(echo.url).port or 0, "::1") as front:
        clock = MovingClock()
        names = Names(lambda *_: ["::1"])
        for url in (front.url, f"http://v6.example.org:{front.port}"):
            with Line(url, clock=clock, wait=Waiting(clock), names=names) as line:
                assert line.request("GET", "/").status == 200


def test_an_address_that_does_not_answer_leaves_the_others_their_turn() -> None:
    with Echo() as echo:
        port, clock = urlsplit(echo.url).port, MovingClock()
        names = Names(lambda *_: ["::1", "127.0.0.1"])
        url = f"http://both.example.org:{port}"
        with Line(url, clock=clock, wait=Waiting(clock), names=names) as line:
            assert line.request("GET", "/").status == 200


def test_a_name_server_that_hangs_costs_one_deadline_and_one_thread() -> None:
    answered = threading.Event()

    def hanging(*_: object) -> list[str]:
        assert answered.wait(30)
        return ["127.0.0.1"]

    with Echo() as echo:
        port, clock = urlsplit(echo.url).port, MovingClock()
        url = f"http://slow.example.org:{port}"
        with Line(url, clock=clock, wait=Waiting(clock), names=Names(hanging)) as line:
            before = threading.active_count()
            for _ in range(3):
                with (
                    within(clock.monotonic() + 0.05),
                    pytest.raises(Unavailable, match="look at the name servers") as said,
                ):
                    line.request("POST", "/")
                assert not said.value.maybe_sent
            assert threading.active_count() == before + 1
            answered.set()
            assert line.request("GET", "/").status == 200
            assert echo.served == 1


def test_a_pause_with_an_end_is_a_sign_of_life_and_silence_is_none() -> None:
    clock, stopping = FakeClock(), threading.Event()
    life = Life(clock, stopping)
    life.sign("push")
    clock.advance(130)
    assert life.stuck() == ["push"]
    assert not life.wait(0)
    assert life.stuck() == []


class Watched(threading.Event):
    """Says when somebody begins to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.awaited.set()
        return super().wait(timeout)


def test_who_rests_for_long_is_not_stuck_before_that_is_over() -> None:
    clock, stopping = FakeClock(), Watched()
    life = Life(clock, stopping)

    def rest() -> None:
        life.sign("rests")
        assert life.wait(600)

    resting = threading.Thread(target=rest)
    resting.start()
    assert stopping.awaited.wait(30)
    clock.advance(700)
    assert life.stuck() == []
    clock.advance(30)
    assert life.stuck() == ["rests"]
    stopping.set()
    resting.join()
    assert life.stuck() == []


def test_a_real_name_server_that_hangs(tmp_path: Path) -> None:
    """In a network and with a /etc/resolv.conf of its own."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (tmp_path / "ask.py").write_text(_HANGING)
    setup = f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec {sys.executable} "
    command = ["unshare", "-mn", "sh", "-c", f"{setup} {tmp_path}/ask.py"]
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    if os.geteuid() or subprocess.run(["unshare", "-mn", "true"], check=False).returncode:
        pytest.skip("needs root and namespaces")
    ran = subprocess.run(
        command, env=where, capture_output=True, text=True, timeout=60, check=False
    )
    assert "no name server tells the address of doors.example.org" in ran.stdout, ran.stderr
