"""A copied card: the device key remembers on which machine it is at home."""

from pathlib import Path

from click.testing import CliRunner

from controller.cli.group import cli
from controller.secrets import MACHINE_NAME, came_from_elsewhere, device_key
from tests.sites import small_site

ELSEWHERE = "0" * 32


def test_a_key_is_at_home_where_it_was_made(tmp_path: Path) -> None:
    key = device_key(tmp_path)
    assert not came_from_elsewhere(tmp_path)
    (tmp_path / MACHINE_NAME).write_text(f"{ELSEWHERE}\n")
    assert came_from_elsewhere(tmp_path) == Path("/etc/machine-id").exists()
    assert device_key(tmp_path) == key, "the doors go on all the same"
    assert (tmp_path / MACHINE_NAME).read_text() == f"{ELSEWHERE}\n", "it is not forgotten"


def test_status_tells_of_a_copy_until_somebody_says_it_is_at_home_here(tmp_path: Path) -> None:
    small_site(tmp_path)
    device_key(tmp_path / "data")
    if not (tmp_path / "data" / MACHINE_NAME).exists():
        return  # a machine without an id knows no copies

    def told() -> str:
        return CliRunner().invoke(cli, ["--config", f"{tmp_path}/doorward.toml", "status"]).output

    before = told()
    (tmp_path / "data" / MACHINE_NAME).write_text(ELSEWHERE)
    after = told()
    assert "was made on another machine" not in before
    assert f"rm {tmp_path}/data/device.machine" in after
