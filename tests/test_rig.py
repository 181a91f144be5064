"""The rig plays a whole day on real ends, and those who watch its locks are not blind."""

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("osdp", reason="libosdp is not installed (extra doorward[osdp])")

from bench import strays
from bench.rig.history import LOG, Move, Opening, openings, pin_moves
from bench.rig.witness import contradictions
from hw.relay_frames import lcus


@pytest.mark.slow
def test_a_short_day_comes_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bench.rig.__main__ import play

    play(tmp_path, seed=3, scans=4)

    told = capsys.readouterr().out
    assert "8. The reckoning" in told
    assert told.rstrip().endswith("every step came true.")


def test_a_day_that_cannot_begin_ends_with_its_reason(tmp_path: Path) -> None:
    from bench.rig.__main__ import main

    too_long = tmp_path / ("a-directory-whose-path-leaves-no-room-for-any-socket" * 2)
    assert main(["--dir", str(too_long)]) == 1
    assert not too_long.exists()


class TestWitness:
    def test_openings_with_a_reason_and_an_end_are_fine(self) -> None:
        seen = [Opening(10.01, 10.6), Opening(20.02, 21.4)]
        assert list(contradictions(seen, [10.0, 20.0, 20.8], open_for=0.6)) == []

    def test_an_opening_without_a_reason_is_noticed(self) -> None:
        [wrong] = contradictions([Opening(10.0, 10.6)], [10.3], open_for=0.6)
        assert wrong == "opened at 10.000 without a reason"

    def test_an_opening_that_lasts_is_noticed(self) -> None:
        for end in (12.0, float("inf")):
            [wrong] = contradictions([Opening(10.0, end)], [10.0], open_for=0.6)
            assert "not shut in time" in wrong

    def test_a_reason_without_an_opening_is_noticed(self) -> None:
        [wrong] = contradictions([], [10.0], open_for=0.6)
        assert wrong == "did not open for what the journal has at 10.000"


class TestStrays:
    def test_a_pulse_that_nobody_asked_for_is_noticed(self, tmp_path: Path) -> None:
        with ExitStack() as stack:
            site = strays._site(tmp_path, stack)

            def pulse(at: strays._Site) -> None:
                for on in (True, False):
                    port = os.open(tmp_path / "lines" / "relay", os.O_RDWR | os.O_NOCTTY)
                    os.write(port, lcus(1, on=on))
                    os.close(port)
                    assert at.relay.history.wait_for(on, 0.0, 10.0)

            [found] = site.tried(pulse)
            assert found.startswith("serial opened for ")

    def test_a_lock_that_is_left_open_is_noticed(self, tmp_path: Path) -> None:
        with ExitStack() as stack:
            site = strays._site(tmp_path, stack)
            [found] = site.tried(partial(_pin_high, tmp_path / LOG))
            assert found == "gpio opened for inf ms"


def _pin_high(log: Path, _: strays._Site) -> None:
    log.write_text("99999999.0 GPIO17 output 1\n")


def test_a_pin_opens_its_lock_only_as_an_output(tmp_path: Path) -> None:
    log = tmp_path / LOG
    assert pin_moves(log, "GPIO17") == []
    log.write_text(
        "1.0 GPIO17 input 1\n"
        "2.0 GPIO17 output 0\n"
        "2.5 GPIO4 output 1\n"
        "3.0 GPIO17 output 1\n"
        "4.0 GPIO17 input 1\n"
    )
    moves = pin_moves(log, "GPIO17")
    assert moves == [Move(3.0, True), Move(4.0, False)]
    assert openings(moves) == [Opening(3.0, 4.0)]
