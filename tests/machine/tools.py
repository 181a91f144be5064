"""What has to be installed on this machine, and what is not."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

# Program → Debian's package.
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "qemu-system-x86_64": "qemu-system-x86",
    "mke2fs": "e2fsprogs",
    "tar": "tar",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def obstacle() -> str:
    """Why no machine can be emulated here, "" if one can."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "this is not Linux on x86_64"
    if os.geteuid() != 0:
        return "only root can boot a container: run it as root, in a throw-away machine best"
    if packages := missing():
        return f"not installed: apt-get install {' '.join(packages)} (or pass --install)"
    return ""


def missing() -> list[str]:
    """Debian's packages that are lacking here."""
    lacking = [package for program, package in NEEDED.items() if not shutil.which(program)]
    return lacking if KEYRING.exists() else [*lacking, "debian-archive-keyring"]


def install() -> None:
    """Install what is missing, by apt. Raises `OSError` or `CalledProcessError`."""
    if packages := missing():
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", *packages], check=True
        )
