"""`python -m bench.slow_disk FLAG SECONDS …`: doorward on a disk that blocks at every sync.

It does so while the file FLAG is there.
"""

import sys
import threading
from pathlib import Path

from tests.tapped import tapped
from tests.torn import Recording


class SlowDisk(Recording):
    """Lets everything happen, but syncs after some seconds."""

    def __init__(self, flag: Path, seconds: float) -> None:
        super().__init__()
        self._flag, self._seconds = flag, seconds

    def sync(self, path: str) -> int:
        if self._flag.exists():
            threading.Event().wait(self._seconds)
        return super().sync(path)


def main() -> None:
    flag, seconds = Path(sys.argv[1]).absolute(), float(sys.argv[2])
    del sys.argv[1:3]
    from controller.cli import main as doorward

    with tapped(flag.parent, SlowDisk(flag, seconds)):
        doorward()


if __name__ == "__main__":
    main()
