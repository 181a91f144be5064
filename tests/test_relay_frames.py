"""Frames of relay boards, against those that their manuals print."""

from itertools import product
from pathlib import Path

import pytest

from hw.relay_frames import FLASH_ON, OFF, ON, host_port, lcus, rtu, tcp, write_coil
from tests.relay_boards import LcusBoard


@pytest.mark.parametrize(
    ("channel", "on", "frame"),
    [(1, True, "A00101A2"), (1, False, "A00100A1"), (2, True, "A00201A3"), (2, False, "A00200A2")],
)
def test_the_product_sheet_of_lcus_boards(channel: int, on: bool, frame: str) -> None:
    assert lcus(channel, on=on) == bytes.fromhex(frame)


@pytest.mark.parametrize(
    ("address", "value", "frame"),
    [
        (0, ON, "01050000FF008C3A"),
        (0, OFF, "010500000000CDCA"),
        (FLASH_ON, 7, "0105020000078DB0"),
        (FLASH_ON, 50, "0105020000324DA7"),
    ],
)
def test_the_manual_of_modbus_boards(address: int, value: int, frame: str) -> None:
    assert rtu(1, write_coil(address, value)) == bytes.fromhex(frame)


def test_over_tcp_a_header_stands_before_it() -> None:
    assert tcp(1, write_coil(2, ON), 7) == bytes.fromhex("0007 0000 0006 01 05 0002 FF00")


def test_half_a_frame_of_a_killed_program_makes_nothing_else_of_what_follows(
    tmp_path: Path,
) -> None:
    """Whatever was cut off where: two copies of "off" are understood as "off" and nothing else."""
    for channel, was_on, cut in product((1, 2), (True, False), range(4)):
        for mine in (1, 2):
            board = LcusBoard(tmp_path)
            rest = lcus(channel, on=was_on)[:cut]
            board.hear(rest + 2 * lcus(mine, on=False))
            assert set(board.commands) == {(mine, False)}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.0.0.5", ("10.0.0.5", 502)),
        ("10.0.0.5:4196", ("10.0.0.5", 4196)),
        ("board.lan:502", ("board.lan", 502)),
        ("[fd00::5]:502", ("fd00::5", 502)),
        ("[fd00::5]", ("fd00::5", 502)),
    ],
)
def test_an_address_has_a_port_or_the_usual_one(written: str, meant: tuple[str, int]) -> None:
    assert host_port(written) == meant


@pytest.mark.parametrize(
    "written", ["", ":502", "a:0", "a:65536", "a b", "tcp://a:502", "fd00::5", "a:"]
)
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        host_port(written)
