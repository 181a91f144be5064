"""Inputs that are found, moved, lost or flutter; readers that repeat or flood."""

from controller.flutter import CALM, MOST, WITHIN, Flutter
from controller.levels import Levels
from controller.reads import MOST as CROWD
from controller.reads import Reads


class TestLevels:
    def test_first_it_is_found_then_it_moves(self) -> None:
        levels = Levels()
        assert not levels.sure("contact")
        assert levels.told("contact", True, 0.0) == "found"
        assert levels.sure("contact")
        assert levels.told("contact", True, 1.0) == ""
        assert levels.told("contact", False, 2.0) == "moved"

    def test_after_an_outage_it_is_found_again(self) -> None:
        levels = Levels()
        levels.told("contact", True, 0.0)
        levels.forget("contact")
        assert not levels.sure("contact")
        assert levels.active_for("contact", 9.0) == 0.0
        assert levels.told("contact", False, 9.0) == "found"

    def test_for_how_long_it_has_been_active(self) -> None:
        levels = Levels()
        levels.told("exit_button", True, 10.0)
        assert levels.active_for("exit_button", 310.0) == 300.0
        levels.told("exit_button", False, 311.0)
        assert levels.active_for("exit_button", 400.0) == 0.0

    def test_one_that_flutters_is_not_to_be_believed_until_it_is_calm(self) -> None:
        levels, now = Levels(), 0.0
        levels.told("contact", False, now)
        seen = []
        for number in range(100):
            now += 0.02
            seen.append(levels.told("contact", number % 2 == 0, now))
        assert seen == ["moved"] * MOST + ["flutters"] * (100 - MOST)
        assert not levels.sure("contact")
        assert levels.calmed(now + CALM - 0.1) == []
        assert levels.calmed(now + CALM) == [("contact", False)]
        assert levels.sure("contact")
        assert levels.calmed(now + CALM) == []

    def test_one_that_flutters_is_no_doubt_about_another(self) -> None:
        levels = Levels()
        levels.told("fire", False, 0.0)
        for number in range(100):
            levels.told("contact", number % 2 == 0, number * 0.02)
        assert levels.sure("fire")


def test_a_door_in_heavy_use_does_not_flutter() -> None:
    flutter = Flutter()
    every = WITHIN / MOST
    assert all(flutter.changed(number * every * 1.01) for number in range(1000))


class TestReads:
    def test_a_card_that_stays_is_read_once(self) -> None:
        reads = Reads(["main"], 2.0)
        assert [reads.again("main", "A", at / 10) for at in range(100)] == [False] + [True] * 99
        assert not reads.again("main", "A", 12.0)

    def test_another_card_or_reader_is_no_repetition(self) -> None:
        reads = Reads(["in", "out"], 2.0)
        assert not reads.again("in", "A", 0.0)
        assert not reads.again("out", "A", 0.1)
        assert not reads.again("in", "B", 0.2)
        assert not reads.again("in", "A", 0.3)

    def test_a_flood_is_nobodys_and_ends(self) -> None:
        reads = Reads(["main", "out"], 2.0)
        flood = [reads.flood("main", at / 1000) for at in range(1000)]
        assert flood == [False] * CROWD + [True] * (1000 - CROWD)
        assert not reads.flood("out", 1.0)
        assert reads.calmed(3.0) == []
        assert reads.calmed(7.0) == ["main"]
        assert not reads.flood("main", 7.0)

    def test_a_crowd_is_no_flood(self) -> None:
        reads = Reads(["main"], 2.0)
        assert not any(reads.flood("main", at / 4) for at in range(1000))
