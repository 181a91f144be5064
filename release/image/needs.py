"""What has to be installed on this machine to make an image, and what is not."""

import os
import shutil
import subprocess
from pathlib import Path

# Program → Debian's package.
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "sfdisk": "fdisk",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "xz": "xz-utils",
}
FOREIGN = {
    "qemu-aarch64-static": "qemu-user-static",
    "update-binfmts": "binfmt-support",
    "arch-test": "arch-test",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BINFMT = Path("/proc/sys/fs/binfmt_misc")


def obstacle(arch: str) -> str:
    """Why that image cannot be made here, "" if it can."""
    if os.geteuid() != 0:
        return "only root can make one: run it as root, in a throw-away machine best"
    if packages := missing(arch):
        return f"not installed: apt-get install {' '.join(packages)} (or pass --install)"
    return ""


def missing(arch: str) -> list[str]:
    """Debian's packages that are lacking here."""
    needed = NEEDED | (FOREIGN if arch != own_architecture() else {})
    lacking = [package for program, package in needed.items() if not shutil.which(program)]
    return lacking if KEYRING.exists() else [*lacking, "debian-archive-keyring"]


def install(arch: str) -> None:
    """Install what is missing, by apt. Raises `OSError` or `CalledProcessError`."""
    if packages := missing(arch):
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", *packages], check=True
        )


def run_foreign(arch: str) -> None:
    """Let this kernel run that architecture's programs. Raises `CalledProcessError`."""
    if arch == own_architecture():
        return
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    subprocess.run(["update-binfmts", "--enable", "qemu-aarch64"], check=True)


def own_architecture() -> str:
    """Debian's name of it; "" where there is no dpkg."""
    try:
        shown = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, check=True)
    except OSError:
        return ""
    return shown.stdout.decode().strip()
