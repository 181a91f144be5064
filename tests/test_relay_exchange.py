"""One command to a relay board on a pty or over TCP, and what it answers."""

import errno
import fcntl
import os
import pty
import queue
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from controller.errors import HardwareError
from hw.relay_exchange import Line, ask, ask_tcp, tell
from tests.contract_hw import PATIENCE

OFF = bytes.fromhex("01050000 0000 CDCA")  # Modbus: coil 0 of unit 1
REFUSED = bytes.fromhex("018502 C351")


@contextmanager
def board(answer: Callable[[bytes, int], bytes]) -> Iterator[tuple[str, "queue.Queue[bytes]"]]:
    """A board on a pty that answers the nth piece it hears; its port, and what it has heard."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    heard: queue.Queue[bytes] = queue.Queue()

    def serve() -> None:
        with suppress(OSError):
            while piece := os.read(master, 256):
                heard.put(piece)
                os.write(master, answer(piece, heard.qsize()))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave), heard
    finally:
        os.close(slave)  # the last one: the board's read ends
        thread.join(PATIENCE)
        os.close(master)


def all_of(heard: "queue.Queue[bytes]", length: int) -> bytes:
    got = b""
    while len(got) < length:
        got += heard.get(timeout=PATIENCE)
    return got


def test_an_echo_is_the_boards_yes() -> None:
    with board(lambda piece, _: piece) as (port, heard):
        ask(Line(port), OFF, OFF)
        assert list(heard.queue) == [OFF]


def test_what_a_dead_controller_had_asked_for_is_passed_over() -> None:
    late = bytes.fromhex("010101 00 5188")
    with board(lambda piece, _: late + piece) as (port, _):
        ask(Line(port), OFF, OFF)


def test_a_frame_that_is_lost_is_sent_again() -> None:
    with board(lambda piece, count: piece if count > 1 else b"") as (port, heard):
        ask(Line(port), OFF, OFF)
        assert list(heard.queue) == [OFF, OFF]


@pytest.mark.parametrize("answer", [b"", REFUSED, b"\xff" * 40])
def test_silence_a_refusal_and_noise_are_no_yes(answer: bytes) -> None:
    with board(lambda *_: answer) as (port, _), pytest.raises(HardwareError, match=port):
        ask(Line(port), OFF, OFF)


def test_a_board_that_never_answers_is_told_more_than_once() -> None:
    frame = bytes.fromhex("A00100A1")
    with board(lambda *_: b"") as (port, heard):
        tell(Line(port), frame)
        assert all_of(heard, 12) == 3 * frame


def test_a_port_that_the_controller_holds_is_left_to_it() -> None:
    with board(lambda piece, _: piece) as (port, heard):
        holder = os.open(port, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(OSError, match=port) as caught:
            ask(Line(port), OFF, OFF)
        os.close(holder)
        assert caught.value.errno in (errno.EAGAIN, errno.EBUSY)
        assert heard.empty()


def test_a_port_that_is_not_there_is_an_error_with_its_number() -> None:
    with pytest.raises(OSError, match="/dev/nowhere") as caught:
        tell(Line("/dev/nowhere"), OFF)
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("answers", [True, False])
def test_over_tcp_too_only_an_answer_is_a_yes(answers: bool) -> None:
    frame = bytes.fromhex("000100000006 010500000000")
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                while piece := line.recv(256):
                    if answers:
                        line.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        if answers:
            ask_tcp(host, port, frame, frame)
        else:
            with pytest.raises(HardwareError, match="does not confirm"):
                ask_tcp(host, port, frame, frame)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_nobody_at_that_address_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
    with pytest.raises(ConnectionRefusedError):
        ask_tcp(host, port, OFF, OFF)
