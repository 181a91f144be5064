"""The package in a clean Debian of another architecture, under user-mode emulation.

The processes are that architecture's, the kernel is this machine's, and no systemd is booted: the
two services are started as plain processes of their user.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from release import foreign
from release.deb import build
from tests.install.foreign_guest import STEPS
from tests.machine.report import FAILED, Result, read, table

CHECKOUT = Path(__file__).parent.parent.parent
FOLDER = CHECKOUT / "var" / "install"
ARCHITECTURES = ("arm64", "armhf")
GUEST = ("env", "PYTHONDONTWRITEBYTECODE=1", "python3", "-m", "tests.install.foreign_guest")


def main(arch: str, suites: Sequence[str]) -> int:
    if why := foreign.obstacle(arch):
        print(f"test-install: skipped: {why}")
        return 0
    package = build(arch, FOLDER / "packages")
    results = [result for suite in suites for result in _tried(arch, suite, package)]
    size = round(package.stat().st_size / 2**20, 1)
    found = {key: value for r in results for key, value in r.measured.items()}
    print(f"\n{table(results)}\n{json.dumps({'arch': arch, 'deb_size_mib': size, **found})}")
    return int(any(result.outcome == FAILED for result in results))


def _tried(arch: str, suite: str, package: Path) -> list[Result]:
    root, share = FOLDER / f"{arch}-{suite}", FOLDER / f"{arch}-{suite}-share"
    foreign.fresh(arch, suite, _needs(package), root)
    shutil.rmtree(share, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "tests", share / "source/tests", ignore=without)
    shutil.copy(package, share / "first.deb")
    options = ("--private-network", f"--bind={share}:/lab", "--chdir=/lab/source")
    try:
        foreign.inside(root, *GUEST, options=options)
        why = "it was not done"
    except subprocess.CalledProcessError as error:
        why = f"the Debian ended with {error.returncode}"
    told = [replace(each, name=f"{suite} {each.name}") for each in read(share / "results.jsonl")]
    return [*told, *(Result(f"{suite} {n}", FAILED, why=why) for n in [*STEPS][len(told) :])]


def _needs(package: Path) -> list[str]:
    """The names in its Depends, so that what is not named there is not there."""
    field = subprocess.run(
        ["dpkg-deb", "--field", package, "Depends"], capture_output=True, text=True, check=True
    )
    return sorted({each.split()[0] for each in field.stdout.split(",")})
