"""A lock at a Modbus unit that errs: silent, late, noise, half frames, others' answers."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller.errors import HardwareError
from hw.modbus_line import Line
from hw.modbus_relay import ModbusRelay, ModbusRelaySettings
from hw.modbus_settings import ModbusPlace
from hw.relay_frames import OFF, ON, rtu, tcp, write_coil
from hw.relay_lock import RETRY
from tests.contract_hw import PATIENCE
from tests.relay_boards import Obedient, raw_unit
from tests.relays import Alarms

QUICK = 0.05  # seconds to wait for units that will not answer


@pytest.fixture
def alarms() -> Alarms:
    return Alarms()


def brisk(place: ModbusPlace) -> Line:
    return Line(place, wait=QUICK)


class Rogue:
    """A unit that can be told to err, and what a lock at it does."""

    def __init__(self, path: Path, alarms: Alarms) -> None:
        self.path, self.alarms = path, alarms
        self.answers: Callable[[bytes], bytes] = Obedient()

    def answer(self, question: bytes) -> bytes:
        return self.answers(question)

    def lock(self, **more: Any) -> ModbusRelay:
        own = ModbusRelaySettings(port=str(self.path), **more)
        return ModbusRelay(own, "front/lock", after=self.alarms, line=brisk)


def silent(question: bytes) -> bytes:
    return b""


def elsewhere(question: bytes) -> bytes:
    return rtu(question[0] + 1, question[1:-2])


def refusing(question: bytes) -> bytes:
    return rtu(question[0], bytes([question[1] | 0x80, 4]))


def garbage(question: bytes) -> bytes:
    return b"\xff\x00" * 20


def flipped(question: bytes) -> bytes:
    return question[:-1] + bytes([question[-1] ^ 1])


def another_value(question: bytes) -> bytes:
    return rtu(question[0], write_coil(0, ON if question[4] == 0 else OFF))


def another_coil(question: bytes) -> bytes:
    return rtu(question[0], write_coil(5, OFF))


def a_reading(question: bytes) -> bytes:
    return rtu(question[0], bytes.fromhex("010101"))


def half(question: bytes) -> bytes:
    return question[:5]


ERRING = [
    *(silent, elsewhere, refusing, garbage, flipped, another_value, another_coil, a_reading, half)
]


class TestAUnitThatErrs:
    @pytest.fixture
    def rogue(self, tmp_path: Path, alarms: Alarms) -> Iterator[Rogue]:
        rogue = Rogue(tmp_path / "unit", alarms)
        with raw_unit(rogue.path, rogue.answer) as self.unit:
            yield rogue

    @pytest.mark.parametrize("err", ERRING)
    def test_has_confirmed_nothing(
        self, rogue: Rogue, err: Callable[[bytes], bytes], alarms: Alarms
    ) -> None:
        lock = rogue.lock()
        rogue.answers = err
        with capture_logs() as logs:
            assert lock.secure().startswith(f"lock front/lock: {rogue.path} unit 1 ")
            with pytest.raises(HardwareError, match=r"front/lock.*not opened.*may stand open"):
                lock.release(5)
        assert [log["log_level"] for log in logs] == ["error"]
        assert alarms.seconds == [RETRY], "it may have opened: shut it as soon as it can be"

        rogue.answers = Obedient()
        with capture_logs() as logs:
            alarms.ring()
        assert [log["event"] for log in logs] == ["lock is secured again"]
        assert not alarms.pending
        lock.stop()

    @pytest.mark.parametrize("err", ERRING)
    def test_is_no_lock_to_begin_with(self, rogue: Rogue, err: Callable[[bytes], bytes]) -> None:
        rogue.answers = err
        with pytest.raises(HardwareError, match=r"^lock front/lock: .*unit 1 "):
            rogue.lock()
        while not self.unit.heard.empty():
            assert self.unit.next_question() == rtu(1, write_coil(0, OFF))

    def test_is_asked_again_once(self, rogue: Rogue) -> None:
        board, lost = Obedient(), [True, False, True, False]
        rogue.answers = lambda question: b"" if lost.pop(0) else board(question)
        rogue.lock()
        assert not lost

    @pytest.mark.parametrize("noise", ["00", "FF", "0001", "FE8101"])
    def test_may_have_noise_before_its_answer(self, rogue: Rogue, noise: str) -> None:
        board = Obedient()
        rogue.answers = lambda question: bytes.fromhex(noise) + board(question)
        lock = rogue.lock()
        assert lock.secure() == ""
        lock.stop()

    def test_may_be_preceded_by_another_units_answer(self, rogue: Rogue) -> None:
        board = Obedient()
        rogue.answers = lambda question: elsewhere(question) + board(question)
        rogue.lock().stop()

    def test_is_not_taken_for_there_when_the_adapter_echoes_what_it_sends(
        self, rogue: Rogue
    ) -> None:
        rogue.answers = bytes
        with pytest.raises(HardwareError, match="answers, but not to the question"):
            rogue.lock()

    @pytest.mark.parametrize(("energize", "stuck"), [("unlock", "on"), ("lock", "off")])
    def test_whose_relay_does_not_do_as_it_says_is_told(
        self, rogue: Rogue, energize: str, stuck: str
    ) -> None:
        board = Obedient()
        rogue.answers = board
        lock = rogue.lock(energize=energize)

        def contrary(question: bytes) -> bytes:
            answer = board(question)
            board.on = {0} if stuck == "on" else set()
            return answer

        rogue.answers = contrary
        with capture_logs():
            assert f"says that relay 1 is {stuck}" in lock.secure()
            lock.stop()

    def test_may_be_unable_to_say_how_its_relay_stands(self, rogue: Rogue) -> None:
        def terse(question: bytes) -> bytes:
            return question if question[1] == 5 else rtu(1, b"\x81\x01")

        rogue.answers = terse
        lock = rogue.lock()
        assert lock.secure() == ""
        lock.stop()

    def test_that_answers_late_is_not_believed_the_next_time(self, rogue: Rogue) -> None:
        """The echo of the release comes when the next is asked; that one is not confirmed by it."""
        lock = rogue.lock()
        rogue.answers = silent
        with capture_logs(), pytest.raises(HardwareError, match="does not answer"):
            lock.release(5)
        self.unit.send(rtu(1, write_coil(0, OFF)))
        with capture_logs():
            assert "does not answer" in lock.secure()
        rogue.answers = Obedient()
        with capture_logs():
            lock.stop()


@pytest.mark.parametrize(
    "err",
    [
        lambda question: tcp(question[6], question[7:], question[1] + 1),
        lambda question: tcp(question[6] + 1, question[7:], question[1]),
        lambda question: question[:-1] + b"\x01",
        lambda question: b"",
        lambda question: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=["late", "of another unit", "another value", "hung up", "no Modbus"],
)
def test_over_tcp_too_only_the_answer_confirms(err: Callable[[bytes], bytes]) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = server.accept()
                    with line:
                        while (question := line.recv(256)) and (answer := err(question)):
                            asked.append(question[7:])
                            line.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        own = ModbusRelaySettings(host=f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(HardwareError, match=r"^lock front/lock: 127\.0\.0\.1"):
            ModbusRelay(own, "front/lock", line=brisk)
        server.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert set(asked) <= {write_coil(0, OFF)}
