"""Times as people type and read them, also in the nights when the clocks change."""

from collections.abc import Iterator

import click
import pytest

from controller.cache import FOREVER
from controller.cli.inputs import moment, next_moment
from controller.cli.output import ago, iso, lasting, local, plain
from tests.halls import in_berlin
from tests.worlds import DAY, at

NOON = at("2026-03-28 12:00")  # the day before summer time


@pytest.fixture(autouse=True)
def berlin() -> Iterator[None]:
    with in_berlin():
        yield


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("18:30", "2026-03-28 18:30"),
        ("2026-03-29 18:30", "2026-03-29 18:30"),
        ("2026-03-29T16:30:00Z", "2026-03-29 18:30"),
        ("2026-03-29T18:30+02:00", "2026-03-29 18:30"),
        (" 2026-10-25 ", "2026-10-25 00:00"),
    ],
)
def test_a_moment_is_meant_in_this_zone(typed: str, meant: str) -> None:
    assert moment(typed, NOON) == at(meant)


def test_a_whole_day_ends_with_the_next_however_long_it_is() -> None:
    assert moment("2026-03-29", NOON, whole_day=True) == at("2026-03-30 00:00")
    assert moment("2026-10-25", NOON, whole_day=True) == at("2026-10-25 00:00") + 25 * 3600


def test_what_is_past_today_is_meant_for_tomorrow() -> None:
    assert next_moment("13:00", NOON) == at("2026-03-28 13:00")
    assert next_moment("11:00", NOON) == at("2026-03-29 11:00") == NOON + 22 * 3600
    assert next_moment("12:00", NOON) == at("2026-03-29 12:00")


@pytest.mark.parametrize("typed", ["", "25:00", "7 pm", "0000-01-01", "1e9", "12:00:00:00"])
def test_what_is_no_time_is_refused(typed: str) -> None:
    with pytest.raises(click.UsageError, match="is no time"):
        moment(typed, NOON)


def test_times_are_shown_with_their_zone() -> None:
    assert local(NOON) == "2026-03-28 12:00:00 CET"
    assert local(NOON + DAY) == "2026-03-29 13:00:00 CEST"
    assert iso(NOON + DAY) == "2026-03-29T13:00:00+02:00"
    assert (local(None), iso(None)) == ("", None)
    assert local(FOREVER - 1).startswith("9999-12-")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (3659, "1 h"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_lengths_are_told_in_two_units_at_most(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_a_clock_set_back_is_no_riddle() -> None:
    assert ago(90) == "1 min 30 s ago"
    assert ago(-90) == "1 min 30 s ahead"


def test_what_would_steer_a_terminal_is_written_out() -> None:
    assert plain("Ada\x1b[2J\x07\u202e さくら") == "Ada\\x1b[2J\\x07\\u202e さくら"
