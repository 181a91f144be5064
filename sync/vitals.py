"""How this installation is at one moment: what health, metrics and alerts are made from."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.cache import Cache
from controller.control import ask
from controller.errors import DoorwardError, StoreError
from controller.model import Trust
from sync.mail_commands import mail_status
from sync.office import Office

DATABASES = ("cache.db", "journal.db", "desk.db")
_PATIENCE = 3.0  # seconds for the controller to answer
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Vitals:
    """Times are wall seconds, sizes bytes. No person and no card is in it but in `controller`."""

    wall: float
    trust: Trust
    uptime: float
    controller: Mapping[str, Any] | None  # its status; None: it does not answer, `silence` says why
    silence: str = ""
    queues: tuple[tuple[str, str, int], ...] = ()  # platform, state, number
    oldest: Mapping[str, int] = field(default_factory=dict)  # the oldest pending one by platform
    synced: Mapping[str, int | None] = field(default_factory=dict)  # by configured platform
    failures: Mapping[str, str] = field(default_factory=dict)  # of platforms
    files: Mapping[str, int] = field(default_factory=dict)  # size of each database
    unreadable: Mapping[str, str] = field(default_factory=dict)  # databases, and why
    damaged: tuple[str, ...] = ()  # names of those set aside
    disk_free: int = 0
    disk_size: int = 0
    mail: Mapping[str, Any] | None = None
    targets: tuple[Mapping[str, Any], ...] = ()
    live: Mapping[str, Any] = field(default_factory=dict)


def examine(office: Office) -> Vitals:
    """Look at everything once: a question to the controller, a few indexed queries."""
    controller, silence = _controller(office)
    found = _of_cache(office)
    free, size = _room(office.config.data)
    unreadable = {**found.pop("unreadable")}
    if office.desk is None:
        unreadable["desk.db"] = office.desk_trouble
    return Vitals(
        wall=office.clock.wall(),
        trust=office.clock.trust(),
        uptime=office.clock.monotonic() - office.life.begun,
        controller=controller,
        silence=silence,
        failures=_failures(office),
        files=_sizes(office.config.data),
        unreadable=unreadable,
        damaged=_damaged(office.config.data),
        disk_free=free,
        disk_size=size,
        mail=mail_status(office),
        targets=_targets(office),
        live={name: office.live.state(name) for name in office.lines},
        **found,
    )


def resident(pid: int | str) -> int:
    """Bytes of memory that a process holds; 0 if nobody tells us."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(each.split()[1]) * _KIB for each in lines if each.startswith("VmRSS:")), 0)


def _controller(office: Office) -> tuple[dict[str, Any] | None, str]:
    try:
        return ask(office.config.run / "door.sock", {"do": "status"}, timeout=_PATIENCE), ""
    except DoorwardError as error:
        return None, str(error)


def _of_cache(office: Office) -> dict[str, Any]:
    try:
        with closing(Cache(office.place.cache)) as cache:
            known = {row["name"]: row["synced_at"] for row in cache.states()}
            return {
                "synced": {name: known.get(name) for name in office.config.platforms},
                "queues": tuple(cache.queues()),
                "oldest": cache.oldest_pending(),
                "unreadable": {},
            }
    except StoreError as error:
        return {"unreadable": {"cache.db": str(error)}}


def _failures(office: Office) -> dict[str, str]:
    lines = {name: line.failure for name, line in office.lines.items() if line.failure}
    return {**lines, **office.broken}


def _targets(office: Office) -> tuple[Mapping[str, Any], ...]:
    try:
        return tuple(target.lag() for target in office.targets.all.values())
    except StoreError:
        return ()


def _sizes(data: Path) -> dict[str, int]:
    """With what waits in the log beside each."""
    parts = {name: (data / name, data / f"{name}-wal") for name in DATABASES}
    return {name: sum(map(_size, files)) for name, files in parts.items()}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _damaged(data: Path) -> tuple[str, ...]:
    try:
        names = (each.name for each in data.iterdir())
        return tuple(sorted(n for n in names if ".damaged-" in n and n[-1].isdigit()))
    except OSError:
        return ()


def _room(data: Path) -> tuple[int, int]:
    """Free for us, and in all."""
    try:
        found = os.statvfs(data)
    except OSError:
        return 0, 0
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
