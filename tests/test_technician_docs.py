"""What the technician's guide shows must be so: drawings, examples, commands."""

import html
import re
import tomllib
import xml.dom.minidom
from pathlib import Path
from typing import Any

import pytest

from controller.cli.provision_file import checked_in, read
from controller.config import load
from tests.test_provision import typed

DOCS = Path(__file__).parent.parent / "docs"
GUIDE = (DOCS / "technician.md").read_text()
ANSIBLE = DOCS / "examples" / "ansible"
BOOKS = sorted(ANSIBLE.rglob("*.yml"))


def test_every_drawing_is_there_and_can_be_drawn() -> None:
    shown = set(re.findall(r"\]\((pictures/[a-z-]+\.svg)\)", GUIDE))
    assert shown == {f"pictures/{path.name}" for path in (DOCS / "pictures").glob("*.svg")}
    for name in shown:
        drawn = xml.dom.minidom.parse(str(DOCS / name))  # our own files
        (title,) = drawn.getElementsByTagName("title")
        assert title.firstChild


def test_the_setup_file_of_the_guide_would_be_accepted(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(\[setup\].*?)```", GUIDE, re.DOTALL)
    text = text.replace("AAAA…", "AAAAC3Nz").replace('password = "…"', 'password = "12345678"')
    rest = """
lock = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "hex" } }
[platforms.harbour]
kind = "cobot"
url = "https://harbour.cobot.me"
token = { file = "cobot-token" }
cards = [{ source = "tokens", format = "dec10" }]
[platforms.keyholders]
kind = "file"
path = "keyholders.csv"
card = { format = "dec10" }
"""
    path = tmp_path / "doorward-setup.toml"
    path.write_text(text + rest)
    config = checked_in(tmp_path, tmp_path, read(path))
    assert config
    assert list(config.doors) == ["front"]


def test_the_sheet_to_print_has_the_lines_of_the_checklist() -> None:
    listed = [line for line in GUIDE.splitlines() if re.match(r" ?\d+  \[ \] ", line)]
    rows = re.findall(r"<tr>(.*?)</tr>", (DOCS / "sign-off.html").read_text())
    assert len(rows) == 17
    assert [bare(html.unescape(re.sub(r"<[^>]+>", " ", row))) for row in rows] == [
        bare(line) for line in listed
    ]


def bare(line: str) -> str:
    """Its words, without boxes and blanks."""
    return " ".join(re.sub(r"\[ \]|_{3,}", " ", line).split())


def test_there_are_twenty_faults_each_with_something_to_do() -> None:
    rows = [line.strip("| ").split(" | ") for line in re.findall(r"^\| \d+ \|.*$", GUIDE, re.M)]
    assert [int(row[0]) for row in rows] == list(range(1, 21))
    assert {len(row) for row in rows} == {6}


def test_the_guide_names_no_command_that_does_not_exist() -> None:
    named = set(re.findall(r"doorward (provision [a-z-]+|hw [a-z]+|setup|status|sync)\b", GUIDE))
    assert named > {"setup", "provision apply", "provision write", "provision prepare-image"}
    for words in named:
        assert typed(*words.split(), "--help").exit_code == 0, words


@pytest.mark.parametrize("book", BOOKS, ids=lambda path: str(path.relative_to(ANSIBLE)))
def test_the_ansible_example_can_be_read(book: Path) -> None:
    yaml = pytest.importorskip("yaml")
    found: Any = yaml.safe_load(book.read_text())
    assert found
    if book.parent.name in ("tasks", "handlers"):
        modules = [
            set(each) - {"name", "loop", "loop_control", "no_log", "notify", "changed_when"}
            for each in found
        ]
        assert all(len(each) == 1 and min(each).startswith("ansible.builtin.") for each in modules)


def test_the_configuration_of_the_ansible_example_is_one(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    (host,) = (ANSIBLE / "host_vars").iterdir()
    told = yaml.safe_load(host.read_text())
    path = tmp_path / "doorward.toml"
    path.write_text(told["doorward_config"])
    assert list(load(path).doors) == ["front"]
    secrets = tomllib.loads(told["doorward_config"])["platforms"]["harbour"]["token"]["file"]
    assert set(told["doorward_secrets"]) == {secrets}
