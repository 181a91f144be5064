"""Where an upgrade keeps what it needs: a folder of root's, and the state that outlives a cut."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from controller.cli.programs import ran
from controller.errors import ReleaseError

FOLDER = "var/lib/doorward-upgrade"
PROGRAM = "usr/lib/doorward"
PYTHON = f"{PROGRAM}/bin/python3"
_GO_ON = """\
#!/bin/sh
exec {python} -I -B -m controller.cli upgrade --go-on "$@"
"""


class Step(StrEnum):
    """What is being done; whoever finds it in the file does it (again)."""

    SWITCH = "switch"  # the new package is being installed
    WATCH = "watch"  # it is installed, and its doors are watched
    BACK = "back"  # the old package is being installed again
    RETURN = "return"  # it is installed again, and its doors are waited for


@dataclass(frozen=True, slots=True)
class State:
    """An upgrade under way. `well`: what was lost of each door that worked before, by part; None:
    nobody answered. `seq`: the journal's last event. `restart`: the doors' program is still the
    one before. `told`: version of the new program, as it says itself.
    """

    step: Step
    old: str
    new: str
    told: str
    watch: float
    author: str
    well: dict[str, list[str]] | None = None
    sync: bool = False  # it was running
    way_back: bool = True
    read_only: bool = False  # the root file system was
    restart: bool = True
    seq: int = 0
    why: str = ""
    measured: dict[str, float] = field(default_factory=dict)


class Place:
    """The folder, below `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root, self.folder = root, root / FOLDER
        self.deb, self.signature = self.folder / "new.deb", self.folder / "new.deb.minisig"
        self.new, self.copies = self.folder / "new", self.folder / "copies"
        self.before, self.old_deb = self.folder / "before", self.folder / "before.deb"
        self.kept = self.folder / "files-before"
        self.hold, self.said = self.folder / "hold-sync", self.folder / "said"
        self._state, self._result = self.folder / "state.json", self.folder / "result.json"
        self._go_on = self.folder / "go-on"

    @contextmanager
    def alone(self, *, patient: bool = False) -> Iterator[None]:
        """The folder is there, and nobody else upgrades; `patient`: any more. `ReleaseError`."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.folder.stat().st_mode & 0o077:  # on a read-only disk nothing is to be changed
                self.folder.chmod(0o700)
            file = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise ReleaseError(f"{self.folder} cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
            yield
        except BlockingIOError as error:
            raise ReleaseError("another upgrade is under way; wait for its end") from error
        finally:
            os.close(file)

    def state(self) -> State | None:
        """None if no upgrade is under way."""
        try:
            data = json.loads(self._state.read_text())
        except FileNotFoundError:
            return None
        return State(**{**data, "step": Step(data["step"])})

    def put(self, state: State) -> None:
        """It is on the disk when this returns."""
        durably(self._state, json.dumps(asdict(state)))

    def end(self, result: dict[str, Any]) -> None:
        """No upgrade is under way any more; what was only needed for it goes."""
        self.release_sync()
        self._state.unlink(missing_ok=True)
        _synced(self.folder)
        self.clear()
        # Last, for whoever waits for it may begin the next one.
        durably(self._result, json.dumps(result))

    def result(self) -> dict[str, Any] | None:
        """Of the last one; None while there is none, or another is under way."""
        if self._state.exists() or not self._result.exists():
            return None
        found: dict[str, Any] = json.loads(self._result.read_text())
        return found

    def begin(self) -> None:
        """What another one left is gone, so that none of it is mistaken."""
        self.clear()
        for path in (self._result, self.said):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        for folder in (self.new, self.copies, self.before):
            shutil.rmtree(folder, ignore_errors=True)
        for path in (self.deb, self.signature, self.old_deb, self._go_on):
            path.unlink(missing_ok=True)

    def write_go_on(self) -> Sequence[str]:
        """The command that goes on, with the program of before; at the next start, too."""
        durably(self._go_on, _GO_ON.format(python=self.before / PYTHON))
        return ("/bin/sh", str(self._go_on))

    def hold_sync(self) -> None:
        """doorward-sync.service does not start while this file is there."""
        durably(self.hold, "an upgrade is under way\n")

    def release_sync(self) -> None:
        self.hold.unlink(missing_ok=True)

    def keep_old(self, version: str) -> None:
        """The package of before stays at hand; only the last one."""
        for older in self.folder.glob("doorward_*.deb"):
            older.unlink()
        self.old_deb.replace(self.folder / f"doorward_{version}.deb")

    def say(self, line: str) -> None:
        with self.said.open("a") as file:
            file.write(f"{line}\n")

    def sync_tree(self) -> None:
        """All that was written here is on the disk."""
        os.sync()

    # The root file system of an image is read-only.

    def read_only(self) -> bool:
        return bool(os.statvfs(self.root / "usr").f_flag & os.ST_RDONLY)

    def unfit(self) -> str:
        """Why nothing can be upgraded on such a disk, ""."""
        if os.statvfs(self.folder).f_flag & os.ST_NOEXEC:
            return f"{self.folder} lies on a disk from which no program may run: mount it exec"
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        kinds = [line.split()[2] for line in mounts if line.split()[1] == str(self.root)]
        if kinds and kinds[-1] == "overlay" and self.root == Path("/"):
            return (
                "what is written to this root file system (an overlay) is forgotten at the next "
                "start: upgrade it with the overlay off"
            )
        return ""

    def make_writable(self) -> None:
        """Raises `ReleaseError`."""
        if why := ran(("mount", "-o", "remount,rw", self.root)).why:
            raise ReleaseError(f"the root file system is read-only and stays so: {why}")

    def make_read_only(self) -> str:
        """ "" or why not yet: what was replaced may still be open."""
        return ran(("mount", "-o", "remount,ro", self.root)).why


def durably(path: Path, text: str) -> None:
    """The old content or the new one, whatever happens; on the disk when this returns."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    _synced(path.parent)


def _synced(folder: Path) -> None:
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
