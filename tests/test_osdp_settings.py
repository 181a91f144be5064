"""What shares an OSDP line in one configuration, and what cannot."""

from pathlib import Path

import pytest

import hw
from controller.config import extra_needed, load
from controller.errors import ConfigError
from tests.osdps import OsdpReader

PLACE = 'port = "/dev/rs485", address = 1, key = { file = "one.key" }'
DOOR = f"""\
[doors.front]
admits = ["*"]
lock = {{ driver = "osdp-output", {PLACE} }}
contact = {{ driver = "osdp-input", {PLACE}, normally = "closed" }}
exit_button = {{ driver = "osdp-input", {PLACE}, input = 1, normally = "open" }}
indicator = {{ driver = "osdp-indicator", {PLACE} }}
readers.main = {{ driver = "osdp", {PLACE}, card = {{ format = "bits" }} }}
"""
OTHER = '{ driver = "osdp", %s, card = { format = "bits" } }'


def problems(tmp_path: Path, other: str = "") -> list[str]:
    path = tmp_path / "doorward.toml"
    path.write_text(DOOR + (f"readers.other = {OTHER % other}\n" if other else ""))
    try:
        load(path, hw.TABLES)
    except ConfigError as error:
        return error.problems
    return []


def test_all_parts_of_a_device_and_other_devices_share_a_line(tmp_path: Path) -> None:
    assert problems(tmp_path) == []
    second = PLACE.replace("address = 1", "address = 2").replace("one.key", "two.key")
    assert problems(tmp_path, second) == []


@pytest.mark.parametrize(
    ("other", "key", "why"),
    [
        (PLACE, "port", "is taken by doors.front.readers.main"),
        (PLACE.replace("one.key", "two.key") + ", reader = 1", "key", "is set differently"),
        (PLACE.replace("address = 1", "address = 2, baud = 38400"), "port", "is set differently"),
    ],
)
def test_what_contradicts_the_rest_of_the_line_is_a_problem(
    tmp_path: Path, other: str, key: str, why: str
) -> None:
    (problem,) = {each for each in problems(tmp_path, other) if f".{key}: " in each}
    assert f"doors.front.readers.other.{key}: " in problem
    assert why in problem


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"baud": 12345}, "no speed of OSDP"),
        ({"port": "socket://host:1"}, "is no path"),
        ({"address": 127}, "address"),
        ({"raw": [26]}, "in formats already"),
        ({"key": "00112233445566778899aabbccddeeff"}, "never stands in the configuration"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(keys: dict[str, object], why: str) -> None:
    good = {"port": "/dev/ttyUSB0", "address": 1, "key": {"file": "/x"}}
    assert OsdpReader.Settings.model_validate(good).baud == 9600
    with pytest.raises(ValueError, match=why):
        OsdpReader.Settings.model_validate({**good, **keys})


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("osdp", "it needs the extra doorward[osdp]; type: pip install --req"),
        ("gpiod.line", "it needs the extra doorward[gpio]; type: pip install --req"),
        ("pymodbus.client", "it needs the extra doorward[modbus]; type: pip install --req"),
        ("nobody", "install it"),
    ],
)
def test_a_missing_extra_is_named(module: str, words: str) -> None:
    assert extra_needed(ModuleNotFoundError(name=module)).startswith(words)
