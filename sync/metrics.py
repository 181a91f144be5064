"""What Prometheus is told: numbers about doors, queues and the machine; no person and no card."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from controller.alerts import AlertKind
from controller.errors import StoreError
from controller.journal_read import journal_at
from controller.model import Kind, Mode, Trust
from sync.exposition import Family
from sync.vitals import Vitals, resident

_Samples = Iterable[tuple[Mapping[str, str], float]]


class Tally:
    """Counts the journal's events since it was made: each look reads only what is new."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._at: tuple[str, int] | None = None
        self.counts: Counter[tuple[str, str, str]] = Counter()  # kind, door, reason
        self.look()

    def look(self) -> None:
        """Count what is new; as before, if that cannot be read now."""
        with suppress(StoreError):
            self._look()

    def _look(self) -> None:
        reader = journal_at(self._journal)
        if reader is None:
            self._at = self._at or ("", 0)
            return
        with closing(reader):
            if self._at is None:
                self._at = reader.chain, reader.newest()
            found, last = reader.tally(self._at[1] if self._at[0] == reader.chain else 0)
            self._at = reader.chain, last
        self.counts.update(found)


def families(
    vitals: Vitals, counts: Mapping[tuple[str, str, str], int], standing: Iterable[AlertKind]
) -> Iterator[Family]:
    """`standing`: kinds of what is wrong now, each as often as it is there."""
    yield _one("doorward_info", "1, with the version", 1, version=version("doorward"))
    yield _one("doorward_uptime_seconds", "since sync started", vitals.uptime)
    yield _one(
        "doorward_controller_up", "does the controller answer", vitals.controller is not None
    )
    yield _each("doorward_clock_trust", "what the clock is worth", (
        ({"trust": trust.value}, trust is vitals.trust) for trust in Trust
    ))  # fmt: skip
    if vitals.controller:
        yield from _doors(vitals.controller)
    yield from _counted(counts)
    yield from _platforms(vitals)
    yield from _machine(vitals)
    stand = Counter(standing)
    yield _each("doorward_troubles", "what is wrong now, by kind", (
        ({"kind": kind.value}, stand[kind]) for kind in AlertKind
    ))  # fmt: skip


def _doors(controller: Mapping[str, Any]) -> Iterator[Family]:
    doors = controller["doors"]
    working = [door for door in doors if door["works"]]
    yield _each("doorward_door_up", "does the door work", (
        ({"door": door["id"]}, door["works"]) for door in doors
    ))  # fmt: skip
    yield _each("doorward_door_open", "is it open, where a contact tells", (
        ({"door": d["id"]}, d["open"]) for d in working if d["open"] is not None
    ))  # fmt: skip
    yield _each("doorward_door_released", "is its lock released", (
        ({"door": door["id"]}, door["released"]) for door in working
    ))  # fmt: skip
    yield _each("doorward_door_mode", "in which mode it is", (
        ({"door": d["id"], "mode": m.value}, d["mode"] == m.value) for d in working for m in Mode
    ))  # fmt: skip
    yield _each("doorward_door_alarms", "alarms that stand: forced, held, fire, devices", (
        ({"door": d["id"]}, len(d["alarms"]) + (d["word"] in ("forced", "held", "fire")))
        for d in working
    ))  # fmt: skip
    yield _each("doorward_door_devices_lost", "devices that do not answer", (
        ({"door": door["id"]}, len(door["unwell"])) for door in doors
    ))  # fmt: skip
    yield _each("doorward_door_last_scan_seconds", "unix time of the last scan", (
        ({"door": d["id"]}, d["last"]["at"]) for d in working if d["last"]
    ))  # fmt: skip
    failing = bool(controller["journal"]["failing"])
    yield _one("doorward_journal_failing", "can the journal not be written", failing)
    yield _one("doorward_journal_lost_events", "events lost so", controller["journal"]["lost"])


def _counted(counts: Mapping[tuple[str, str, str], int]) -> Iterator[Family]:
    scans = {(door, reason): n for (kind, door, reason), n in counts.items() if kind == Kind.ACCESS}
    events: Counter[tuple[str, str]] = Counter()
    for (kind, door, _), number in counts.items():
        events[kind, door] += number
    yield _counter("doorward_scans_total", "scans by how they ended", (
        ({"door": door, "reason": reason}, n) for (door, reason), n in sorted(scans.items())
    ))  # fmt: skip
    yield _counter("doorward_events_total", "events of the journal", (
        ({"door": door, "kind": kind}, n) for (kind, door), n in sorted(events.items())
    ))  # fmt: skip


def _platforms(vitals: Vitals) -> Iterator[Family]:
    yield _each("doorward_check_ins", "check-ins kept, by state", (
        ({"platform": platform, "state": state}, n) for platform, state, n in vitals.queues
    ))  # fmt: skip
    yield _each("doorward_check_in_oldest_seconds", "age of the oldest that waits", (
        ({"platform": platform}, vitals.wall - at) for platform, at in vitals.oldest.items()
    ))  # fmt: skip
    yield _each("doorward_roster_age_seconds", "since the last good fetch", (
        ({"platform": name}, vitals.wall - at) for name, at in vitals.synced.items() if at
    ))  # fmt: skip
    yield _each("doorward_platform_failing", "does fetching fail", (
        ({"platform": name}, name in vitals.failures) for name in vitals.synced
    ))  # fmt: skip
    yield _each("doorward_live_resting", "is it not asked at doors, as it did not answer", (
        ({"platform": name}, bool(state["rests"])) for name, state in vitals.live.items()
    ))  # fmt: skip
    yield _each("doorward_live_answered_seconds", "unix time of its last answer at a door", (
        ({"platform": name}, state["answered_at"])
        for name, state in vitals.live.items()
        if state["answered_at"] is not None
    ))  # fmt: skip
    counts = vitals.mail["counts"] if vitals.mail else {}
    yield _each("doorward_mails", "mails kept, by state", (
        ({"state": state}, number) for state, number in sorted(counts.items())
    ))  # fmt: skip
    if vitals.mail:
        yield _one("doorward_mail_failing", "does no mail go out", bool(vitals.mail["trouble"]))
    yield _each("doorward_target_waiting", "events that a target was not told of", (
        ({"target": each["target"]}, each["behind"]) for each in vitals.targets
    ))  # fmt: skip
    yield _each("doorward_target_failing", "can it not be told", (
        ({"target": each["target"]}, bool(each["failure"])) for each in vitals.targets
    ))  # fmt: skip


def _machine(vitals: Vitals) -> Iterator[Family]:
    yield _each("doorward_database_bytes", "size with what waits in its log", (
        ({"file": name}, size) for name, size in vitals.files.items()
    ))  # fmt: skip
    yield _one("doorward_databases_damaged", "files set aside and not yet taken away",
               len(vitals.damaged))  # fmt: skip
    yield _one("doorward_disk_free_bytes", "on the disk of the databases", vitals.disk_free)
    yield _one("doorward_disk_bytes", "size of that disk", vitals.disk_size)
    processes = {"syncd": os.getpid()}
    if vitals.controller:
        processes["controller"] = vitals.controller["pid"]
    held = ((name, resident(pid)) for name, pid in processes.items())
    yield _each("doorward_resident_bytes", "memory that a process holds", (
        ({"process": name}, size) for name, size in held if size
    ))  # fmt: skip


def _one(name: str, about: str, value: float, **labels: str) -> Family:
    return Family(name, "gauge", about, ((labels, value),))


def _each(name: str, about: str, samples: _Samples) -> Family:
    return Family(name, "gauge", about, tuple(samples))


def _counter(name: str, about: str, samples: _Samples) -> Family:
    return Family(name, "counter", about, tuple(samples))
