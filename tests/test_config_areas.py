"""Areas, journeys and the length of PINs in a configuration: what is refused, what comes of it."""

from pathlib import Path

import pytest

from controller.config import Config, load
from controller.errors import ConfigError
from controller.journeys import Journey
from controller.passage import Passage, Passback
from hw import TABLES

CARD = 'driver = "sim"\ncard = { format = "hex" }\n'
LAB = '[areas.lab]\npassback = "hard"\n[areas.hall]\n'
UP = """[doors.lab.readers]
main = { driver = "sim", side = "up", card = { format = "hex" } }
"""
OUT = f'[doors.lab.readers.out]\nside = "inside"\n{CARD}'


def text(lab: str = "", tables: str = "", top: str = "") -> str:
    doors = "".join(
        f'[doors.{name}]\nadmits = ["*"]\nlock = {{ driver = "sim" }}\n{more}'
        f"[doors.{name}.readers.main]\n{CARD}"
        for name, more in (("front", ""), ("lab", lab))
    )
    return top + doors + tables


def loaded(folder: Path, written: str) -> Config:
    file = folder / "doorward.toml"
    file.write_text(written)
    return load(file, TABLES)


@pytest.mark.parametrize(
    ("lab", "tables", "message"),
    [
        ('inside = "lob"\n', LAB, "doors.lab.inside: there is no area 'lob'; did you mean 'lab'?"),
        ('outside = "lab"\n', "", "doors.lab.outside: there is no area 'lab'"),
        (
            'inside = "lab"\noutside = "lab"\n',
            LAB,
            "doors.lab: leads from area 'lab' into the same; name another",
        ),
        ("", OUT, "doors.lab.readers.out.side: say where the door leads"),
        (
            'inside = "lab"\n',
            f"{LAB}{UP}",
            "doors.lab.readers.main.side: must be one of outside, inside",
        ),
        ("", '[areas.lab]\npassback = "firm"\n', "areas.lab.passback: must be 'off', 'soft' or"),
        ("", "[areas.Lab]\n", "areas.Lab: is no id"),
        ("", "[areas]\nlab = 3\n", "areas.lab: must be a table"),
        ("", '[areas.lab]\nmode = "soft"\n', "areas.lab.mode: is not known"),
        (
            "",
            '[[journeys]]\nbetween = ["front", "lap"]\ntakes = "1m"\n',
            "journeys[0].between: there is no such door; did you mean 'lab'?",
        ),
        (
            "",
            '[[journeys]]\nbetween = ["front"]\ntakes = "1m"\n',
            "journeys[0]: between names one door; name two or more, or none for all doors",
        ),
        ("", "[[journeys]]\n", "journeys[0].takes: is missing; the least time"),
        ("", '[[journeys]]\ntakes = "0s"\n', "journeys[0].takes: must be greater than 0"),
        ("", '[[journeys]]\ntakes = "1m"\nthen = "shout"\n', "must be 'report' or 'refuse'"),
        ("", '[journeys]\ntakes = "1m"\n', "journeys: must be a list of tables"),
        ("", '[site]\nforgive_at = "04:00"\n', "site.forgive_at: say of which time zone"),
        ("", "[site]\npin_digits = 3\n", "site.pin_digits: must be greater than or equal to 4"),
    ],
)
def test_what_cannot_be_is_said(lab: str, tables: str, message: str, tmp_path: Path) -> None:
    written = text(lab, tables)
    if "readers]" in tables:
        written = written.replace(f"[doors.lab.readers.main]\n{CARD}", "")
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, written)
    assert any(message in line for line in caught.value.problems), caught.value.problems


def test_a_door_with_readers_on_the_inside_alone_lets_nobody_in(tmp_path: Path) -> None:
    written = text('inside = "lab"\n', LAB).replace(
        "[doors.lab.readers.main]\n", '[doors.lab.readers.main]\nside = "inside"\n'
    )
    with pytest.raises(ConfigError, match="all readers are on the inner side"):
        loaded(tmp_path, written)


@pytest.mark.parametrize(
    ("keys", "passage"),
    [
        ("", None),
        ('inside = "lab"\n', Passage("", "lab", Passback.HARD, 240)),
        ('inside = "hall"\n', Passage("", "hall", Passback.SOFT, 240)),
        ('outside = "hall"\ninside = "lab"\n', Passage("hall", "lab", Passback.HARD, 240)),
        ('outside = "lab"\n', Passage("lab", "", Passback.HARD, 240)),
    ],
)
def test_where_a_door_leads_and_how_strictly(
    keys: str, passage: Passage | None, tmp_path: Path
) -> None:
    site = '[site]\nzone = "Europe/Berlin"\nforgive_at = "04:00"\npin_digits = 6\n'
    config = loaded(tmp_path, text(keys, LAB + (OUT if keys else ""), site))
    rules = config.rules("lab")
    assert rules.passage == passage
    assert rules.inside == (frozenset({"out"}) if keys else frozenset())
    assert rules.pin_digits == 6
    assert config.rules("front").passage is None


def test_journeys(tmp_path: Path) -> None:
    tables = (
        '[[journeys]]\nbetween = ["front", "lab"]\ntakes = "1m"\nthen = "refuse"\n'
        '[[journeys]]\ntakes = "10s"\n'
    )
    config = loaded(tmp_path, text(tables=tables))
    assert [each.journey() for each in config.journeys] == [
        Journey(60.0, frozenset({"front", "lab"}), refuses=True),
        Journey(10.0),
    ]


@pytest.mark.parametrize(
    ("keys", "tables", "warned"),
    [
        ("", "", []),
        ('contact = { driver = "sim" }\ninside = "lab"\n', OUT, []),
        ('inside = "lab"\n', OUT, ["doors.lab: leads into or out of area lab and has no contact"]),
        (
            'contact = { driver = "sim" }\ninside = "lab"\n',
            "",
            ["areas.lab: no reader is on the way out"],
        ),
    ],
)
def test_a_record_that_can_hardly_be_right_is_warned_of(
    keys: str, tables: str, warned: list[str], tmp_path: Path
) -> None:
    found = list(loaded(tmp_path, text(keys, LAB + tables)).warnings())
    assert len(found) == len(warned)
    assert all(one.startswith(start) for one, start in zip(found, warned, strict=True))
