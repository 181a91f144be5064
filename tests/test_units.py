"""The systemd units, judged by systemd itself."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.cli.upgrade_place import FOLDER as UPGRADES
from hw.lock_all import LONGEST
from release import deb

FOLDER = Path(__file__).parent.parent / "systemd"
UNITS = ("doorward-controller.service", "doorward-sync.service")
PROGRAM = "/usr/bin/doorward"


def settings(unit: str) -> dict[str, list[str]]:
    """Every `Key=value` of a unit, whatever its section."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / unit).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_accepts_the_unit(unit: str, tmp_path: Path) -> None:
    done = analyze("verify", installed(unit, tmp_path))
    assert done.returncode == 0, done.stderr
    assert unit not in done.stderr


def test_systemd_would_notice_a_bad_one(tmp_path: Path) -> None:
    path = installed(UNITS[0], tmp_path)
    path.write_text(path.read_text().replace("WatchdogSec=10", "WatchdogSecs=10"))
    assert "WatchdogSecs" in analyze("verify", path).stderr


@pytest.mark.parametrize("unit", UNITS)
def test_little_is_exposed(unit: str, tmp_path: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", installed(unit, tmp_path))
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert exposure, done.stderr
    assert float(exposure[1]) < 2.0, done.stdout


@pytest.mark.parametrize(("unit", "command"), [(UNITS[0], "controller"), (UNITS[1], "syncd")])
def test_both_are_kept_alive_and_share_their_folders(unit: str, command: str) -> None:
    found = settings(unit)
    expected = {
        "Type": "notify",
        "ExecStart": f"{PROGRAM} {command}",
        "WatchdogSec": "10",
        "Restart": "always",
        "RestartSec": "1",
        "StartLimitIntervalSec": "0",
        "User": "doorward",
        "StateDirectory": "doorward",
        "RuntimeDirectory": "doorward",
        "RuntimeDirectoryPreserve": "yes",
    }
    assert {key: found[key] for key in expected} == {k: [v] for k, v in expected.items()}


def test_whatever_the_controller_ended_of_its_locks_are_shut_before_it_starts_again() -> None:
    controller, sync = map(settings, UNITS)
    assert controller["ExecStopPost"] == [f"-{PROGRAM} lock-all"], "a failure must not stop it all"
    assert float(controller["TimeoutStopSec"][0]) > LONGEST, "systemd must not cut it off"
    assert "ExecStopPost" not in sync, "it has no devices"


def test_the_first_start_comes_before_doors_and_network(tmp_path: Path) -> None:
    unit = "doorward-firstboot.service"
    done = analyze("verify", installed(unit, tmp_path))
    assert done.returncode == 0, done.stderr
    found = settings(unit)
    assert found["Type"] == ["oneshot"]
    assert set(found["Before"][0].split()) == {"network-pre.target", *UNITS}
    places = found["ConditionPathExists"]
    assert all(place.startswith("|/") for place in places), "any of them will do"
    assert "|/boot/firmware/doorward-setup.toml" in places
    assert "|/dev/disk/by-label/DOORSETUP" in places
    rules = (FOLDER / "doorward.rules").read_text()
    assert 'ENV{ID_FS_LABEL}=="DOORSETUP"' in rules
    assert f'ENV{{SYSTEMD_WANTS}}+="{unit}"' in rules


def test_the_rules_come_after_those_that_find_out_what_a_device_is() -> None:
    name = Path(deb.COPIED["systemd/doorward.rules"]).name
    assert "60-serial.rules" < name < "99-systemd.rules"
    assert f"rules.d/{name}\n" in (FOLDER.parent / "README.md").read_text()


@pytest.mark.parametrize("unit", UNITS)
def test_a_door_waits_for_nothing(unit: str) -> None:
    named = " ".join(value for values in settings(unit).values() for value in values)
    assert "network-online" not in named
    assert "time-sync" not in named


@pytest.mark.parametrize("unit", UNITS)
def test_a_machine_without_a_group_starts_it_all_the_same(unit: str) -> None:
    assert "SupplementaryGroups" not in settings(unit)


def test_the_controller_has_no_network_and_sync_no_devices() -> None:
    controller, sync = map(settings, UNITS)
    assert controller["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert controller["PrivateNetwork"] == ["yes"]
    assert controller["IPAddressDeny"] == ["any"]
    assert sync["PrivateDevices"] == ["yes"]
    assert "DeviceAllow" not in sync


def test_the_user_belongs_to_the_owners_of_the_devices(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    text = (FOLDER / "doorward.sysusers").read_text()
    command = [systemd("systemd-sysusers"), f"--root={tmp_path}", "-"]
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)
    groups = (tmp_path / "etc" / "group").read_text().splitlines()
    of_doorward = {line.split(":")[0] for line in groups if line.endswith(":doorward")}
    assert of_doorward == {"dialout", "gpio", "i2c", "input"}
    assert "\ndoorward:x:" in "\n" + (tmp_path / "etc" / "passwd").read_text()


def test_the_rules_give_devices_to_groups_that_there_are() -> None:
    named = set(re.findall(r'GROUP="(\w+)"', (FOLDER / "doorward.rules").read_text()))
    assert named == {"gpio", "i2c"}
    assert all(
        f"m doorward {group}\n" in (FOLDER / "doorward.sysusers").read_text() for group in named
    )


def test_the_unit_that_finishes_an_upgrade_waits_for_one_and_comes_before_the_doors(
    tmp_path: Path,
) -> None:
    unit = "doorward-upgrade.service"
    done = analyze("verify", installed(unit, tmp_path))
    assert done.returncode == 0, done.stderr
    assert unit not in done.stderr
    found = settings(unit)
    assert found["Before"] == [" ".join(UNITS)]
    assert found["ConditionPathExists"] == [f"/{UPGRADES}/state.json"]
    assert found["ExecStart"] == [f"/bin/sh /{UPGRADES}/go-on --boot"]
    assert f"!/{UPGRADES}/hold-sync" in settings(UNITS[1])["ConditionPathExists"]


def installed(unit: str, folder: Path) -> Path:
    """The unit as on a machine that has the program, which need not be this one."""
    path = folder / unit
    path.write_text((FOLDER / unit).read_text().replace(PROGRAM, shutil.which("true") or ""))
    return path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [systemd("systemd-analyze"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def systemd(program: str) -> str:
    path = shutil.which(program)
    if path is None and os.environ.get("CI"):
        pytest.fail(f"{program} is missing; CI needs the package systemd")
    if path is None:
        pytest.skip(f"{program} is not installed here")
    return path
