"""A day at the sandbox on a clock that stands where it is put, for pictures and transcripts."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from controller.cache import Cache
from controller.cli.sandbox import Sandbox
from controller.cli.sandbox_files import ZONE
from controller.clock import OFFSET, SystemClock
from controller.control import ask
from controller.journal_read import JournalReader
from controller.model import Kind

BEGINS = "2026-03-03 08:40:10"  # a Tuesday
_READERS = 12
_READER = 'driver = "sim"\ncard = { format = "hex", keep_bits = 32 }\n'
_PORTS = (20_000, 32_000)  # any of them: a line that is cut must not be taken by another sandbox


class Day:
    """What happens in one sandbox, each thing at a time of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.places = sandbox.places
        self._system = SystemClock(self.places.run, mode="always")

    def at(self, text: str) -> None:
        """Let every clock of the sandbox show this: `2026-03-03 09:00[:30]`."""
        off = instant(text) - self._system.wall()
        fresh = self.places.run / f"{OFFSET}.new"
        fresh.write_text(f"{off:.3f}")
        fresh.replace(self.places.run / OFFSET)

    def scan(self, door: str, card: str) -> str:
        """Its reason."""
        return str(self.sim(door, "scan", card)["last"]["reason"])

    def sim(self, door: str, act: str, text: str = "") -> dict[str, Any]:
        request = {"do": "sim", "door": door, "act": act, "text": text}
        return ask(self.places.run / "door.sock", request)

    def sync(self, do: str, **what: object) -> dict[str, Any]:
        return ask(self.places.run / "sync.sock", {"do": do, **what})

    def settled(self) -> None:
        """Wait until no check-in is on its way, and the journal knows what was told."""
        self.comes(self._settled, "every check-in is told or late")

    def check_ins(self, *states: str) -> list[dict[str, Any]]:
        with closing(Cache(self.places.data / "cache.db")) as cache:
            return cache.deliveries(states)

    def comes(self, look: Callable[[], bool], what: str) -> None:
        self.sandbox.wait_until(look, what)

    def shut(self) -> None:
        """Wait until no lock is released for somebody."""
        names = ("front", "studio", "gym")
        shut = lambda: all(self.door(name)["phase"] == "locked" for name in names)  # noqa: E731
        self.comes(shut, "every door is locked")

    def door(self, name: str) -> dict[str, Any]:
        status = ask(self.places.run / "door.sock", {"do": "status"})
        found: dict[str, Any] = next(each for each in status["doors"] if each["id"] == name)
        return found

    def _settled(self) -> bool:
        with closing(JournalReader(self.places.data / "journal.db")) as journal:
            events = journal.events(kinds=(Kind.ACCESS, Kind.TOLD))
        due = sum(each.event.checks_in for each in events if each.event.kind is Kind.ACCESS)
        told = sum(each.event.kind is Kind.TOLD for each in events)
        known = self.check_ins()
        open_ones = [row for row in known if row["state"] == "pending"]
        sent = sum(row["state"] == "sent" for row in known)
        return len(known) >= due and not open_ones and told >= sent


@contextmanager
def day(home: Path, begins: str = BEGINS, *, keep: bool = False) -> Iterator[Day]:
    """A sandbox; `keep` what an earlier one left there. Raises `DoorwardError` if it fails."""
    with _standing(home, begins, _Zoned, keep=keep) as told:
        yield told


def past_weeks(home: Path) -> None:
    """Leave two working weeks in an empty directory; platforms are not told who came."""
    chance, numbers = Random(4), count()
    with _standing(home, "2026-02-16 06:00:00", _Untold) as told:
        people = told.sandbox.town("members")["members"]
        for date in (*range(16, 21), *range(23, 28)):
            for minute in _minutes(chance):
                told.at(f"2026-02-{date} {minute // 60:02}:{minute % 60:02}:00")
                who, number = chance.choice(people), next(numbers) % _READERS
                door = "front" if who["platform"] == "harbour" else "gym"
                told.scan(door, f"r{number}={who['card']}")
            if date == 19:
                _unplugged(told)


def _minutes(chance: Random) -> list[int]:
    """When people come on a day: more about nine, at noon and after work."""
    peaks = chance.choices((9 * 60, 13 * 60, 18 * 60), (5, 2, 3), k=chance.randrange(18, 32))
    return sorted(int(min(max(chance.gauss(peak, 70), 6 * 60), 22 * 60)) for peak in peaks)


def _unplugged(told: Day) -> None:
    """The gym's reader is away for an evening."""
    told.at("2026-02-19 22:30:00")
    told.sim("gym", "unplug")
    told.comes(lambda: bool(told.door("gym")["unwell"]), "the reader is missed")
    told.at("2026-02-20 05:40:00")
    told.sim("gym", "plug")
    told.comes(lambda: not told.door("gym")["unwell"], "the reader is back")


class _Zoned(Sandbox):
    """Times are those of its zone in the console, too, which is on a port that is free."""

    def furnish(self, urls: Mapping[str, str]) -> None:
        super().furnish(urls)
        text = re.sub(r"(?m)^port = \d+$", "port = 0", self.places.config.read_text())
        self.places.config.write_text(text.replace("[site]\n", f'[site]\nzone = "{ZONE}"\n'))


class _Untold(_Zoned):
    """Its doors check nobody in: two weeks of that, in seconds, would be too much for a Cobot.

    They have readers enough that nobody takes two weeks of scans for a flood.
    """

    def furnish(self, urls: Mapping[str, str]) -> None:
        super().furnish(urls)
        text = self.places.config.read_text().replace("check_in = false\n", "")
        text = re.sub(r"(\[doors\.\w+\]\n)", r"\1check_in = false\n", text)
        for door in ("front", "gym"):
            for number in range(_READERS):
                text += f"[doors.{door}.readers.r{number}]\n{_READER}"
        self.places.config.write_text(text)


@contextmanager
def _standing(home: Path, begins: str, kind: type[Sandbox], *, keep: bool = False) -> Iterator[Day]:
    offset = instant(begins) - SystemClock(home, mode="always").wall()
    port = Random().randrange(*_PORTS)
    with kind(home, keep=keep, offset=offset, port=port) as sandbox:
        yield Day(sandbox)


def instant(text: str) -> float:
    """Unix seconds at which the sandbox's clocks show this."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()
