"""A lock on a Modbus board: pymodbus's own server over a cable and over TCP, and units that err."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from controller.lock_list import ListedLock
from hw.lock_all import shut_all
from hw.modbus_line import Line
from hw.modbus_relay import ModbusRelay, ModbusRelaySettings
from hw.modbus_settings import ModbusPlace
from hw.relay_frames import FLASH_OFF, FLASH_ON, OFF, ON
from hw.relay_lock import SLACK
from tests.contract_hw import PATIENCE, LockContract, LockRig
from tests.modbus_boards import Command, ModbusBoard
from tests.relay_boards import Obedient, raw_unit
from tests.relays import Alarms
from tests.serials import plugged

SHUT, OPEN = Command(0, OFF), Command(0, ON)
QUICK = 0.05  # seconds to wait for units that will not answer


@pytest.fixture(params=["rtu", "tcp"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ModbusBoard, str]]:
    """A board, and its place as the configuration has it: (key, value) of port or host."""
    board = ModbusBoard(tenth=0.001)
    if request.param == "tcp":
        with board.serving(None):
            yield board, f"host=127.0.0.1:{board.port}"
    else:
        with plugged(tmp_path) as cable, board.serving(cable.far):
            yield board, f"port={cable.near}"


@pytest.fixture
def board(at: tuple[ModbusBoard, str]) -> ModbusBoard:
    return at[0]


@pytest.fixture
def alarms() -> Alarms:
    return Alarms()


def settings(place: str, **more: Any) -> ModbusRelaySettings:
    key, _, value = place.partition("=")
    return ModbusRelaySettings.model_validate({key: value, **more})


Make = Callable[..., ModbusRelay]


@pytest.fixture
def make(at: tuple[ModbusBoard, str], alarms: Alarms) -> Iterator[Make]:
    made: list[ModbusRelay] = []

    def make(name: str = "front/lock", **more: Any) -> ModbusRelay:
        made.append(ModbusRelay(settings(at[1], **more), name, after=alarms))
        return made[-1]

    yield make
    with capture_logs():
        for lock in made:
            lock.stop()


class TestEnergizedToUnlock(LockContract):
    @pytest.fixture
    def rig(self, board: ModbusBoard, make: Make) -> LockRig:
        return LockRig(make(channel=2), lambda: 2 in board.on)


class TestEnergizedToLock(LockContract):
    @pytest.fixture
    def rig(self, board: ModbusBoard, make: Make) -> LockRig:
        return LockRig(make(energize="lock"), lambda: 1 not in board.on)


class TestWithPulsesOfTheBoard(LockContract):
    @pytest.fixture
    def rig(self, board: ModbusBoard, make: Make) -> LockRig:
        board.tenth = 1.0
        return LockRig(make(pulse="board"), lambda: 1 in board.on)


class TestTheCommands:
    def test_of_a_day(self, board: ModbusBoard, make: Make) -> None:
        lock = make()
        lock.release(5)
        lock.release(5)
        lock.secure()
        lock.secure()
        lock.stop()
        assert board.commands == [SHUT, OPEN, OPEN, SHUT, SHUT, SHUT]

    @pytest.mark.parametrize(("energize", "flash"), [("unlock", FLASH_ON), ("lock", FLASH_OFF)])
    def test_of_a_board_that_ends_its_pulses(
        self, board: ModbusBoard, make: Make, energize: str, flash: int
    ) -> None:
        shut = Command(2, ON if energize == "lock" else OFF)
        lock = make(channel=3, energize=energize, pulse="board")
        lock.release(5)
        lock.release(0.34)
        lock.stop()
        pulses = [Command(flash + 2, 50), Command(flash + 2, 4)]
        assert board.commands == [shut, *pulses, shut]

    def test_such_a_board_shuts_the_door_of_a_program_that_is_no_more(
        self, board: ModbusBoard, make: Make
    ) -> None:
        make(pulse="board").release(5)
        assert board.ended.get(timeout=PATIENCE) == 1
        assert not board.on

    def test_a_forgotten_release_ends_by_itself(
        self, board: ModbusBoard, make: Make, alarms: Alarms
    ) -> None:
        make().release(5)
        assert alarms.seconds == [5 + SLACK]
        with capture_logs():
            alarms.ring()
        assert not board.on

    def test_several_doors_share_a_line(self, board: ModbusBoard, make: Make) -> None:
        front, back = make("front/lock", channel=1), make("back/lock", channel=2)
        front.release(5)
        back.release(5)
        front.stop()
        assert board.on == {2}
        back.secure()
        assert not board.on

    def test_a_channel_that_the_board_has_not_is_told(self, board: ModbusBoard, make: Make) -> None:
        with pytest.raises(HardwareError, match=r"front/lock: .* refuses \(it has no such channel"):
            make(channel=99)
        assert board.commands == []

    def test_many_starts_and_stops_make_no_pulse(self, board: ModbusBoard, make: Make) -> None:
        for _ in range(20):
            make().stop()
        assert set(board.commands) == {SHUT}


HOLD = """
import sys
from hw.modbus_relay import ModbusRelay, ModbusRelaySettings
key, _, value = sys.argv[1].partition("=")
own = ModbusRelaySettings.model_validate({key: value, "energize": sys.argv[2]})
lock = ModbusRelay(own, "front/lock")
if sys.argv[3] == "released":
    lock.release(10)
print("holds", flush=True)
if sys.argv[3] == "fault":
    raise SystemError("somewhere else")
sys.stdin.read()
"""


class TestWhatADyingProgramLeaves:
    """A process of its own holds the lock."""

    @pytest.mark.parametrize("energize", ["unlock", "lock"])
    @pytest.mark.parametrize("state", ["secured", "released"])
    def test_killed_it_leaves_all_to_lock_all(
        self, at: tuple[ModbusBoard, str], energize: str, state: str
    ) -> None:
        board, place = at
        shut, unlock = (SHUT, OPEN) if energize == "unlock" else (OPEN, SHUT)
        holder = held(place, energize, state)
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        assert board.commands == [shut, unlock][: 1 + (state == "released")]
        own = settings(place, energize=energize).model_dump(mode="json")

        (outcome,) = shut_all([ListedLock("front", "modbus-relay", own)])

        assert outcome.shut, outcome
        assert board.commands[-1] == shut
        assert board.commands.count(unlock) == (state == "released")

    def test_ended_by_an_exception_it_never_opened(self, at: tuple[ModbusBoard, str]) -> None:
        board, place = at
        holder = held(place, "unlock", "fault")
        _, err = holder.communicate()
        assert "somewhere else" in err
        assert set(board.commands) == {SHUT}


def held(*words: str) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert re.search("holds", holder.stdout.readline())
    return holder


def brisk(place: ModbusPlace) -> Line:
    return Line(place, wait=0.05)


class TestALostLine:
    def test_a_missing_adapter_says_where_and_what_is_there_instead(self, tmp_path: Path) -> None:
        own = ModbusRelaySettings(port=str(tmp_path / "none"))
        with pytest.raises(HardwareError, match=r"front/lock: .*none is not there.*ports here: "):
            ModbusRelay(own, "front/lock")

    def test_an_adapter_that_was_unplugged_is_told_and_found_again(
        self, tmp_path: Path, alarms: Alarms
    ) -> None:
        with raw_unit(tmp_path / "unit", Obedient()) as unit:
            own = ModbusRelaySettings(port=str(unit.path))
            lock = ModbusRelay(own, "front/lock", after=alarms, line=brisk)
            unit.unplug()
            with capture_logs():
                assert "is not there" in lock.secure()
                unit.plug()
                assert lock.secure() == ""
            unit.unplug()
            unit.plug()
            lock.release(5)
            lock.stop()

    def test_nobody_at_the_address(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        own = ModbusRelaySettings(host=f"127.0.0.1:{port}")
        with pytest.raises(HardwareError, match=rf"127.0.0.1:{port} cannot be reached .*network"):
            ModbusRelay(own, "front/lock")

    def test_a_server_that_takes_the_call_and_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            own = ModbusRelaySettings(host=f"127.0.0.1:{server.getsockname()[1]}")
            with pytest.raises(HardwareError, match="does not answer"):
                ModbusRelay(own, "front/lock", line=brisk)

    def test_a_board_that_was_restarted_is_called_again(self, alarms: Alarms) -> None:
        first, second = ModbusBoard(), ModbusBoard()
        with first.serving(None):
            own = ModbusRelaySettings(host=f"127.0.0.1:{first.port}")
            lock = ModbusRelay(own, "front/lock", after=alarms)
        with second.serving(None, first.port):
            lock.release(5)
            assert second.on == {1}
            lock.stop()
        assert not second.on


class TestTheInstaller:
    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"port": "/dev/x", "host": "10.0.0.5"},
            {"port": "socket://10.0.0.5:502"},
            {"host": "10.0.0.5:0"},
            {"port": "/dev/x", "unit": 0},
            {"port": "/dev/x", "unit": 248},
            {"port": "/dev/x", "channel": 0},
            {"port": "/dev/x", "energize": "open"},
        ],
    )
    def test_is_told_what_cannot_be(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            ModbusRelaySettings.model_validate(wrong)

    def test_may_share_a_line_but_no_channel(self) -> None:
        def place(**more: Any) -> Any:
            return ModbusRelaySettings(port="/dev/nowhere", **more).attached()[0]

        assert place().line == place(channel=2).line
        assert place().speaks == place(unit=2).speaks
        assert place().speaks != place(baud=19200).speaks
        assert len({place(unit=u, channel=c).unit for u in (1, 2) for c in (1, 2)}) == 4
