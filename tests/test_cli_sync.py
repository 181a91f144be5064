"""Fetching on demand: `doorward sync`, through `syncd` or by itself."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.simulator.server import Fault
from tests.halls import Hall, doorward, hall, in_berlin
from tests.houses import gym_user

ADA = "1234567001"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Hall]:
    with in_berlin(), hall(tmp_path) as built:
        built.member("Ada Ruiz", ADA)
        yield built


def test_every_platform_is_fetched_and_sums_up(place: Hall) -> None:
    told = place.do("sync")
    assert (told.code, told.err) == (0, "")
    loft, gym, keys = told.out.splitlines()
    assert loft == "loft: 1 person; person +1 −0, credential +1 −0, held +1 −0; 0 lose access"
    assert gym == "gym: nothing changed (0 people)"
    assert keys.startswith("keys: 2 people")
    assert place.scan("front", ADA) == "granted"


def test_one_platform_alone(place: Hall) -> None:
    told = place.do("sync", "--platform", "keys", "--json")
    assert [each["platform"] for each in told.json] == ["keys"]
    wrong = place.do("sync", "--platform", "loftt")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean 'loft'?" in wrong.err


def test_a_dry_run_names_who_would_lose_access_and_changes_nothing(place: Hall) -> None:
    place.sync()
    ada = next(m for m in place.cobot.space.members.values() if m.name == "Ada Ruiz")
    place.cobot.remove_member(ada)
    told = place.do("sync", "--platform", "loft", "--dry-run")
    assert told.code == 0
    assert "loft: would be: 0 people" in told.out
    assert "people: 0 to add, 1 to remove" in told.out
    assert "would lose access: Ada Ruiz" in told.out
    assert place.scan("front", ADA) == "granted"
    assert place.do("sync", "--dry-run", "--accept").code == 2


def test_a_roster_that_is_not_believed_is_taken_at_a_persons_word(place: Hall) -> None:
    place.sync()
    place.cobot.fault = Fault("empty_list", "/api/memberships")
    told = place.do("sync", "--platform", "loft")
    assert told.code == 7
    assert told.out == ""
    assert told.err.startswith("loft: NOT FETCHED: the roster it sent is not believed")
    assert "--accept" in told.err
    assert place.scan("front", ADA) == "granted"
    assert "lost access: Ada Ruiz" in place.do("sync", "--platform", "loft", "--accept").out
    assert place.scan("front", ADA) == "denied_unknown_credential"


@pytest.mark.parametrize(("status", "code"), [(401, 6), (500, 9), (404, 10)])
def test_the_exit_code_says_who_must_act(place: Hall, status: int, code: int) -> None:
    place.cobot.fault = Fault("status", "/api/memberships", status=status)
    told = place.do("sync")
    assert told.code == code
    assert "loft: NOT FETCHED" in told.err
    assert "keys: 2 people" in told.out, "one that fails leaves the others alone"
    reports = place.do("sync", "--json")
    assert reports.code == code
    assert [each["platform"] for each in reports.json if "error" in each] == ["loft"]


def test_a_platform_that_cannot_even_be_tried_is_not_left_out(place: Hall) -> None:
    (place.folder / "cobot-token").unlink()
    with place.without_syncd():
        told = place.do("sync")
        assert told.code == 3
        assert "loft: NOT FETCHED" in told.err
        assert "cobot-token" in told.err
        assert "keys: 2 people" in told.out
    assert place.do("sync").code == 3
    assert place.do("sync", "--platform", "loft").code == 3
    (place.folder / "cobot-token").write_text("again")


def test_by_itself_it_fetches_and_tells_of_entries(place: Hall) -> None:
    place.sync()
    place.hive.put(gym_user(7, "0BADCAFE"))
    place.sync()
    assert place.scan("gym", "0BADCAFE") == "granted"
    with place.without_syncd():
        assert place.do("sync", "--dry-run").code == 0
        assert place.hive.entries == []
        assert place.do("sync").code == 0
        assert [entry.user_id for entry in place.hive.entries] == [7]
    assert place.states() == {"sent": 1}


def test_two_do_not_sync_at_once(place: Hall) -> None:
    place.close_socket()
    told = place.do("sync")
    assert (told.code, told.out) == (8, "")
    assert "is in use by another" in told.err


def test_the_first_of_all_commands_may_be_a_sync(tmp_path: Path) -> None:
    (tmp_path / "keys.csv").write_text("id,name,card\nk1,Ida Keys,04A1B2C3\n")
    path = tmp_path / "doorward.toml"
    path.write_text(
        '[site]\ndata = "data"\nrun = "run"\n[doors.front]\nadmits = ["*"]\n'
        'lock = { driver = "sim" }\n[doors.front.readers.main]\ndriver = "sim"\n'
        'card = { format = "hex" }\n[platforms.keys]\nkind = "file"\npath = "keys.csv"\n'
        'card = { format = "hex" }\n'
    )
    assert "keys: 1 person" in doorward(path, "sync").out
    assert "Ida Keys" in doorward(path, "people").out
    (tmp_path / "keys.csv").write_text("id,name\n")
    failed = doorward(path, "sync")
    assert failed.code == 3
    assert "nobody is in it" in failed.err


def test_on_a_terminal_a_long_pull_shows_how_far_it_is(place: Hall) -> None:
    place.hive.populate(1, 300)
    near, far = pty.openpty()
    command = [sys.executable, "-c", "from controller.cli import main; main()"]
    words = ["--config", str(place.config.path), "--json", "sync", "--platform", "gym"]
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "TERM": "xterm"}
    with subprocess.Popen(
        [*command, *words], env=where, stdout=subprocess.PIPE, stderr=far
    ) as process:
        os.close(far)
        shown = b"".join(iter(lambda: read(near), b"")).decode()
        assert process.stdout
        (report,) = json.loads(process.stdout.read())
    os.close(near)
    assert process.returncode == 0
    assert report["changes"]["people_after"] == 300
    assert "gym: users" in shown


def read(descriptor: int) -> bytes:
    """What a terminal shows; the kernel ends it with an error."""
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""
