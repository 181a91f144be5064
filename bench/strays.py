"""Does a lock ever open because a program starts, fails, is stopped or is killed?

Real controllers, over and over: one lock on a GPIO mock pin, whose history the process writes out
as it happens, one on an LCUS board and one on a Modbus board, both at ptys with recorders.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.child import child
from bench.figures import Figures
from bench.four import HEAD, PLATFORM, launcher, secret
from bench.machine import ROOT
from bench.place import running
from bench.rig.board import FarBoard, board
from bench.rig.doors import RELAY, lines
from bench.rig.history import LOG, Move, openings, pin_moves
from bench.rig.lines import Line, RelayRecorder
from controller.control import ask

WORKERS = 2
LOCKS = ("gpio", "serial", "modbus")
_PROMPT, _ENDS_WITHIN = 5.0, 30.0  # seconds
_STARTING = 0.6  # seconds in which a start is interrupted at any moment
_RELEASE = (
    30.0  # seconds: nothing but the end of the process, or what follows it, may shut the lock
)
_DOORS = """
[doors.gpio]
admits = ["plan:*"]
lock = {{ driver = "gpio-relay", pin = {relay} }}
[doors.gpio.readers.main]
driver = "sim"
card = {{ format = "hex" }}
[doors.serial]
admits = ["plan:*"]
lock = {{ driver = "serial-relay", port = "{lines}/relay" }}
[doors.serial.readers.main]
driver = "sim"
card = {{ format = "hex" }}
[doors.modbus]
admits = ["plan:*"]
lock = {{ driver = "modbus-relay", port = "{lines}/board", unit = 1, channel = 1 }}
[doors.modbus.readers.main]
driver = "sim"
card = {{ format = "hex" }}
"""


def measure(work: Path, *, starts: int = 1_000) -> Figures:
    """So many starts that end in every way; an opening that nobody asked for is a stray pulse."""
    shares = [range(first, starts, WORKERS) for first in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(pool.map(lambda share: _tried(work / f"strays-{share.start}", share), shares))
    ways: Counter[str] = Counter()
    strays: list[str] = []
    for tries, found in done:
        ways.update(tries)
        strays += found
    print(f"  {', '.join(f'{count} × {way}' for way, count in sorted(ways.items()))}")
    for stray in strays[:20]:
        print(f"  {stray}")
    return {"stray_pulses": len(strays), "starts_tried": ways.total()}


def _tried(place: Path, numbers: range) -> tuple[Counter[str], list[str]]:
    """How often each way was tried, and what was seen that should not have been."""
    ways, strays = Counter[str](), list[str]()
    with ExitStack() as stack:
        site = _site(place, stack)
        for number in numbers:
            way = WAYS[number // WORKERS % len(WAYS)]
            strays += [f"{way.__name__[1:]}: {each}" for each in site.tried(way)]
            ways[way.__name__[1:]] += 1
    return ways, strays


@dataclass
class _Site:
    """One controller's place, and the far ends of its three locks."""

    place: Path
    relay: RelayRecorder
    board: FarBoard
    chance: random.Random = field(default_factory=random.Random)
    asked_at: float = 0.0  # when a release was asked for in this try, if one was

    @property
    def config(self) -> Path:
        return self.place / "doorward.toml"

    def tried(self, way: Callable[["_Site"], None]) -> Iterator[str]:
        """Start once and end it that way; yields whatever opened unasked or stayed open."""
        begin, self.asked_at = time.monotonic(), 0.0
        with suppress(FileNotFoundError):
            (self.place / LOG).unlink()
        way(self)
        for lock, moves in self.moves().items():
            seen = [each for each in openings(moves) if each.end >= begin]
            wanted = [each for each in seen if self.asked_at and each.begin >= self.asked_at]
            for each in seen:
                if each not in wanted:
                    yield f"{lock} opened for {(each.end - each.begin) * 1000:.1f} ms"
            if self.asked_at and len(wanted) != 1:
                yield f"{lock} opened {len(wanted)} times for one release"
            yield from (f"{lock} stayed open" for each in wanted if each.end == float("inf"))

    def moves(self) -> dict[str, list[Move]]:
        gpio = pin_moves(self.place / LOG, f"GPIO{RELAY}")
        return {"gpio": gpio, "serial": self.relay.history.moves(), "modbus": self.board.moves()}

    def release(self) -> None:
        """Ask for every door to be released, and wait until all of them are."""
        self.asked_at = time.monotonic()
        for door in LOCKS:
            request = {"do": "unlock", "door": door, "seconds": _RELEASE}
            ask(self.place / "run" / "door.sock", request)
        until = self.asked_at + _PROMPT
        while not all(moves and moves[-1].open for moves in self.moves().values()):
            if time.monotonic() > until:
                raise RuntimeError(f"not every lock was released: {self.moves()}")
            time.sleep(0.01)

    @contextmanager
    def started(self, config: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A controller of which nobody knows how far it is; at the end it has ended."""
        words = [*launcher(self.place), "--config", config, "controller"]
        with (self.place / "controller.log").open("ab") as log:
            process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process
            process.wait(_ENDS_WITHIN)
        finally:
            process.kill()
            process.wait()

    def lock_all(self) -> None:
        """What systemd does whenever the controller has ended."""
        words = [sys.executable, "-m", "bench.rig.lock_all", str(self.place), str(self.config)]
        done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"lock-all failed: {done.stdout}{done.stderr}")


def _site(place: Path, stack: ExitStack) -> _Site:
    secret(place)
    where = lines(place).absolute()
    text = _DOORS.format(relay=RELAY, lines=where)
    (place / "doorward.toml").write_text(f"{HEAD}{text}{PLATFORM}")
    wrong = text.replace("channel = 1", "channel = 0")
    (place / "wrong.toml").write_text(f"{HEAD}{wrong}{PLATFORM}")
    line = Line(where / "relay")
    stack.callback(line.close)
    relay = RelayRecorder(line)
    stack.callback(relay.close)
    made = stack.enter_context(child(board, path=str(where / "board")))
    made.answer()
    return _Site(place, relay, FarBoard(made))


def _stopped(site: _Site) -> None:
    with running("controller", site.config, launcher(site.place)):
        pass
    site.lock_all()


def _stopped_while_open(site: _Site) -> None:
    with running("controller", site.config, launcher(site.place)):
        site.release()


def _killed(site: _Site) -> None:
    with running("controller", site.config, launcher(site.place)) as controller:
        os.kill(controller.pid, signal.SIGKILL)
    site.lock_all()


def _killed_while_open(site: _Site) -> None:
    with running("controller", site.config, launcher(site.place)) as controller:
        site.release()
        os.kill(controller.pid, signal.SIGKILL)
    site.lock_all()


def _failed(site: _Site) -> None:
    """An error that nobody foresaw, in the main thread, while doors are open."""
    with running("controller", site.config, launcher(site.place)) as controller:
        site.release()
        os.kill(controller.pid, signal.SIGUSR1)
        _gone(controller.pid)


def _interrupted(site: _Site, number: int) -> None:
    with site.started(site.config) as process:
        time.sleep(site.chance.uniform(0.05, _STARTING))
        process.send_signal(number)
    site.lock_all()


def _stopped_at_its_start(site: _Site) -> None:
    _interrupted(site, signal.SIGTERM)


def _killed_at_its_start(site: _Site) -> None:
    _interrupted(site, signal.SIGKILL)


def _misconfigured(site: _Site) -> None:
    with site.started(site.place / "wrong.toml") as process:
        pass
    if process.returncode != 3:
        raise RuntimeError(f"a wrong configuration ended with {process.returncode}, not 3")
    site.lock_all()


def _gone(pid: int) -> None:
    """Wait until that process has ended; its parent has not asked for its exit code yet."""
    until = time.monotonic() + _ENDS_WITHIN
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        if time.monotonic() > until:
            raise RuntimeError("an error in the main thread did not end the controller")
        time.sleep(0.01)


WAYS = (
    _stopped,
    _killed,
    _stopped_while_open,
    _killed_while_open,
    _failed,
    _stopped_at_its_start,
    _killed_at_its_start,
    _misconfigured,
)
