"""The device key is made once, kept to its owner, and never replaced; other secrets are found."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from controller.config import SecretRef
from controller.errors import ConfigError
from controller.secrets import device_key, lax, read_secret

AS_ROOT = os.geteuid() == 0


def test_the_first_start_makes_a_key_and_every_later_one_finds_it(tmp_path: Path) -> None:
    key = device_key(tmp_path)
    assert len(key) == 32
    assert device_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "device.key").stat().st_mode) == 0o600


def test_two_machines_have_different_keys(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    assert device_key(tmp_path / "one") != device_key(tmp_path / "other")


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom controller.secrets import device_key\n"
        "print('ready', flush=True)\nsys.stdin.read()\nprint(device_key(Path(sys.argv[1])).hex())"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.close()
        racer.stdin = None
    keys = {racer.communicate()[0].strip() for racer in racers}
    assert keys == {device_key(tmp_path).hex()}
    left = {path.name for path in tmp_path.iterdir()}
    assert left - {"device.machine"} == {"device.key"}


def test_a_key_that_comes_first_is_kept_and_the_late_one_thrown_away(tmp_path: Path) -> None:
    earlier = tmp_path / "device.key"
    earlier.touch(mode=0o600)
    earlier.write_bytes(b"k" * 32)
    assert device_key(tmp_path) == b"k" * 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_may_use_is_refused_with_the_command_that_helps(
    tmp_path: Path, mode: int
) -> None:
    device_key(tmp_path)
    key = tmp_path / "device.key"
    key.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {key}"):
        device_key(tmp_path)


@pytest.mark.parametrize("size", [0, 31, 33, 4096])
def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, size: int) -> None:
    key = tmp_path / "device.key"
    key.touch(mode=0o600)
    key.write_bytes(b"x" * size)
    with pytest.raises(ConfigError, match=r"damaged.*restore it"):
        device_key(tmp_path)
    assert key.read_bytes() == b"x" * size


def test_no_place_for_a_key_is_the_installers_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"check that .*missing exists"):
        device_key(tmp_path / "missing")


@pytest.mark.skipif(not AS_ROOT, reason="only root can give files away")
def test_a_key_made_by_root_belongs_to_the_owner_of_the_data(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    device_key(tmp_path)
    assert (tmp_path / "device.key").stat().st_uid == 12345


# Secrets that the installer brings


def test_a_secret_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret value\n")
    assert read_secret(SecretRef(file=tmp_path / "token")) == "s3cret value"


def test_a_systemd_credential_is_found_where_systemd_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cobot-token").write_text("s3cret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret(SecretRef(credential="cobot-token")) == "s3cret"
    with pytest.raises(ConfigError, match="LoadCredential=other:"):
        read_secret(SecretRef(credential="other"))


def test_without_systemd_there_are_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="name a file instead"):
        read_secret(SecretRef(credential="cobot-token"))


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"one\ntwo\n", b"\xff\xfe", b"a\0b", b"x" * 70000]
)
def test_a_file_without_one_secret_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match="put the secret into it") as caught:
        read_secret(SecretRef(file=tmp_path / "token"))
    assert "two" not in str(caught.value)


def test_a_missing_secret_file_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"token: there is no such secret file; put the secret"):
        read_secret(SecretRef(file=tmp_path / "token"))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(SecretRef(file=tmp_path))


def test_a_secret_that_everybody_may_read_is_called_careless(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    token.chmod(0o644)
    assert lax(SecretRef(file=token)).endswith(f"chmod 600 {token}")
    token.chmod(0o640)
    assert lax(SecretRef(file=token)) == ""
