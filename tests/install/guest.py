"""The steps, inside a booted Debian, as root, with nothing but Python's own library."""

import json
import pwd
import shutil
import socket
import sqlite3
import stat
import subprocess
import threading
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from tests.machine.guest.lab import LAB, PATIENCE, Failed, Lab, call, demand, now, until, wait
from tests.machine.report import FAILED, PASSED, Result, append, read

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
HOME, UPGRADE = Path("/usr/lib/doorward"), Path("/var/lib/doorward-upgrade")
STICK, CUT = Path("/media/technician/STICK/doorward_2_amd64.deb"), LAB / "cut"
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


def refused(_: Lab) -> None:
    """What is not signed, by nobody known, or not what was signed; the doors never notice."""
    pid = _pid()
    for name, why in (
        ("foreign", "not trusted here"),
        ("forged", "is not what was signed"),
        ("first", "is installed already"),
    ):
        said = _upgrade(LAB / f"{name}.deb", good=11)
        demand(why in said, f"{name}: it said: {said}")
    said = call("runuser", "-u", "doorward", "--", "doorward", "upgrade", "x.deb", good=(11,))
    demand(_pid() == pid and _scan("0A1B2C3D"), "the controller was disturbed")
    demand("first" in _version(), "another one is there")


def checked(_: Lab) -> None:
    """From a stick, and a file: what could be taken, and nothing is changed."""
    stick = Path("/media/technician/STICK")
    stick.mkdir(parents=True)
    for end in ("deb", "deb.minisig"):
        shutil.copy(LAB / f"second.{end}", stick / f"doorward_2_amd64.{end}")
    said = _upgrade("--check")
    demand("doorward_2_amd64.deb: newer than" in said, f"it said: {said}")
    said = _upgrade("--check", STICK)
    demand("nothing was changed" in said, f"it said: {said}")
    demand("first" in _version(), "another one is there")
    demand(sorted(path.name for path in UPGRADE.iterdir()) == [], "something is left")


def upgraded(lab: Lab) -> None:
    """A newer one takes over; how long no door decided is measured at the socket."""
    gaps, began = _Gaps(), now()
    said = _upgrade("--watch", "3", STICK)
    lab.measured["upgrade_s"] = round(now() - began, 1)
    lab.measured["upgrade_downtime_ms"] = round(gaps.longest() * 1000)
    lab.measured["said_downtime_ms"] = _result()["downtime_ms"]
    demand("second" in _version() and "is in force" in said, f"it said: {said}")
    _well()
    demand(_kinds().count("upgrade_done") == 1, "the journal does not say so")


def downgrade_refused(_: Lab) -> None:
    """An older one is not installed over it, and says what to do; the doors never notice."""
    pid = _pid()
    said = call("sh", "-c", f"dpkg --install {LAB}/first.deb 2>&1; true")
    demand("not replaced" in said, f"it said: {said}")
    demand("older than" in _upgrade(LAB / "first.deb", good=11), "an older one is taken")
    demand("second" in _version(), "the old one is there")
    demand(_pid() == pid and _scan("0A1B2C3D"), "the controller was disturbed")


def dead_release_rolled_back(lab: Lab) -> None:
    """Its controller ends as it starts: the one before is back by itself."""
    gaps = _Gaps()
    said = _upgrade(LAB / "third-dead.deb", good=12)
    lab.measured["rollback_s"] = _result()["rollback_s"]
    lab.measured["dead_for_s"] = round(gaps.longest(), 1)
    demand("rolled back" in said and "second" in _version(), f"it said: {said}")
    _well()
    demand("upgrade_rolled_back" in _kinds(), "the journal does not say so")


def sour_release_rolled_back(lab: Lab) -> None:
    """It decided for a while, and added to the journal: what it wrote is kept, in one chain."""
    before = len(_kinds())
    with subprocess.Popen(
        ["doorward", "upgrade", "--watch", "30", LAB / "third-sour.deb"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as upgrading:
        until("the new one answers", lambda: "sour" in str(_status().get("version")))
        demand(_scan("0A1B2C3D"), "the new one does not open")
        demand(not _active(UNITS[1]), "sync is not held")
        said = upgrading.communicate(timeout=3 * PATIENCE)[0]
    lab.measured["sour_rollback_s"] = _result()["rollback_s"]
    demand(upgrading.returncode == 12 and "second" in _version(), f"it said: {said}")
    demand(_kinds()[before:].count("access") == 1, "the entry is lost, or there twice")
    demand(_schema() == 3, "the later schema is gone")
    _well()


def finished_after_a_power_cut(_: Lab) -> None:
    """The machine dies while dpkg replaces files; the next start finishes it."""
    if not CUT.exists():
        begun = ["doorward", "upgrade", "--watch", "3", str(LAB / "third-whole.deb")]
        subprocess.Popen(begun)
        modules = HOME / "lib/python3.11/site-packages/controller"
        until("files are being replaced", lambda: next(modules.glob("*.dpkg-new"), None), 180.0)
        CUT.touch()
        call("sync")
        call("reboot", "-ff")
    until("the upgrade is over", (UPGRADE / "result.json").exists)
    demand(_result()["exit"] == 0 and "whole" in _version(), f"it ended with {_result()}")
    demand(not call("dpkg", "--audit"), "packages are half installed")
    _well()
    demand(_kinds().count("upgrade_done") == 2, "the journal does not say so")


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
    call("dpkg", "--install", LAB / "third-whole.deb")
    for unit in UNITS:
        until(f"{unit} is active", partial(_active, unit))
    until("the keyholder gets in", lambda: _scan("0A1B2C3D"))
    call("doorward", "journal", "verify")


def purged(_: Lab) -> None:
    """Nothing is left, and nothing of ours runs."""
    call("dpkg", "--purge", "doorward")
    left = [path for path in (ETC, KEPT, HOME, UPGRADE) if path.exists()]
    demand(not left, f"left: {left}")
    demand(not any(map(_active, UNITS)), "a unit still runs")


STEPS: dict[str, Step] = {
    step.__name__.replace("_", " "): step
    for step in (
        *(installed, documented, refused, checked, upgraded, downgrade_refused),
        *(dead_release_rolled_back, sour_release_rolled_back, finished_after_a_power_cut),
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


def _upgrade(*words: str | Path, good: int = 0) -> str:
    """What `doorward upgrade` says."""
    line = " ".join(str(word) for word in words)
    ended = f"doorward upgrade {line} 2>&1; echo ended:$?"
    said = call("sh", "-c", ended, seconds=4 * PATIENCE)
    demand(said.strip().endswith(f"ended:{good}"), f"doorward upgrade {line}: {said}")
    return said


def _result() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((UPGRADE / "result.json").read_text())
    return found


def _well() -> None:
    """Both services run, the keyholder gets in, the chain is whole, nothing is held or left."""
    for unit in UNITS:
        until(f"{unit} is active", partial(_active, unit))
    until("the keyholder gets in", lambda: _scan("0A1B2C3D"))
    call("doorward", "journal", "verify")
    left = {path.name for path in UPGRADE.iterdir()} - {"result.json", "said"}
    demand(not [name for name in left if not name.endswith(".deb")], f"left: {left}")


def _kinds() -> list[str]:
    """Of the journal's events that are no scan of ours, and all that were granted."""
    query = "SELECT kind FROM event ORDER BY seq"
    with closing(sqlite3.connect(f"file:{KEPT}/journal.db?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute(query)]


def _schema() -> int:
    with closing(sqlite3.connect(f"file:{KEPT}/journal.db?mode=ro", uri=True)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


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
    doors = _status().get("doors", [])
    return bool(doors and doors[0]["works"])


def _status() -> dict[str, Any]:
    """Nothing if nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(5.0)
        try:
            line.connect("/run/doorward/door.sock")
            line.sendall(b'{"do": "status"}\n')
            found: dict[str, Any] = json.loads(line.makefile().readline())
        except (OSError, ValueError):
            return {}
        return found


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
    told = LAB / "results.jsonl"
    done = {each.name for each in read(told)}  # before the power was cut
    for each in STEPS:
        if each not in done:
            append(told, _play(each))
