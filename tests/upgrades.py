"""A small system to upgrade: real packages, real dpkg, real databases; the services are told of."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.cli.upgrade_before import keep
from controller.cli.upgrade_dpkg import Dpkg
from controller.cli.upgrade_place import PYTHON, Place, State, Step
from controller.cli.upgrade_release import KEYS
from controller.cli.upgrade_services import CONTROLLER, SYNC
from controller.cli.upgrade_switch import Switch
from controller.model import Kind
from release.sign import new_key, secret_key, sign
from tests.fakes import FakeClock

MIGRATES = '{"version": "%s", "files": {}}'
_STATUS = """\
Package: python3
Status: install ok installed
Architecture: all
Version: 3.11.2-1
Provides: python3-supported-min (= 3.11.2-1)
Maintainer: x <x@localhost>
Description: x

"""


class System:
    """A root below `folder`, with dpkg's records and a key that is trusted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self.place, self.dpkg = Place(self.root), Dpkg(self.root)
        for part in ("updates", "info", "triggers"):
            (self.dpkg.admin / part).mkdir(parents=True)
        (self.dpkg.admin / "status").write_text(_STATUS)
        (self.root / KEYS).mkdir(parents=True)
        new_key(folder / "ours.key", self.root / KEYS / "ours.pub")
        self.stick = self.root / "media/anna/stick"
        self.stick.mkdir(parents=True)

    def deb(self, version: str, **told: str) -> Path:
        """An unsigned package. `python`: the script that stands for the program's Python."""
        tree = self.folder / f"tree-{version}"
        shutil.rmtree(tree, ignore_errors=True)
        program = told.pop("python", f"echo '{MIGRATES % version}'")
        _write(tree / PYTHON, f"#!/bin/sh\n{program}\n", 0o755)
        _write(tree / "usr/lib/doorward/version", version)
        (tree / "usr/lib/doorward/link").symlink_to("version")
        arch = self.dpkg.architecture()
        fields = {"Package": "doorward", "Version": version, "Architecture": arch, **told}
        lines = "".join(f"{name}: {value}\n" for name, value in fields.items())
        about = "Maintainer: x <x@localhost>\nInstalled-Size: 10\nDescription: x\n"
        _write(tree / "DEBIAN/control", f"{lines}{about}")
        target = self.stick / f"doorward_{version}_{arch}.deb"
        build = ("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, target)
        subprocess.run(build, check=True, capture_output=True)
        return target

    def release(self, version: str, **told: str) -> Path:
        """The same, signed."""
        deb = self.deb(version, **told)
        sign(deb, secret_key(self.folder / "ours.key", str), 1.0)
        return deb

    def installed(self, version: str) -> None:
        assert self.dpkg.install(self.deb(version), {}) == ""

    @property
    def there(self) -> str:
        """What is really there, whatever dpkg says of it."""
        return (self.root / "usr/lib/doorward/version").read_text()


class Told:
    """`Services` that are as what is installed in the system says: a `dead` one ends at once.

    `acts` are counted and can be cut off by `cut`, which raises.
    """

    def __init__(self, system: System, cut: Callable[[], None] = lambda: None) -> None:
        self._system, self._cut = system, cut
        self.running, self.pid, self.sync = system.there, 1, True
        self.noted: list[tuple[Kind, str, dict[str, object]]] = []
        self.unwell: dict[str, dict[str, str]] = {}  # version → part → why
        self.again: dict[str, int] = {}  # version → so many looks until it was started again
        self.sync_dumb = ""  # a version whose syncd does not answer
        self.held_while_watched = True
        self.lends_not, self._lent = "", ""

    def boot(self) -> None:
        """The machine starts, and with it what is installed."""
        self.running, self.pid, self._lent = self._system.there, self.pid + 1, ""
        self.sync = not self._system.place.hold.exists()

    def status(self) -> dict[str, Any] | None:
        if "dead" in self.running:
            return None
        self.held_while_watched &= not (self.sync and self._system.place.hold.exists())
        if self.running in self.again:
            self.again[self.running] -= 1
            self.pid += self.again[self.running] == 0
        unwell = self.unwell.get(self.running, {})
        return {
            "version": self.running,
            "pid": self.pid,
            "journal": {"failing": "", "lost": 0},
            "doors": [{"id": "front", "works": "lock" not in unwell, "unwell": unwell}],
        }

    def sync_answers(self) -> bool:
        return self.sync and self.running != self.sync_dumb

    def active(self, unit: str) -> bool:
        return self.sync if unit == SYNC else True

    def restarts(self, unit: str) -> int:
        return 3 if unit == CONTROLLER and "dead" in self.running else 0

    def do(self, verb: str, unit: str) -> str:
        self._cut()
        if unit == SYNC:
            self.sync = verb != "stop" and not self._system.place.hold.exists()
        elif verb in ("restart", "try-restart"):
            self.running, self.pid = self._lent or self._system.there, self.pid + 1
        return ""

    def lend(self, program: Path) -> str:
        self._cut()
        self._lent = (program / "version").read_text()
        return self.lends_not

    def take_back(self) -> None:
        self._lent = ""

    def note(self, kind: Kind, author: str, detail: Mapping[str, object]) -> bool:
        self._cut()
        self.noted.append((kind, author, dict(detail)))
        return True

    def newest(self) -> int:
        return 7

    def starts(self, after: int) -> int:
        return 1


class Ticks(threading.Event):
    """Waiting takes no time, but on the clock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.advance(timeout or 0.0)
        return False


def begun(system: System, new: Path, services: Told, **more: Any) -> None:
    """As `doorward upgrade` leaves it when it hands over."""
    system.place.folder.mkdir(parents=True, exist_ok=True)
    keep(system.place, system.dpkg)
    system.place.deb.write_bytes(new.read_bytes())
    version = system.dpkg.fields(new)["Version"]
    status = services.status()
    well = None if status is None else {"front": sorted(status["doors"][0]["unwell"])}
    old = system.dpkg.installed()
    state = State(Step.SWITCH, old, version, version, 10.0, "anna", well, sync=services.sync)
    for name, value in more.items():
        object.__setattr__(state, name, value)
    system.place.put(state)


def switching(system: System, services: Told) -> Switch:
    clock = FakeClock()
    return Switch(system.place, system.dpkg, services, clock, Ticks(clock), lambda _: None)


def real_python() -> str:
    """This checkout's own program as a new release, run by a shell script."""
    return f'exec {sys.executable} "$@"'


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
