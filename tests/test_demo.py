"""`doorward sandbox` and `doorward demo` as somebody types them: real processes, real signals."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from controller.cli.sandbox_files import Places
from controller.control import ask
from controller.errors import NotRunning
from controller.journal_read import JournalReader
from controller.model import Kind
from sync.simulator.townspeople import IDRIS, NORA, RUTH, STRANGER, TOVE, WEN

pytestmark = pytest.mark.slow

PATIENCE = 60.0  # seconds until a test gives up; none passes or fails by speed
CAST = (NORA, WEN, IDRIS, TOVE, RUTH, STRANGER)
DOORWARD = [sys.executable, "-P", "-m", "controller.cli"]
CHILDREN = {"door.sock": "controller", "sync.sock": "syncd", "town.sock": "platforms"}
SOCKETS = tuple(CHILDREN)


def doorward(
    *words: str, home: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Type a command, in a directory of its own, and wait for its end."""
    command = [*DOORWARD, *words]
    return subprocess.run(
        command, cwd=home, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Does this process still run? One that ended and was not asked for counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Running:
    """A sandbox in the foreground of a terminal of its own."""

    def __init__(self, home: Path) -> None:
        self.places = Places(home / "var")
        self.log = home / "terminal"
        with self.log.open("wb") as terminal:
            self.process = subprocess.Popen(
                [*DOORWARD, "sandbox"],
                cwd=home,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text()

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.said()
        return "Ctrl-C stops everything" in self.said()

    def pids(self) -> list[int]:
        asked = [ask(self.places.run / name, {"do": "status"}) for name in SOCKETS]
        return [int(answer["pid"]) for answer in asked]

    def ended(self) -> int:
        return self.process.wait(PATIENCE)


@contextmanager
def sandbox(home: Path) -> Iterator[Running]:
    running = Running(home)
    try:
        until(running.is_up, "the sandbox is up")
        yield running
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait(PATIENCE)


# The demo


def test_every_step_of_the_story_comes_true_and_no_full_card_number_is_left(
    tmp_path: Path,
) -> None:
    done = doorward("demo", "--dir", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every step came true" in done.stdout
    assert len(re.findall(r"^[1-9]\. ", done.stdout, re.MULTILINE)) == 9

    places = Places(tmp_path)
    files = [*places.logs.iterdir(), *places.data.iterdir(), *places.run.iterdir()]
    left = [done.stdout.encode(), *(file.read_bytes() for file in files)]
    for who in CAST:
        for number in (who.card, who.card.lower(), str(int(who.card, 16))):
            assert not any(number.encode() in each for each in left), who.name


def test_without_a_directory_nothing_is_left_behind() -> None:
    with TemporaryDirectory() as short:  # a path of pytest's own is too long for sockets
        done = doorward("demo", env={**os.environ, "TMPDIR": short})
        assert done.returncode == 0, done.stdout + done.stderr
        assert list(Path(short).iterdir()) == []


@pytest.mark.parametrize(
    ("deed", "scene", "seen"),
    [
        ("cut", "3. The network is cut", "accepted"),
        ("mend", "7. The network returns", "it ended with 9"),
    ],
)
def test_a_step_that_does_not_come_true_is_named(
    deed: str, scene: str, seen: str, tmp_path: Path
) -> None:
    done = doorward("demo", "--dir", str(tmp_path), "--sabotage", deed)
    assert done.returncode == 1
    assert "every step came true" not in done.stdout
    assert f"scene '{scene}' did not come true" in done.stderr
    assert re.search(rf"^  seen: +{seen}$", done.stderr, re.MULTILINE), done.stderr
    assert f"{tmp_path}/logs/" in done.stderr
    assert (tmp_path / "logs" / "syncd.log").stat().st_size


def test_a_platform_that_dies_in_the_middle_is_noticed(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as said:
        playing = subprocess.Popen(
            [*DOORWARD, "demo", "--dir", str(tmp_path / "var")], stdout=said, stderr=said
        )
    shown = (tmp_path / "said").read_text
    until(lambda: "2. A stranger" in shown(), "the second scene")
    os.kill(ask(Places(tmp_path / "var").town, {"do": "status"})["pid"], signal.SIGKILL)
    assert playing.wait(PATIENCE) == 1
    assert "scene '2. A stranger' did not come true" in shown()
    assert "platforms has ended (signal 9)" in shown()


# The sandbox


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda pid: os.killpg(pid, signal.SIGINT), id="ctrl-c"),
        pytest.param(lambda pid: os.kill(pid, signal.SIGTERM), id="terminated"),
        pytest.param(lambda pid: os.kill(pid, signal.SIGHUP), id="terminal-closed"),
    ],
)
def test_a_stopped_sandbox_leaves_no_process_and_every_lock_secured(
    stop: Callable[[int], None], tmp_path: Path
) -> None:
    with sandbox(tmp_path) as running:
        pids = running.pids()
        assert all(map(lives, pids))
        door = running.places.run / "door.sock"
        ask(door, {"do": "mode", "door": "front", "mode": "unlocked"})
        assert ask(door, {"do": "sim", "door": "front", "act": "state"})["lock"]["released"]

        stop(running.process.pid)
        assert running.ended() == 0, running.said()
        assert not any(map(lives, pids))
        assert "no process is left, and every lock is secured" in running.said()

    journal = JournalReader(running.places.data / "journal.db")
    # The controller notes that it stopped after it has secured every lock.
    assert journal.events(last=1)[0].event.kind is Kind.STOPPED
    assert journal.verify().broken_at is None
    journal.close()


def test_a_sandbox_does_what_it_tells_people_to_type(tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        typed = re.findall(r"^  (doorward .*?)(?:  .*)?$", running.said(), re.MULTILINE)
        assert len(typed) > 10
        ends = {}
        for line in typed:
            words = [word for word in line.split()[1:] if word != "--follow"]
            ends[line] = doorward("--config", str(running.places.config), *words).returncode
        denied = f"doorward explain {IDRIS.card} studio"
        assert {line: end for line, end in ends.items() if end} == {denied: 1}
        told = doorward("sandbox", "check-ins", home=tmp_path).stdout
        assert NORA.name in told
        assert TOVE.name in told


def test_a_second_sandbox_in_the_same_place_is_refused(tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        second = doorward("sandbox", home=tmp_path)
        assert second.returncode == 1
        assert f"already runs in {tmp_path / 'var'} (process {running.process.pid})" in (
            second.stderr
        )
        assert all(map(lives, running.pids()))


@pytest.mark.parametrize("name", SOCKETS)
def test_a_child_that_dies_ends_everything(name: str, tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        pids = running.pids()
        os.kill(pids[SOCKETS.index(name)], signal.SIGKILL)
        assert running.ended() == 1
        assert f"{CHILDREN[name]} has ended (signal 9)" in running.said()
        assert not any(map(lives, pids))


def test_children_do_not_outlive_a_killed_sandbox_and_the_next_one_starts(tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        pids = running.pids()
        running.process.kill()
        running.ended()
        until(lambda: not any(map(lives, pids)), "the children end")
    with sandbox(tmp_path) as again:
        events = JournalReader(again.places.data / "journal.db")
        assert [each.event.kind for each in events.events()] == [Kind.STARTED]
        events.close()


def test_kept_databases_are_gone_on_with(tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        running.process.terminate()
        assert running.ended() == 0
    home = str(running.places.home)
    with pytest.raises(NotRunning):
        running.pids()
    again = subprocess.Popen(
        [*DOORWARD, "sandbox", "--dir", home, "--keep"], stdout=subprocess.PIPE, text=True
    )
    assert again.stdout
    for line in again.stdout:
        if "Ctrl-C stops everything" in line:
            again.terminate()
    again.stdout.close()
    assert again.wait(PATIENCE) == 0
    journal = JournalReader(running.places.data / "journal.db")
    kinds = [each.event.kind for each in journal.events()]
    journal.close()
    assert kinds == [Kind.STARTED, Kind.STOPPED] * 2


def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    done = doorward("sandbox", "--dir", str(tmp_path / ("deep" * 30)))
    assert done.returncode == 3
    assert "give a shorter one by --dir" in done.stderr
