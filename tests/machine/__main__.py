"""`python -m tests.machine [NAME…]`: plays scenarios in emulated machines, ends in a table."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from release.tools import install, lacking
from tests.machine import boot, tools
from tests.machine.guest import CONTAINER, INSTALL, VIRTUAL
from tests.machine.images import Images
from tests.machine.report import FAILED, PASSED, SKIPPED, Result, read, summary, table

CHECKOUT = Path(__file__).parent.parent.parent
FOLDER = CHECKOUT / "var" / "machine"
Machine = Callable[[Images, Path, float, Callable[[], None]], bool]


def say(text: str) -> None:
    print(text, flush=True)


class Bench:
    """The images, and what was found out on them."""

    def __init__(self, starts: int, services: int) -> None:
        self.images = Images(CHECKOUT, FOLDER, lambda text: say(f"-- {text}"))
        self.results: list[Result] = []
        self._starts, self._services = starts, services

    def prepare(self) -> bool:
        """Images with the product installed; False if it cannot be."""
        self.images.share_checkout()
        if self.images.fresh_root():
            self.play(boot.container, "container", [INSTALL], 600.0)
            if self.results[-1].outcome == PASSED:
                self.images.keep_root()
        return all(result.outcome == PASSED for result in self.results)

    def play(self, machine: Machine, kind: str, names: Sequence[str], seconds: float) -> None:
        """Boot that machine, have it play these, and say each as it ends."""
        told = self.images.share / "results.jsonl"
        told.unlink(missing_ok=True)
        task = {"scenarios": list(names), "starts": self._starts, "services": self._services}
        (self.images.share / "task.json").write_text(json.dumps(task))
        shown = 0

        def look() -> None:
            nonlocal shown
            for result in read(told)[shown:]:
                say(str(result))
                shown += 1

        say(f"-- booting the {kind}")
        ended = machine(self.images, FOLDER / f"{kind}.log", seconds, look)
        found = read(told)
        why = "the machine went down" if ended else f"the machine was not done in {seconds:g} s"
        why += f"; see {self.images.share / 'guest.log'} and {FOLDER / f'{kind}.log'}"
        lost = [Result(name, FAILED, why=why) for name in names[len(found) :]]
        self.results += [*found, *lost]
        shutil.copyfile(self.images.share / "guest.log", FOLDER / f"{kind}-guest.log")


def main() -> int:
    asked = _arguments()
    if asked.install:
        install(lacking(tools.NEEDED))
    if why := tools.obstacle():
        say(f"test-machine: skipped: {why}")
        return 0
    bench = Bench(asked.starts, asked.services)
    names = asked.names or [*CONTAINER, *VIRTUAL]
    contained, emulated = ([n for n in names if n in known] for known in (CONTAINER, VIRTUAL))
    try:
        if not bench.prepare():
            bench.results += [Result(n, SKIPPED, why="nothing is installed") for n in names]
        else:
            if contained:
                bench.play(boot.container, "container", contained, 300.0)
            if emulated:
                bench.play(boot.virtual, "virtual", emulated, 1200.0 + 60 * asked.services)
    except (OSError, subprocess.SubprocessError) as error:
        say(f"test-machine: an image cannot be made: {error}")
        return 1
    return _ended(bench.results)


def _ended(results: Sequence[Result]) -> int:
    found = summary(results)
    (FOLDER / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    say("\n" + table(results))
    say(json.dumps({key: found[key] for key in ("stray_pulses", "starts_tried")}))
    return int(any(result.outcome == FAILED for result in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.machine", description=__doc__)
    known = [*CONTAINER, *VIRTUAL]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--starts", type=int, default=1000, help="of the lock's driver")
    parser.add_argument("--services", type=int, default=7, help="starts of the whole service")
    parser.add_argument("--install", action="store_true", help="first apt-get what is missing")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in known]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
