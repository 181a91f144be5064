"""What the technician's guide shows must be so: drawings, examples, commands."""

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
