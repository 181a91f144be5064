"""Disk and databases, for `doorward doctor`."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from controller.cli.doctor_finding import Finding, bad, good, unsure
from controller.cli.output import counted
from controller.errors import StoreError

if TYPE_CHECKING:
    from controller.config import Config

_MIB = 1024 * 1024
_TAIL = 2000  # events of the journal that are followed without --deep
_STEPS = 20  # millions of SQLite's steps for each file without --deep: about a second
_AS_SERVICE = "sudo -u doorward doorward doctor"
_BLOCKS = Path("/sys/block")


def disk(config: "Config") -> Iterator[Finding]:
    """Room, places for files, wear."""
    from controller.config_alerts import AlertSettings

    try:
        found = os.statvfs(config.data)
    except OSError as error:
        yield bad("disk", f"{config.data}: {error.strerror}", f"ls -ld {config.data}")
        return
    free = found.f_bavail * found.f_frsize // _MIB
    least = (config.alerts or AlertSettings()).disk_below_mib
    if free < least:
        yield bad("disk", f"{free} MiB left, less than {least}", "du -xh / | sort -h | tail")
    elif found.f_files and found.f_favail < 1000:
        yield bad(
            "disk", f"room for {counted(found.f_favail, 'file')} only", f"df -i {config.data}"
        )
    elif found.f_flag & os.ST_RDONLY:
        yield bad("disk", "is mounted read-only", "dmesg | tail; then remount or change it")
    else:
        yield good("disk", f"{free} MiB left below {config.data}")
    yield from wear()


def wear(blocks: Path = _BLOCKS) -> Iterator[Finding]:
    """What eMMC tells of its life (JEDEC 5.0: tenths that are used up, for two kinds of memory)."""
    told = False
    for path in sorted(blocks.glob("mmcblk*/device/life_time")):
        told = True
        used = [int(each, 16) for each in path.read_text().split()]
        part, worst = f"wear of {path.parts[-3]}", max(used, default=0)
        if worst >= 9:
            yield bad(part, f"over {worst * 10 - 10} % of its life is used up", "change the disk")
        elif worst:
            yield good(part, f"at most {worst * 10} % of its life is used up")
        else:
            yield unsure(part, "it does not tell")
    if not told:
        yield unsure(
            "wear of the disk",
            "only eMMC tells it here; SD cards do not, and SMART needs root",
            "smartctl -H /dev/sda",
        )


def databases(config: "Config", *, deep: bool) -> Iterator[Finding]:
    """Each opened, its content checked, and the journal's chain followed."""
    for name, newest in _schemas().items():
        path = config.data / name
        yield _database(path, newest, deep=deep)
    yield from _chain(config.data / "journal.db", deep=deep)
    for path in _set_aside(config.data):
        yield bad(path.name, "was damaged and set aside", "look at the disk: dmesg; then move it")


def _schemas() -> dict[str, int]:
    from controller.cache import MIGRATIONS as CACHE
    from controller.journal_file import MIGRATIONS as JOURNAL
    from sync.desk import MIGRATIONS as DESK

    return {"cache.db": len(CACHE), "journal.db": len(JOURNAL), "desk.db": len(DESK)}


def _database(path: Path, newest: int, *, deep: bool) -> Finding:
    from controller.store import look_through

    if not os.access(path.parent, os.X_OK) or (path.exists() and not os.access(path, os.R_OK)):
        return unsure(path.name, f"{path} is not for you to read", _AS_SERVICE)
    if not path.exists():
        return bad(path.name, f"{path} is missing; it is made when the services first start",
                   "systemctl start doorward-controller doorward-sync")  # fmt: skip
    try:
        wrong = look_through(path, newest, most=None if deep else _STEPS)
    except StoreError as error:
        then = "install the newer Doorward" if error.newer else "doorward status; dmesg"
        return bad(path.name, str(error), then)
    if wrong:
        return bad(path.name, f"is damaged: {wrong}", "restore it, or restart the services")
    return good(path.name, f"opens, {path.stat().st_size // 1024} KiB, content in order")


def _chain(path: Path, *, deep: bool) -> Iterator[Finding]:
    from controller.journal_read import JournalReader

    if not os.access(path, os.R_OK):
        return  # told before
    try:
        with closing(JournalReader(path)) as reader:
            verdict = reader.verify() if deep else reader.verify_tail(_TAIL)
    except StoreError as error:
        yield bad("journal", str(error), "doorward journal verify")
        return
    if verdict.broken_at is not None:
        yield bad("journal", f"its chain breaks at event {verdict.broken_at}",
                  "doorward journal verify")  # fmt: skip
    else:
        which = "all" if deep else "the newest"
        events = counted(verdict.events, "event")
        yield good("journal", f"the chain holds through {which} {events}")


def _set_aside(data: Path) -> Iterator[Path]:
    if os.access(data, os.R_OK):
        yield from (p for p in sorted(data.glob("*.damaged-*")) if p.name[-1].isdigit())
