"""A machine set up without a screen: a file on its boot partition, played on a tree of files."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli.group import Context, cli
from controller.errors import ConfigError

TOKEN = "a-token-that-nobody-may-see-7f3a"
PASSWORD = "correct horse battery"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO9 somebody@laptop"
MACHINE = f"""
[setup]
hostname = "door-front"
timezone = "Europe/Berlin"
ssh_keys = ["{KEY}"]
wifi = {{ ssid = "Büro", password = "{PASSWORD}", country = "DE" }}

[setup.secrets]
cobot-token = "{TOKEN}"
"keyholders.csv" = \"\"\"
id,name,card
1,Ruth Amsel,0008075634
\"\"\"
"""
SITE = """
[doors.front]
name = "Front door"
admits = ["harbour/plan:*", "keyholders/*"]
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
keyholders = true
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Debian, as far as a setup file touches it."""
    for folder in ("boot/firmware", "etc/doorward", "usr/sbin", "usr/share/zoneinfo/Europe"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "home/root").mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text(
        f"root:x:{os.getuid()}:{os.getgid()}::/home/root:/bin/sh\n"
    )
    (tmp_path / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\tlocalhost.old\n")
    (tmp_path / "etc/hostname").write_text("old\n")
    (tmp_path / "usr/share/zoneinfo/Europe/Berlin").touch()
    for program in ("sshd", "wpa_supplicant"):
        (tmp_path / "usr/sbin" / program).touch()
    return tmp_path


def put(folder: Path, text: str = MACHINE + SITE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "doorward-setup.toml"
    path.write_text(text)
    return path


def typed(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], obj=Context())


def applied(root: Path, *words: object) -> Result:
    return typed("provision", "apply", "--root", root, *words)


def problems(result: Result) -> list[str]:
    assert isinstance(result.exception, ConfigError), result.output
    return result.exception.problems


def files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(root)), path.read_bytes()


def test_a_file_on_the_boot_partition_makes_a_door(root: Path) -> None:
    path = put(root / "boot/firmware")

    result = applied(root)

    assert result.exit_code == 0, result.output
    etc = root / "etc/doorward"
    config = tomllib.loads((etc / "doorward.toml").read_text())
    assert config == tomllib.loads(SITE), "as it stood there, without what the machine needed"
    assert (etc / "cobot-token").read_text() == f"{TOKEN}\n"
    assert (root / "etc/hostname").read_text() == "door-front\n"
    assert (root / "etc/hosts").read_text() == "127.0.0.1\tlocalhost\n127.0.1.1\tdoor-front\n"
    assert str((root / "etc/localtime").readlink()) == "/usr/share/zoneinfo/Europe/Berlin"
    keys = root / "home/root/.ssh/authorized_keys"
    assert keys.read_text() == f"{KEY}\n"
    assert not path.exists()
    done = path.with_name("doorward-setup-done.txt").read_text()
    for line in ("host name: door-front", "secret: /etc/doorward/cobot-token", "doors: front"):
        assert line in done
        assert line in result.output
    modes = {each.name: each.stat().st_mode & 0o777 for each in [*etc.iterdir(), keys]}
    assert modes == {
        "doorward.toml": 0o640,
        "cobot-token": 0o640,
        "keyholders.csv": 0o640,
        "authorized_keys": 0o600,
    }
    assert "not done here: systemctl --no-block restart doorward-sync.service" in result.output


def test_no_secret_stays_on_the_partition_nor_on_the_screen(root: Path) -> None:
    path = put(root / "boot/firmware")
    with path.open("rb") as held:  # whoever has the old file open sees that it was overwritten
        result = applied(root)
        left = held.read()
    for secret in (TOKEN, PASSWORD, "0008075634"):
        assert secret not in result.output
        for name, content in files(root / "boot"):
            assert secret.encode() not in content, name
    assert not left.strip()
    assert left


def test_what_was_applied_is_not_applied_again_but_a_new_file_is(root: Path) -> None:
    put(root / "boot/firmware")
    applied(root)
    before = dict(files(root))
    again = applied(root)
    assert again.exit_code == 0
    assert "nothing is done" in again.output
    assert dict(files(root)) == before

    put(root / "boot/firmware", SITE.replace("Front door", "Side door"))
    assert applied(root).exit_code == 0
    kept = list((root / "etc/doorward").glob("doorward.toml.*Z"))
    assert ["Front door" in each.read_text() for each in kept] == [True]
    assert "Side door" in (root / "etc/doorward/doorward.toml").read_text()


def test_every_problem_is_told_at_once_beside_it_and_nothing_is_applied(root: Path) -> None:
    wrong = (
        (MACHINE + SITE)
        .replace("door-front", "Door Front")
        .replace("lock = ", "lok = ")
        .replace("cobot-token = ", "cobt-token = ")
        .replace("Europe/Berlin", "Europe/Berlin")
    )
    path = put(root / "boot/firmware", wrong)
    before = dict(files(root))

    first = problems(applied(root))
    assert [each.partition(" is no name")[0] for each in first] == [f"{path}: setup.hostname:"]

    put(root / "boot/firmware", wrong.replace("Door Front", "front"))
    found = problems(applied(root))
    told = path.with_name("doorward-setup-errors.txt").read_text()
    assert "doors.front.lok: is not known; did you mean 'lock'?" in told
    assert "1. doors.front" in told
    assert "platforms.harbour.token: cobot-token is neither under [setup.secrets] nor on" in told
    assert len(found) == 3, "the lock that is missing, too"
    after = {n: c for n, c in files(root) if not n.endswith(("errors.txt", "setup.toml"))}
    assert after == {n: c for n, c in before.items() if not n.endswith("setup.toml")}
    assert TOKEN not in told
    assert path.exists(), "to be corrected"

    put(root / "boot/firmware")
    assert applied(root).exit_code == 0
    assert not path.with_name("doorward-setup-errors.txt").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[setup]", "[setup", "is not valid TOML"),
        ("hostname =", "hostnam =", "setup.hostnam: is not known; did you mean 'hostname'?"),
        (PASSWORD, "short", "setup.wifi: password: must have 8 to 63"),
        (KEY, "-----BEGIN OPENSSH PRIVATE KEY-----", "is a private key: take the file that ends"),
        (KEY, "ssh-ed25519", "the 1. is no public key"),
        ("Europe/Berlin", "Europe/Berln", "setup.timezone: 'Europe/Berln' is no time zone"),
        ("cobot-token = ", '"../../passwd" = ', "is no name for such a file"),
        ("cobot-token = ", '"doorward.toml" = ', "is no name for such a file"),
        (f'"{TOKEN}"', '" "', "cobot-token: is empty"),
        ("ssh_keys", 'ssh_user = "nobody-here"\nssh_keys', "there is no user 'nobody-here'"),
        ('{ file = "cobot-token" }', '{ credential = "cobot" }', "a systemd credential cannot"),
        ("1,Ruth Amsel,0008075634", "1,Ruth Amsel,x", "keyholders.csv"),
        ('driver = "sim", card', 'driver = "simm", card', "'simm' is not known"),
    ],
)
def test_each_mistake_has_its_remedy_and_shows_no_secret(
    root: Path, old: str, new: str, told: str
) -> None:
    text = (MACHINE + SITE).replace(old, new)
    assert text != MACHINE + SITE
    path = put(root / "boot", text)
    assert any(told in each for each in problems(applied(root)))
    errors = path.with_name("doorward-setup-errors.txt").read_text()
    assert told in errors
    assert TOKEN not in errors
    assert PASSWORD not in errors
    assert not (root / "etc/doorward/doorward.toml").exists()


def test_a_machine_that_lacks_something_says_what_to_install(root: Path) -> None:
    (root / "usr/sbin/wpa_supplicant").unlink()
    (root / "usr/sbin/sshd").unlink()
    (root / "usr/share/zoneinfo/Europe/Berlin").unlink()
    put(root / "boot/firmware")
    found = problems(applied(root))
    assert [each.partition("type: ")[2] for each in found] == [
        "apt install tzdata",
        "apt install openssh-server",
        "apt install wpasupplicant",
    ]


def test_a_stick_counts_only_while_there_is_no_configuration(root: Path) -> None:
    put(root / "media/stick")
    assert applied(root).exit_code == 0
    assert (root / "etc/doorward/doorward.toml").exists()

    again = put(root / "media/stick", SITE.replace("Front door", "Back door"))
    assert "nothing is done" in applied(root).output
    assert again.exists()
    assert applied(root, "--from", root / "media/stick").exit_code == 0, "somebody said so"
    assert "Back door" in (root / "etc/doorward/doorward.toml").read_text()


def test_of_several_files_none_is_applied(root: Path) -> None:
    one, other = put(root / "boot"), put(root / "run/media/somebody/stick")
    (found,) = problems(applied(root))
    assert "there are several" in found
    for path in (one, other):
        assert "leave one" in path.with_name("doorward-setup-errors.txt").read_text()
    assert not (root / "etc/doorward/doorward.toml").exists()


def test_a_file_for_the_machine_alone_leaves_the_doors_as_they_are(root: Path) -> None:
    put(root / "boot/firmware", MACHINE)
    result = applied(root)
    assert result.exit_code == 0, result.output
    assert "next: doorward setup" in result.output
    assert not (root / "etc/doorward/doorward.toml").exists()
    assert (root / "etc/hostname").read_text() == "door-front\n"


def test_a_secret_that_nothing_names_is_pointed_out(root: Path) -> None:
    put(root / "boot", (MACHINE + SITE).replace("cobot-token =", 'spare = "x"\ncobot-token ='))
    assert "nothing in the configuration names the secret spare" in applied(root).output


# Wi-Fi: the pre-shared key is worked out by hand with wpa_passphrase("Büro", PASSWORD)

SSID = "4275cc88726f".replace("75cc88", "c3bc")  # B ü r o in UTF-8


def test_wifi_by_network_manager(root: Path) -> None:
    (root / "etc/NetworkManager").mkdir()
    put(root / "boot", MACHINE)
    assert "by NetworkManager" in applied(root).output
    path = root / "etc/NetworkManager/system-connections/doorward-wifi.nmconnection"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "ssid=66;195;188;114;111;\n" in path.read_text()
    assert PASSWORD not in path.read_text()


def test_wifi_by_ifupdown_and_by_networkd(root: Path) -> None:
    put(root / "boot", MACHINE)
    assert "by systemd-networkd" in applied(root).output
    conf = root / "etc/wpa_supplicant/wpa_supplicant-wlan0.conf"
    assert f"ssid={SSID}\n" in conf.read_text()
    assert "country=DE\n" in conf.read_text()
    assert conf.stat().st_mode & 0o777 == 0o600
    assert (root / "etc/systemd/network/80-doorward-wifi.network").exists()
    assert "regdom=DE" in (root / "etc/modprobe.d/doorward-wifi.conf").read_text()

    (root / "etc/network").mkdir()
    (root / "etc/network/interfaces").touch()
    put(root / "boot", MACHINE.replace(f', password = "{PASSWORD}"', ""))
    assert "by /etc/network/interfaces.d" in applied(root).output
    assert "key_mgmt=NONE" in (root / "etc/wpa_supplicant/doorward-wifi.conf").read_text()


def test_the_key_of_a_network_is_the_one_that_the_standard_works_out(root: Path) -> None:
    """IEEE 802.11-2016, J.4.2, test case 1: passphrase "password", SSID "IEEE"."""
    put(root / "boot", '[setup]\nwifi = { ssid = "IEEE", password = "password" }\n')
    applied(root)
    conf = (root / "etc/wpa_supplicant/wpa_supplicant-wlan0.conf").read_text()
    assert "psk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e\n" in conf


# An image of one machine for many


def test_what_no_two_machines_may_share_is_deleted_before_a_card_is_copied(root: Path) -> None:
    put(root / "boot")
    applied(root)
    data = root / "var/lib/doorward"
    (data / "old").mkdir(parents=True)
    for name in ("device.key", "cache.db", "journal.db", "old/x"):
        (data / name).touch()
    (root / "etc/machine-id").write_text("0123\n")
    (root / "etc/ssh").mkdir()
    (root / "etc/ssh/ssh_host_ed25519_key").touch()

    refused = CliRunner().invoke(
        cli, ["provision", "prepare-image", "--root", str(root)], input="n"
    )
    assert refused.exit_code == 1
    assert (data / "device.key").exists()

    (root / "run/doorward").mkdir(parents=True)
    (root / "run/doorward/door.sock").touch()
    (why,) = problems(typed("provision", "prepare-image", "--yes", "--root", root))
    assert "systemctl stop doorward-controller" in why
    (root / "run/doorward/door.sock").unlink()

    assert typed("provision", "prepare-image", "--yes", "--root", root).exit_code == 0
    assert list(data.iterdir()) == []
    assert (root / "etc/machine-id").read_bytes() == b""
    assert not list((root / "etc/ssh").iterdir())
    assert (root / "etc/doorward/doorward.toml").exists()
    assert "nothing to delete" in typed("provision", "prepare-image", "--root", root).output
