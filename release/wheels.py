"""`python -m release.wheels --arch armhf`: builds the packages that have no wheel there.

Each is built from its source, by its hash in `requirements-hardware.lock`; so is what builds it.
That happens in a Debian of that architecture under user-mode emulation, one for each Python, since
a compiled module fits only one of them. As root; minutes. The wheels lie below build/wheels, for as
long as the lock stays as it is, and `make deb` finds them there.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from release import foreign

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "wheels"
LOCK = ROOT / "requirements-hardware.lock"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7l"}  # Debian's name → Python's
GLIBCS = range(17, 37)  # 2.17 … 2.36, which is Debian 12's
SCARCE = ("armhf",)  # for the others, everything in the lock has wheels
SUITES = {"3.11": "bookworm", "3.13": "trixie"}  # Python → the Debian that has it
TOOLS = ("gcc", "libffi-dev", "python3-dev", "python3-venv")
BUILDERS = ("setuptools",)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # this machine's, copied
PIP = "/venv/bin/python -m pip --quiet --disable-pip-version-check --cert /certificates.crt"
SOURCES = "--no-binary :all: --no-build-isolation --wheel-dir /wheels"
STEPS = (
    "python3 -m venv /venv",
    f"{PIP} install --require-hashes --no-deps --requirement /builders.lock",
    f"{PIP} wheel --require-hashes --no-deps --requirement /wanted.lock {SOURCES}",
)


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m release.wheels", description=__doc__)
    words.add_argument("--arch", choices=MACHINES, required=True)
    asked = words.parse_args()
    try:
        print(built(asked.arch) or "nothing to build: everything has a wheel")
    except (OSError, subprocess.SubprocessError) as error:
        print(f"release.wheels: {error}", file=sys.stderr)
        return 1
    return 0


def built(arch: str) -> Path | None:
    """A folder of wheels, built now or before; None if none is needed.

    Raises `OSError` if it cannot be done here, `CalledProcessError` if a tool fails.
    """
    if arch not in SCARCE:
        return None
    done = BUILD / arch / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    if not done.exists():
        if why := foreign.obstacle(arch):
            raise OSError(f"wheels for {arch} have to be built, which cannot be done here: {why}")
        work = BUILD / arch / "work"
        shutil.rmtree(work, ignore_errors=True)
        for python in SUITES:
            _build(arch, python, work)
        work.rename(done)
    return done


def platforms(arch: str) -> list[str]:
    """pip's words for that machine, with any Debian from 12 on."""
    return [f"--platform=manylinux_2_{minor}_{MACHINES[arch]}" for minor in GLIBCS]


def entries(lock: str) -> dict[str, str]:
    """Each package's part of a lock, by its name."""
    parts: list[list[str]] = []
    for line in lock.splitlines():
        if line.startswith((" ", "#")) and parts:
            parts[-1].append(line)
        else:
            parts.append([line])
    return {part[0].partition("==")[0].lower(): "\n".join(part) for part in parts}


def only(lock: str, names: Collection[str]) -> str:
    found = entries(lock)
    return "\n".join(found[name] for name in names) + "\n"


def refused(said: str) -> str:
    """Which package pip found no wheel of, by what it said; "" if that is not what went wrong."""
    match = re.search(r"No matching distribution found for ([\w.-]+?)==", said)
    return match[1].lower() if match else ""


def lacking(arch: str, python: str) -> Iterator[str]:
    """The packages without a wheel for that Python there: asks pip until it is content."""
    wanted = entries(LOCK.read_text())
    file = BUILD / arch / "asked.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file.write_text("\n".join(wanted.values()) + "\n")
        words = ("--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:")
        where = (*platforms(arch), f"--python-version={python}", "--implementation=cp")
        command = [sys.executable, "-m", "pip", "install", "--quiet", *words, *where]
        asked = [*command, f"--target={file}.none", "--require-hashes", f"--requirement={file}"]
        done = subprocess.run(asked, stderr=subprocess.PIPE, text=True, check=False)
        if not done.returncode:
            return
        name = refused(done.stderr)
        if name not in wanted:
            sys.stderr.write(done.stderr)
            done.check_returncode()
        del wanted[name]
        yield name


def _build(arch: str, python: str, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    lock = LOCK.read_text()
    names = sorted(lacking(arch, python))
    print(f"building for Python {python} on {arch}: {', '.join(names)}", flush=True)
    root = BUILD / arch / SUITES[python]
    foreign.fresh(arch, SUITES[python], TOOLS, root)
    (root / "wanted.lock").write_text(only(lock, names))
    (root / "builders.lock").write_text(only(lock, BUILDERS))
    shutil.copy(CERTIFICATES, root / "certificates.crt")
    for step in STEPS:
        foreign.inside(root, *step.split())
    for wheel in sorted((root / "wheels").iterdir()):
        shutil.copy(wheel, target)


if __name__ == "__main__":
    sys.exit(main())
