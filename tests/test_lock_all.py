"""`doorward lock-all`: every lock shut without the controller, whatever else is broken."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hw
from controller import lock_list
from controller.cli.lock_all import PATH
from controller.config import default_path, load
from controller.errors import StoreError
from controller.lock_list import ListedLock
from hw import TABLES
from hw.lock_all import DRIVERS, shut_all
from tests.halls import Said

HEAVY = {
    *("click", "pydantic", "structlog", "gpiozero", "sqlite_utils", "sqlite3", "rich", "httpx"),
    *("pymodbus", "osdp", "apscheduler", "asyncio", "logging"),
}
DOOR = """
[doors.{name}]
admits = ["*"]
lock = {lock}
readers.main = {{ driver = "sim", card = {{ format = "hex" }} }}
"""
SIM = '{ driver = "sim" }'


def site(folder: Path, **locks: str) -> Path:
    """A configuration with these locks, whose run folder is there and empty."""
    (folder / "run").mkdir(exist_ok=True)
    doors = "".join(DOOR.format(name=name, lock=lock) for name, lock in locks.items())
    path = folder / "doorward.toml"
    path.write_text(f'[site]\ndata = "data"\nrun = "run"\n{doors}')
    return path


def doorward(*words: str | Path, **environment: str) -> Said:
    """The program as systemd runs it: a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from controller.cli import main; main()", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def lock_all(config: Path, **environment: str) -> Said:
    return doorward("--config", config, "lock-all", **environment)


def listed_by_a_controller(config: Path) -> None:
    lock_list.write(load(config, devices=TABLES))


# Light


def modules_of(*words: str | Path) -> set[str]:
    """The packages that the program had imported when it ended."""
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n', *sys.modules))\n"
        "from controller.cli import main; main()"
    )
    command = [sys.executable, "-c", program, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_it_needs_none_of_the_products_heavier_modules(tmp_path: Path) -> None:
    config = site(
        tmp_path,
        front='{ driver = "gpio-relay", pin = 17 }',
        side='{ driver = "serial-relay", port = "/dev/nowhere" }',
        back='{ driver = "modbus-relay", port = "/dev/nowhere" }',
        gate='{ driver = "modbus-relay", host = "127.0.0.1:1" }',
        attic=SIM,
    )
    light = modules_of("--config", config, "lock-all")
    assert "hw" in light, "it ran"
    assert not light & HEAVY


def test_what_speaks_to_relay_boards_is_as_light() -> None:
    program = "import sys, hw.relay_exchange; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    light = {name.partition(".")[0] for name in done.stdout.decode().split()}
    assert "serial" in light
    assert not light & HEAVY


def test_any_other_command_would_have_shown_that(tmp_path: Path) -> None:
    assert {"click", "hw"} & modules_of("--help") == {"click"}


# Which locks


def test_the_controllers_list_holds_every_lock_as_it_is_really_set(tmp_path: Path) -> None:
    config = site(tmp_path, front='{ driver = "gpio-relay", pin = "GPIO17" }', back=SIM)

    listed_by_a_controller(config)

    front, back = lock_list.read(config).locks
    assert (front.door, front.driver, front.settings["pin"]) == ("front", "gpio-relay", 17)
    assert front.settings["active_high"] is True, "what was left out is there as well"
    assert back == ListedLock("back", "sim", {"driver": "sim"})
    assert stat.S_IMODE((tmp_path / "run" / "locks.json").stat().st_mode) & 0o137 == 0


def test_what_the_controller_drove_counts_and_not_what_the_file_says_since(
    tmp_path: Path,
) -> None:
    config = site(tmp_path, front=SIM, back=SIM)
    listed_by_a_controller(config)
    site(tmp_path, cellar=SIM)

    assert [lock.door for lock in lock_list.read(config).locks] == ["front", "back"]


def test_a_configuration_broken_meanwhile_shuts_the_locks_all_the_same(tmp_path: Path) -> None:
    config = site(tmp_path, front=SIM)
    listed_by_a_controller(config)
    config.write_text("[doors.front\n")

    said = lock_all(config, RUNTIME_DIRECTORY=str(tmp_path / "run"))

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("front: shut: ")


def test_a_run_folder_named_since_does_not_hide_the_list(tmp_path: Path) -> None:
    config = site(tmp_path, front=SIM)
    listed_by_a_controller(config)
    text = site(tmp_path, cellar=SIM).read_text()
    config.write_text(text.replace('run = "run"', 'run = "elsewhere"'))

    said = lock_all(config, RUNTIME_DIRECTORY=str(tmp_path / "run"))

    assert said.out.startswith("front: shut: ")


def test_another_sites_list_is_not_taken(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    theirs = site(tmp_path / "theirs", front=SIM)
    listed_by_a_controller(theirs)
    ours = site(tmp_path / "ours", cellar=SIM)

    said = lock_all(ours, RUNTIME_DIRECTORY=str(tmp_path / "theirs" / "run"))

    assert said.out.startswith("cellar: shut: ")


@pytest.mark.parametrize(
    "garbage",
    [
        *("", "{", "[]", "\x00", '{"config": 1}', '{"config": CONFIG, "locks": [7]}'),
        '{"config": CONFIG, "locks": [{"door": "front", "driver": "sim", "settings": []}]}',
    ],
)
def test_a_garbled_list_is_told_and_the_configuration_read(garbage: str, tmp_path: Path) -> None:
    config = site(tmp_path, front=SIM)
    text = garbage.replace("CONFIG", json.dumps(str(config)))
    (tmp_path / "run" / "locks.json").write_text(text)

    said = lock_all(config)

    assert said.code == 0
    assert "locks.json cannot be read" in said.err
    assert said.out.startswith("front: shut: ")


@pytest.mark.parametrize("text", ["[doors.front", "", "doors = 7", None])
def test_without_list_and_configuration_it_says_so_and_ends_with_3(
    text: str | None, tmp_path: Path
) -> None:
    config = tmp_path / "doorward.toml"
    if text is not None:
        config.write_text(text)

    said = lock_all(config)

    assert (said.code, said.out) == (3, "")
    assert str(config) in said.err


def test_a_list_that_cannot_be_replaced_leaves_no_wrong_one_behind(tmp_path: Path) -> None:
    config = site(tmp_path, front=SIM)
    listed_by_a_controller(config)
    (tmp_path / "run" / "locks.json.new").mkdir()

    with pytest.raises(StoreError, match=r"locks\.json cannot be written"):
        listed_by_a_controller(config)

    assert not (tmp_path / "run" / "locks.json").exists()


def test_a_half_written_list_of_a_killed_controller_is_no_obstacle(tmp_path: Path) -> None:
    config = site(tmp_path, front=SIM)
    (tmp_path / "run" / "locks.json.new").write_text('{"config')

    listed_by_a_controller(config)

    assert [lock.door for lock in lock_list.read(config).locks] == ["front"]


def test_it_looks_for_the_configuration_where_every_command_does(tmp_path: Path) -> None:
    assert Path(PATH) == default_path() or "DOORWARD_CONFIG" in os.environ
    config = site(tmp_path, front=SIM)
    assert doorward("lock-all", DOORWARD_CONFIG=str(config)).out.startswith("front: shut: ")


# Each lock by itself


def test_one_lock_that_is_nonsense_keeps_no_other(tmp_path: Path) -> None:
    config = site(
        tmp_path,
        front=SIM,
        odd='{ driver = "gpio-rely", pin = 17 }',
        back='{ driver = "gpio-relay" }',
        flat="7",
        side=SIM,
    )

    said = lock_all(config)

    assert said.code == 1
    assert [line.partition(":")[0] for line in said.out.splitlines()] == ["front", "side"]
    told = dict(line.split(": MAY STAND OPEN: ") for line in said.err.splitlines())
    assert set(told) == {"odd", "back", "flat"}
    assert "'gpio-rely' is not known" in told["odd"]


def test_help_lists_it_and_json_is_for_programs(tmp_path: Path) -> None:
    config = site(tmp_path, front=SIM, back='{ driver = "gpio-relay", pin = "BOARD9" }')
    assert "Drive every lock shut" in doorward("--help").out
    assert "Exit code 0" in doorward("lock-all", "--help").out

    said = doorward("--config", config, "--json", "lock-all")

    assert said.code == 1
    assert [(each["door"], each["shut"]) for each in said.json] == [
        ("front", True),
        ("back", False),
    ]


def test_every_lock_there_is_has_a_way_to_be_shut() -> None:
    assert set(hw.LOCKS) <= set(DRIVERS)


# GPIO


class Lines:
    """A GPIO chip that remembers what was driven, with lines that the controller holds."""

    def __init__(self, *held: int | str) -> None:
        self.held = held
        self.driven: list[tuple[str, int | str, bool]] = []

    def drive(self, chip: str, line: int | str, high: bool) -> str:
        if line in self.held:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self.driven.append((chip, line, high))
        return f"line {line} of {chip}"


def relay(door: str, **settings: Any) -> ListedLock:
    return ListedLock(door, "gpio-relay", {"driver": "gpio-relay", "chip": "board", **settings})


@pytest.mark.parametrize(
    ("settings", "high"),
    [
        ({}, False),
        ({"active_high": False}, True),
        ({"energize": "lock"}, True),
        ({"energize": "lock", "active_high": False}, False),
    ],
)
def test_a_relay_is_driven_to_the_level_at_which_its_door_is_shut(
    settings: dict[str, Any], high: bool
) -> None:
    lines = Lines()
    (outcome,) = shut_all([relay("front", pin=17, **settings)], drive=lines.drive)
    assert outcome.shut
    assert lines.driven == [("board", 17, high)]


def test_a_line_that_a_living_controller_holds_is_told_and_keeps_no_other() -> None:
    lines = Lines(17)
    held, other = shut_all([relay("front", pin=17), relay("back", pin=27)], drive=lines.drive)
    assert (held.shut, other.shut) == (False, True)
    assert "the controller runs" in held.words
    assert lines.driven == [("board", 27, False)]


@pytest.mark.parametrize(
    "wrong", [{"energize": "lok"}, {"active_high": "no"}, {"active_high": 0}, {"energize": None}]
)
def test_what_is_not_understood_is_not_guessed_for_a_guess_may_open(wrong: dict[str, Any]) -> None:
    lines = Lines()
    (outcome,) = shut_all([relay("front", pin=17, **wrong)], drive=lines.drive)
    assert not outcome.shut
    assert next(iter(wrong)) in outcome.words
    assert lines.driven == []


def test_a_machine_without_the_chip_says_which_are_there(tmp_path: Path) -> None:
    config = site(tmp_path, front='{ driver = "gpio-relay", pin = 17, chip = "no-such-chip" }')
    said = lock_all(config)
    assert said.code == 1
    assert "front: MAY STAND OPEN: no GPIO chip 'no-such-chip' is here. There are: " in said.err
