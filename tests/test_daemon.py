"""The controller as a whole: what it does before it touches a lock."""

import threading
from pathlib import Path
from typing import ClassVar

import pytest

from controller.cli.reach import ask_controller
from controller.config import Config, load
from controller.daemon import Controller, usable
from controller.errors import NotRunning, StoreError
from controller.lock_list import NAME
from controller.lock_list import read as listed
from controller.overview import gather, todo
from hw import TABLES
from hw.sim import SimLock, SimSettings
from sync.platforms import PLATFORMS
from tests.fakes import FakeClock
from tests.worlds import PATIENCE

SITE = """
[site]
data = "data"
run = "run"
[doors.front]
admits = ["*"]
lock = { driver = "sim" }
[doors.front.readers.main]
driver = "sim"
card = { format = "hex" }
"""


class NosyLock(SimLock):
    """Notes, when it is made, whether it is on the list of locks."""

    seen: ClassVar[list[bool]] = []
    run = Path()

    def __init__(self, settings: SimSettings, name: str) -> None:
        super().__init__(settings, name)
        self.seen.append((self.run / NAME).exists())


@pytest.fixture
def config(tmp_path: Path) -> Config:
    NosyLock.seen.clear()
    NosyLock.run = tmp_path / "run"
    file = tmp_path / "doorward.toml"
    file.write_text(SITE)
    return load(file, {**TABLES, "lock": {"sim": f"{__name__}:NosyLock"}})


def test_the_locks_are_listed_before_any_is_touched(config: Config) -> None:
    with Controller(config, FakeClock()):
        assert NosyLock.seen == [True]
        assert [lock.door for lock in listed(config.path).locks] == ["front"]


def test_a_list_that_cannot_be_written_keeps_nobody_out(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    (config.run / f"{NAME}.new").mkdir(parents=True)
    with Controller(config, FakeClock()) as controller:
        assert NosyLock.seen == [False]
        assert list(controller.doors.working) == ["front"]
        assert "the list of locks was not written" in caplog.text


class Once(threading.Event):
    """Lets a controller look after things once."""

    def wait(self, timeout: float | None = None) -> bool:
        before = self.is_set()
        self.set()
        return before


def test_a_socket_that_cannot_be_made_keeps_nobody_out_and_is_made_later(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = config.run / "door.sock"
    in_the_way.mkdir(parents=True)
    with Controller(config, FakeClock()) as controller:
        assert list(controller.doors.working) == ["front"]
        assert "commands cannot be taken" in caplog.text
        with pytest.raises(NotRunning):
            ask_controller(config, "status")
        in_the_way.rmdir()
        controller.serve(Once())
        assert ask_controller(config, "status")["doors"][0]["id"] == "front"


@pytest.mark.parametrize("name", ["run", "data"])
def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(config: Config, name: str) -> None:
    (config.path.parent / name).write_text("")
    with pytest.raises(StoreError, match=rf"{name} cannot be made .*; make it, and give it to"):
        Controller(config, FakeClock())
    assert NosyLock.seen == [], "no lock is touched"


KEYHOLDERS = """
[platforms.keys]
kind = "file"
path = "keys.csv"
keyholders = true
card = { format = "hex" }
"""


def test_without_a_disk_keyholders_get_in_and_the_status_says_so(tmp_path: Path) -> None:
    file = tmp_path / "doorward.toml"
    site = SITE.replace('"data"', '"/proc/no-such-disk/data"').replace('["*"]', '["keyholder"]')
    file.write_text(site + KEYHOLDERS)
    (tmp_path / "keys.csv").write_text("id,name,card,labels\n1,Ada Quill,04A1B2C3,keyholder\n")
    config = load(file, TABLES, PLATFORMS)

    with Controller(usable(config), FakeClock()) as controller:
        reasons = [
            ask_controller(config, "sim", door="front", act="scan", text=card)["last"]["reason"]
            for card in ("04A1B2C3", "04A1B2C4")
        ]
        needed = list(todo(config, gather(config)))
        assert controller.journal.flush(PATIENCE)

    assert reasons == ["granted", "denied_authentication_unavailable"]
    assert needed[1].startswith("the controller found no disk for /proc/no-such-disk/data")


def test_a_disk_that_is_not_for_us_is_a_mistake_to_be_mended(config: Config) -> None:
    (config.path.parent / "data").write_text("")
    with pytest.raises(StoreError, match="give it to the user"):
        usable(config)
