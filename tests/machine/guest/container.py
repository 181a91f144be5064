"""In a container: the product installed and run as services, word for word as README says."""

import grp
import os
import pwd
import re
import shutil
from pathlib import Path

from tests.machine.guest import units
from tests.machine.guest.lab import LAB, Failed, Lab, call, demand, now, until

SOURCE = LAB / "source"
README = SOURCE / "README.md"
SITE = Path("/etc/doorward")
DATA = Path("/var/lib/doorward")
SIMULATED = """
[doors.front]
admits = ["keyholders/*"]
lock = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "dec10" } }

[platforms.keyholders]
kind = "file"
path = "keyholders.csv"
card = { format = "dec10" }
keyholders = true
"""
PEOPLE = "id,name,card\n1,Ruth Amsel,0008075634\n"


def install(lab: Lab) -> None:
    """Every command of README's first step, from a clone, with no network."""
    block = re.search(r"^\*\*1\. Install\*\*.*?```\n(.*?)```", README.read_text(), re.M | re.S)
    demand(block, "README has no block of commands after **1. Install**")
    assert block
    began = now()
    clone = Path("/tmp/clone")
    shutil.copytree(SOURCE, clone)
    for command in block[1].splitlines():
        call("sh", "-c", f"cd {clone} && export USER=root && {command}", seconds=300)
    shutil.rmtree(clone)
    lab.measured["commands"] = len(block[1].splitlines())
    lab.measured["install_s"] = round(now() - began, 1)
    demand("doorward" in call("doorward", "--version"), "doorward does not run")
    demand(pwd.getpwnam("doorward").pw_uid, "the user is root")
    members = [grp.getgrnam(name).gr_mem for name in ("dialout", "gpio", "input")]
    demand(all("doorward" in each for each in members), f"not in all groups: {members}")


def start_up(lab: Lab) -> None:
    """Both units become ready, the check of the configuration finds nothing, a card opens."""
    site(SIMULATED)
    call("sudo", "-u", "doorward", "doorward", "config", "check")
    began = now()
    units.start(units.CONTROLLER, units.SYNC)
    lab.measured["both_ready_s"] = round(now() - began, 2)
    units.ready(units.CONTROLLER)
    units.ready(units.SYNC)
    demand("granted" in _scan(), "the keyholder's card does not open")
    call("doorward", "doors")


def killed(lab: Lab) -> None:
    """`kill -9`: the locks are shut by `lock-all`, and it is started again."""
    site(SIMULATED)
    for unit in (units.CONTROLLER, units.SYNC):
        units.start(unit)
        pid, since, began = units.ready(unit), units.cursor(), now()
        call("systemctl", "kill", "--signal=KILL", unit)
        units.ready(unit, other_than=pid)
        lab.measured[f"{unit.split('.')[0]}_back_s"] = round(now() - began, 2)
        if unit == units.CONTROLLER:
            _locked_all(since)
            lab.measured["kill_to_locked_ms"] = round((_lock_all_at(since) - began) * 1000)
    until("a card opens again", lambda: "granted" in _scan())


def hung(lab: Lab) -> None:
    """A process that does nothing any more is ended by the watchdog and started again."""
    site(SIMULATED)
    units.start()
    pid, since, began = units.ready(), units.cursor(), now()
    units.freeze(pid)
    units.ready(other_than=pid)
    lab.measured["back_s"] = round(now() - began, 1)
    demand("result 'watchdog'" in units.words(since=since), "it was not the watchdog")
    _locked_all(since)


def stopped(lab: Lab) -> None:
    """`systemctl stop`: it ends by itself, cleanly, says so in the journal, and stays so."""
    site(SIMULATED)
    units.start(units.CONTROLLER, units.SYNC)
    units.ready()
    since, began = units.cursor(), now()
    units.stop(units.CONTROLLER, units.SYNC)
    lab.measured["stop_s"] = round(now() - began, 2)
    for unit in (units.CONTROLLER, units.SYNC):
        demand(units.show(unit, "ActiveState") == "inactive", f"{unit} is not stopped")
        demand(units.show(unit, "Result") == "success", f"{unit}: {units.show(unit, 'Result')}")
    _locked_all(since)
    call("sudo", "-u", "doorward", "doorward", "journal", "verify")


def misconfigured(lab: Lab) -> None:
    """A configuration with a mistake starts nothing, shuts what it can, and says the remedy."""
    site(SIMULATED.replace("admits", "admit"))
    since = units.cursor()
    call("systemctl", "start", "--no-block", units.CONTROLLER)
    until("it says what is wrong", lambda: "admit" in units.words(since=since))
    _locked_all(since)
    until("it is tried again", lambda: units.restarts() >= 2)
    units.stop()


def site(config: str, people: str = PEOPLE) -> None:
    """Stop everything and begin anew with this configuration."""
    units.stop(units.CONTROLLER, units.SYNC)
    call("systemctl", "reset-failed", units.CONTROLLER, units.SYNC, good=(0, 1))
    shutil.rmtree(DATA, ignore_errors=True)
    SITE.mkdir(exist_ok=True)
    account = pwd.getpwnam("doorward")
    for name, text in (("doorward.toml", config), ("keyholders.csv", people)):
        (SITE / name).write_text(text)
        (SITE / name).chmod(0o600)
    for path in (SITE, *SITE.iterdir()):
        os.chown(path, account.pw_uid, account.pw_gid)


def _scan() -> str:
    try:
        return call("doorward", "sim", "scan", "front", "0008075634", good=(0, 1))
    except Failed:
        return ""


def _locked_all(since: str) -> None:
    until("lock-all shut the door", lambda: "front: shut" in units.words(since=since), 20)


def _lock_all_at(since: str) -> float:
    """The second of the monotonic clock at which `lock-all` said that it was done."""
    lines = [line for line in units.said(since=since) if "front: shut" in str(line["MESSAGE"])]
    return int(lines[0]["__MONOTONIC_TIMESTAMP"]) / 1e6
