"""`doorward setup` answered as a technician does, and the processes that it asks to be started."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from controller.control import ask
from controller.errors import DoorwardError
from tests.contract_hw import PATIENCE
from tests.relay_boards import patiently
from tests.terminals import Terminal, at_terminal


def begin(path: Path, wait: str = "10s") -> AbstractContextManager[Terminal]:
    return at_terminal(path, "setup", "--wait", wait, "--release", "50ms")


def number_of(terminal: Terminal, option: str, question: str) -> None:
    """Choose the option that holds these words."""
    shown = terminal.until(f"{question} ")
    (line,) = [line for line in shown.splitlines() if option in line]
    terminal.type(line.strip().partition(".")[0])


def site_and_door(terminal: Terminal) -> None:
    terminal.answer("Its name", "The loft")
    terminal.answer("Time zone", "Europe/Berlin")
    terminal.answer("A short name for it")
    terminal.answer("Its name in full")


def simulated(terminal: Terminal, what: str) -> None:
    terminal.until(f"Plug the {what} in now")
    terminal.type("")
    number_of(terminal, "a simulated one", f"Which is the {what}?")


def no_hardware(terminal: Terminal) -> None:
    simulated(terminal, "reader")
    simulated(terminal, "relay")


def list_of_one(terminal: Terminal) -> None:
    terminal.answer("Which platform?", "3")
    terminal.answer("A short name for it")
    terminal.answer("Name of one person", "Ruth Amsel")


def serial_reader(terminal: Terminal, port: str) -> None:
    terminal.until("Plug the reader in now")
    terminal.type("")
    number_of(terminal, "a serial port by its path", "Which is the reader?")
    terminal.answer("Its path", port)


@contextmanager
def running(path: Path) -> Iterator[None]:
    """Both processes, as the wizard says to type them."""
    main, started = "from controller.cli import main; main()", []
    try:
        for name, socket in (("controller", "door.sock"), ("syncd", "sync.sock")):
            command = [sys.executable, "-c", main, "--config", str(path), name]
            log = (path.parent / f"{name}.log").open("wb")
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
            log.close()
            patiently(partial(answers, path.parent / "run" / socket))
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait(PATIENCE)


def answers(socket: Path) -> bool:
    try:
        ask(socket, {"do": "status"})
    except DoorwardError:
        return False
    return True
