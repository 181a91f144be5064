"""`python -m bench.rig.controller DIR WORDS …`: `doorward WORDS` on the mock pins of the rig.

DIR gets `pins.log` and `pins.sock`. SIGUSR1 makes the main thread fail in a way that nobody
foresaw. All else is the product as it is installed.
"""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import hw
from bench.rig.pins import Board
from controller.cli import main


def run(place: Path, words: Sequence[str]) -> None:
    signal.signal(signal.SIGUSR1, _fail)
    Board(place)
    hw.READERS["wiegand"] = "bench.rig.pins:WiredWiegand"
    sys.argv[1:] = words
    main()


def _fail(*_: object) -> None:
    raise RuntimeError("somebody wanted to see what happens then")


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
