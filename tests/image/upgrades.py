"""Newer releases on a machine with the image: taken, given back, and cut off in the middle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.image.story import BOOT, Told, scan, until_active
from tests.machine.guest.lab import demand, now, until

# Of tests/install/shelf.py, in the order in which they are newer.
SECOND, DEAD, WHOLE = NAMES = ("second", "third-dead", "third-whole")
_KEY = "ours.pub"
_ON_STICK, _MOUNTED = "doorward_2_amd64.deb", "/run/doorward-setup"
_PLACE = "/var/lib/doorward-upgrade"
_LONGEST = 1800.0  # seconds; the emulated machine compiles for minutes
_FRESH = "/usr/lib/doorward/lib/python3.11/site-packages/controller/*.dpkg-new"


def on_stick(told: Told) -> dict[str, Path]:
    """The second release and its signature, by their names there."""
    return {f"{_ON_STICK}{end}": told.shelf / f"{SECOND}.deb{end}" for end in ("", ".minisig")}


def upgraded(told: Told) -> None:
    """A newer one, on the stick that nobody mounts, takes over on a root that is read-only."""
    told.machine.send(told.shelf / "ours.pub", _KEY)
    said = told.machine.type(f"doorward upgrade --check --key {_KEY}")
    demand(f"{_MOUNTED}/{_ON_STICK}: newer than" in said, f"it said: {said}")
    began = now()
    said = _upgrade(told, f"{_MOUNTED}/{_ON_STICK}", f"--watch 10 --key {_KEY}", 0)
    told.measured["image_upgrade_s"] = round(now() - began, 1)
    told.measured["image_upgrade_downtime_ms"] = _result(told)["downtime_ms"]
    demand("is in force" in said, f"it said: {said}")
    _well(told, SECOND)
    demand(_events(told, "upgrade_done") == 1, "the journal does not say so")


def rolled_back(told: Told) -> None:
    """Its controller ends as it starts: the one before is back. Its key came with the second."""
    said = _upgrade(told, _sent(told, DEAD), "--watch 10", 12)
    told.measured["image_rollback_s"] = _result(told)["rollback_s"]
    demand("rolled back" in said, f"it said: {said}")
    _well(told, SECOND)
    demand(_events(told, "upgrade_rolled_back") == 1, "the journal does not say so")


def cut_off(told: Told) -> None:
    """The power goes while dpkg unpacks; the next start finishes it, and the doors are well."""
    machine = told.machine
    file = _sent(told, WHOLE)
    begin = f"nohup doorward upgrade --watch 10 {file} < /dev/null > /dev/null 2>&1 &"
    for _ in machine.lines(f"{begin} until ls {_FRESH} 2> /dev/null; do sleep 0.1; done"):
        machine.cut_power()
        break
    machine.switch_on()
    until("somebody may log in", machine.lets_in, BOOT)
    until("the upgrade is over", lambda: _result(told), _LONGEST)
    demand(_result(told)["exit"] == 0, f"it ended with {_result(told)}")
    demand(not machine.type("dpkg --audit"), "packages are half installed")
    _well(told, WHOLE)
    demand(_events(told, "upgrade_done") == 2, "the journal does not say so")
    machine.cut_power()


STEPS: dict[str, Callable[[Told], None]] = {
    step.__name__.replace("_", " "): step for step in (upgraded, rolled_back, cut_off)
}


def _sent(told: Told, name: str) -> str:
    """The release and its signature; where it is on the machine."""
    for end in ("deb", "deb.minisig"):
        told.machine.send(told.shelf / f"{name}.{end}", f"{name}.{end}")
    return f"{name}.deb"


def _upgrade(told: Told, file: str, how: str, good: int) -> str:
    """What `doorward upgrade` says."""
    line = f"doorward upgrade {how} {file} 2>&1"
    said = told.machine.type(f"{line}; echo ended:$?", seconds=_LONGEST)
    demand(said.strip().endswith(f"ended:{good}"), f"{line}: {said}")
    return said


def _result(told: Told) -> dict[str, Any]:
    """Of the last upgrade; nothing while one is under way."""
    said = told.machine.type(f"cat {_PLACE}/result.json", good=(0, 1, 255))
    found: dict[str, Any] = json.loads(said or "{}")
    return found


def _well(told: Told, name: str) -> None:
    """In force, the doors open, the record is whole, the root is read-only, nothing is left."""
    machine = told.machine
    shown = machine.type("dpkg-query --show --showformat='${Version}' doorward; doorward --version")
    demand(shown.count(name) == 2, f"in force: {shown}")
    until_active(told)
    until("the keyholder gets in", lambda: scan(told))
    demand("Unbroken" in machine.type("doorward journal verify"), "the record is not whole")
    options = "findmnt --noheadings --output OPTIONS /"
    until("the root is read-only", lambda: "ro" in machine.type(options).strip().split(","), 120.0)
    left = set(machine.type(f"ls {_PLACE}").split()) - {"result.json", "said"}
    demand(not [each for each in left if not Path(each).match("doorward_*.deb")], f"left: {left}")


def _events(told: Told, kind: str) -> int:
    said = told.machine.type(f"doorward --json events --kind {kind} --last 9")
    return said.count(f'"{kind}"')
