"""Clean Debians of any architecture, run on this machine: a foreign one by user-mode emulation.

As root. Each is fetched once and kept as an archive below build/debian.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from release.tools import emulate, installing, lacking, run

KEPT = Path(__file__).parent.parent / "build" / "debian"
# Only this one: nothing here is exposed, and the other suites of a mirror are at times not in step.
MIRROR = "http://deb.debian.org/debian"
# Program → Debian's package.
NEEDED = {"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container"}


def obstacle(arch: str) -> str:
    """Why no Debian of that architecture can run here, and what to type; "" if one can."""
    if os.geteuid() != 0:
        return "only root can set up a Debian: run it as root, in a throw-away machine best"
    if packages := lacking(NEEDED, arch):
        return installing(packages)
    try:
        emulate(arch)
    except subprocess.CalledProcessError as error:
        return f"nothing here runs programs of {arch}: {error}"
    return ""


def fresh(arch: str, suite: str, packages: Sequence[str], root: Path) -> None:
    """Unpack a clean Debian with those packages. Raises `CalledProcessError`."""
    archive = KEPT / f"{arch}-{suite}-{_digest(packages)}.tar"
    if not archive.exists():
        print(f"fetching Debian {suite} for {arch}: minutes, the first time", flush=True)
        _fetch(arch, suite, packages, archive)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    run("tar", "--extract", "--file", archive, "--directory", root, "--numeric-owner")


def inside(root: Path, *command: str | Path, options: Sequence[str] = ()) -> None:
    """Run it there; whatever it leaves running ends with it. Raises `CalledProcessError`."""
    nspawn = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2")
    run(*nspawn, "--pipe", *options, "--directory", root, *command)


def _fetch(arch: str, suite: str, packages: Sequence[str], archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    part = archive.with_suffix(".part.tar")
    wanted = ("--quiet", "--variant=minbase", f"--include={','.join(packages)}")
    run("mmdebstrap", *wanted, f"--architectures={arch}", suite, part, MIRROR)
    part.rename(archive)


def _digest(packages: Sequence[str]) -> str:
    return hashlib.sha256(repr(sorted(packages)).encode()).hexdigest()[:12]
