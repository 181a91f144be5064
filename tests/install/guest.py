"""The steps, inside a booted Debian, as root, with nothing but Python's own library."""

import json
import pwd
import socket
import stat
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.machine.guest.lab import LAB, Failed, Lab, call, demand, now, until, wait
from tests.machine.report import FAILED, PASSED, Result, append

CONFIG = """\
[doors.front]
admits = ["keyholders/*"]
lock = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "hex" } }
repeat_after = "0s"

[platforms.keyholders]
kind = "file"
path = "keyholders.csv"
card = { format = "hex" }
keyholders = true
"""
ETC, KEPT = Path("/etc/doorward"), Path("/var/lib/doorward")
UNITS = ("doorward-controller.service", "doorward-sync.service")
Step = Callable[[Lab], None]


def installed(lab: Lab) -> None:
    """Installed without a network, and configured: a scan opens."""
    began = now()
    call("dpkg", "--install", LAB / "first.deb")
    lab.measured["dpkg_s"] = round(now() - began, 1)
    demand(pwd.getpwnam("doorward").pw_dir == str(KEPT), "the user has no home of its own")
    demand(stat.S_IMODE(ETC.stat().st_mode) == 0o750, "/etc/doorward is open to others")
    demand(ETC.stat().st_gid == pwd.getpwnam("doorward").pw_gid, "/etc/doorward is not the group's")
    for unit in UNITS:
        demand(call("systemctl", "is-enabled", unit).strip() == "enabled", f"{unit} is not enabled")
        demand(not _active(unit), f"{unit} runs without a configuration")
    _configure()
    call("systemctl", "start", *UNITS)
    for unit in UNITS:
        until(f"{unit} is active", partial(_active, unit))
    lab.measured["install_s"] = round(now() - began, 1)
    until("the keyholder gets in", lambda: _scan("0A1B2C3D"))
    demand(not _scan("DEADBEEF"), "a stranger got in")


def documented(_: Lab) -> None:
    """Man page, completion, example and documents are where one looks for them."""
    demand("explain" in call("man", "--pager=cat", "doorward"), "the man page lacks commands")
    sourced = ". /usr/share/bash-completion/completions/doorward; complete -p doorward"
    demand("doorward" in call("bash", "-c", sourced), "no completion")
    shelf = Path("/usr/share/doc/doorward")
    for name in ("README.md", "operator.md", "examples/doorward.toml"):
        demand((shelf / name).exists(), f"{name} is missing")
    example = call("doorward", "config", "example")
    demand(
        (shelf / "examples/doorward.toml").read_text().strip() == example.strip(), "stale example"
    )


def upgraded(lab: Lab) -> None:
    """A newer one takes over; how long no door decided is measured at the socket."""
    gaps = _Gaps()
    call("dpkg", "--install", LAB / "newer.deb")
    until("the keyholder gets in", lambda: _scan("0A1B2C3D"))
    lab.measured["upgrade_downtime_ms"] = round(gaps.longest() * 1000)
    demand("newer" in _version(), "the old one is still there")
    call("doorward", "journal", "verify")


def downgrade_refused(_: Lab) -> None:
    """An older one is not installed over it, and says what to do; the doors never notice."""
    pid = _pid()
    said = call("sh", "-c", f"dpkg --install {LAB}/first.deb 2>&1; true")
    demand("not replaced" in said, f"it said: {said}")
    demand("newer" in _version(), "the old one is there")
    demand(_pid() == pid and _scan("0A1B2C3D"), "the controller was disturbed")


def removed(_: Lab) -> None:
    """The services end and all of ours goes, but for the configuration and the record."""
    call("dpkg", "--remove", "doorward")
    for unit in UNITS:
        demand(not _active(unit), f"{unit} still runs")
    demand(not Path("/usr/lib/doorward").exists(), "parts of it are left")
    demand((ETC / "doorward.toml").exists(), "the configuration is gone")
    demand((KEPT / "journal.db").exists(), "the journal is gone")


def installed_again(_: Lab) -> None:
    """It goes on where it was."""
    call("dpkg", "--install", LAB / "newer.deb")
    for unit in UNITS:
        until(f"{unit} is active", partial(_active, unit))
    until("the keyholder gets in", lambda: _scan("0A1B2C3D"))
    call("doorward", "journal", "verify")


def purged(_: Lab) -> None:
    """Nothing is left, and nothing of ours runs."""
    call("dpkg", "--purge", "doorward")
    left = [path for path in (ETC, KEPT, Path("/usr/lib/doorward")) if path.exists()]
    demand(not left, f"left: {left}")
    demand(not any(map(_active, UNITS)), "a unit still runs")


STEPS: dict[str, Step] = {
    step.__name__.replace("_", " "): step
    for step in (
        *(installed, documented, upgraded, downgrade_refused),
        *(removed, installed_again, purged),
    )
}


class _Gaps:
    """Asks the controller again and again, and notes how long it did not answer."""

    def __init__(self) -> None:
        self._stop, self._longest = threading.Event(), 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def longest(self) -> float:
        """Seconds; ends it."""
        self._stop.set()
        self._thread.join()
        return self._longest

    def _run(self) -> None:
        last = now()
        while not self._stop.is_set():
            if _answers():
                self._longest, last = max(self._longest, now() - last), now()
            wait(0.01)


def _configure() -> None:
    ETC.joinpath("doorward.toml").write_text(CONFIG)
    ETC.joinpath("keyholders.csv").write_text("id,name,card\n1,Ruth Amsel,0A1B2C3D\n")
    call("chgrp", "-R", "doorward", ETC)
    ETC.joinpath("keyholders.csv").chmod(0o640)
    call("runuser", "-u", "doorward", "--", "doorward", "config", "check")


def _active(unit: str) -> bool:
    return call("systemctl", "is-active", unit, good=(0, 3, 4)).strip() == "active"


def _pid() -> str:
    return call("systemctl", "show", UNITS[0], "--property=MainPID", "--value").strip()


def _version() -> str:
    return call("dpkg-query", "--show", "--showformat=${Version}", "doorward")


def _scan(card: str) -> bool:
    """Does this card open the door?"""
    said = json.loads(call("doorward", "--json", "sim", "scan", "front", card, good=(0, 1, 2, 4)))
    return bool(said["decided"] and said["decided"]["reason"] == "granted")


def _answers() -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(5.0)
        try:
            line.connect("/run/doorward/door.sock")
            line.sendall(b'{"do": "status"}\n')
            return bool(json.loads(line.makefile().readline())["doors"][0]["works"])
        except (OSError, ValueError, LookupError):
            return False


def _play(name: str) -> Result:
    lab, began = Lab(), now()
    print(f"=== {name}", flush=True)
    outcome, why = PASSED, ""
    try:
        STEPS[name](lab)
    except Failed as failure:
        outcome, why = FAILED, str(failure)
        print(call("journalctl", "--no-pager", "--lines=40", "--unit=doorward-*"), flush=True)
    except Exception as error:  # noqa: BLE001 - the next step has its turn all the same
        traceback.print_exc()
        outcome, why = FAILED, f"{type(error).__name__}: {error}"
    return Result(name, outcome, round(now() - began, 1), why, lab.measured)


if __name__ == "__main__":
    for each in STEPS:
        append(LAB / "results.jsonl", _play(each))
