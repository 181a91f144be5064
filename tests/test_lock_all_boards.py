"""`doorward lock-all` and relay boards: what they are told, and when that counts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.lock_list import ListedLock
from hw.lock_all import shut_all
from hw.relay_frames import OFF, ON, read_coil, rtu, write_coil
from tests.modbus_boards import ModbusBoard
from tests.relay_boards import Obedient, lcus_board, raw_unit

ENERGIZED = [({}, False), ({"energize": "unlock"}, False), ({"energize": "lock"}, True)]


@pytest.mark.parametrize(("settings", "on"), ENERGIZED)
def test_an_lcus_board_is_told_to_shut(tmp_path: Path, settings: dict[str, Any], on: bool) -> None:
    with lcus_board(tmp_path / "relay") as board:
        own = {"port": str(board.path), "channel": 2, **settings}
        (outcome,) = shut_all([ListedLock("front", "serial-relay", own)])
        assert outcome.shut
        assert set(board.history()) == {(2, on)}


@pytest.mark.parametrize(("settings", "on"), ENERGIZED)
@pytest.mark.parametrize("pulse", ["host", "board"])
def test_a_modbus_board_is_told_to_shut_and_confirms_it(
    tmp_path: Path, settings: dict[str, Any], on: bool, pulse: str
) -> None:
    with raw_unit(tmp_path / "unit", Obedient()) as unit:
        own = {"port": str(unit.path), "unit": 7, "channel": 2, "pulse": pulse, **settings}
        (outcome,) = shut_all([ListedLock("front", "modbus-relay", own)])
        assert outcome.shut
        assert unit.next_question() == rtu(7, write_coil(1, ON if on else OFF))
        assert unit.next_question() == rtu(7, read_coil(1))
        assert unit.heard.empty()


@pytest.mark.parametrize(("settings", "on"), ENERGIZED)
def test_a_modbus_board_over_tcp_as_well(settings: dict[str, Any], on: bool) -> None:
    with ModbusBoard().serving(None) as board:
        own = {"port": None, "host": f"127.0.0.1:{board.port}", "channel": 2, **settings}
        (outcome,) = shut_all([ListedLock("front", "modbus-relay", own)])
        assert outcome.shut
        assert board.commands == [(1, ON if on else OFF)]


@pytest.mark.parametrize("answer", [lambda _: b"", bytes], ids=["silent", "an adapter's echo"])
def test_a_board_that_does_not_confirm_may_stand_open(
    tmp_path: Path, answer: Callable[[bytes], bytes]
) -> None:
    with raw_unit(tmp_path / "unit", answer) as unit:
        (outcome,) = shut_all([ListedLock("front", "modbus-relay", {"port": str(unit.path)})])
    assert not outcome.shut
    assert "does not confirm" in outcome.words


def test_several_doors_on_one_board_are_shut_in_turn(tmp_path: Path) -> None:
    with lcus_board(tmp_path / "relay") as board:
        doors = [
            ListedLock(
                f"door{channel}", "serial-relay", {"port": str(board.path), "channel": channel}
            )
            for channel in (1, 2, 3)
        ]
        outcomes = shut_all(doors)
        assert [outcome.shut for outcome in outcomes] == [True] * 3
        assert [channel for channel, _ in board.history()] == [1, 1, 1, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("driver", ["serial-relay", "modbus-relay"])
@pytest.mark.parametrize(
    "wrong",
    [{"energize": "lok"}, {"channel": 0}, {"channel": "2"}, {"channel": True}, {"port": 7}, {}],
)
def test_of_a_board_too_nothing_is_guessed(
    tmp_path: Path, driver: str, wrong: dict[str, Any]
) -> None:
    with lcus_board(tmp_path / "relay") as board:
        own = {"port": str(board.path), **wrong} if wrong else {}
        (outcome,) = shut_all([ListedLock("front", driver, own)])
        assert not outcome.shut
        assert board.said() == b""
