"""A controller with the four doors of the rig, on a directory of a measurement."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.place import Running, running
from bench.rig.doors import NAMES, doors
from bench.rig.ends import Ends, ends
from controller.control import ask

OPEN_FOR = 0.1  # seconds
HEAD = """\
[site]
data = "data"
run = "run"
[clock]
trust = "always"
"""
PLATFORM = """
[platforms.gym]
kind = "hive"
url = "http://127.0.0.1:9"
key = { file = "hive-key" }
zone = "Europe/Berlin"
cards = [{ source = "door_access_id", format = "hex" }]
"""
_WELL_WITHIN = 20.0
_QUIET = 1.5  # seconds in which an OSDP line throws away what may be of before it was up
ADMITS = dict.fromkeys(NAMES, '["plan:*"]')


class Four(NamedTuple):
    """A controller with four doors, and their far ends."""

    controller: Running
    ends: Ends


@contextmanager
def four_doors(place: Path) -> Iterator[Four]:
    """All four in a directory that may have data already; every device is well."""
    secret(place)
    config = place / "doorward.toml"
    config.write_text(HEAD + doors(place, ADMITS, open_for=OPEN_FOR) + PLATFORM)
    with ends(place) as far, running("controller", config, launcher(place)) as controller:
        all_well(place)
        yield Four(controller, far)


def secret(place: Path) -> None:
    """The key of the platform, which nobody reads here."""
    place.mkdir(parents=True, exist_ok=True)
    path = place / "hive-key"
    path.touch(mode=0o600)
    path.write_text("a-key")


def launcher(place: Path) -> list[str | Path]:
    """What runs `doorward` on the mock pins of this place."""
    return [sys.executable, "-m", "bench.rig.controller", place.absolute()]


def all_well(place: Path) -> None:
    """Wait until no door misses a device."""
    until = time.monotonic() + _WELL_WITHIN
    while True:
        status = ask(place / "run" / "door.sock", {"do": "status"})["doors"]
        unwell = {door["id"]: door["unwell"] for door in status if door["unwell"]}
        if not unwell:
            time.sleep(_QUIET)
            return
        if time.monotonic() > until:
            raise RuntimeError(f"not all devices are well: {unwell}")
        time.sleep(0.1)
