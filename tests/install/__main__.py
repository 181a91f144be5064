"""`python -m tests.install [SUITE…]`: installs, upgrades, refuses, removes and purges the package
in clean Debians with a booted systemd, and ends in a table. As root; minutes the first time.
With `--arch`: by user-mode emulation, and without systemd (`tests.install.foreign`).
"""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from release.deb import build
from release.tools import install, lacking, run
from tests.install import foreign
from tests.install.guest import STEPS
from tests.install.shelf import stocked
from tests.machine import boot, tools
from tests.machine.report import FAILED, Result, read, table

CHECKOUT = Path(__file__).parent.parent.parent
FOLDER = CHECKOUT / "var" / "install"
_LONGEST = 900.0  # seconds from a start to the end
SUITES = ("bookworm", "trixie")
PACKAGES = "systemd,systemd-sysv,udev,dbus,procps,python3,ca-certificates,man-db"
UNIT = """\
[Unit]
Description=Steps of tests.install
After=multi-user.target

[Service]
Type=oneshot
Environment=PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/sh -c 'cd /lab/source && exec python3 -m tests.install.guest > /lab/guest.log 2>&1'
ExecStopPost=/bin/sh -c 'systemctl -ff exit'

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A Debian to boot and what it sees as /lab."""

    root: Path
    share: Path


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.install", description=__doc__)
    words.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}")
    words.add_argument("--arch", choices=foreign.ARCHITECTURES, help="another than amd64")
    words.add_argument("--install", action="store_true", help="first apt-get what is missing")
    asked = words.parse_args()
    if asked.arch:
        return foreign.main(asked.arch, asked.suites or SUITES[:1])
    if asked.install:
        install(lacking(tools.NEEDED))
    if why := tools.obstacle():
        print(f"test-install: skipped: {why}")
        return 0
    package = build("amd64", FOLDER / "packages")
    shelf = FOLDER / "shelf"
    stocked(package, shelf)
    results = [r for suite in asked.suites or SUITES for r in _tried(suite, shelf)]
    size = round(package.stat().st_size / 2**20, 1)
    found = {key: value for r in results for key, value in r.measured.items()}
    print(f"\n{table(results)}\n{json.dumps({'deb_size_mib': size, **found})}")
    return int(any(result.outcome == FAILED for result in results))


def _tried(suite: str, shelf: Path) -> list[Result]:
    place = Place(FOLDER / suite, FOLDER / f"{suite}-share")
    _fresh(suite, place.root)
    shutil.rmtree(place.share, ignore_errors=True)
    shutil.copytree(
        CHECKOUT / "tests",
        place.share / "source/tests",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copytree(shelf, place.share, dirs_exist_ok=True)
    log, told = FOLDER / f"{suite}.log", place.share / "results.jsonl"
    ended = boot.container(place, log, _LONGEST, lambda: None)
    if (place.share / "cut").exists():  # the guest cut its own power, and goes on where it was
        ended = boot.container(place, log, _LONGEST, lambda: None)
    found = [replace(each, name=f"{suite} {each.name}") for each in read(told)]
    why = f"{'it went down' if ended else 'it was not done'}; see {place.share}/guest.log, {log}"
    return [*found, *(Result(f"{suite} {n}", FAILED, why=why) for n in [*STEPS][len(found) :])]


def _fresh(suite: str, root: Path) -> None:
    """Unpack a clean Debian; it is fetched once."""
    kept = FOLDER / f"{suite}.tar"
    if not kept.exists():
        part = kept.with_suffix(".part.tar")
        include = f"--include={PACKAGES}"
        run("mmdebstrap", "--quiet", "--variant=minbase", include, suite, str(part))
        part.rename(kept)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    run("tar", "--extract", "--file", str(kept), "--directory", str(root), "--numeric-owner")
    units = root / "etc/systemd/system"
    (units / "lab.service").write_text(UNIT)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/lab.service").symlink_to("../lab.service")


if __name__ == "__main__":
    sys.exit(main())
