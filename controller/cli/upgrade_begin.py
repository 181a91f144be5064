"""The way to the switch: all that can go wrong before anything is changed."""

import compileall
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cli.hw_screen import machine_clock
from controller.cli.programs import ran, systemd_runs
from controller.cli.provision_file import CONFIG, ETC
from controller.cli.reach import own_name
from controller.cli.upgrade_before import keep
from controller.cli.upgrade_dpkg import Dpkg
from controller.cli.upgrade_health import well_in
from controller.cli.upgrade_place import Place, State, Step
from controller.cli.upgrade_release import OnStick, Release, Wanted, on_sticks, taken
from controller.cli.upgrade_services import CONTROLLER, SYNC, RealServices
from controller.cli.upgrade_switch import Switch
from controller.cli.upgrade_try import Migrated, copy_files, no_way_back, tried
from controller.config import load
from controller.errors import ReleaseError
from controller.model import Kind

UNIT = "doorward-upgrade-run"
_INSTALLED = Path("/usr/lib/doorward/lib/python3.11/site-packages")
_DATA = Path("/var/lib/doorward")
_LOOK = 0.2  # seconds


@dataclass(slots=True)
class Begun:
    """One upgrade as it was asked for; `say` hears what was done."""

    wanted: Wanted
    watch: float
    way_back: bool
    say: Callable[[str], None]
    place: Place = Place()  # noqa: RUF009 - it only knows paths
    dpkg: Dpkg = Dpkg()  # noqa: RUF009 - immutable
    _read_only: bool = False

    def on_sticks(self) -> list[OnStick]:
        return on_sticks(self.place, self.dpkg, self.wanted)

    def check(self, file: Path) -> None:
        """Everything but the switch; nothing is left of it. Raises `ReleaseError`."""
        with self._at_hand():
            try:
                release, _ = self._looked_at(file)
            finally:
                self.place.clear()
        self.say(f"{release.version} could be taken; nothing was changed. Type it without --check")

    def begin(self, file: Path) -> None:
        """Have the switch begin, in a unit of its own. Raises `ReleaseError`."""
        if not systemd_runs():
            raise ReleaseError("systemd does not run here; where it does not: dpkg --install FILE")
        with self._at_hand():
            try:
                release, migrated = self._looked_at(file)
                self._kept()
                self._started(release, migrated)
            except BaseException:
                if self.place.state() is None:
                    self.place.clear()
                raise

    def follow(self, pause: threading.Event) -> dict[str, Any]:
        """Say what is said, until the result is there."""
        told = 0
        while True:
            result = self.place.result()
            lines = self.place.said.read_text().splitlines() if self.place.said.exists() else []
            for line in lines[told:]:
                self.say(line)
            told = len(lines)
            if result is not None:
                return result
            if ran(("systemctl", "is-active", "--quiet", UNIT)).why and not self.place.result():
                raise ReleaseError(
                    f"it was cut off; see: journalctl -u {UNIT}. Type: doorward upgrade --go-on"
                )
            pause.wait(_LOOK)

    @contextmanager
    def _at_hand(self) -> Iterator[None]:
        """The root can be written, and nobody else is at it, until the end of this."""
        with self.place.alone():
            if self.place.state():
                raise ReleaseError(
                    "an upgrade is under way, or was cut off; wait for it, or type: "
                    "doorward upgrade --go-on"
                )
            self._read_only = self.place.read_only()
            if self._read_only:
                self.place.make_writable()
            try:
                self.place.begin()
                yield
            finally:
                if self._read_only and self.place.state() is None:
                    self.place.make_read_only()

    def _looked_at(self, file: Path) -> tuple[Release, Migrated]:
        if why := self.place.unfit():
            raise ReleaseError(why)
        release = taken(file, self.place, self.dpkg, self.wanted)
        self.say(f"{file.name}: {release.version}, signed by {release.signer}: {release.comment}")
        data, _ = _folders(self.place)
        migrated = tried(self.place, self.dpkg, release, _config(self.place), data, self.say)
        if lost := no_way_back(migrated):
            if self.way_back:
                raise ReleaseError(
                    f"{release.version} changes {', '.join(lost)} such that "
                    f"{self.dpkg.installed()} could not use it any more, so it could not be rolled "
                    "back. To take it all the same, with a backup at hand: --no-way-back"
                )
        else:
            self.way_back = True
        return release, migrated

    def _kept(self) -> None:
        keep(self.place, self.dpkg)
        self.say(f"kept to go back to: {self.dpkg.installed()}")
        if not self.way_back:
            copy_files(_folders(self.place)[0], self.place.kept)
            self.say(f"no way back: the databases of before are in {self.place.kept}")

    def _started(self, release: Release, migrated: Migrated) -> None:
        services = _services(self.place)
        status, author = services.status(), _author()
        well = None if status is None else well_in(status)
        if well is None:
            self.say("the doors do not answer now, so nothing can be compared: none is watched")
        state = State(
            Step.SWITCH,
            self.dpkg.installed(),
            release.version,
            migrated.version,
            self.watch,
            author,
            well,
            sync=services.active(SYNC),
            way_back=self.way_back,
            read_only=self._read_only,
            seq=services.newest(),
        )
        detail = {"from": state.old, "to": state.new}
        if well is not None and not services.note(Kind.UPGRADING, author, detail):
            raise ReleaseError("the journal takes no entries now: mend that first, nothing changed")
        self.place.write_go_on()
        self.place.sync_tree()
        self.place.put(state)
        if why := spawned(self.place):
            self.place.end({"exit": ReleaseError.exit_code, "said": why})
            raise ReleaseError(f"the switch could not be begun, and nothing was changed: {why}")


def switch(tell: Callable[[str], None]) -> Switch:
    """To go on with what is in the state file; `tell` hears what is done."""
    place, clock, pause = Place(), machine_clock(), threading.Event()
    return Switch(place, Dpkg(), _services(place), clock, pause, tell, _compile_installed)


def spawned(place: Place, *how: str) -> str:
    """What goes on in a unit of its own, which no lost terminal ends; "" or why it does not.

    At the machine's start the doors have their time to come up before they are watched.
    """
    about = f"--unit={UNIT}", "--collect", "--quiet", f"--property=After={CONTROLLER}", *how
    told = "--description=Doorward: upgrade"
    return ran(("systemd-run", *about, told, *place.write_go_on())).why


def _services(place: Place) -> RealServices:
    data, run = _folders(place)
    return RealServices(run, data if run else None)


def _folders(place: Place) -> tuple[Path, Path | None]:
    """Where the databases are, and the sockets, if anything is configured. `ConfigError`."""
    path = _config(place)
    if not path.exists():
        return _DATA, None
    config = load(path)
    return config.data, config.run


def _config(place: Place) -> Path:
    return place.root / ETC.relative_to("/") / CONFIG


def _author() -> str:
    return os.environ.get("SUDO_USER") or own_name()


def _compile_installed() -> None:
    compileall.compile_dir(_INSTALLED, quiet=2)
