"""Debian's tools: which of them are lacking on this machine, and emulation by them."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# To run programs of another architecture: program → Debian's package.
EMULATION = {
    "qemu-arm-static": "qemu-user-static",
    "update-binfmts": "binfmt-support",
    "arch-test": "arch-test",
}
_FORMATS = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def run(*command: str | Path) -> None:
    """Nobody is asked anything. Raises `CalledProcessError`; the program says why itself."""
    words = [str(word) for word in command]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def own_architecture() -> str:
    """Debian's name of it; "" where there is no dpkg."""
    try:
        shown = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, check=True)
    except OSError:
        return ""
    return shown.stdout.decode().strip()


def lacking(needed: Mapping[str, str], arch: str = "") -> list[str]:
    """The packages of those programs that are not here, and of what runs `arch`, if it is foreign.

    `needed`: program → Debian's package.
    """
    if arch and arch != own_architecture():
        needed = {**needed, **EMULATION}
    found = [package for program, package in needed.items() if not shutil.which(program)]
    if "mmdebstrap" in needed and not _KEYRING.exists():
        found.append("debian-archive-keyring")
    return list(dict.fromkeys(found))


def installing(packages: Sequence[str]) -> str:
    """What to type."""
    return f"not installed: apt-get install {' '.join(packages)}"


def install(packages: Sequence[str]) -> None:
    """By apt, as root. Raises `OSError` or `CalledProcessError`."""
    if packages:
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", *packages], check=True
        )


def emulate(arch: str) -> None:
    """Let this kernel run that architecture's programs. As root; `CalledProcessError` if not."""
    if arch == own_architecture() or _runs(arch):
        return
    if not (_BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT], check=True)
    subprocess.run(["update-binfmts", "--enable", _FORMATS.get(arch, arch)], check=True)
    subprocess.run(["arch-test", arch], check=True, capture_output=True)


def _runs(arch: str) -> bool:
    """Does it already, by emulation or by itself?"""
    return not subprocess.run(["arch-test", arch], check=False, capture_output=True).returncode
