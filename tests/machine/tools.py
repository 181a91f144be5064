"""What has to be installed on this machine to boot others in it."""

import os
import platform

from release.tools import installing, lacking

# Program → Debian's package.
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "qemu-system-x86_64": "qemu-system-x86",
    "mke2fs": "e2fsprogs",
    "tar": "tar",
}


def obstacle() -> str:
    """Why no machine can be emulated here, "" if one can."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "this is not Linux on x86_64"
    if os.geteuid() != 0:
        return "only root can boot a container: run it as root, in a throw-away machine best"
    if packages := lacking(NEEDED):
        return f"{installing(packages)} (or pass --install)"
    return ""
