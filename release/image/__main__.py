"""`python -m release.image`: a disk image with Doorward, to be written to a card or disk.

amd64 is for PCs with UEFI, arm64 for the Raspberry Pi 3 and 4. As root; minutes.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from release.deb import build, version
from release.image import disk, root
from release.image.kinds import KINDS, TOOLS
from release.image.partitions import MIB
from release.tools import emulate, install, installing, lacking

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "build" / "image"


def main() -> int:
    asked = _arguments()
    if asked.install:
        install(lacking(TOOLS, asked.arch))
    if why := obstacle(asked.arch):
        print(f"image: cannot be made here: {why}", file=sys.stderr)
        return 1
    try:
        image = made(asked.arch, asked.out)
        small = None if asked.raw else disk.packed(image)
    except subprocess.CalledProcessError as error:
        print(f"image: not made: {error}", file=sys.stderr)
        return 1
    print(small or image)
    print(json.dumps(sizes(image, small)))
    return 0


def obstacle(arch: str) -> str:
    """Why that image cannot be made here, "" if it can."""
    if os.geteuid() != 0:
        return "only root can make one: run it as root, in a throw-away machine best"
    packages = lacking(TOOLS, arch)
    return f"{installing(packages)} (or pass --install)" if packages else ""


def made(arch: str, out: Path) -> Path:
    """The image's path. Raises CalledProcessError; the program says why itself."""
    kind = KINDS[arch]
    emulate(arch)
    BUILD.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    print(f"-- Debian for {arch}: minutes, the first time", flush=True)
    archive = root.debian(kind, BUILD)
    print("-- Doorward's package", flush=True)
    package = build(arch, out)
    print("-- the root", flush=True)
    files = root.filled(kind, archive, package, BUILD)
    print("-- the disk", flush=True)
    image = out / f"doorward_{version()}_{arch}.img"
    disk.written(kind, files, BUILD, image)
    return image


def sizes(image: Path, small: Path | None) -> dict[str, float]:
    """In MiB."""
    found = {"image_raw_mib": image.stat().st_size / MIB}
    if small:
        found["image_size_mib"] = small.stat().st_size / MIB
    return {name: round(size, 1) for name, size in found.items()}


def _arguments() -> argparse.Namespace:
    words = argparse.ArgumentParser(prog="python -m release.image", description=__doc__)
    words.add_argument("--arch", choices=KINDS, default="amd64", help="default: amd64")
    words.add_argument("--out", type=Path, default=ROOT / "dist", help="folder (default: dist)")
    words.add_argument("--raw", action="store_true", help="do not pack it by xz")
    words.add_argument("--install", action="store_true", help="first apt-get what is missing")
    return words.parse_args()


if __name__ == "__main__":
    sys.exit(main())
