"""What no two machines may share, and where it lies."""

import shutil
from pathlib import Path

DATA = "var/lib/doorward"
# What is made again by itself: by us, by systemd (machine-id(5): an empty file counts as the first
# start), by Debian's ssh at the next `ssh-keygen -A`.
OURS = (f"{DATA}/*", "run/doorward/*", "etc/doorward/.setup", "etc/doorward/.doorward-setup.json")
OTHERS = (
    "etc/ssh/ssh_host_*",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "var/lib/NetworkManager/secret_key",
    "var/log/journal/*",
)
MACHINE_ID = "etc/machine-id"


def running(root: Path) -> str:
    """Why it cannot be done now; "" if it can."""
    for name in ("door.sock", "sync.sock"):
        if (root / "run/doorward" / name).exists():
            return (
                f"{root / 'run/doorward' / name}: Doorward runs; type: "
                "systemctl stop doorward-controller doorward-sync"
            )
    return ""


def found_in(root: Path) -> list[Path]:
    """The files and folders there are, the machine's id last."""
    found = [path for each in (*OURS, *OTHERS) for path in sorted(root.glob(each))]
    machine = root / MACHINE_ID
    return [*found, machine] if machine.exists() and machine.stat().st_size else found


def forget(paths: list[Path]) -> None:
    """Delete them; the machine's id becomes an empty file. Raises OSError."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.parts[-2:] == tuple(MACHINE_ID.split("/")):
            path.write_text("")
        else:
            path.unlink(missing_ok=True)
