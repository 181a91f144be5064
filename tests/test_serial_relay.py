"""A lock on an LCUS board: every frame at the far end of a pty, in order, and no "on" too many."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from controller.lock_list import ListedLock
from hw.lock_all import shut_all
from hw.relay_lock import RETRY, SLACK, ring_after
from hw.serial_relay import SerialRelay, SerialRelaySettings
from tests.contract_hw import PATIENCE, LockContract, LockRig
from tests.relay_boards import LcusBoard, lcus_board
from tests.relays import Alarms

OFF, ON = (1, False), (1, True)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LcusBoard]:
    with lcus_board(tmp_path / "relay") as board:
        yield board


@pytest.fixture
def alarms() -> Alarms:
    return Alarms()


Make = Callable[..., SerialRelay]


@pytest.fixture
def make(board: LcusBoard, alarms: Alarms) -> Iterator[Make]:
    made: list[SerialRelay] = []

    def make(name: str = "front/lock", **settings: Any) -> SerialRelay:
        own = SerialRelaySettings(port=str(board.path), **settings)
        made.append(SerialRelay(own, name, after=alarms))
        return made[-1]

    yield make
    with capture_logs():
        for lock in made:
            lock.stop()


class TestEnergizedToUnlock(LockContract):
    @pytest.fixture
    def rig(self, board: LcusBoard, make: Make) -> LockRig:
        return LockRig(make(), board.is_on)


class TestEnergizedToLock(LockContract):
    @pytest.fixture
    def rig(self, board: LcusBoard, make: Make) -> LockRig:
        return LockRig(make(energize="lock"), lambda: not board.is_on())


class TestTheFrames:
    def test_of_a_day(self, board: LcusBoard, make: Make) -> None:
        lock = make()
        assert board.history() == [OFF, OFF], "twice on a fresh line"
        lock.release(5)
        lock.release(5)
        lock.secure()
        lock.secure()
        lock.stop()
        assert board.history() == [OFF, OFF, ON, ON, OFF, OFF, OFF]

    def test_of_a_magnet(self, board: LcusBoard, make: Make) -> None:
        lock = make(energize="lock")
        lock.release(5)
        lock.stop()
        assert board.history() == [ON, ON, OFF, ON], "it holds after the controller has gone, too"

    def test_half_a_frame_of_a_predecessor_does_no_harm(self, board: LcusBoard, make: Make) -> None:
        board.hear(bytes.fromhex("A001"))
        make()
        assert board.history() == [OFF]


class TestTheBound:
    def test_a_forgotten_release_ends_by_itself(
        self, board: LcusBoard, make: Make, alarms: Alarms
    ) -> None:
        make().release(5)
        assert alarms.seconds == [5 + SLACK]
        with capture_logs() as logs:
            alarms.ring()
        assert not board.is_on()
        assert [(log["log_level"], log["lock"]) for log in logs] == [("warning", "front/lock")]

    def test_each_release_counts_anew_and_an_overtaken_alarm_says_nothing(
        self, board: LcusBoard, make: Make, alarms: Alarms
    ) -> None:
        lock = make()
        lock.release(5)
        ((_, overtaken),) = alarms.pending.values()
        lock.release(10)
        overtaken()
        assert board.is_on()
        assert alarms.seconds == [10 + SLACK]

    def test_secure_and_stop_call_it_off(self, make: Make, alarms: Alarms) -> None:
        lock = make()
        lock.release(5)
        lock.secure()
        assert not alarms.pending
        lock.release(5)
        lock.stop()
        assert not alarms.pending

    def test_the_alarm_that_ships_does_ring(self, board: LcusBoard) -> None:
        def soon(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
            return ring_after(seconds / 1000, action)

        own = SerialRelaySettings(port=str(board.path))
        lock = SerialRelay(own, "front/lock", after=soon)
        assert not board.is_on()
        lock.release(5)
        board.wait_for(ON)
        board.commands.clear()
        board.wait_for(OFF)
        lock.stop()

    def test_no_release_without_a_bound(self, board: LcusBoard) -> None:
        def no_threads_left(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
            raise RuntimeError("can't start new thread")

        own = SerialRelaySettings(port=str(board.path))
        lock = SerialRelay(own, "front/lock", after=no_threads_left)
        with pytest.raises(HardwareError, match="new thread"):
            lock.release(5)
        lock.stop()
        assert ON not in board.history()

    def test_stop_leaves_no_thread_behind(self, board: LcusBoard) -> None:
        before = set(threading.enumerate())
        lock = SerialRelay(SerialRelaySettings(port=str(board.path)), "front/lock")
        for _ in range(5):
            lock.release(5)
        lock.stop()
        for thread in set(threading.enumerate()) - before:
            thread.join(PATIENCE)
            assert not thread.is_alive()


class TestALostAdapter:
    def test_at_the_start_says_where_and_what_is_there_instead(
        self, board: LcusBoard, make: Make
    ) -> None:
        board.unplug()
        with pytest.raises(
            HardwareError, match=r"front/lock.*is not there.*serial ports here: "
        ) as e:
            make()
        assert str(board.path) in str(e.value)
        assert "plug the adapter in" in str(e.value)

        board.plug()
        make().release(5)
        assert board.is_on()

    def test_is_noticed_by_securing_and_found_again_by_itself(
        self, board: LcusBoard, make: Make
    ) -> None:
        lock = make()
        board.unplug()
        with capture_logs() as logs:
            whys = {lock.secure(), lock.secure()}
        (why,) = whys
        assert why.startswith(f"lock front/lock: {board.path} ")
        assert "shut when last heard of" in why
        assert [log["log_level"] for log in logs] == ["error"], "told once"

        board.plug()
        with capture_logs() as logs:
            assert lock.secure() == ""
        assert [log["event"] for log in logs] == ["lock is secured again"]
        assert set(board.history()) == {OFF}

    def test_replugged_between_two_commands_nobody_notices(
        self, board: LcusBoard, make: Make
    ) -> None:
        lock = make()
        board.unplug()
        board.plug()
        lock.release(5)
        assert board.is_on()

    def test_a_release_fails_loudly_and_what_may_have_opened_is_shut_as_soon_as_it_can_be(
        self, board: LcusBoard, make: Make, alarms: Alarms
    ) -> None:
        lock = make()
        lock.release(5)
        board.unplug()
        with (
            capture_logs() as logs,
            pytest.raises(HardwareError, match=r"front/lock: .*not opened"),
        ):
            lock.release(5)
        assert [log["log_level"] for log in logs] == ["critical"]
        assert alarms.seconds == [RETRY]

        board.plug()
        with capture_logs():
            alarms.ring()
        assert board.history() == [OFF, OFF]
        assert not alarms.pending

    def test_a_magnet_without_its_adapter_is_said_to_stand_open(
        self, board: LcusBoard, make: Make
    ) -> None:
        lock = make(energize="lock")
        board.unplug()
        with capture_logs() as logs:
            assert "stands open" in lock.secure()
        assert [log["log_level"] for log in logs] == ["critical"]

    def test_stop_gives_up_without_raising(self, board: LcusBoard, make: Make) -> None:
        lock = make()
        board.unplug()
        with capture_logs():
            lock.stop()


class TestOneBoardOfSeveralDoors:
    def test_they_share_its_line_which_is_closed_with_the_last(
        self, board: LcusBoard, make: Make
    ) -> None:
        front, back = make("front/lock", channel=1), make("back/lock", channel=2)
        front.release(5)
        back.release(5)
        front.stop()
        assert (board.is_on(1), board.is_on(2)) == (False, True)

        assert "another program holds it" in shut_all([listed(board)])[0].words
        back.stop()
        assert shut_all([listed(board)])[0].shut

    def test_the_configuration_allows_just_that(self) -> None:
        first = SerialRelaySettings(port="/dev/nowhere", channel=1).attached()[0]
        second = SerialRelaySettings(port="/dev/nowhere", channel=2).attached()[0]
        assert (first.line, first.speaks) == (second.line, second.speaks)
        assert first.unit != second.unit

    @pytest.mark.parametrize("port", ["socket://10.0.0.5:4000", "COM3", ""])
    def test_a_line_whose_death_nobody_would_notice_is_none(self, port: str) -> None:
        with pytest.raises(ValidationError, match="port"):
            SerialRelaySettings(port=port)


HOLD = """
import sys
from hw.serial_relay import SerialRelay, SerialRelaySettings
lock = SerialRelay(SerialRelaySettings(port=sys.argv[1], energize=sys.argv[2]), "front/lock")
if sys.argv[3] == "released":
    lock.release(10)
print("holds", flush=True)
if sys.argv[3] == "fault":
    raise SystemError("somewhere else")
sys.stdin.read()
"""


def listed(board: LcusBoard, **settings: Any) -> ListedLock:
    return ListedLock("front", "serial-relay", {"port": str(board.path), **settings})


class TestWhatADyingProgramLeaves:
    """A process of its own holds the lock."""

    @pytest.mark.parametrize("energize", ["unlock", "lock"])
    @pytest.mark.parametrize("state", ["secured", "released"])
    def test_killed_it_leaves_all_to_lock_all(
        self, board: LcusBoard, energize: str, state: str
    ) -> None:
        shut = (1, energize == "lock")
        holder = held(board, energize, state)
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        before = board.history()
        assert before.count((1, not shut[1])) == (state == "released"), "and not once too often"
        assert board.is_on() == (shut[1] ^ (state == "released")), "the board keeps its state"
        board.commands.clear()

        (outcome,) = shut_all([listed(board, energize=energize)])

        assert outcome.shut, outcome
        assert set(board.history()) == {shut}

    def test_ended_by_an_exception_it_never_opened(self, board: LcusBoard) -> None:
        holder = held(board, "unlock", "fault")
        _, err = holder.communicate()
        assert "somewhere else" in err
        assert set(board.history()) == {OFF}


def held(board: LcusBoard, *words: str) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(board.path), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert re.search("holds", holder.stdout.readline())
    return holder


def test_many_starts_and_stops_make_no_pulse(board: LcusBoard, make: Make) -> None:
    for _ in range(50):
        make().stop()
    assert set(board.history()) == {OFF}
