"""The root's files: Debian by mmdebstrap, Doorward's package, and `tree/` laid over them."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from release.image.kinds import SUITE, Kind
from release.tools import run

HERE = Path(__file__).parent
TREE = HERE / "tree"
OURS = "usr/lib/doorward-image"
LOADER = f"{OURS}/loader"  # what was fetched for starting; it moves to a partition of its own
ON = (
    *("systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service"),
    *("doorward-name.service", "doorward-grow.service", "doorward-trouble.service"),
    "doorward-ssh-keys.service",
)
# SSH begins by a setup file. The rest would write to a root that cannot be written to.
OFF = (
    *("ssh.service", "systemd-networkd-wait-online.service", "apt-daily.timer"),
    *("apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    "e2scrub_reap.service",
)
LINKS = {  # the first two are the same as release/install.sh gives any other Debian
    "etc/systemd/system.conf.d/doorward.conf": "/usr/share/doorward/host/watchdog.conf",
    "etc/systemd/journald.conf.d/doorward.conf": "/usr/share/doorward/host/journal.conf",
    "etc/resolv.conf": "/run/systemd/resolve/stub-resolv.conf",
    "var/lib/dbus/machine-id": "/etc/machine-id",
}
# Mounted over, before systemd: initramfs-tools/scripts/local-bottom/doorward says the same.
KEPT = (
    "home",
    "root",
    "var/lib/doorward",
    "var/lib/doorward-upgrade",
    "var/lib/systemd",
    "var/log",
)
# No two machines may share these; each makes its own, like the machine's id.
OWN = ("etc/hostname", "etc/ssh/ssh_host_*", "var/lib/systemd/random-seed")
LEFT_OUT = (
    *("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*"),
    *("path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright"),
    "path-include=/usr/share/doc/doorward/*",
    "force-confold",
)


def debian(kind: Kind, folder: Path) -> Path:
    """An archive of Debian's part, fetched once for the same packages. CalledProcessError."""
    kept, stamp = folder / f"{kind.arch}-debian.tar", folder / f"{kind.arch}-debian.of"
    made_of = _digest(kind)
    if kept.exists() and stamp.exists() and stamp.read_text() == made_of:
        return kept
    stamp.unlink(missing_ok=True)
    run(*mmdebstrap(kind, kept))
    stamp.write_text(made_of)
    return kept


def mmdebstrap(kind: Kind, target: Path) -> list[str]:
    """The command. What the initial RAM disk is made of has to be there before its kernel is."""
    early = [TREE / "early", TREE / f"early-{kind.arch}"]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={kind.arch}"]
    command += [f"--components={kind.components}", f"--include={','.join(kind.packages)}"]
    command += [f"--dpkgopt={option}" for option in LEFT_OUT]
    command += [f'--setup-hook=cp -r "{each}"/. "$1"' for each in early if each.is_dir()]
    if kind.fetched:
        command.append(f"--customize-hook={_fetching(kind)}")
    return [*command, SUITE, str(target)]


def filled(kind: Kind, archive: Path, package: Path, folder: Path) -> Path:
    """A folder with the whole root. Raises CalledProcessError."""
    root = folder / f"{kind.arch}-root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    run("tar", "--extract", "--file", archive, "--directory", root, "--numeric-owner")
    for each in (TREE / "all", TREE / kind.arch):
        if each.is_dir():
            run("cp", "--recursive", f"{each}/.", root)
    shutil.copy(package, root / "doorward.deb")
    run("chroot", root, "dpkg", "--install", "/doorward.deb")
    (root / "doorward.deb").unlink()
    _settled(kind, root)
    return root


def data(root: Path, folder: Path) -> Path:
    """What the data partition holds at first: a copy of what it will lie over."""
    there = folder / f"{root.name}-data"
    shutil.rmtree(there, ignore_errors=True)
    for name in KEPT:
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        run("cp", "--archive", root / name, there / name)
    for name in ("etc", ".etc"):
        (there / name).mkdir()
    return there


def _settled(kind: Kind, root: Path) -> None:
    (root / "etc/fstab").write_text(kind.layout.fstab())
    for name, target in LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)
    for name in ("data", "boot/firmware", *KEPT):
        (root / name).mkdir(parents=True, exist_ok=True)
    run("chroot", root, "systemctl", "--quiet", "disable", *OFF)
    run("chroot", root, "systemctl", "--quiet", "enable", *ON)
    run("chroot", root, "passwd", "--quiet", "--lock", "root")
    for path in _not_shared(root):
        path.unlink()
    (root / "etc/machine-id").write_text("")


def _not_shared(root: Path) -> Iterator[Path]:
    for pattern in OWN:
        yield from root.glob(pattern)
    yield from (path for path in (root / "var/log").rglob("*") if path.is_file())


def _fetching(kind: Kind) -> str:
    """A shell's line that unpacks packages beside the rest, without installing them."""
    there, names = f'"$1"/{LOADER}', " ".join(kind.fetched)
    apt = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -o APT::Sandbox::User=root'
    unpack = "for each in *.deb; do dpkg-deb --extract $each .; rm $each; done"
    return f"mkdir -p {there}; cd {there}; {apt} download {names}; {unpack}"


def _digest(kind: Kind) -> str:
    command = repr(mmdebstrap(kind, Path())).replace(str(TREE), "")  # the same in every checkout
    whole = hashlib.sha256(command.encode())
    for path in sorted(TREE.glob("early*/**/*")):
        whole.update(path.read_bytes() if path.is_file() else b"")
    return whole.hexdigest()
