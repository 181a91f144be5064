"""What the machines boot: made once, kept in `var/machine`, made anew where its parts changed."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from release.tools import run

SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "procps", "sudo", "passwd"),
    *("python3", "python3-venv", "ca-certificates", "initramfs-tools", "linux-image-amd64"),
)
BUILDERS = ("gcc", "make", "xz-utils", "linux-source-6.1")
SIZE = 3 << 30  # bytes of the disk; what is not used takes no room here
LEFT_OUT = ("__pycache__", ".*", "var", "build", "dist", "*.egg-info")
LAB = """\
[Unit]
Description=Scenarios of tests.machine
After=multi-user.target

[Service]
Type=oneshot
Environment=PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ExecStartPre=mkdir -p /lab
ExecStartPre=/bin/sh -c 'mountpoint -q /lab || mount -t 9p -o trans=virtio lab /lab'
ExecStart=/bin/sh -c 'cd /lab/source && exec python3 -m tests.machine.guest > /lab/guest.log 2>&1'
ExecStopPost=/bin/sh -c 'systemd-detect-virt -qc && systemctl -ff exit; systemctl -ff poweroff'

[Install]
WantedBy=default.target
"""
PIP = "[global]\nno-index = true\nfind-links = /lab/wheels\ndisable-pip-version-check = true\n"


class Images:
    """`share` is what a machine sees as `/lab`, `root` a whole Debian, `disk` its copy."""

    def __init__(self, checkout: Path, folder: Path, say: Callable[[str], None]) -> None:
        self.checkout, self.folder, self._say = checkout, folder, say
        self.share, self.root, self.disk = (
            folder / name for name in ("share", "root", "disk.ext4")
        )
        self._base, self._modules = folder / "base.tar", folder / "modules"

    @property
    def kernel(self) -> Path:
        return next((self.root / "boot").glob("vmlinuz-*"))

    @property
    def initrd(self) -> Path:
        return next((self.root / "boot").glob("initrd.img-*"))

    def share_checkout(self) -> None:
        """Put the working tree, as it is now, into the share, with the wheels it needs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        source, wheels = self.share / "source", self.share / "wheels"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(self.checkout, source, ignore=shutil.ignore_patterns(*LEFT_OUT))
        locks = sorted(self.checkout.glob("requirements*.lock"))
        stamp = _hash([lock.read_bytes() for lock in locks])
        self._made("the wheels", wheels, stamp, lambda: _download(wheels, locks))

    def fresh_root(self) -> bool:
        """Unpack Debian, unless what lies there had this very product installed; was it needed?"""
        stamp = self.product
        if _stamp(self.root).exists() and _stamp(self.root).read_text() == stamp:
            return False
        self._made("Debian with a kernel", self._base, _hash([repr(PACKAGES)]), self._debootstrap)
        self._say("unpacking Debian")
        _stamp(self.root).unlink(missing_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        run("tar", "--extract", "--file", self._base, "--directory", self.root, "--numeric-owner")
        units = self.root / "etc/systemd/system"
        (units / "lab.service").write_text(LAB)
        (units / "multi-user.target.wants").mkdir(exist_ok=True)
        (units / "multi-user.target.wants/lab.service").symlink_to("../lab.service")
        (self.root / "etc/pip.conf").write_text(PIP)
        (self.root / "etc/hostname").write_text("doorlab\n")
        return True

    def keep_root(self) -> None:
        """What lies in `root` has the product installed: keep it, and make the disk of it."""
        kernel = self.kernel.name.removeprefix("vmlinuz-")
        stamp = _hash([kernel, (Path(__file__).parent / "gpio_sim.sh").read_bytes()])
        self._made("the simulated GPIO chip", self._modules, stamp, lambda: self._build(kernel))
        extra = self.root / "usr/lib/modules" / kernel / "extra"
        shutil.copytree(self._modules, extra, dirs_exist_ok=True)
        run("chroot", self.root, "depmod", kernel)
        self._say("making the disk")
        self.disk.write_bytes(b"")
        os.truncate(self.disk, SIZE)
        run("mke2fs", "-q", "-t", "ext4", "-d", self.root, self.disk)
        _stamp(self.root).write_text(self.product)

    @property
    def product(self) -> str:
        """Of everything that is installed."""
        source = self.share / "source"
        parts = ("controller", "sync", "hw", "systemd", "README.md", "pyproject.toml")
        files = [
            path
            for part in parts
            for path in [source / part, *sorted((source / part).rglob("*"))]
            if path.is_file()
        ]
        locks = [path.read_bytes() for path in sorted(source.glob("requirements*.lock"))]
        return _hash([repr(PACKAGES), LAB, PIP, *locks, *(path.read_bytes() for path in files)])

    def _debootstrap(self) -> None:
        include = f"--include={','.join(PACKAGES)}"
        run("mmdebstrap", "--quiet", "--variant=minbase", include, SUITE, self._base)

    def _build(self, kernel: str) -> None:
        script = Path(__file__).parent / "gpio_sim.sh"
        self._modules.mkdir(exist_ok=True)
        run(
            *("mmdebstrap", "--quiet", "--variant=minbase", "--format=null"),
            f"--include={','.join(BUILDERS)},linux-headers-{kernel}",
            f'--customize-hook=sh "{script}" "$1" {kernel}',
            f'--customize-hook=cp "$1"/built/*.ko "{self._modules}"',
            *(SUITE, "/dev/null"),
        )

    def _made(self, what: str, path: Path, stamp: str, make: Callable[[], None]) -> None:
        """Make it unless it was made of the same parts before."""
        if path.exists() and _stamp(path).exists() and _stamp(path).read_text() == stamp:
            return
        self._say(f"making {what}: minutes, the first time")
        make()
        _stamp(path).write_text(stamp)


def _download(wheels: Path, locks: Sequence[Path]) -> None:
    """For the Python in the machine, which is Debian's and not ours."""
    wheels.mkdir(parents=True, exist_ok=True)
    platforms = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
    for lock in locks:
        if lock.name == "requirements-dev.lock":
            continue
        run(
            *(sys.executable, "-m", "pip", "download", "-qq", "--require-hashes"),
            *("--only-binary=:all:", "--python-version=3.11", "--implementation=cp"),
            *(f"--platform={each}" for each in platforms),
            *("--requirement", lock, "--dest", wheels),
        )


def _stamp(path: Path) -> Path:
    return path.with_name(f"{path.name}.of")


def _hash(parts: Sequence[str | bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part if isinstance(part, bytes) else part.encode())
        whole.update(b"\0")
    return whole.hexdigest()
