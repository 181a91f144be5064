"""The two real processes, and a card that becomes somebody's, is lost and is blocked."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.houses import KEY, TOKEN, UNLIMITED, config_text
from tests.test_processes import PATIENCE, Processes, until

pytestmark = pytest.mark.slow

NEW = "0123454321"
BLOCKED = "denied_credential_disabled"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    with made.cobot, made.hive:
        (tmp_path / "cobot-token").write_text(TOKEN)
        (tmp_path / "hive-key").write_text(KEY)
        text = config_text(made.cobot.url, made.hive.url)
        text = text.replace("lock = {", "repeat_after = 0\nlock = {")
        (tmp_path / "doorward.toml").write_text(text)
        made.cobot.add_member("Ben Ode", UNLIMITED)
        made.start("controller")
        made.start("syncd")
        made.sync()
        try:
            yield made
        finally:
            for process in made.running.values():
                process.kill()
                process.wait()


def typed(site: Processes, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from controller.cli import main; main()", *words]
    where = {**os.environ, "DOORWARD_CONFIG": str(site.folder / "doorward.toml")}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=where, stdout=pipe, stderr=pipe, text=True)


def said(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out


def waits(process: subprocess.Popen[str]) -> None:
    assert process.stderr
    assert process.stderr.readline().startswith("Hold the card for Ben Ode")


def gives_up(site: Processes) -> None:
    """Somebody begins to enrol, and thinks better of it."""
    desk = typed(site, "enroll", "Ben", "--door", "front")
    waits(desk)
    desk.send_signal(signal.SIGINT)
    desk.communicate(timeout=PATIENCE)
    assert desk.returncode == 130


def lose_the_cache(site: Processes) -> None:
    site.kill("syncd")
    for part in (site.folder / "data").glob("cache.db*"):
        part.unlink()
    site.start("syncd")
    site.sync()


def test_given_up_then_enrolled_then_lost_and_blocked(site: Processes) -> None:
    gives_up(site)
    desk = typed(site, "enroll", "Ben", "--door", "front")
    waits(desk)
    assert site.scan("front", NEW) == "denied_unknown_credential"
    assert said(desk).startswith("Card …C371 is now Ben Ode")
    assert [token for token, _ in site.cobot.space.tokens] == [NEW]
    assert site.scan("front", NEW) == "granted"
    until(lambda: len(site.cobot.check_ins) == 1, "Cobot is told")
    site.cobot.cut()
    said(typed(site, "cards", "block", "--person", "Ben"))
    assert site.scan("front", NEW) == BLOCKED
    site.cobot.mend()
    lose_the_cache(site)
    assert site.scan("front", NEW) == BLOCKED
    site.stop()
    written = b"".join(p.read_bytes() for p in site.folder.rglob("*") if p.is_file())
    for secret in (NEW, f"{int(NEW):08X}", f"{int(NEW):08x}"):
        assert secret.encode() not in written
