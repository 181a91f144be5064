"""`python -m release.deb`: the Debian package, with an environment of its own inside.

Everything that is installed comes from `requirements-hardware.lock`, by its hashes, at build time;
nothing is downloaded where it is installed, and nothing foreign runs while it is built, so that any
machine builds it for any architecture. What has no wheel there is built first (`release.wheels`).
One package serves every Debian of `PYTHONS`: compiled modules carry their Python's version in their
names and lie side by side.

Layout: /usr/lib/doorward is a virtual environment on the system's python3, /usr/bin/doorward starts
it; beside it units, udev rules, users, shell completion, man page, documents.
"""

import argparse
import gzip
import shutil
import sys
import tomllib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from release import wheels
from release.manual import completion, manual
from release.tools import own_architecture, run
from release.wheels import MACHINES

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "deb"
PYTHONS = ("3.11", "3.12", "3.13")  # Debian 12, Ubuntu 24.04, Debian 13
HOME = "usr/lib/doorward"
SITE = f"{HOME}/lib/python{PYTHONS[0]}/site-packages"  # the other Pythons' is a link to it
UNNEEDED = ("bin", "**/__pycache__", "**/tests", "**/direct_url.json")
LAUNCHER = f"""\
#!/{HOME}/bin/python3 -I
import sys

from controller.cli import main

sys.exit(main())
"""
COPIED = {
    "systemd/doorward-firstboot.service": "usr/lib/systemd/system/doorward-firstboot.service",
    "systemd/doorward-upgrade.service": "usr/lib/systemd/system/doorward-upgrade.service",
    "systemd/doorward-controller.service": "usr/lib/systemd/system/doorward-controller.service",
    "systemd/doorward-sync.service": "usr/lib/systemd/system/doorward-sync.service",
    "systemd/doorward.sysusers": "usr/lib/sysusers.d/doorward.conf",
    "systemd/doorward.rules": "usr/lib/udev/rules.d/70-doorward.rules",
    "systemd/host/watchdog.conf": "usr/share/doorward/host/watchdog.conf",
    "systemd/host/journal.conf": "usr/share/doorward/host/journal.conf",
}
CONTROL = """\
Package: doorward
Version: {version}
Architecture: {arch}
Maintainer: The Doorward developers <doorward@localhost>
Depends: {pythons}, systemd (>= 252), udev, ca-certificates
Recommends: systemd-timesyncd | time-daemon
Section: net
Priority: optional
Installed-Size: {size}
Description: offline-first access controller for doors
 Decides on card scans beside the door, from a local cache that it keeps fresh
 from membership platforms (Cobot, Hive, Nexudus), and tells them afterwards who
 came. The doors keep working while the internet is down.
"""


def main() -> int:
    own = own_architecture()
    words = argparse.ArgumentParser(prog="python -m release.deb", description=__doc__)
    words.add_argument("--arch", choices=MACHINES, default=own or None, required=not own)
    words.add_argument("--out", type=Path, default=ROOT / "dist", help="folder (default: dist)")
    words.add_argument(
        "--built", type=Path, help="folder of wheels for what has none (default: builds them)"
    )
    asked = words.parse_args()
    try:
        print(build(asked.arch, asked.out, asked.built))
    except OSError as error:
        print(f"release.deb: {error}", file=sys.stderr)
        return 1
    return 0


def build(arch: str, out: Path, built: Path | None = None) -> Path:
    """The package's path.

    Raises `CalledProcessError` if a tool fails, which says why itself, `OSError` if this machine
    cannot build what has no wheel.
    """
    built = built or wheels.built(arch)
    tree = BUILD / arch
    shutil.rmtree(tree, ignore_errors=True)
    _environment(tree, arch, built)
    for source, target in COPIED.items():
        _write(tree / target, (ROOT / source).read_bytes())
    _documents(tree)
    _upgrades(tree)
    for script in sorted((ROOT / "release" / "debian").iterdir()):
        filled = script.read_text().replace("@VERSION@", version())
        mode = 0o644 if script.name == "triggers" else 0o755
        _write(tree / "DEBIAN" / script.name, filled.encode(), mode)
    size = sum(path.lstat().st_size for path in tree.rglob("*")) // 1024
    names = ", ".join(served(pythons(built)))
    control = CONTROL.format(version=version(), arch=arch, size=size, pythons=names)
    _write(tree / "DEBIAN/control", control.encode())
    out.mkdir(parents=True, exist_ok=True)
    package = out / f"doorward_{version()}_{arch}.deb"
    run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, package)
    return package


def relabelled(package: Path, newer: str, change: Callable[[Path], object] | None = None) -> Path:
    """The same package under another version, changed: what an upgrade is tried with."""
    tree = BUILD / "relabelled"
    shutil.rmtree(tree, ignore_errors=True)
    run("dpkg-deb", "--raw-extract", package, tree)
    (about,) = (tree / SITE).glob("doorward-*.dist-info")
    for file in (tree / "DEBIAN/control", tree / "DEBIAN/preinst", about / "METADATA"):
        file.write_text(file.read_text().replace(version(), newer, 1))
    if change:
        change(tree)
    made = package.with_name(package.name.replace(version(), newer))
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made)
    return made


def version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def pythons(built: Path | None) -> tuple[str, ...]:
    """Those that a package serves: all, unless something had to be built for each."""
    if not built:
        return PYTHONS
    return tuple(each for each in PYTHONS if any(built.glob(f"*-{_tag(each)}-*.whl")))


def served(some: Collection[str]) -> Iterator[str]:
    """That they are needed, in Debian's words."""
    minors = sorted(int(each.partition(".")[2]) for each in some)
    yield f"python3 (>= 3.{minors[0]})"
    yield f"python3 (<< 3.{minors[-1] + 1})"
    for minor in set(range(minors[0], minors[-1])) - set(minors):
        yield f"python3 (<< 3.{minor}) | python3 (>= 3.{minor + 1})"


def _environment(tree: Path, arch: str, built: Path | None) -> None:
    home, site = tree / HOME, tree / SITE
    site.mkdir(parents=True)
    for python in pythons(built):
        part = BUILD / f"{arch}-{python}"
        shutil.rmtree(part, ignore_errors=True)
        _install(part, arch, python, built)
        merge(part, site)
        if python != PYTHONS[0]:
            (home / "lib" / f"python{python}").symlink_to(f"python{PYTHONS[0]}")
    _ourselves(site)
    _write(home / "pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\n")
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to("/usr/bin/python3")
    _write(tree / "usr/bin/doorward", LAUNCHER.encode(), mode=0o755)


def _install(part: Path, arch: str, python: str, built: Path | None) -> None:
    """Download and unpack what the lock names, for that Python on that machine."""
    lock, platforms = wheels.LOCK, wheels.platforms(arch)
    if built:
        lock = without(lock, built, part.with_suffix(".lock"))
        # Their hashes are of the sources that they were built from.
        _pip(
            "--no-deps",
            "--no-index",
            f"--platform=linux_{MACHINES[arch]}",
            f"--python-version={python}",
            f"--target={part}",
            *(f"{wheel}" for wheel in sorted(built.glob(f"*-{_tag(python)}-*.whl"))),
        )
    _pip(
        "--require-hashes",
        "--no-deps",
        *platforms,
        f"--python-version={python}",
        f"--target={part}",
        f"--requirement={lock}",
    )


def without(lock: Path, built: Path, target: Path) -> Path:
    """The lock less what was built by hand."""
    names = {wheel.name.partition("-")[0].lower() for wheel in built.glob("*.whl")}
    kept = [part for name, part in wheels.entries(lock.read_text()).items() if name not in names]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(kept))
    return target


def merge(part: Path, site: Path) -> None:
    """Add another Python's files: the same, or with names of their own. Raises `ValueError`."""
    for pattern in UNNEEDED:
        for path in part.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in sorted(part.rglob("*")):
        there = site / path.relative_to(part)
        if path.is_dir():
            there.mkdir(exist_ok=True)
        elif not there.exists():
            shutil.copy2(path, there)
        elif path.read_bytes() != there.read_bytes() and ".dist-info" not in str(there):
            raise ValueError(f"{there.relative_to(site)} differs between Pythons: cannot share it")


def _ourselves(site: Path) -> None:
    wheels = BUILD / "own"
    shutil.rmtree(wheels, ignore_errors=True)
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        wheels,
        ROOT,
    )
    (wheel,) = wheels.glob("*.whl")
    shutil.unpack_archive(wheel, site, "zip")


def _upgrades(tree: Path) -> None:
    """Keys by which a release is known, and the unit that finishes an upgrade, enabled."""
    for key in sorted((ROOT / "release/keys").glob("*.pub")):
        _write(tree / "usr/share/doorward/release-keys" / key.name, key.read_bytes())
    wants = tree / "usr/lib/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "doorward-upgrade.service").symlink_to("../doorward-upgrade.service")


def _documents(tree: Path) -> None:
    shelf = tree / "usr/share/doc/doorward"
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.is_file():
            _write(shelf / path.relative_to(ROOT / "docs"), path.read_bytes())
    _write(shelf / "README.md", (ROOT / "README.md").read_bytes())
    _write(shelf / "changelog.gz", _packed((ROOT / "CHANGELOG.md").read_bytes()))
    _write(shelf / "examples/doorward.toml", _example())
    _write(tree / "usr/share/man/man1/doorward.1.gz", _packed(manual(version()).encode()))
    for shell, place in completion_places():
        _write(tree / place, completion(shell).encode())
    (tree / "etc/doorward").mkdir(mode=0o750, parents=True)


def completion_places() -> Iterator[tuple[str, str]]:
    """Each shell, and where Debian has it look for completion."""
    yield "bash", "usr/share/bash-completion/completions/doorward"
    yield "zsh", "usr/share/zsh/vendor-completions/_doorward"
    yield "fish", "usr/share/fish/vendor_completions.d/doorward.fish"


def _example() -> bytes:
    from controller.config_example import EXAMPLE

    return EXAMPLE.encode()


def _packed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _tag(python: str) -> str:
    """3.11 as wheels write it."""
    return f"cp{python.replace('.', '')}"


def _pip(*words: str) -> None:
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--only-binary=:all:",
        "--implementation=cp",
        *words,
    )


if __name__ == "__main__":
    sys.exit(main())
