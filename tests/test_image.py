"""What the disk image is made of, without making one: that takes `make test-image`."""

import configparser
import os
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.cli.group import Context, cli
from release.deb import COPIED, ROOT
from release.image.kinds import KINDS, Kind
from release.image.partitions import MIB
from release.image.root import KEPT, LINKS, OFF, ON, TREE, mmdebstrap

INITIAL = TREE / "early/usr/share/initramfs-tools/scripts/local-bottom/doorward"
FILES = sorted(path for path in TREE.rglob("*") if path.is_file())
UNITS = [path for path in FILES if path.suffix == ".service"]
INSTALL = ROOT / "release/install.sh"
SCRIPTS = [INSTALL, *(path for path in FILES if path.read_bytes().startswith(b"#!/bin/sh"))]
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
def test_the_parts_of_the_disk_follow_each_other_and_fit(kind: Kind) -> None:
    placed = list(kind.layout.placed())
    assert placed[0][1] >= 1, "the partition table has its place"
    for (part, at), (_, following) in pairwise(placed):
        assert at + part.mib == following
    last, at = placed[-1]
    assert at + last.mib < kind.layout.mib, "the second table of GPT has its place"
    assert last.label == "doordata", "only the last one can grow"


def test_the_table_of_a_pc() -> None:
    first, second, *_ = KINDS["amd64"].layout.script().splitlines()[2:]
    assert first.startswith("start=2048, size=131072, type=uefi, ")
    assert second.startswith("start=133120, size=131072, type=EBD0A0A2-")
    assert KINDS["amd64"].layout.offset("DOORBOOT") == 65 * MIB


def test_the_table_of_a_raspberry_pi() -> None:
    assert KINDS["arm64"].layout.script().splitlines() == [
        *("label: dos", "label-id: 0x646f6f72"),
        "start=8192, size=524288, type=c",
        "start=532480, size=3145728, type=linux",
        "start=3678208, size=524288, type=linux",
    ]


@each_kind
def test_the_kernel_finds_root_and_data_by_what_the_table_says(kind: Kind) -> None:
    line = kind.layout.command_line()
    for label in ("doorroot", "doordata"):
        assert f"PARTUUID={kind.layout.uuid(label)}" in line
    assert " ro " in line
    assert " panic=" in line, "a shell of the initial RAM disk would be root's"
    if kind.layout.scheme == "gpt":
        assert f"uuid={kind.layout.uuid('doorroot')}" in kind.layout.script()


def test_what_a_raspberry_pi_is_started_with_fits_its_table() -> None:
    layout, etc = KINDS["arm64"].layout, TREE / "early-arm64/etc/default"
    said = f"root={_settings(etc / 'raspi-firmware')['ROOTPART']} rootwait "
    said += (etc / "raspi-extra-cmdline").read_text().strip()
    assert set(said.split()) == set(layout.command_line().split())
    assert _settings(etc / "raspi-firmware")["CONSOLES"] == "tty0", (
        "a reader hangs at the serial port"
    )


@each_kind
def test_nothing_but_memory_is_mounted_to_be_written_to(kind: Kind) -> None:
    lines = [line.split() for line in kind.layout.fstab().splitlines()]
    assert [where for _, where, *_ in lines] == ["/", "/boot/firmware", "/tmp", "/var/tmp"]
    for what, where, _, options, *_ in lines:
        assert what == "tmpfs" or "ro" in options.split(","), where
        assert where == "/" or "nosuid" in options


@each_kind
def test_what_is_installed(kind: Kind) -> None:
    command = mmdebstrap(kind, Path("debian.tar"))
    included = next(each for each in command if each.startswith("--include=")).split(",")
    assert {"openssh-server", "busybox", "e2fsprogs", f"linux-image-{kind.arch}"} <= set(included)
    hooks = [each for each in command if each.startswith("--setup-hook=")]
    assert len(hooks) == (2 if kind.arch == "arm64" else 1)


def test_the_folders_that_are_kept_are_the_same_before_systemd_and_in_the_builder() -> None:
    said = re.search(r'^KEPT="(.*)"$', INITIAL.read_text(), re.MULTILINE)
    assert said
    assert tuple(said[1].split()) == KEPT


def test_every_unit_of_the_image_is_switched_on_or_wanted() -> None:
    wanted = {path.name for path in UNITS if "[Install]" in path.read_text()}
    assert wanted == {name for name in ON if name.startswith("doorward-")}
    assert "ssh.service" in OFF, "only a setup file's key switches it on"


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_what_a_unit_of_the_image_runs_is_there(unit: Path) -> None:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[method-assign, assignment]
    read.read(unit)
    program = Path(read["Service"]["ExecStart"].split()[0])
    ours = TREE / "all" / program.relative_to("/")
    assert program.is_relative_to("/usr/bin") or os.access(ours, os.X_OK)


def test_ssh_takes_keys_alone() -> None:
    said = (TREE / "all/etc/ssh/sshd_config.d/doorward.conf").read_text().splitlines()
    assert {"PasswordAuthentication no", "KbdInteractiveAuthentication no"} <= set(said)


def test_watchdog_and_log_are_those_of_the_package() -> None:
    shipped = {f"/{place}": ROOT / source for source, place in COPIED.items()}
    for target in (each for each in LINKS.values() if each.startswith("/usr/share/doorward")):
        assert shipped[target].is_file()
        assert target.removeprefix("/usr/share/doorward/host/") in INSTALL.read_text()
    assert "RuntimeWatchdogSec=14s" in (ROOT / "systemd/host/watchdog.conf").read_text()
    assert "SystemMaxUse=" in (ROOT / "systemd/host/journal.conf").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_plain_shell_reads_the_scripts(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)


@pytest.mark.parametrize(
    ("place", "serial", "name"),
    [
        ("proc/device-tree/serial-number", "10000000a3b1c2d3\0", "doorward-a3b1c2d3"),
        ("sys/class/dmi/id/product_serial", "PX-0042-17\n", "doorward-px004217"),
        ("sys/class/dmi/id/board_serial", "00000000FE12\n", "doorward-fe12"),
        ("sys/class/dmi/id/product_serial", "To be filled by O.E.M.\n", "doorward-0123abcd"),
        ("sys/class/dmi/id/product_serial", "Default string\n", "doorward-0123abcd"),
        ("sys/class/dmi/id/product_serial", "0000000000\n", "doorward-0123abcd"),
        ("sys/class/dmi/id/product_serial", "123456789\n", "doorward-0123abcd"),
        ("sys/class/dmi/id/product_serial", "Ä§$\n", "doorward-0123abcd"),
    ],
)
def test_a_machine_is_named_by_its_serial_number(
    tmp_path: Path, place: str, serial: str, name: str
) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(serial)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123abcd4567ef890123abcd4567ef89\n")
    assert f"host name: {name}" in _named(tmp_path)
    assert (tmp_path / "etc/hostname").read_text() == f"{name}\n"
    assert f"127.0.1.1\t{name}" in (tmp_path / "etc/hosts").read_text()


def test_a_machine_that_has_a_name_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("door-front\n")
    assert "door-front already" in _named(tmp_path)
    assert (tmp_path / "etc/hostname").read_text() == "door-front\n"


def test_a_machine_without_number_and_id_says_what_to_type(tmp_path: Path) -> None:
    assert "systemd-machine-id-setup" in _named(tmp_path, fails=True)


def _named(root: Path, *, fails: bool = False) -> str:
    words = ["provision", "hostname", "--root", str(root)]
    result = CliRunner().invoke(cli, words, obj=Context())
    assert (result.exception is not None) is fails, result.output
    return f"{result.output}{result.exception or ''}"


def _settings(path: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in path.read_text().splitlines())
    return {name: value for name, equals, value in lines if equals and not name.startswith("#")}
