"""What is made for the Debian package, without building one: that takes `make test-install`."""

import os
import subprocess
from pathlib import Path

import pytest

from controller.cli.group import COMMANDS
from release import deb, foreign, wheels
from release.manual import completion, manual

SCRIPTS = sorted((deb.ROOT / "release/debian").glob("p*"))


def test_the_manual_names_every_command() -> None:
    page = manual("1.2.3")
    assert page.startswith('.TH DOORWARD 1 "" "doorward 1.2.3"')
    lacking = {name for name in COMMANDS if f".B {name}".replace("-", "\\-") not in page}
    assert lacking <= {"lock-all", "controller", "syncd", "simulate"}, (
        "but for what no person types"
    )


def test_no_line_of_the_manual_is_taken_for_a_request_it_is_not() -> None:
    requests = {".TH", ".SH", ".TP", ".B", ".I", ".RS", ".RE"}
    lines = [line.split()[0] for line in manual("1").splitlines() if line.startswith((".", "'"))]
    assert set(lines) <= requests


@pytest.mark.parametrize("shell", [shell for shell, _ in deb.completion_places()])
def test_each_shell_is_told_how_to_complete(shell: str) -> None:
    assert f"_DOORWARD_COMPLETE={shell}_complete" in completion(shell)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_maintainer_scripts_can_be_read_by_a_plain_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
    assert script.read_text().startswith("#!/bin/sh\n")
    assert "\nset -e\n" in script.read_text()


def test_what_was_built_by_hand_is_left_out_of_the_lock(tmp_path: Path) -> None:
    lock, built = tmp_path / "all.lock", tmp_path / "built"
    built.mkdir()
    (built / "cffi-2.1-cp311-cp311-linux_armv7l.whl").touch()
    lock.write_text(
        "anyio==4 \\\n    --hash=sha256:aa\ncffi==2.1 \\\n    --hash=sha256:bb\nrich==1\n"
    )
    kept = deb.without(lock, built, tmp_path / "kept.lock")
    assert kept.read_text() == "anyio==4 \\\n    --hash=sha256:aa\nrich==1"


def test_files_that_differ_between_pythons_are_not_mixed(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for place, text in ((one, "a"), (other, "b")):
        place.mkdir()
        (place / "module.py").write_text(text)
    with pytest.raises(ValueError, match="differs between Pythons"):
        deb.merge(one, other)


LOCKED = "cffi==2.1 ; x \\\n    --hash=sha256:aa\n    # via all\nRich==1 \\\n    --hash=sha256:bb\n"


def test_only_what_has_no_wheel_is_built_and_by_its_hash() -> None:
    assert list(wheels.entries(LOCKED)) == ["cffi", "rich"]
    assert wheels.only(LOCKED, ["rich"]) == "Rich==1 \\\n    --hash=sha256:bb\n"


def test_what_builds_them_is_in_the_lock() -> None:
    assert set(wheels.BUILDERS) <= set(wheels.entries(wheels.LOCK.read_text()))


def test_what_pip_found_no_wheel_of_is_told_from_other_troubles() -> None:
    found = (
        "ERROR: Could not find a version\nERROR: No matching distribution found for cffi==2.1.1\n"
    )
    assert wheels.refused(found) == "cffi"
    assert not wheels.refused("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES")


def test_nothing_is_built_where_everything_has_a_wheel() -> None:
    assert wheels.built("arm64") is None


def test_where_no_foreign_debian_can_run_it_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "run it as root" in foreign.obstacle("armhf")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install mmdebstrap systemd-container qemu-user-static binfmt-support" in (
        foreign.obstacle("armhf")
    )


def test_a_package_serves_the_pythons_that_something_was_built_for(tmp_path: Path) -> None:
    assert deb.pythons(None) == deb.PYTHONS
    for tag in ("cp311", "cp313"):
        (tmp_path / f"cffi-2.1-{tag}-{tag}-linux_armv7l.whl").touch()
    assert deb.pythons(tmp_path) == ("3.11", "3.13")


@pytest.mark.parametrize(
    ("pythons", "told"),
    [
        (deb.PYTHONS, ["python3 (>= 3.11)", "python3 (<< 3.14)"]),
        (("3.11",), ["python3 (>= 3.11)", "python3 (<< 3.12)"]),
        (
            ("3.11", "3.13"),
            [
                *("python3 (>= 3.11)", "python3 (<< 3.14)"),
                "python3 (<< 3.12) | python3 (>= 3.13)",
            ],
        ),
    ],
)
def test_the_package_asks_for_a_python_that_it_serves(
    pythons: tuple[str, ...], told: list[str]
) -> None:
    assert list(deb.served(pythons)) == told
