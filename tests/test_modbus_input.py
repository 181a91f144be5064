"""Contacts at a Modbus board: pymodbus's server over a cable and over TCP, and units that err."""

import queue
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from hw.modbus_input import SURE, ModbusInput, ModbusInputSettings
from hw.modbus_line import Line, NoAnswer
from hw.modbus_poll import MOST, Poll, Quiet, Watch, spans
from hw.modbus_relay import ModbusRelay, ModbusRelaySettings
from hw.modbus_settings import ModbusPlace
from hw.relay_frames import rtu
from tests.contract_hw import PATIENCE, Heard, InputContract, InputRig
from tests.modbus_boards import ModbusBoard
from tests.relay_boards import RawUnit, patiently, raw_unit
from tests.serials import plugged

BRISK = Quiet(first=0.02, longest=0.04)
CLOSED, OPEN = 1000, 2000  # values of a supervised circuit
MEASURED = {
    "table": "input-register",
    "value_closed": [900, 1100],
    "value_open": [1900, 2100],
}


@pytest.fixture(params=["rtu", "tcp"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ModbusBoard, str, str]]:
    """A board, and its place as the configuration has it: `port` or `host`, and its value."""
    board = ModbusBoard()
    if request.param == "tcp":
        with board.serving(None):
            yield board, "host", f"127.0.0.1:{board.port}"
    else:
        with plugged(tmp_path) as cable, board.serving(cable.far):
            yield board, "port", str(cable.near)


@pytest.fixture
def board(at: tuple[ModbusBoard, str, str]) -> ModbusBoard:
    return at[0]


def brisk(place: ModbusPlace) -> Line:
    return Line(place, wait=0.05)


Make = Callable[..., ModbusInput]


@pytest.fixture
def make(at: tuple[ModbusBoard, str, str]) -> Iterator[Make]:
    made: list[ModbusInput] = []

    def make(name: str = "front/contact", **more: Any) -> ModbusInput:
        given = {at[1]: at[2], "channel": 1, "normally": "closed", "every": 0.01, **more}
        made.append(ModbusInput(ModbusInputSettings.model_validate(given), name, quiet=BRISK))
        return made[-1]

    yield make
    for each in made:
        each.stop()


class TestNormallyClosed(InputContract):
    @pytest.fixture
    def rig(self, board: ModbusBoard, make: Make) -> InputRig:
        def move(active: bool) -> None:
            board.contacts[2] = not active

        move(False)
        return InputRig(make(channel=3, normally="closed"), move)


class TestNormallyOpen(InputContract):
    @pytest.fixture
    def rig(self, board: ModbusBoard, make: Make) -> InputRig:
        def move(active: bool) -> None:
            board.contacts[0] = active

        return InputRig(make(normally="open"), move)


class TestMeasured(InputContract):
    @pytest.fixture(params=["input-register", "holding-register"])
    def rig(self, board: ModbusBoard, make: Make, request: pytest.FixtureRequest) -> InputRig:
        def move(active: bool) -> None:
            board.values[1] = OPEN if active else CLOSED

        move(False)
        return InputRig(make(channel=2, **{**MEASURED, "table": request.param}), move)


class TestASupervisedCircuit:
    @pytest.mark.parametrize(
        ("value", "wrong"),
        [
            (0, "is short"),
            (899, "is short"),
            (2101, "is cut"),
            (65535, "is cut"),
            (1500, "between"),
        ],
    )
    def test_says_what_is_wrong_with_it_and_when_it_is_over(
        self, board: ModbusBoard, make: Make, value: int, wrong: str
    ) -> None:
        board.values[0] = CLOSED
        contact, heard = make(**MEASURED), Heard()
        contact.start(heard.tell)
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is False

        with capture_logs():
            board.values[0] = value
            ok, why = heard.next_health()
        assert not ok
        assert why.startswith("input front/contact: the circuit ")
        assert wrong in why

        board.values[0] = OPEN
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is True
        assert heard.levels.empty()

    def test_is_no_fault_while_a_contact_is_on_its_way(self) -> None:
        heard, contact = Heard(), at_nothing(**MEASURED)
        contact._tell = heard.tell
        for value in (CLOSED, *([1500] * (SURE - 1)), OPEN):
            contact._value(value)
        assert list(heard.levels.queue) == [False, True]
        assert list(heard.healths.queue) == [(True, "")]

    @pytest.mark.parametrize(
        ("value", "closed"),
        [(500, "is cut"), (950, False), (1500, "is between open and closed"), (1950, True)],
    )
    def test_may_also_fall_with_the_resistance(self, value: int, closed: bool | str) -> None:
        own = {**MEASURED, "value_closed": [1900, 2100], "value_open": [900, 1100]}
        assert at_nothing(**own)._settings.closed(value) == closed
        assert at_nothing(**own)._settings.closed(2200) == "is short"


def at_nothing(**more: Any) -> ModbusInput:
    given = {"port": "/dev/nowhere", "channel": 1, "normally": "closed", **more}
    return ModbusInput(ModbusInputSettings.model_validate(given), "front/contact")


class TestOnePoll:
    def test_reads_all_inputs_of_a_unit_at_once(self, board: ModbusBoard, make: Make) -> None:
        heards = {channel: Heard() for channel in (1, 4, 8)}
        for channel, heard in heards.items():
            make(f"door{channel}/contact", channel=channel).start(heard.tell)
        for heard in heards.values():
            assert heard.levels.get(timeout=PATIENCE) is True
        patiently(lambda: board.reads.get(timeout=PATIENCE) == (2, 0, 8))

        board.contacts[3] = True

        assert heards[4].levels.get(timeout=PATIENCE) is False
        assert board.reads.get(timeout=PATIENCE) == (2, 0, 8), "and nothing else"
        assert heards[1].levels.empty()
        assert heards[8].levels.empty()

    def test_shares_its_line_with_a_relay(
        self, at: tuple[ModbusBoard, str, str], make: Make
    ) -> None:
        board, key, value = at
        contact, heard = make(), Heard()
        contact.start(heard.tell)
        heard.next_health()
        lock = ModbusRelay(ModbusRelaySettings.model_validate({key: value}), "front/lock")
        for _ in range(20):
            lock.release(5)
            assert board.on == {1}
            assert lock.secure() == ""
            assert not board.on
        lock.stop()
        assert heard.healths.empty()

    def test_a_listener_that_fails_does_not_end_it(self, board: ModbusBoard, make: Make) -> None:
        def fail(_: object) -> None:
            raise RuntimeError("somewhere else")

        heard = Heard()
        with capture_logs() as logs:
            make("front/contact", channel=1).start(fail)
            make("back/contact", channel=2).start(heard.tell)
            assert heard.levels.get(timeout=PATIENCE) is True
            board.contacts[1] = True
            assert heard.levels.get(timeout=PATIENCE) is False
        assert any("could not be handed on" in log["event"] for log in logs)

    def test_asks_for_neighbours_together_and_for_no_more_than_a_board_gives(self) -> None:
        def watch(table: str, address: int) -> Watch:
            return Watch(table, address, 0.05, lambda _: None, lambda _: None)

        watches = [watch("discrete", each) for each in (200, 7, 0, MOST - 1, MOST)]
        found = [
            (span.table, span.first, span.length)
            for span in spans([*watches, watch("input-register", 3)])
        ]
        assert found == [
            ("discrete", 0, MOST),
            ("discrete", MOST, 1),
            ("discrete", 200, 1),
            ("input-register", 3, 1),
        ]

    def test_is_started_once(self, make: Make) -> None:
        contact = make()
        contact.start(Heard().tell)
        with pytest.raises(HardwareError, match="front/contact was started before"):
            contact.start(Heard().tell)


def bits(value: int) -> Callable[[bytes], bytes]:
    """Answers each read of eight bits with these."""

    def answer(question: bytes) -> bytes:
        return rtu(question[0], bytes([question[1], 1, value]))

    return answer


ERRING: dict[str, Callable[[bytes], bytes]] = {
    "silent": lambda _: b"",
    "of another address": lambda question: rtu(question[0] + 1, bytes.fromhex("020101")),
    "refusing": lambda question: rtu(question[0], bytes([question[1] | 0x80, 2])),
    "garbage": lambda _: b"\xff\x00" * 20,
    "another function": lambda question: rtu(question[0], bytes.fromhex("010101")),
    "another length": lambda question: rtu(question[0], bytes.fromhex("02020101")),
    "a wrong sum": lambda question: bits(1)(question)[:-1] + b"\x00",
    "half of it": lambda question: bits(1)(question)[:4],
}


class TestAUnitThatErrs:
    @pytest.fixture
    def unit(self, tmp_path: Path) -> Iterator[RawUnit]:
        with raw_unit(tmp_path / "unit", bits(0)) as unit:
            yield unit

    @pytest.fixture
    def contact(self, unit: RawUnit) -> Iterator[ModbusInput]:
        given = {"port": str(unit.path), "channel": 1, "normally": "open", "every": 0.01}
        own = ModbusInputSettings.model_validate(given)
        contact = ModbusInput(own, "front/contact", quiet=BRISK, line=brisk)
        yield contact
        contact.stop()

    @pytest.mark.parametrize("err", ERRING)
    def test_is_told_and_its_level_is_not_believed(
        self, unit: RawUnit, contact: ModbusInput, err: str
    ) -> None:
        heard = Heard()
        contact.start(heard.tell)
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is False

        with capture_logs():
            unit.answer = ERRING[err]
            ok, why = heard.next_health()
        assert not ok
        assert why.startswith(f"input front/contact: {unit.path} unit 1 ")

        unit.answer = bits(1)
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is True
        assert heard.levels.empty()

    def test_one_answer_too_few_is_noise(self, unit: RawUnit, contact: ModbusInput) -> None:
        heard, answers = Heard(), [b"", *([bits(0)(rtu(1, b"\x02"))] * 3)]
        unit.answer = lambda question: answers.pop(0) if answers else bits(1)(question)
        contact.start(heard.tell)
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is False
        assert heard.levels.get(timeout=PATIENCE) is True
        assert heard.healths.empty()

    def test_that_answers_late_is_not_believed_the_next_time(
        self, unit: RawUnit, contact: ModbusInput
    ) -> None:
        line = brisk(contact._settings)
        unit.answer = ERRING["silent"]
        with pytest.raises(NoAnswer):
            line.read(1, "discrete", 0, 1)
        unit.send(bits(1)(unit.next_question()))
        unit.answer = bits(0)
        assert list(line.read(1, "discrete", 0, 1)) == [False]
        line.close()

    def test_that_answers_late_is_not_asked_again_before_it_is_quiet(
        self, contact: ModbusInput
    ) -> None:
        line = Scripted(contact._settings)
        poll = Poll(contact._settings, Quiet(0.001, 0.001), lambda: line)
        poll.join(Watch("discrete", 0, 0.05, lambda _: None, lambda _: None))
        first = [line.done.get(timeout=PATIENCE) for _ in range(6)]
        poll.close()
        assert first == ["read", 1, 2, 3, 3, "read"]

    def test_unplugged_it_says_what_is_there_instead_and_is_found_again(
        self, unit: RawUnit, contact: ModbusInput
    ) -> None:
        unit.unplug()
        heard = Heard()
        with capture_logs():
            contact.start(heard.tell)
            ok, why = heard.next_health()
        assert not ok
        assert "is not there" in why
        assert "serial ports here: " in why

        unit.plug()
        assert heard.next_health() == (True, "")
        for _ in range(2):
            with capture_logs():
                unit.unplug()
                assert not heard.next_health()[0]
            unit.plug()
            assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is False
        assert heard.levels.empty()

    def test_can_be_stopped_while_it_is_lost_and_before_it_was_started(
        self, unit: RawUnit, contact: ModbusInput
    ) -> None:
        contact.stop()
        unit.unplug()
        heard = Heard()
        other = ModbusInput(contact._settings, "front/contact", quiet=Quiet(3600, 3600))
        with capture_logs():
            other.start(heard.tell)
            heard.next_health()
            other.stop()
            other.stop()


class Scripted(Line):
    """Two late answers come in after the first question."""

    def __init__(self, place: ModbusPlace) -> None:
        super().__init__(place)
        self.done: queue.Queue[str | int] = queue.Queue()
        self._heard_late = [1, 2, 3]

    def read(
        self, unit: int, table: str, address: int, count: int = 1, tries: int = 1
    ) -> Sequence[int]:
        self.done.put("read")
        raise NoAnswer("nothing")

    def listen(self) -> int:
        late = self._heard_late.pop(0) if self._heard_late else 3
        self.done.put(late)
        return late


class TestTheInstaller:
    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"normally": None}, "normally"),
            ({"table": "input-register"}, "needs value_closed and value_open"),
            ({**MEASURED, "value_open": [1100, 1200]}, "must not overlap"),
            ({**MEASURED, "value_open": [2100, 1900]}, "lowest, highest"),
            ({**MEASURED, "table": "discrete"}, "for registers only"),
            ({"every": "1ms"}, "10ms"),
            ({"channel": 0}, "channel"),
        ],
    )
    def test_is_told_what_cannot_be(self, wrong: dict[str, Any], words: str) -> None:
        given = {"port": "/dev/x", "channel": 1, "normally": "open", **wrong}
        with pytest.raises(ValidationError, match=words):
            ModbusInputSettings.model_validate(given)

    def test_has_to_say_how_the_circuit_rests(self) -> None:
        with pytest.raises(ValidationError, match="normally"):
            ModbusInputSettings.model_validate({"port": "/dev/x", "channel": 1})

    def test_may_use_each_channel_once(self) -> None:
        def unit(**more: Any) -> object:
            given = {"port": "/dev/x", "channel": 1, "normally": "open", **more}
            return ModbusInputSettings.model_validate(given).attached()[0].unit

        places = (unit(), unit(channel=2), unit(unit=2), unit(**MEASURED), unit(table="coil"))
        assert len(set(places)) == len(places)
