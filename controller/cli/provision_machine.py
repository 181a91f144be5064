"""What a setup file says of the machine: name, zone, who may log in, Wi-Fi. Debian's places.

Every step writes below `root` and returns what it did, and what is to be typed for it to take
effect at once; nothing is run here.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from controller.cli.provision_file import Machine, Wifi, put
from controller.errors import ConfigError

WIRELESS = "wlan0"
_NM = "etc/NetworkManager"
_WPA = ("sbin/wpa_supplicant", "usr/sbin/wpa_supplicant")


class Step(NamedTuple):
    """Something done, without secrets; and commands that make it felt before the next start."""

    said: str
    then: Sequence[tuple[str, ...]] = ()


def problems(machine: Machine, root: Path) -> Iterator[str]:
    """What this machine lacks for it, with its remedy."""
    if machine.timezone and not (root / "usr/share/zoneinfo" / machine.timezone).exists():
        yield f"setup.timezone: {machine.timezone} is not known here; type: apt install tzdata"
    if machine.ssh_keys and _account(root, machine.ssh_user) is None:
        yield f"setup.ssh_user: there is no user {machine.ssh_user!r} on this machine"
    if machine.ssh_keys and not (root / "usr/sbin/sshd").exists():
        yield "setup.ssh_keys: nothing here lets anybody log in; type: apt install openssh-server"
    if machine.wifi and _network(root) is None:
        yield (
            "setup.wifi: there is no software for Wi-Fi on this machine; use a cable, and type: "
            "apt install wpasupplicant"
        )


def steps(machine: Machine, root: Path) -> Iterator[Step]:
    """Do it. Raises OSError."""
    if machine.hostname:
        yield named(machine.hostname, root)
    if machine.timezone:
        yield _zone(machine.timezone, root)
    if machine.ssh_keys:
        yield _let_in(machine, root)
    if machine.wifi and (network := _network(root)):
        yield network(machine.wifi, root)
        if machine.wifi.country:
            yield _country(machine.wifi.country, root)


def named(name: str, root: Path) -> Step:
    """Also where `sudo` looks for it."""
    put(root / "etc/hostname", f"{name}\n", 0o644)
    hosts = root / "etc/hosts"
    lines = hosts.read_text().splitlines() if hosts.exists() else ["127.0.0.1\tlocalhost"]
    kept = [line for line in lines if not re.match(r"127\.0\.1\.1\s", line)]
    put(hosts, "\n".join([*kept, f"127.0.1.1\t{name}", ""]), 0o644)
    return Step(f"host name: {name}", [("hostname", name)])


def _zone(zone: str, root: Path) -> Step:
    link = root / "etc/localtime"
    link.unlink(missing_ok=True)
    link.symlink_to(f"/usr/share/zoneinfo/{zone}")
    put(root / "etc/timezone", f"{zone}\n", 0o644)
    return Step(f"time zone: {zone}")


def _let_in(machine: Machine, root: Path) -> Step:
    account = _account(root, machine.ssh_user)
    assert account
    folder, uid, gid = root / account[0].lstrip("/") / ".ssh", account[1], account[2]
    if folder.is_symlink():
        raise ConfigError(f"{folder} is a link; make it a folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = folder / "authorized_keys"
    lines = keys.read_text().splitlines() if keys.exists() else []
    fresh = [each.strip() for each in machine.ssh_keys if each.strip() not in lines]
    put(keys, "\n".join([*lines, *fresh, ""]), 0o600)
    if os.geteuid() == 0:
        for path in (folder, keys):
            os.chown(path, uid, gid)
    said = f"ssh: {len(machine.ssh_keys)} keys may log in as {machine.ssh_user}"
    # Waiting for its start here would be waiting for the network, which waits for us.
    now = ("systemctl", "--no-block", "start", "ssh.service")
    return Step(said, [("systemctl", "enable", "ssh.service"), now])


def _account(root: Path, user: str) -> tuple[str, int, int] | None:
    """Home, user and group id."""
    try:
        lines = (root / "etc/passwd").read_text().splitlines()
    except OSError:
        return None
    for fields in (line.split(":") for line in lines):
        if fields[0] == user and len(fields) == 7:
            return fields[5], int(fields[2]), int(fields[3])
    return None


def _network(root: Path) -> "Callable[[Wifi, Path], Step] | None":
    """How Wi-Fi is set up on this machine; None if it cannot be."""
    if (root / _NM).is_dir():
        return _network_manager
    if not any((root / each).exists() for each in _WPA):
        return None
    return _ifupdown if (root / "etc/network/interfaces").exists() else _networkd


def _network_manager(wifi: Wifi, root: Path) -> Step:
    """nm-settings-keyfile(5): an SSID may be a list of bytes, which needs no quoting."""
    lines = ["[connection]", "id=doorward-wifi", "type=wifi", "", "[wifi]", "mode=infrastructure"]
    lines.append(f"ssid={''.join(f'{byte};' for byte in wifi.ssid.encode())}")
    if wifi.password:
        lines += ["", "[wifi-security]", "key-mgmt=wpa-psk", f"psk={_psk(wifi)}"]
    lines += ["", "[ipv4]", "method=auto", "", "[ipv6]", "method=auto", ""]
    folder = root / _NM / "system-connections"
    folder.mkdir(parents=True, exist_ok=True)
    put(folder / "doorward-wifi.nmconnection", "\n".join(lines), 0o600)
    return Step(
        f"Wi-Fi: {wifi.ssid}, by NetworkManager",
        [("systemctl", "--no-block", "try-restart", "NetworkManager.service")],
    )


def _ifupdown(wifi: Wifi, root: Path) -> Step:
    conf = "etc/wpa_supplicant/doorward-wifi.conf"
    _supplicant(wifi, root / conf)
    folder = root / "etc/network/interfaces.d"
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"allow-hotplug {WIRELESS}", f"iface {WIRELESS} inet dhcp", f"    wpa-conf /{conf}")
    put(folder / "doorward-wifi", "\n".join([*lines, ""]), 0o644)
    return Step(f"Wi-Fi: {wifi.ssid}, by /etc/network/interfaces.d")


def _networkd(wifi: Wifi, root: Path) -> Step:
    _supplicant(wifi, root / f"etc/wpa_supplicant/wpa_supplicant-{WIRELESS}.conf")
    folder = root / "etc/systemd/network"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ("[Match]", f"Name={WIRELESS}", "", "[Network]", "DHCP=yes", "")
    put(folder / "80-doorward-wifi.network", "\n".join(lines), 0o644)
    units = ("systemd-networkd.service", f"wpa_supplicant@{WIRELESS}.service")
    return Step(
        f"Wi-Fi: {wifi.ssid}, by systemd-networkd",
        [
            ("systemctl", "--no-block", "enable", *units),
            ("systemctl", "--no-block", "restart", *units),
        ],
    )


def _supplicant(wifi: Wifi, path: Path) -> None:
    """wpa_supplicant.conf(5): an SSID without quotes is in hexadecimal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    country = [f"country={wifi.country}"] if wifi.country else []
    how = f"psk={_psk(wifi)}" if wifi.password else "key_mgmt=NONE"
    lines = (
        "ctrl_interface=DIR=/run/wpa_supplicant",
        *country,
        "network={",
        f"    ssid={wifi.ssid.encode().hex()}",
        f"    {how}",
        "}",
    )
    put(path, "\n".join([*lines, ""]), 0o600)


def _country(country: str, root: Path) -> Step:
    """Until the kernel knows in which country it is, it may use few channels only."""
    path = root / "etc/modprobe.d/doorward-wifi.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, f"options cfg80211 ieee80211_regdom={country}\n", 0o644)
    return Step(f"Wi-Fi country: {country}, from the next start on")


def _psk(wifi: Wifi) -> str:
    """IEEE 802.11 annex J.4: the key that a passphrase stands for, so that none is kept."""
    made = hashlib.pbkdf2_hmac("sha1", wifi.password.encode(), wifi.ssid.encode(), 4096, 32)
    return made.hex()
