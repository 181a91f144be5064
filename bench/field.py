"""What a technician waits for: the package and the image, in emulated machines, as root.

Both run the tests that play these stories anyway (`make test-install`, `make test-image`) and take
their figures: Debian is fetched the first time, and each takes minutes. So they run by name only.
"""

import json
import subprocess
import sys
from pathlib import Path

from bench.figures import Figures
from bench.machine import ROOT

INSTALLED = ("deb_size_mib", "install_s", "upgrade_downtime_ms", "rollback_s")
STARTED = ("image_size_mib", "boot_to_ready_s")


def measure_install(place: Path) -> Figures:  # noqa: ARG001 - it has a place of its own
    """The package in a clean Debian 12: installed, upgraded, rolled back; systemd is booted."""
    return _figures("tests.install", "bookworm", wanted=INSTALLED)


def measure_image(place: Path) -> Figures:  # noqa: ARG001
    """The image for PCs, started in an emulated one."""
    return _figures("tests.image", wanted=STARTED)


def _figures(module: str, *arguments: str, wanted: tuple[str, ...]) -> Figures:
    """Of the JSON that it prints last. Raises RuntimeError if it failed, or was skipped."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode or not last.startswith("{"):
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {last}")
    found = json.loads(last)
    return {key: found[key] for key in wanted}
