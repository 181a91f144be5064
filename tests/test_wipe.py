"""A machine that leaves the house knows nothing any more, and staff know what is left to do."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from controller.cards import card_hash
from controller.cli.wipe import REVOKE
from controller.secrets import device_key
from controller.wiping import found
from sync.platforms import PLATFORMS
from tests.halls import Hall, doorward, hall
from tests.houses import KEY, TOKEN

ADA = "1234567001"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Hall]:
    with hall(tmp_path) as built:
        built.member("Ada Ruiz", ADA)
        built.sync()
        built.scan("front", ADA)
        yield built


@pytest.fixture
def stopped(place: Hall) -> Iterator[Hall]:
    place.close_socket()
    place.controller.close()
    with place.without_syncd():
        place.close_socket()
        yield place


def test_nothing_is_left_that_names_anybody_or_opens_anything(stopped: Hall) -> None:
    key = device_key(stopped.config.data)
    (stopped.folder / "data.before-restore-1").mkdir()
    (stopped.folder / "data.before-restore-1" / "device.key").write_bytes(key)
    (stopped.config.data / "notes.txt").write_text("not ours")
    told = doorward(stopped.config.path, "wipe", "--yes")
    assert told.code == 0, told.all
    left = {p: p.read_bytes() for p in stopped.folder.rglob("*") if p.is_file()}
    secrets = (key, TOKEN.encode(), KEY.encode(), b"Ada", b"Ida Keys", card_hash(key, "32:0"))
    assert not [p for p, text in left.items() if any(secret in text for secret in secrets)]
    assert (stopped.config.data / "notes.txt").exists()
    assert stopped.config.path.exists()
    assert "no guarantee on flash" in told.out
    for name, word in (("loft", "access token"), ("gym", "key"), ("keys", "list")):
        assert any(line.startswith(f"To do: {name}: ") and word in line
                   for line in told.out.splitlines())  # fmt: skip
    assert not any(secret.decode() in told.all for secret in secrets[1:3])


def test_the_device_key_goes_first(stopped: Hall) -> None:
    paths = found(stopped.config)
    assert paths[0] == stopped.config.data / "device.key"
    assert stopped.config.data / "journal.db" in paths


def test_while_the_services_run_nothing_is_touched(place: Hall) -> None:
    told = place.do("wipe", "--yes")
    assert told.code == 5
    assert "stop it first" in told.err
    assert (place.config.data / "device.key").exists()
    assert (place.folder / "cobot-token").exists()


def test_it_asks(stopped: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    told = doorward(stopped.config.path, "wipe")
    assert told.code != 0
    assert str(stopped.config.data / "journal.db") in told.out
    assert (stopped.config.data / "device.key").exists()


def test_every_platform_has_its_word() -> None:
    assert set(REVOKE) == set(PLATFORMS)
