"""`doorward users` and `doorward console cert`, with `syncd` and without."""

import json
import os
import pty
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from controller.cli.group import cli
from controller.errors import DoorwardError
from sync.desk_users import Role
from tests.desks import Desk, desk
from tests.sites import small_site
from tests.worlds import PATIENCE

PASSWORD = "three plain words"


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "doorward.toml"

    def type(self, *words: str, given: str = "") -> Result:
        """As typed; `given` on standard input. Its errors are what would be shown."""
        return CliRunner().invoke(cli, ["--config", str(self.config), *words], input=given)

    def add(self, name: str, role: str = "staff", password: str = PASSWORD) -> Result:
        words = ("users", "add", name, "--role", role, "--password-stdin")
        return self.type(*words, given=f"{password}\n")

    def listed(self) -> dict[str, str]:
        found = json.loads(self.type("--json", "users", "list").stdout)
        assert not any("password" in each or "hash" in each for each in found)
        return {each["name"]: each["role"] for each in found}


@pytest.fixture
def alone(tmp_path: Path) -> Site:
    """Where no `syncd` runs."""
    small_site(tmp_path)
    return Site(tmp_path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Site, Desk]]:
    with desk(tmp_path) as opened:
        yield Site(tmp_path), opened


def test_without_syncd_users_are_kept_all_the_same(alone: Site) -> None:
    assert "doorward users add NAME" in alone.type("users", "list").stdout
    assert alone.add("Mira Holt", "admin").stdout == "Mira Holt can log in, as admin\n"
    assert alone.listed() == {"Mira Holt": "admin"}
    assert alone.type("users", "role", "mira holt", "viewer").exit_code == 0
    assert alone.listed() == {"Mira Holt": "viewer"}
    assert "logged out" in alone.type("users", "remove", "Mira Holt").stdout
    assert alone.listed() == {}


def test_what_syncd_is_told_holds_at_once(served: tuple[Site, Desk]) -> None:
    site, desk = served
    assert site.add("Mira").exit_code == 0
    browser = desk.browser()
    assert browser.login("Mira").status_code == 303
    file = site.folder / "new-password"
    file.write_text("four other plain words\n")
    changed = site.type("users", "password", "Mira", "--password-file", str(file))
    assert "must log in anew" in changed.stdout
    assert browser.get("/").status_code == 303
    assert browser.login("Mira").status_code == 401
    assert browser.login("Mira", "four other plain words").status_code == 303
    assert site.listed() == {"Mira": "staff"}
    kept = b"".join(p.read_bytes() for p in (site.folder / "data").iterdir() if p.is_file())
    assert b"four other plain words" not in kept


@pytest.mark.parametrize(
    ("words", "given", "why"),
    [
        (("add", "Mira", "--role", "staff", "--password-stdin"), "short", "at least 12"),
        (("add", "Mira", "--role", "boss", "--password-stdin"), PASSWORD, "boss"),
        (("add", "Mira (console)", "--role", "staff", "--password-stdin"), PASSWORD, "no name"),
        (("add", " ", "--role", "staff", "--password-stdin"), PASSWORD, "no name"),
        (("add", "x" * 41, "--role", "staff", "--password-stdin"), PASSWORD, "no name"),
        (("add", "ada", "--role", "staff", "--password-stdin"), PASSWORD, "Ada already"),
        (("add", "Mira", "--role", "staff", "--password-file", "none"), "", "cannot be read"),
        (("add", "Mira", "--role", "staff"), "", "no terminal to ask at"),
        (("remove", "Mira"), "", "there are: Ada"),
        (("role", "Mira", "admin"), "", "there are: Ada"),
        (("password", "Mira", "--password-stdin"), PASSWORD, "there are: Ada"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    alone: Site, words: tuple[str, ...], given: str, why: str
) -> None:
    alone.add("Ada")
    done = alone.type("users", *words, given=given)
    assert done.exit_code
    said = done.output + (str(done.exception) if isinstance(done.exception, DoorwardError) else "")
    assert why in said
    assert PASSWORD not in said
    assert alone.listed() == {"Ada": "staff"}


def test_syncd_takes_no_password_in_the_clear(served: tuple[Site, Desk]) -> None:
    _, desk = served
    with pytest.raises(DoorwardError, match="Argon2id"):
        desk.ask("user_add", name="Mira", role="staff", hash=PASSWORD)
    with pytest.raises(DoorwardError, match="a role is one of"):
        desk.ask("user_add", name="Mira", role="boss", hash="")
    with pytest.raises(DoorwardError, match="must be a text"):
        desk.ask("user_remove", name=7)
    assert not desk.users.all()


@pytest.mark.slow
def test_at_a_terminal_it_is_asked_twice_and_not_shown(alone: Site) -> None:
    ours, theirs = pty.openpty()
    words = ("--config", str(alone.config), "users", "add", "Mira", "--role", "admin")
    with subprocess.Popen(
        [sys.executable, "-m", "controller.cli", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        said = b""
        for prompt in (b"Password: ", b"Once more: ", b""):
            while not prompt or not said.endswith(prompt):
                try:
                    said += (piece := os.read(ours, 4096))
                except OSError:
                    break  # the other end is gone
                if not piece:
                    break
            if prompt:
                assert said.endswith(prompt), said
                os.write(ours, f"{PASSWORD}\n".encode())
        os.close(ours)
        assert process.wait(PATIENCE) == 0, said
    assert b"Mira can log in, as admin" in said
    assert alone.listed() == {"Mira": "admin"}


# Certificates


def test_a_certificate_serves_the_console_over_tls(tmp_path: Path) -> None:
    small_site(tmp_path)
    made = json.loads(
        Site(tmp_path).type("--json", "console", "cert", "--name", "doors.example").stdout
    )
    certificate, key = Path(made["certificate"]), Path(made["certificate_key"])
    assert key.stat().st_mode & 0o777 == 0o600
    assert {"doors.example", "localhost", "127.0.0.1"} <= set(made["names"])
    lines = f'certificate = "{certificate}"\ncertificate_key = "{key}"'
    with desk(tmp_path, lines) as site:
        site.user("Mira", Role.STAFF)
        trusting = ssl.create_default_context(cafile=certificate)
        with httpx.Client(verify=trusting, base_url=site.server.url, timeout=PATIENCE) as browser:
            form = {"name": "Mira", "password": PASSWORD}
            answer = browser.post("/login", data=form, headers={"Origin": site.server.url})
            assert answer.headers["Set-Cookie"].startswith("__Host-doorward=")
            assert browser.get("/doors").status_code == 200


def test_a_certificate_is_replaced_only_if_that_is_meant(alone: Site) -> None:
    said = alone.type("console", "cert").stdout
    assert 'address = "0.0.0.0"' in said
    key = alone.folder / "data" / "console-key.pem"
    first = key.read_bytes()
    again = alone.type("console", "cert")
    assert "--renew" in str(again.exception)
    assert key.read_bytes() == first
    assert alone.type("console", "cert", "--renew").exit_code == 0
    assert key.read_bytes() != first
    assert key.stat().st_mode & 0o777 == 0o600
    wrong = alone.type("console", "cert", "--renew", "--name", "dööRs")
    assert "no certificate can be made" in str(wrong.exception)
