"""What the program says: whole lines, warned once, and never a card number, PIN or key."""

import json
import logging
import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from controller.logs import Once, configure

CARD = "04A1B2C3"


@pytest.fixture(autouse=True)
def _unconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    printed = capsys.readouterr()
    assert printed.out == ""
    return [json.loads(line) for line in printed.err.splitlines()]


def test_one_json_object_a_line_says_what_where_and_when(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("controller")
    structlog.get_logger("any").info("reader lost", door="front", name="Zoë\n王")
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "reader lost",
        "level": "info",
        "process": "controller",
        "door": "front",
        "name": "Zoë\n王",
    }


@pytest.mark.parametrize("key", ["card", "credential", "number", "text", "raw"])
def test_of_a_card_only_the_end_is_shown(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure("controller")
    log = structlog.get_logger()
    for number in (CARD, f"32:{CARD}", "04:A1:B2:C3", "…B2C3"):
        log.info("read", **{key: number})
    log.info("read", **{key: 77_123_456})
    log.info("read", detail={key: [CARD, CARD]})
    *cards, decimal, nested = lines(capsys)
    assert [card[key] for card in cards] == ["…B2C3"] * 4
    assert decimal[key] == "…3456"
    assert nested["detail"] == {key: ["…B2C3", "…B2C3"]}


def test_of_a_pin_or_a_secret_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure("sync")
    log = structlog.get_logger()
    log.info("a", pin="4711", token="s3cret-key", password="s3cret-key", secret=b"s3cret-key")
    log.info("b", detail={"authorization": "Bearer s3cret-key"}, card="pin:4711")
    log.info("c", pin="", token=None)
    shown = capsys.readouterr().err
    assert "s3cret" not in shown
    assert "4711" not in shown
    assert shown.count("****") == 4


def test_an_exception_comes_with_its_lines_but_without_what_the_variables_held(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        token = "s3cret-" + "key"
        assert token
        raise RuntimeError("out of luck")

    def say() -> None:
        configure("sync")
        try:
            fail()
        except RuntimeError:
            structlog.get_logger().exception("pull failed")

    say()
    (line,) = lines(capsys)
    assert "out of luck" in line["exception"]
    assert "s3cret-key" not in line["exception"]
    shown = on_a_terminal(monkeypatch, say)
    assert "out of luck" in shown
    assert "s3cret-key" not in shown


def test_a_terminal_gets_readable_lines_that_cannot_steer_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def say() -> None:
        configure("controller")
        structlog.get_logger().info("granted", name="Zoë\x1b[2J", card=CARD)

    shown = on_a_terminal(monkeypatch, say)
    assert "granted" in shown
    assert "Zoë" in shown or "Zo\\xeb" in shown
    assert "\x1b[2J" not in shown
    assert CARD not in shown
    assert not shown.startswith("{")


def test_under_systemd_a_line_carries_its_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w+") as journal:
        found = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        monkeypatch.setattr(sys, "stderr", journal)
        configure("controller")
        structlog.get_logger().warning("reader lost")
        journal.seek(0)
        line = journal.read()
    assert line.startswith("<4>{")
    assert json.loads(line[3:])["event"] == "reader lost"


def test_a_journal_stream_that_is_not_ours_gets_plain_json_even_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def say() -> None:
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")
        configure("controller")
        structlog.get_logger().info("granted")

    assert json.loads(on_a_terminal(monkeypatch, say))["event"] == "granted"


def test_libraries_are_heard_from_warning_on(capsys: pytest.CaptureFixture[str]) -> None:
    configure("sync")
    logging.getLogger("httpx").info("GET /")
    logging.getLogger("apscheduler.executors").warning("job %s missed", "pull")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("apscheduler.executors").exception("job failed")
    missed, failed = lines(capsys)
    assert missed["event"] == "job pull missed"
    assert missed["logger"] == "apscheduler.executors"
    assert missed["level"] == "warning"
    assert "ValueError: why" in failed["exception"]


def test_debug_is_silent_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    configure("sync")
    structlog.get_logger().debug("detail")
    assert lines(capsys) == []
    configure("sync", level="debug")
    structlog.get_logger().debug("detail")
    assert [line["level"] for line in lines(capsys)] == ["debug"]


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        configure("controller")
        structlog.get_logger().info("onto a full disk")
        with pytest.raises(OSError, match="space"):
            full.flush()
        monkeypatch.undo()
        full.buffer.raw.close()  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "stderr", full)
    structlog.get_logger().info("into a closed file")


def test_a_trouble_is_told_once_and_its_end_with_how_often_it_came(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("sync")
    once = Once(structlog.get_logger())
    for _ in range(1000):
        once.trouble("north", "platform cannot be reached", platform="north")
    once.trouble("south", "platform cannot be reached", platform="south")
    once.fine("north", "platform answers again", platform="north")
    once.fine("north", "platform answers again", platform="north")
    once.trouble("north", "platform cannot be reached", platform="north")
    told = [(line["level"], line["platform"], line["times"]) for line in lines(capsys)]
    assert told == [
        ("warning", "north", 1),
        ("warning", "south", 1),
        ("info", "north", 1000),
        ("warning", "north", 1),
    ]


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, say: Any) -> str:
    """What `say` prints when stderr is a terminal."""
    ours, theirs = pty.openpty()
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as terminal, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", terminal)
            say()
            return os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
