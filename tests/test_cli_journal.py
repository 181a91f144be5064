"""What happened, as it is shown, proven and written out: `events` and `journal`."""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from controller.journal_read import JournalReader
from controller.model import Kind
from tests.fakes import MONDAY
from tests.halls import Hall, Said, hall, in_berlin
from tests.worlds import DAY

ADA = "1234567001"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Hall]:
    """Somebody came on Monday, and a stranger on Tuesday."""
    with in_berlin(), hall(tmp_path) as built:
        built.member("Ada Ruiz", ADA)
        built.sync()
        assert built.scan("front", ADA) == "granted"
        built.clock.wall_time = MONDAY + DAY
        assert built.scan("gym", "0BADCAFE") == "denied_unknown_credential"
        built.do("mode", "gym", "unlocked", "--until", "18:00")
        yield built


# Events


def test_the_newest_events_are_shown_oldest_first(place: Hall) -> None:
    shown = place.do("events")
    assert shown.code == 0
    head, started, ada, stranger, mode = shown.out.splitlines()
    assert head.split() == ["time", "door", "what", "who", "card", "more"]
    assert "controller_started" in started
    assert ada.startswith("2026-01-05 11:00:03 CET  front  granted")
    assert "Ada Ruiz (loft/m-1)" in ada
    assert "new visit until 2026-01-06 04:00:00 CET" in ada
    assert "checks in" in ada
    assert "denied_unknown_credential" in stranger
    assert "…CAFE" in stranger
    assert "until 2026-01-06 18:00:00 CET" in mode


def test_what_became_of_a_check_in_is_an_event(place: Hall) -> None:
    place.deliver()
    place.do("checkins", "push", "--all-late")
    place.deliver()
    told = place.do("events", "--kind", "check_in_settled").out
    assert "Ada Ruiz (loft/m-1)" in told
    assert "sent: checked in until" in told


def test_events_are_chosen_by_door_kind_and_number(place: Hall) -> None:
    def kinds(*words: str) -> list[str]:
        lines = place.do("events", "--json", *words).out.splitlines()
        return [json.loads(line)["kind"] for line in lines]

    assert kinds() == ["controller_started", "access", "access", "mode_changed"]
    assert kinds("--last", "1") == ["mode_changed"]
    assert kinds("--last", "0") == []
    assert kinds("--door", "gym") == ["access", "mode_changed"]
    assert (
        kinds("--kind", "access", "--kind", "controller_started", "--last", "2") == ["access"] * 2
    )
    for words in (["--last", "-1"], ["--last", "x"], ["--kind", "party"], ["--door", "cellar"]):
        assert place.do("events", *words).code == 2, words


def test_an_event_for_programs_is_whole(place: Hall) -> None:
    (event,) = map(json.loads, place.do("events", "--door", "front", "--json").out.splitlines())
    assert event["time"] == "2026-01-05T11:00:03.000+01:00"
    assert event["card"] == f"…{int(ADA):X}"[-4:].rjust(5, "…")
    assert event["detail"] == {"reader": "main"}
    assert len(event["hash"]) == 64
    assert event["checks_in"] is True


def test_new_events_are_followed_until_ctrl_c(place: Hall) -> None:
    # Tests that run in the background ignore Ctrl-C, and hand that down.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heed}; from controller.cli import main; main()"]
    words = ["--config", str(place.config.path), "events", "--follow", "--last", "1", "--json"]
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(
        [*command, *words],
        env=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["kind"] == "mode_changed"
        place.scan("front", ADA)
        assert json.loads(process.stdout.readline())["name"] == "Ada Ruiz"
        place.do("unlock", "gym")
        assert json.loads(process.stdout.readline())["kind"] == "unlocked_by_hand"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
        assert process.stderr.read().strip() == ""
        assert process.wait() == 130


# Proof


def tamper(place: Hall, statement: str) -> None:
    """Somebody with the file in hand, and the controller stopped."""
    db = sqlite3.connect(place.config.data / "journal.db", isolation_level=None)
    db.execute(statement)
    db.close()


def test_an_untouched_journal_is_proven_and_the_limits_of_that_told(place: Hall) -> None:
    shown = place.do("journal", "verify")
    assert shown.code == 0
    assert shown.out.startswith(
        "Unbroken: 4 events.\nNewest: event 4, 2026-01-06 11:00:03 CET, hash"
    )
    assert "none was changed, removed, put in or moved" in shown.out
    assert "does not prove that nothing was cut off at the end" in shown.out
    found = place.do("journal", "verify", "--json").json
    assert (found["unbroken"], found["events"], found["pruned"]) == (True, 4, 0)
    assert found["newest"]["hash"] in shown.out


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET name = 'Bob' WHERE seq = 2",
        "DELETE FROM event WHERE seq = 2",
        "UPDATE event SET kind = 'party' WHERE seq = 2",
        "UPDATE event SET detail = '{' WHERE seq = 2",
    ],
)
def test_a_changed_journal_is_found_out_with_the_place(place: Hall, statement: str) -> None:
    tamper(place, statement)
    shown = place.do("journal", "verify")
    assert shown.code == 1
    assert shown.out.startswith("BROKEN at event 2: it is missing or was changed.")
    assert "The 1 event before it" in shown.out
    assert place.do("journal", "verify", "--json").json["broken_at"] == 2


def test_a_row_that_is_no_event_any_more_is_no_traceback(place: Hall) -> None:
    tamper(place, "UPDATE event SET detail = '{' WHERE seq = 2")
    told = place.do("events")
    assert told.code == 8
    assert "event 2 is not as it was written" in told.err
    assert "doorward journal verify" in told.err


# Export


def test_events_are_written_out_as_csv(place: Hall, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    assert place.do("journal", "export", str(path)) == Said(0, "", "")
    rows = list(csv.DictReader(StringIO(path.read_text("utf-8"))))
    assert [row["seq"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[1]["time"] == "2026-01-05T11:00:03.000+01:00"
    assert rows[1]["zone"] == "CET"
    assert json.loads(rows[1]["detail"]) == {"reader": "main"}


def test_a_span_is_written_out_as_json_lines(place: Hall) -> None:
    def exported(*words: str) -> list[int]:
        out = place.do("journal", "export", "-", "--format", "jsonl", *words).out
        return [json.loads(line)["seq"] for line in out.splitlines()]

    assert exported() == [1, 2, 3, 4]
    assert exported("--to", "2026-01-05") == [1, 2]
    assert exported("--from", "2026-01-06") == [3, 4]
    assert exported("--from", "2026-01-05 11:00:01", "--to", "2026-01-05T10:00:04Z") == [2]
    assert exported("--from", "2030-01-01") == []
    assert place.do("journal", "export", "-", "--from", "once").code == 2
    assert place.do("journal", "export").code == 2
    header = place.do("journal", "export", "-", "--from", "2030-01-01").out
    assert next(csv.reader(StringIO(header)))[0] == "seq"


def test_who_may_only_look_needs_no_running_controller(tmp_path: Path) -> None:
    with in_berlin(), hall(tmp_path) as built:
        built.scan("gym", "0BADCAFE")
    with tempfile.TemporaryDirectory() as folder, as_somebody_else():
        journal = Path(folder, "journal.db")
        with as_before():
            shutil.copy(built.config.data / "journal.db", journal)
            journal.chmod(0o444)
            Path(folder).chmod(0o555)
        try:
            reader = JournalReader(journal)
            assert reader.events(last=1)[0].event.kind is Kind.STOPPED
            reader.close()
        finally:
            with as_before():
                Path(folder).chmod(0o700)


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root may write everywhere, so not as root."""
    before = os.geteuid()
    os.seteuid(before or 65_534)
    try:
        yield
    finally:
        os.seteuid(before)


@contextmanager
def as_before() -> Iterator[None]:
    now = os.geteuid()
    os.seteuid(os.getuid())
    try:
        yield
    finally:
        os.seteuid(now)
