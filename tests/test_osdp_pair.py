"""`doorward osdp pair`: a key for a reader, given by hand and by nobody else."""

import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli.group import cli
from controller.errors import ConfigError, HardwareError
from tests.contract_hw import Heard
from tests.osdps import Device, OsdpReader, Site, site

CONFIG = """\
[site]
data = "data"
run = "run"

[doors.front]
admits = ["*"]
lock = {{ driver = "sim" }}

[doors.front.readers.main]
driver = "osdp"
port = "{port}"
baud = 115200
address = 5
key = {{ {key} }}
card = {{ format = "bits" }}
"""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Site]:
    made = site(tmp_path, Device(key=None))
    configure(made)
    yield made
    made.wire.unplug()


def configure(line: Site, key: str = 'file = "front.key"') -> None:
    text = CONFIG.format(port=line.wire.path, key=key)
    (line.folder / "doorward.toml").write_text(text)


def pair(line: Site, *words: str, part: str = "front/main") -> Result:
    config = str(line.folder / "doorward.toml")
    return CliRunner().invoke(cli, ["--config", config, "osdp", "pair", part, *words])


def key_of(line: Site) -> Path:
    return line.folder / "front.key"


def test_a_new_reader_gets_a_key_that_is_kept_and_works(line: Site) -> None:
    result = pair(line)
    assert result.exit_code == 0, result.output
    assert "front/main is paired" in result.output
    key = bytes.fromhex(key_of(line).read_text())
    assert len(key) == 16
    assert key.hex() not in result.output
    assert line.device.keysets == [key]
    assert stat.S_IMODE(key_of(line).stat().st_mode) == 0o600
    assert sorted(each.name for each in line.folder.glob("front.key*")) == ["front.key"]

    settings = OsdpReader.Settings.model_validate(
        {**line.stanza(), "key": {"file": str(key_of(line))}}
    )
    reader = OsdpReader(settings, "front/main", buses=line.buses)
    heard = Heard()
    reader.start(heard.tell)
    assert heard.next_health() == (True, "")
    reader.stop()


def test_a_key_is_not_replaced_unless_that_is_asked_for(line: Site) -> None:
    assert pair(line).exit_code == 0
    key = key_of(line).read_text()
    result = pair(line)
    assert isinstance(result.exception, ConfigError)
    assert "has a key already" in str(result.exception)
    assert "--again" in str(result.exception)
    assert key_of(line).read_text() == key
    assert len(line.device.keysets) == 1


def test_again_gives_a_new_key_over_the_old_one(line: Site) -> None:
    assert pair(line).exit_code == 0
    old = key_of(line).read_text()
    result = pair(line, "--again")
    assert result.exit_code == 0, result.output
    new = bytes.fromhex(key_of(line).read_text())
    assert new.hex() != old.strip()
    assert line.device.keysets[1:] == [new]


def test_again_pairs_a_reader_that_was_reset_or_exchanged(line: Site) -> None:
    key_of(line).write_text(secrets.token_hex(16))
    result = pair(line, "--again")
    assert result.exit_code == 0, result.output
    assert line.device.keysets == [bytes.fromhex(key_of(line).read_text())]


def test_a_pairing_that_was_cut_off_is_gone_on_with(line: Site) -> None:
    """The device took the key, and the machine lost its power before that was in force."""
    line.device.key = secrets.token_bytes(16)
    line.wire.restart(line.device)
    (line.folder / "front.key.new").write_text(line.device.key.hex())
    result = pair(line)
    assert result.exit_code == 0, result.output
    assert key_of(line).read_text() == line.device.key.hex()
    assert line.device.keysets == []


def test_a_reader_that_does_not_answer_costs_no_key(line: Site) -> None:
    line.device.deaf = True
    key_of(line).write_text(old := secrets.token_hex(16))
    result = pair(line, "--again", "--within", "0.3s")
    assert isinstance(result.exception, HardwareError)
    assert "front/main is not paired" in str(result.exception)
    assert "did not answer" in str(result.exception)
    assert key_of(line).read_text() == old


def test_a_reader_with_a_key_of_somebody_else_is_told_as_that(line: Site) -> None:
    line.device.key = secrets.token_bytes(16)
    line.wire.restart(line.device)
    result = pair(line, "--within", "0.5s")
    assert isinstance(result.exception, HardwareError)
    assert "it has another" in str(result.exception)
    assert "install mode" in str(result.exception)
    assert not key_of(line).exists()


def test_a_reader_without_secure_channel_is_told_as_that(line: Site) -> None:
    line.device.secure = False
    line.wire.restart(line.device)
    result = pair(line, "--within", "0.5s")
    assert isinstance(result.exception, HardwareError)
    assert "offers no secure channel" in str(result.exception)
    assert not key_of(line).exists()


def test_it_refuses_while_the_controller_has_the_line(line: Site) -> None:
    settings = OsdpReader.Settings.model_validate(
        {**line.stanza(), "key": {"file": str(line.folder / "none")}}
    )
    reader = OsdpReader(settings, "front/main", buses=line.buses)
    heard = Heard()
    reader.start(heard.tell)
    assert not heard.next_health()[0]

    result = pair(line)
    assert isinstance(result.exception, HardwareError)
    assert "stop the controller first" in str(result.exception)
    assert list(line.folder.glob("front.key*")) == []
    reader.stop()


def test_a_line_that_is_not_there_is_told(line: Site) -> None:
    line.wire.unplug()
    result = pair(line)
    assert isinstance(result.exception, HardwareError)
    assert "is not there" in str(result.exception)
    assert list(line.folder.glob("front.key*")) == []


@pytest.mark.parametrize(
    ("part", "key", "words"),
    [
        ("front/main", 'credential = "front"', "name a file instead"),
        ("front/main", 'file = "keys/front.key"', "install -d -m 0700"),
        ("front/main", "file = 7", "key"),
        ("front/mian", 'file = "front.key"', "did you mean 'front/main'?"),
        ("front/lock", 'file = "front.key"', "is no part with an OSDP driver"),
    ],
)
def test_what_stands_in_the_configuration_is_told(
    line: Site, part: str, key: str, words: str
) -> None:
    configure(line, key)
    result = pair(line, part=part)
    assert result.exit_code != 0
    assert words in f"{result.output}{result.exception}"
    assert line.device.keysets == []
