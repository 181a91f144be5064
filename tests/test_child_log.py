"""Log lines of the sandbox's processes, made readable."""

import json

from click import unstyle

from controller.cli.child_log import readable

STAMP = "2026-01-05T10:00:00.5Z"


def shown(**fields: object) -> str:
    line = json.dumps({"timestamp": STAMP, "level": "info", "process": "syncd", **fields})
    return unstyle(readable("syncd", line))


def test_an_event_comes_with_its_time_and_its_fields() -> None:
    line = shown(event="roster fetched", platform="gym", changes="31 people")
    assert line[2] == line[5] == ":"
    assert line[8:] == " syncd      roster fetched  platform=gym changes='31 people'"


def test_what_is_no_log_line_stays_as_it_is() -> None:
    assert unstyle(readable("syncd", "Segmentation fault")).split() == [
        "syncd",
        "Segmentation",
        "fault",
    ]


def test_a_name_cannot_steer_the_terminal() -> None:
    line = shown(event="granted", name="Eve\x1b[2J")
    assert "\x1b" not in line
    assert "Eve\\x1b[2J" in line


def test_the_lines_of_an_exception_follow() -> None:
    line = shown(event="failed", exception="Traceback\nValueError: no")
    assert [part.split()[-1] for part in line.splitlines()] == ["failed", "Traceback", "no"]
