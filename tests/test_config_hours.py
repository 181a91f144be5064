"""The door's logic in a configuration: what is refused and how it is said, what comes of it."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.config import Config, load
from controller.doorstate import Timing
from controller.errors import ConfigError
from controller.model import Demand, Opening, Span, Strength
from hw import TABLES

CONTACT = 'contact = { driver = "sim" }\n'
HOURS = '[[doors.front.unlocked]]\nbegin = "09:00"\nend = "16:59"\n'
ZONE = '[site]\nzone = "Europe/Berlin"\nholidays = [2026-12-25]\n'


def text(front: str = "", *, side: str = CONTACT, top: str = "", tables: str = "") -> str:
    doors = "".join(
        f'[doors.{name}]\nadmits = ["*"]\nlock = {{ driver = "sim" }}\n{more}'
        f'[doors.{name}.readers.main]\ndriver = "sim"\ncard = {{ format = "hex" }}\n'
        for name, more in (("front", front), ("side", side))
    )
    return top + doors + tables


def loaded(folder: Path, written: str) -> Config:
    file = folder / "doorward.toml"
    file.write_text(written)
    return load(file, TABLES)


@pytest.mark.parametrize(
    ("front", "message"),
    [
        (
            'check_in_on = "open"\n',
            'check_in_on = "open" needs a contact; add one, or take "grant"',
        ),
        ('relock = "open"\n', 'relock = "open" needs a contact; add one, or take "time"'),
        (
            'held_warning = "2m"\n',
            "held_warning must be shorter than held_after; warn before the alarm",
        ),
        (
            'interlock = ["side"]\n',
            "interlock needs a contact that tells when the door is shut",
        ),
        (
            f'interlock = ["front"]\n{CONTACT}',
            "interlock: 'front' is no other door; there are: side",
        ),
        (
            f'interlock = ["sied"]\n{CONTACT}',
            "interlock: 'sied' is no other door; did you mean 'side'?",
        ),
        ('exit = "open"\n', "exit: must be 'unlock' or 'shunt', not 'open'"),
        ('on_fire = "run"\n', "on_fire: must be 'report' or 'unlock', not 'run'"),
        ('relock = "never"\n', "relock: must be 'time' or 'open', not 'never'"),
        ('open_for = "0s"\n', "open_for: must be greater than 0"),
    ],
)
def test_what_a_door_cannot_be_is_said(front: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text(front))
    assert any(message in line for line in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ("[[doors.front.demands]]\n", "asks for nothing; set strength, pin or persons"),
        (
            '[[doors.front.demands]]\npin = true\nbegin = "22:00"\n',
            "`begin` and `end` go together; without both the demand holds always",
        ),
        (
            "[[doors.front.demands]]\npin = true\nweekdays = [1]\n",
            'weekdays need hours; write begin = "00:00" and end = "23:59"',
        ),
        (
            "[[doors.front.demands]]\npersons = 6\n",
            "persons: must be less than or equal to 5",
        ),
        (
            '[[doors.front.demands]]\nstrength = "strong"\n',
            "strength: must be 'pin', 'weak', 'wiegand' or 'secure'",
        ),
        (
            f"{HOURS}weekdays = [0]\n",
            "weekdays are 1 (Monday) to 7 (Sunday)",
        ),
        ('[[doors.front.unlocked]]\nbegin = "09:00"\n', "end: is missing"),
        (f'{HOURS}holidays = "open"\n', "holidays: must be 'locked' or 'as usual'"),
        ('[site]\nholidays = ["25.12."]\n', "must be a date without quotes, e.g. 2026-12-25"),
        (HOURS, 'doors.front: has hours; say of which time zone: [site] zone = "…"'),
        (
            '[[doors.front.demands]]\npin = true\nbegin = "22:00"\nend = "05:59"\n',
            'doors.front: has hours; say of which time zone: [site] zone = "…"',
        ),
        (
            '[doors.front.readers.tamper]\ndriver = "sim"\ncard = { format = "pin" }\n',
            "doors.front.readers.tamper: a door has a part of this name; take another",
        ),
        (
            (
                '[doors.front.readers.two]\ndriver = "sim"\nstrength = "x"\n'
                'card = { format = "hex" }\n'
            ),
            "doors.front.readers.two.strength: must be one of pin, weak, wiegand, secure",
        ),
    ],
)
def test_what_hours_and_readers_cannot_be_is_said(
    tables: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text(tables=tables))
    assert any(message in line for line in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("front", "side", "tables", "message"),
    [
        (
            f'interlock = ["side"]\n{CONTACT}',
            "",
            "",
            "doors.front.interlock: 'side' needs a contact, and no hours",
        ),
        (
            f'interlock = ["side"]\n{CONTACT}',
            CONTACT,
            HOURS,
            "doors.front: a door in an interlock cannot stand unlocked by hours",
        ),
        (
            CONTACT,
            f'interlock = ["front"]\n{CONTACT}',
            HOURS,
            "doors.side.interlock: 'front' needs a contact, and no hours",
        ),
    ],
)
def test_two_doors_that_do_not_fit_together(
    front: str, side: str, tables: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text(front, side=side, top=ZONE, tables=tables))
    assert any(message in line for line in caught.value.problems), caught.value.problems


def test_what_comes_of_it(tmp_path: Path) -> None:
    front = (
        f'{CONTACT}open_for = "7s"\nrelock = "open"\ncheck_in_on = "open"\nheld_warning = "10s"\n'
        'held_after = "20s"\nexit = "shunt"\non_fire = "unlock"\nstuck_after = "1m"\n'
        "duress = true\n"
    )
    night = '[[doors.front.demands]]\nbegin = "22:00"\nend = "05:59"\nweekdays = [5]\npin = true\n'
    always = '[[doors.front.demands]]\nstrength = "secure"\npersons = 2\n'
    usual = f'{HOURS}first_person = true\nholidays = "as usual"\n'
    config = loaded(tmp_path, text(front, top=ZONE, tables=night + always + usual))
    rules, settings = config.rules("front"), config.settings("front")
    assert rules.demands == (
        Demand((Span(1320, 359, frozenset([5])),), Strength.PIN, pin=True),
        Demand((), Strength.SECURE, persons=2),
    )
    assert (rules.zone, rules.duress) == (ZoneInfo("Europe/Berlin"), True)
    assert settings.timing == Timing(7, True, 10, 20, exit_unlocks=False, fire_unlocks=True)
    assert (settings.counts_on_opening, settings.stuck_after) == (True, 60)
    assert settings.openings == (Opening(Span(540, 1019), first_person=True, on_holidays=True),)
    assert [str(day) for day in settings.holidays] == ["2026-12-25"]


def test_an_interlock_holds_both_ways_whoever_names_the_other(tmp_path: Path) -> None:
    config = loaded(tmp_path, text(f'interlock = ["side"]\n{CONTACT}'))
    assert config.partners("front") == ("side",)
    assert config.partners("side") == ("front",)


def test_the_cautious_choices_are_the_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, text())
    rules, settings = config.rules("front"), config.settings("front")
    assert (rules.admit_without_pass, rules.admit_on_guessed_clock) == (False, False)
    nothing: tuple[Any, ...] = ()
    assert (rules.demands, rules.duress, settings.openings) == (nothing, False, nothing)
    assert settings.timing == Timing(5.0, held_warning=30, held_after=60)
    assert (settings.counts_on_opening, settings.partners) == (False, nothing)
