"""`python -m tests.image`: boots the disk image in an emulator, cuts its power, loses its data,
upgrades it, and ends in a table. As root; three quarters of an hour without KVM.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from release.image import disk
from release.image.__main__ import made, obstacle, sizes
from release.image.kinds import KINDS, TOOLS
from release.tools import install, installing, lacking
from tests.image import plugged, story, upgrades
from tests.image.card import Card
from tests.image.machines import Machine, missing
from tests.image.story import Told
from tests.install.shelf import stocked
from tests.machine.guest.lab import Failed, now
from tests.machine.report import FAILED, PASSED, SKIPPED, Result, table

OF_PC = {**plugged.STEPS, **upgrades.STEPS}  # the emulated Pi is too slow for them
STEPS = {**story.STEPS, **OF_PC, **story.LAST}
PC = "amd64"
CHECKOUT = Path(__file__).parent.parent.parent
FOLDER = CHECKOUT / "var" / "image"


def main() -> int:
    asked = _arguments()
    if asked.install:
        install([*lacking(TOOLS, asked.arch), *missing(asked.arch)])
    packages = missing(asked.arch)
    why = f"{installing(packages)} (or pass --install)" if packages else ""
    if why := why or ("" if asked.image else obstacle(asked.arch)):
        print(f"test-image: skipped: {why}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no machine stays on
    found: dict[str, Any] = {}
    image = asked.image
    if not image:
        image = made(asked.arch, CHECKOUT / "dist")
        found = sizes(image, disk.packed(image))
    results = _told(asked.arch, image)
    for result in results:
        found |= result.measured
    found["host"] = f"{platform.machine()}, {_cores()} cores, load {os.getloadavg()[2]:.1f}"
    (FOLDER / f"{asked.arch}.json").write_text(json.dumps(found, indent=2) + "\n")
    print(f"\n{table(results)}\n{json.dumps({'arch': asked.arch, **found})}")
    return int(any(result.outcome == FAILED for result in results))


def _told(arch: str, image: Path) -> list[Result]:
    """Every step's result; after one that failed the others are left out."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    card = Card(FOLDER / f"{arch}.img", KINDS[arch].layout)
    card.written_with(image)
    key = FOLDER / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    machine = Machine(arch, card, key, FOLDER)
    shelf = FOLDER / "shelf"
    if arch == PC:
        stocked(image.with_suffix(".deb"), shelf, upgrades.NAMES)
    told = Told(machine, key.with_suffix(".pub").read_text().strip(), arch, shelf)
    results: list[Result] = []
    try:
        for name in _names(arch):
            if any(result.outcome == FAILED for result in results):
                results.append(Result(name, SKIPPED, why="a step before it failed"))
            else:
                results.append(_played(name, told))
                print(results[-1], flush=True)
    finally:
        machine.cut_power()
    return results


def _names(arch: str) -> list[str]:
    return [name for name in STEPS if arch == PC or name not in OF_PC]


def _played(name: str, told: Told) -> Result:
    began, why = now(), ""
    told.measured = {}
    print(f"-- {name}", flush=True)
    try:
        STEPS[name](told)
    except Failed as failure:
        why = str(failure)
    except Exception as error:  # noqa: BLE001 - the table is printed all the same
        traceback.print_exc()
        why = f"{type(error).__name__}: {error}"
    outcome = FAILED if why else PASSED
    return Result(name, outcome, round(now() - began, 1), why, told.measured)


def _cores() -> int:
    return len(list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*")))


def _arguments() -> argparse.Namespace:
    words = argparse.ArgumentParser(prog="python -m tests.image", description=__doc__)
    words.add_argument("--arch", choices=KINDS, default="amd64", help="default: amd64")
    words.add_argument("--image", type=Path, help="one that is made already")
    words.add_argument("--install", action="store_true", help="first apt-get what is missing")
    return words.parse_args()


if __name__ == "__main__":
    sys.exit(main())
