"""The product's services, as an operator or a fault meets them."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.machine.guest.lab import PATIENCE, Failed, call, until

CONTROLLER, SYNC = "doorward-controller.service", "doorward-sync.service"
SOCKET = "/run/doorward/door.sock"


def show(unit: str, key: str) -> str:
    return call("systemctl", "show", unit, "--property", key, "--value").strip()


def main_pid(unit: str = CONTROLLER) -> int:
    return int(show(unit, "MainPID"))


def restarts(unit: str = CONTROLLER) -> int:
    return int(show(unit, "NRestarts"))


def ready(unit: str = CONTROLLER, *, other_than: int = 0) -> int:
    """Wait until it does its work, as another process than that; its pid."""

    def look() -> int:
        pid = main_pid(unit)
        fine = show(unit, "ActiveState") == "active" and show(unit, "SubState") == "running"
        return pid if fine and pid != other_than else 0

    return until(f"{unit} is ready", look)


def begun(*, other_than: int) -> int:
    """Wait until another process than that was started; its pid. It need not be ready."""
    return until("it was started again", lambda: main_pid() not in (0, other_than) and main_pid())


def start(*units: str) -> None:
    call("systemctl", "start", *(units or (CONTROLLER,)))


def stop(*units: str) -> None:
    call("systemctl", "stop", *(units or (CONTROLLER,)))


def kill_hard(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def freeze(pid: int) -> None:
    """A process that hangs: it is there and does nothing any more."""
    os.kill(pid, signal.SIGSTOP)


def holds(unit: str = CONTROLLER) -> set[Path]:
    """What the process has open: paths of devices and files."""
    folder = Path(f"/proc/{main_pid(unit)}/fd")
    return {fd.readlink() for fd in folder.iterdir() if fd.is_symlink()}


def ask(do: str) -> dict[str, Any]:
    """What the controller answers, by its own socket: a program of its own would take seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(PATIENCE)
        line.connect(SOCKET)
        line.sendall(json.dumps({"do": do}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(line.makefile().readline())
    if not answer.pop("ok"):
        raise Failed(f"the controller says {answer}")
    return answer


def said(unit: str = CONTROLLER, since: str = "") -> Iterator[dict[str, Any]]:
    """The unit's lines in the system's journal, systemd's own about it included."""
    after = [f"--after-cursor={since}"] if since else []
    lines = call("journalctl", "--unit", unit, "--output=json", "--quiet", *after)
    return (json.loads(line) for line in lines.splitlines())


def words(unit: str = CONTROLLER, since: str = "") -> str:
    return "\n".join(str(line.get("MESSAGE", "")) for line in said(unit, since))


def cursor() -> str:
    """Where the system's journal ends now."""
    lines = call("journalctl", "--lines=1", "--output=json", "--quiet").splitlines()
    return str(json.loads(lines[-1])["__CURSOR"]) if lines else ""
