"""Trying a release beside the one in force: its own code, on copies of the databases.

What is asked of the new release, by any that comes before it: `upgrade --migrate FOLDER`, which
opens and migrates the databases in a folder and prints `Migrated` as JSON, and `config check`.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from controller.cli.programs import ran
from controller.cli.upgrade_dpkg import Dpkg
from controller.cli.upgrade_place import PYTHON, Place
from controller.cli.upgrade_release import Release
from controller.errors import ReleaseError, StoreError
from controller.store import Migrations, Schema, open_writer, schema_of, snapshot

_LONGEST = 1800.0  # seconds; a journal of years on a small machine
_SPARE = 64 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Migrated:
    """What the new release made of the copies. `version`: of the program, as it says itself."""

    version: str
    files: Mapping[str, Schema]


def known_files() -> dict[str, Migrations]:
    """The databases of this program."""
    from controller import cache, journal_file
    from sync import desk, inbox

    modules = {"cache": cache, "journal": journal_file, "desk": desk, "inbox": inbox}
    return {f"{name}.db": module.MIGRATIONS for name, module in modules.items()}


def migrate(folder: Path) -> dict[str, Any]:
    """Open each database in a folder as this program does; what they are then. `StoreError`."""
    found = {}
    for name, migrations in known_files().items():
        if (folder / name).exists():
            with closing(open_writer(folder / name, migrations)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            found[name] = schema_of(folder / name)._asdict()
    return {"version": version("doorward"), "files": found}


def tried(
    place: Place, dpkg: Dpkg, release: Release, config: Path, data: Path, say: Callable[[str], None]
) -> Migrated:
    """Unpacked beside, migrated on copies, the configuration read. Raises `ReleaseError`."""
    room(place, release, data)
    place.new.mkdir(mode=0o700)
    dpkg.unpack(place.deb, place.new)
    say(f"unpacked beside: {place.new}")
    copy_files(data, place.copies)
    migrated = _migrated(place)
    for name, schema in sorted(migrated.files.items()):
        say(f"migrated on a copy: {name}, schema {schema.version}")
    if config.exists():
        _new(place, "--config", config, "config", "check", "--json")
        say(f"its own check of {config}: in order")
    return migrated


def room(place: Place, release: Release, data: Path) -> None:
    """ReleaseError unless the disks have room for all that is done."""
    files = sum(path.stat().st_size for path in data.glob("*.db*")) if data.exists() else 0
    needed = {place.folder: 3 * release.size + 2 * files + _SPARE, place.root: release.size}
    disks: dict[int, int] = {}
    for path, size in needed.items():
        disk = path.stat().st_dev
        disks[disk] = disks.get(disk, 0) + size
        if shutil.disk_usage(path).free < disks[disk]:
            lacking = (disks[disk] - shutil.disk_usage(path).free >> 20) + 1
            raise ReleaseError(f"{path} has too little room: {lacking} MiB more are needed")


def copy_files(data: Path, folder: Path) -> None:
    """Every database of `data` as it is now, while it is in use. Raises `ReleaseError`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for name in known_files():
        if (data / name).exists():
            try:
                snapshot(data / name, folder / name)
            except StoreError as error:
                raise ReleaseError(f"{error}: mend that first (doorward status)") from error


def no_way_back(migrated: Migrated) -> list[str]:
    """Files that this program could not use any more once the new one has migrated them."""
    known = known_files()
    return [
        name
        for name, schema in sorted(migrated.files.items())
        if schema.lowest > len(known.get(name, ()))
    ]


def _migrated(place: Place) -> Migrated:
    said = _new(place, "upgrade", "--migrate", place.copies)
    try:
        data = json.loads(said)
        files = {str(k): Schema(int(v["version"]), int(v["lowest"])) for k, v in _pairs(data)}
        return Migrated(str(data["version"]), files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"the new release does not say what it did: {said[:200]!r}") from error


def _pairs(data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(data["files"].items())


def _new(place: Place, *words: str | Path) -> str:
    """Have the new release do something, from beside."""
    command = (place.new / PYTHON, "-I", "-B", "-m", "controller.cli", *words)
    ended = ran(command, within=_LONGEST)
    if ended.why:
        shown = " ".join(str(word) for word in words)
        raise ReleaseError(f"tried beside, the new release fails at `{shown}`: {ended.why}")
    return ended.said
