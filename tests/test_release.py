"""What is made for the Debian package, without building one: that takes `make test-install`."""

import subprocess
from pathlib import Path

import pytest

from controller.cli.group import COMMANDS
from release import deb
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
