"""What is configured of live questions."""

from pathlib import Path

import pytest

from controller.config import Config, load
from controller.errors import ConfigError
from controller.model import Reason
from hw import TABLES
from tests.sites import small_site

BOTH = {Reason.UNKNOWN, Reason.NO_PASS}


def configured(folder: Path, door: str = "", live: str = "") -> Config:
    small_site(folder)
    path = folder / "doorward.toml"
    text = path.read_text().replace("[doors.front]\n", f"[doors.front]\n{door}\n")
    path.write_text(f"{text}\n{live}\n")
    return load(path, TABLES)


@pytest.mark.parametrize(
    ("door", "asks"),
    [
        ("", set()),
        ('live = "never"', set()),
        ('live = "unknown"', {Reason.UNKNOWN}),
        ('live = "no_pass"', {Reason.NO_PASS}),
        ('live = "both"', BOTH),
    ],
)
def test_a_door_asks_before_the_refusals_it_names(
    tmp_path: Path, door: str, asks: set[Reason]
) -> None:
    settings = configured(tmp_path, door).settings("front")
    assert settings.asks == asks
    assert settings.ask_within == 1.5


def test_how_long_somebody_waits_is_set_for_all_doors(tmp_path: Path) -> None:
    live = '[live]\ndeadline = "800ms"'
    assert configured(tmp_path, live=live).settings("front").ask_within == 0.8


@pytest.mark.parametrize(
    ("door", "live", "problem"),
    [
        (
            'live = "always"',
            "",
            "doors.front.live: must be 'never', 'unknown', 'no_pass' or 'both'",
        ),
        ("", '[live]\ndeadline = "0.1s"', "live.deadline: must be greater than or equal to 0.2"),
        ("", '[live]\ndeadline = "1m"', "live.deadline: must be less than or equal to 5"),
        ("", "[live]\nwithin = 1", "live.within: is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, door: str, live: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, door, live)
    assert problem in str(caught.value)
