"""`python -m bench.rig.lock_all DIR CONFIG`: `doorward lock-all` where GPIO pins are mock pins.

Real boards at real lines are driven as always; for a pin a line in `pins.log` is all that is left.
"""

import sys
import time
from pathlib import Path

from bench.rig.history import LOG
from controller import lock_list
from hw.lock_all import shut_all


def run(place: Path, config: Path) -> int:
    def drive(_chip: str, line: int | str, high: bool) -> str:
        with (place / LOG).open("a") as log:
            log.write(f"{time.monotonic():.6f} GPIO{line} output {int(high)}\n")
        return f"GPIO{line}"

    outcomes = shut_all(lock_list.read(config).locks, drive)
    sys.stdout.write("".join(f"{outcome}\n" for outcome in outcomes))
    return 0 if all(outcome.shut for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), Path(sys.argv[2])))
