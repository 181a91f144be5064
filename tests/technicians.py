"""A technician who does at the door what the screen says; and `doorward hw` typed for real."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.cli.hw_bench import Bench
from controller.cli.hw_ears import Ears
from controller.cli.hw_list import stanzas
from controller.cli.hw_person import NoAnswer
from controller.cli.hw_through import ThroughController
from controller.cli.hw_words import where
from controller.clock import SystemClock
from controller.config import Config, load
from controller.daemon import Controller
from controller.journal_read import JournalReader
from controller.model import Kind
from hw import TABLES
from hw.sim import SimInput, SimLock, SimReader
from tests.contract_hw import PATIENCE
from tests.fakes import FakeClock

CARD = "6F007B3972"
SITE = """
[site]
data = "data"
run = "run"
[doors.front]
name = "Front door"
admits = ["*"]
lock = {{ driver = "sim" }}
contact = {{ driver = "sim" }}
exit_button = {{ driver = "sim" }}
indicator = {{ driver = "sim" }}
readers.main = {main}
readers.pad = {{ driver = "sim", card = {{ format = "pin" }} }}
[platforms.list]
kind = "file"
path = "people.csv"
card = {{ format = "hex" }}
"""
SIMULATED = '{ driver = "sim", card = { format = "hex", keep_bits = 32 } }'
_MAIN = """
from controller.cli import group
group.main()
"""


@dataclass
class Acting:
    """`acts`: what is done when the screen says a sentence; `blind` sees nothing that is asked."""

    acts: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    consent: bool = True
    blind: bool = False
    speechless: bool = False
    heard: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.heard.append(text)
        for sentence, act in self.acts.items():
            if text.startswith(sentence):
                act()

    def consents(self, question: str) -> bool:
        if self.speechless:
            raise NoAnswer("nobody")
        self.say(question)
        return self.consent

    def saw(self, question: str) -> bool | None:
        self.heard.append(question)
        return not self.blind

    def ask(self, question: str) -> str:
        self.say(question)
        return ""

    @property
    def all(self) -> str:
        return "\n".join(self.heard)


class Typed:
    """A command that runs in a process of its own; its lines as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.said: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def until(self, words: str) -> str:
        """The first line from now on that holds these words."""
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"never said {words!r}:\n{self.all}")

    def end(self) -> int:
        """All the rest of it, and its exit code."""
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.said.append(line)
        return self._process.wait(PATIENCE)

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        self._process.send_signal(number)
        return self.end()

    @property
    def all(self) -> str:
        return "".join(self.said)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)


@contextmanager
def typed(config: Path, *words: str, answers: str = "") -> Iterator[Typed]:
    """`doorward WORDS` with these answers on its standard input, and then none."""
    command = [sys.executable, "-u", "-c", _MAIN, "--config", str(config), *words]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    ) as process:
        assert process.stdin
        process.stdin.write(answers)
        process.stdin.close()
        try:
            yield Typed(process)
        finally:
            process.kill()


def site(folder: Path, main: str = SIMULATED) -> Path:
    """A door with every part; returns its configuration."""
    (folder / "data").mkdir()
    (folder / "people.csv").write_text("id,name,card\n1,Ada Quill,04A1B2C3\n")
    path = folder / "doorward.toml"
    path.write_text(SITE.format(main=main))
    return path


@dataclass
class Place:
    """A running controller, and hands on its simulated devices."""

    config: Config  # as commands read it
    clock: FakeClock
    controller: Controller
    ends: ExitStack

    @property
    def door(self) -> Any:
        return self.controller.doors.working["front"]

    @property
    def lock(self) -> SimLock:
        found: SimLock = self.device("lock", SimLock)
        return found

    @property
    def main(self) -> SimReader:
        return self.reader("main")

    def reader(self, name: str) -> SimReader:
        found = self.door.parts.readers[name].reader
        assert isinstance(found, SimReader)
        return found

    def device(self, part: str, kind: type[Any]) -> Any:
        found = getattr(self.door.parts, part)
        assert isinstance(found, kind)
        return found

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        assert self.door.catch_up(PATIENCE)

    def kinds(self) -> list[Kind]:
        assert self.controller.journal.flush(PATIENCE)
        reader = JournalReader(self.config.data / "journal.db")
        try:
            return [each.event.kind for each in reader.events()]
        finally:
            reader.close()

    def acting(self, **how: Any) -> Acting:
        """A technician who does all that is asked."""
        contact, button = self.device("contact", SimInput), self.device("exit_button", SimInput)
        acts: dict[str, Callable[[], object]] = {
            "Open the door": lambda: contact.set(True),
            "Shut the door": lambda: contact.set(False),
            "Press the exit": lambda: button.set(True),
            "Let go": lambda: button.set(False),
            "Hold a card to reader main": lambda: self.main.present(CARD),
            "Hold a card to reader pad": lambda: self.reader("pad").press("4711#"),
        }
        return Acting({**acts, **how.pop("acts", {})}, **how)

    def listening(self) -> tuple[ThroughController, Ears]:
        """Hands at the door through the controller; closed at the end."""
        ears = Ears(SystemClock(self.config.run).monotonic)
        hands = ThroughController(self.config, "front", ears.hear)
        self.ends.callback(hands.close)
        return hands, ears

    def bench(self, person: Acting, patience: float = PATIENCE) -> Bench:
        hands, ears = self.listening()
        return benched(self.config, hands, ears, person, self.pass_time, patience)


def benched(
    config: Config, hands: Any, ears: Ears, person: Acting, wait: Any, patience: float
) -> Bench:
    devices = {part: where(kind, table) for part, kind, table in stanzas(config, "front")}
    readers = config.doors["front"].readers
    return Bench("front", devices, readers, hands, ears, person, wait, patience)


@contextmanager
def place_at(folder: Path) -> Iterator[Place]:
    path, clock = site(folder), FakeClock()
    with Controller(load(path, devices=TABLES), clock) as controller, ExitStack() as ends:
        yield Place(load(path), clock, controller, ends)
