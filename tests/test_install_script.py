"""`release/install.sh`, with programs that only note how they were called."""

import os
import subprocess
from pathlib import Path

import pytest

from release.deb import ROOT

STUB = '#!/bin/sh\necho "${0##*/} $*" >> "$CALLED"\n'
SAYS = {"dpkg": "echo arm64", "id": "echo 0", "timedatectl": "[ $1 = set-ntp ] || echo no"}
PROGRAMS = ("apt-get", "systemctl", "usermod", *SAYS)
PACKAGE = "doorward_0.1.0_arm64.deb"


class Box:
    """A machine to be installed, and the folder that the technician copied."""

    def __init__(self, place: Path) -> None:
        self.stick, self.root, self._bin = (place / name for name in ("stick", "root", "bin"))
        self._called = place / "called"
        for folder in (self.stick, self.root / "etc", self._bin):
            folder.mkdir(parents=True)
        for name in PROGRAMS:
            (self._bin / name).write_text(STUB + SAYS.get(name, ""))
            (self._bin / name).chmod(0o755)
        (self.stick / "install.sh").write_bytes((ROOT / "release/install.sh").read_bytes())
        self._called.touch()

    def install(self, *words: str, user: str = "ruth") -> "subprocess.CompletedProcess[str]":
        environment = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "CALLED": str(self._called),
            "DOORWARD_ROOT": str(self.root),
            "SUDO_USER": user,
        }
        command = ["sh", str(self.stick / "install.sh"), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    @property
    def called(self) -> str:
        return self._called.read_text()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(tmp_path)
    (made.stick / PACKAGE).touch()
    return made


def test_the_package_beside_it_is_installed_and_the_box_left_alone(box: Box) -> None:
    done = box.install()
    assert done.returncode == 0, done.stderr
    assert f"apt-get install --yes --no-install-recommends {box.stick / PACKAGE}" in box.called
    assert "timedatectl set-ntp true" in box.called
    assert "usermod --append --groups doorward ruth" in box.called
    kept = box.root / "etc/systemd"
    watchdog = (kept / "system.conf.d/doorward.conf").readlink()
    assert watchdog == Path("/usr/share/doorward/host/watchdog.conf")
    assert (kept / "journald.conf.d/doorward.conf").is_symlink()
    assert "doorward setup" in done.stdout


def test_a_raspberry_pi_gets_each_line_once(box: Box) -> None:
    config = box.root / "boot/firmware/config.txt"
    config.parent.mkdir(parents=True)
    config.write_text("[all]\nenable_uart=1\ndtparam=watchdog=on\n")
    for _ in range(2):
        assert box.install().returncode == 0
    added = config.read_text().splitlines()[3:]
    assert added == ["", "[all]", "dtparam=strict_gpiod"]


def test_a_dry_run_says_all_and_does_nothing(box: Box) -> None:
    done = box.install("--dry-run")
    assert PACKAGE in done.stdout
    assert "apt-get" not in box.called
    assert not (box.root / "etc/systemd").exists()


def test_root_itself_needs_no_group(box: Box) -> None:
    box.install(user="root")
    assert "usermod" not in box.called


@pytest.mark.parametrize(
    ("there", "words", "said"),
    [
        ((), (), "no doorward_<version>_arm64.deb lies beside this script"),
        ((PACKAGE, "doorward_0.2.0_arm64.deb"), (), "leave one"),
        (("doorward_0.1.0_amd64.deb",), (), "no doorward_<version>_arm64.deb"),
        ((PACKAGE,), ("--fast",), "unknown: --fast"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, there: tuple[str, ...], words: tuple[str, ...], said: str
) -> None:
    box = Box(tmp_path)
    for name in there:
        (box.stick / name).touch()
    done = box.install(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "apt-get" not in box.called
