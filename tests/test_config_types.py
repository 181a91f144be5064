"""How lengths of time and times of day are written, and what the configuration costs to import."""

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from controller.config import MinuteOfDay, Seconds
from controller.config_types import minute_text, seconds_text


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("5m", 300), ("72h", 259200), ("7d", 604800), ("1.5h", 5400), (3, 3), (0.5, 0.5)],
)
def test_lengths_of_time(text: object, value: float) -> None:
    assert TypeAdapter(Seconds).validate_python(text) == value


@pytest.mark.parametrize("text", ["", "5", "5 min", "-5m", "m5", -1, True, None, "1e3s", "٣s"])
def test_what_is_no_length_of_time(text: object) -> None:
    with pytest.raises(ValidationError, match="must be a length of time"):
        TypeAdapter(Seconds).validate_python(text)


@pytest.mark.parametrize(
    ("text", "value"), [("04:00", 240), ("4:00", 240), ("23:59", 1439), (0, 0)]
)
def test_times_of_day(text: object, value: int) -> None:
    assert TypeAdapter(MinuteOfDay).validate_python(text) == value


@pytest.mark.parametrize("text", ["24:00", "4", "04:60", "", -1, 1440, True])
def test_what_is_no_time_of_day(text: object) -> None:
    with pytest.raises(ValidationError, match="must be a time of day"):
        TypeAdapter(MinuteOfDay).validate_python(text)


@pytest.mark.parametrize("text", ["1s", "90s", "5m", "3d", "0s", "0.25s", "36h", "1.5s"])
def test_a_length_of_time_is_shown_as_it_is_written(text: str) -> None:
    assert seconds_text(TypeAdapter(Seconds).validate_python(text)) == text


def test_a_time_of_day_is_shown_as_it_is_written() -> None:
    assert [minute_text(minute) for minute in (0, 240, 1439)] == ["00:00", "04:00", "23:59"]


def test_the_controller_starts_without_the_heavy_libraries() -> None:
    program = "import sys, controller.config; print(' '.join(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "pydantic" in modules
    assert not {"rich", "httpx", "gpiozero", "serial", "click", "difflib"} & set(modules)
