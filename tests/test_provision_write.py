"""Setup files for many machines from a table."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli.group import Context, cli
from controller.errors import ConfigError

SECRET = "a-key-nobody-may-see-7f3a"
LIKE = """
[setup]
timezone = "Europe/Berlin"
wifi = { ssid = "Doors", password = "correct horse" }

[doors.front]
admits = ["gym/door:1"]
lock = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "hex" } }

[doors.lab]
admits = ["gym/door:2"]
lock = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "hex" } }

[platforms.gym]
kind = "hive"
url = "https://api.example/hive/door-access"
key = { file = "hive-key" }
zone = "Europe/Berlin"
cards = [{ source = "door_access_id", format = "dec10" }]
doors = { front = "1", lab = "2" }
"""
TABLE = f"""\
hostname,doors,setup.secrets.hive-key,doors.lab.admits,setup.wifi.password
box-one,front,{SECRET},,
box-two,lab,{SECRET},"[""gym/door:2"", ""gym/door:3""]",another password
"""


def written(folder: Path, table: str = TABLE, like: str = LIKE) -> Result:
    (folder / "boxes.csv").write_text(table)
    (folder / "like.toml").write_text(like)
    words = ["provision", "write", str(folder / "boxes.csv"), "--like", str(folder / "like.toml")]
    return CliRunner().invoke(cli, [*words, "--out", str(folder / "out")], obj=Context())


def test_each_row_becomes_a_file_that_its_machine_accepts(tmp_path: Path) -> None:
    result = written(tmp_path)
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    files = {
        name: tmp_path / "out" / name / "doorward-setup.toml" for name in ("box-one", "box-two")
    }
    one, two = (tomllib.loads(path.read_text()) for path in files.values())
    assert list(one["doors"]) == ["front"]
    assert one["platforms"]["gym"]["doors"] == {"front": "1"}
    assert one["setup"]["wifi"]["password"] == "correct horse", "an empty cell changes nothing"
    assert one["setup"]["hostname"] == "box-one"
    assert two["doors"]["lab"]["admits"] == ["gym/door:2", "gym/door:3"]
    assert two["setup"]["wifi"]["password"] == "another password"
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}

    root = tmp_path / "root"
    (root / "boot").mkdir(parents=True)
    (root / "usr/share/zoneinfo/Europe").mkdir(parents=True)
    (root / "usr/share/zoneinfo/Europe/Berlin").touch()
    (root / "etc/NetworkManager").mkdir(parents=True)
    files["box-one"].rename(root / "boot/doorward-setup.toml")
    applied = CliRunner().invoke(cli, ["provision", "apply", "--root", str(root)], obj=Context())
    assert applied.exit_code == 0, applied.output
    assert (root / "etc/doorward/hive-key").read_text() == f"{SECRET}\n"


def test_every_problem_of_every_row_is_told_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    table = (
        "hostname;doors;setup.secrets.hive-key;doors.front.open_for\n"
        f"Box One;;{SECRET};\n"
        f"box-two;frnt;{SECRET};\n"
        ";;;\n"
        f"box-three;front;{SECRET};soon\n"
        "box-four;front;;\n"
        f"box-five;;{SECRET};\n"
        f"box-five;;{SECRET};\n"
    )
    result = written(tmp_path, table)
    assert isinstance(result.exception, ConfigError)
    told = result.exception.problems
    for number, words in (
        (2, "setup.hostname: is no name for a machine"),
        (3, "doors: there is no 'frnt'; did you mean 'front'?"),
        (5, "doors.front.open_for: must be a length of time"),
        (6, "platforms.gym.key: hive-key is neither under [setup.secrets]"),
        (8, "hostname: 'box-five' stands there twice"),
    ):
        assert any(each.startswith(f"boxes.csv, line {number}: {words}") for each in told), told
    assert len(told) == 5
    assert SECRET not in "".join(told)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("name\nx\n", "there is no column hostname"),
        ("hostname,hostnam\nx,y\n", "column 'hostnam' is no key of a setup file; did you mean"),
        ("hostname,doors,doors\nx,,\n", "there are two columns 'doors'"),
        ("hostname\n", "has no rows"),
        ("hostname\nx,y\n", "line 2: has more cells than there are columns"),
        ("hostname,doors.front.name.x\nx,y\n", "doors.front.name.x: name is no table"),
        ("hostname,doors.front.admits\nx,plan\n", "must be written as in the file"),
    ],
)
def test_a_table_that_is_wrong_says_where(tmp_path: Path, table: str, told: str) -> None:
    like = LIKE.replace("[doors.front]", '[doors.front]\nname = "Front"')
    result = written(tmp_path, table, like + '\n[setup.secrets]\nhive-key = "x"\n')
    assert isinstance(result.exception, ConfigError)
    assert any(told in each for each in result.exception.problems), result.exception.problems


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    assert written(tmp_path).exit_code == 0
    again = written(tmp_path)
    assert isinstance(again.exception, ConfigError)
    assert "is there already; delete it first" in again.exception.problems[0]
    broken = written(tmp_path, like="[setup")
    assert "like.toml: is not valid TOML" in str(broken.exception)
