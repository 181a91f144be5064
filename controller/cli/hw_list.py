"""`doorward hw list`: what is plugged in, what uses it, and what is configured and not there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hw import TABLES
from hw.gpio_chips import HEADERS
from hw.present import FITTING, Present, Sort, fitting

if TYPE_CHECKING:
    from controller.config import Config

PARTS = ("lock", "contact", "exit_button", "tamper", "fire", "indicator")
COLUMNS = ("what", "name to write down", "drivers that fit", "in use by")


@dataclass(frozen=True, slots=True)
class Missing:
    """A configured device that is not there. `here`: devices of its sort that nobody uses."""

    used_by: str
    driver: str
    wanted: str
    here: tuple[str, ...]

    def __str__(self) -> str:
        there = ", ".join(self.here) or "nothing of that sort that is not in use"
        key = "port" if self.wanted.startswith("/dev/serial") else "the name"
        return (
            f"{self.used_by} ({self.driver}): {self.wanted} is not there. Here instead: {there}. "
            f"To do: plug it in, or correct {key}; the controller takes it up by itself"
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """`used`: by the device's node, the parts of doors that name it."""

    present: Sequence[Present]
    used: Mapping[str, Sequence[str]]
    missing: Sequence[Missing]

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Rows of `COLUMNS`."""
        for each in self.present:
            drivers = ", ".join(fitting(each.sort, TABLES)) or "–"
            yield each.what, each.name, drivers, ", ".join(self.used.get(each.node, ())) or "–"

    def advice(self) -> Iterator[str]:
        """What to write for what nobody uses, and what is odd."""
        for each in self.present:
            if each.note:
                yield f"{each.name}: {each.note}"
        for each in self.present:
            if each.stanza and each.node not in self.used:
                yield f"to begin with {each.name}: {each.stanza}"

    def as_data(self) -> dict[str, Any]:
        present = [
            {
                **asdict(each),
                "drivers": fitting(each.sort, TABLES),
                "used_by": list(self.used.get(each.node, ())),
            }
            for each in self.present
        ]
        return {"present": present, "missing": [asdict(each) for each in self.missing]}


def inventory(present: Sequence[Present], config: "Config | None") -> Inventory:
    """`config` as `reach.configured` gives it: its devices as the tables of the file."""
    used: dict[str, list[str]] = {}
    lost: list[tuple[str, str, str, Sort]] = []
    for part, driver, wanted in _wanted(config) if config else ():
        sort = sort_of(driver, wanted)
        if sort is None:
            continue
        found = _meant(present, sort, wanted)
        if found:
            used.setdefault(found.node, []).append(part)
        elif not _elsewhere(wanted):
            lost.append((part, driver, wanted or "a GPIO chip", sort))
    missing = [
        Missing(part, driver, wanted, _free(present, used, sort))
        for part, driver, wanted, sort in lost
    ]
    return Inventory(present, used, missing)


def sort_of(driver: str, wanted: str = "") -> Sort | None:
    """What a driver is for; a PN532 hangs on either, and its path says on which."""
    if driver == "pn532" and Path(wanted).name.startswith("i2c"):
        return "i2c"
    for sort, beginnings in FITTING.items():
        if beginnings and driver.startswith(beginnings):
            return sort
    return None


def stanzas(config: "Config", door: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Part, driver and table of each device of a door."""
    about = config.doors[door]
    for part in PARTS:
        if stanza := getattr(about, part):
            yield part, stanza.kind, stanza.settings
    for name, reader in about.readers.items():
        yield name, reader.kind, reader.settings


def _wanted(config: "Config") -> Iterator[tuple[str, str, str]]:
    """Part, driver, and the path, label or address that its table names ("": the only one)."""
    for door in config.doors:
        for part, driver, table in stanzas(config, door):
            keys = ("port", "device", "i2c", "chip")
            named = next((str(table[key]) for key in keys if table.get(key)), "")
            host = f"tcp://{table['host']}" if table.get("host") else ""
            yield f"{door}/{part}", driver, named or host


def _meant(present: Sequence[Present], sort: Sort, wanted: str) -> Present | None:
    path = wanted.removeprefix("hwgrep://")
    alike = [each for each in present if each.sort == sort]
    if not wanted and sort == "gpio":
        header = [each for each in alike if each.name in HEADERS]
        return next(iter(header or alike), None)
    return next((each for each in alike if each.called(path)), None)


def _elsewhere(wanted: str) -> bool:
    """Over a network, or there without being plugged in: nothing to be missed."""
    scheme, colon, _ = wanted.partition("://")
    if colon:
        return scheme != "hwgrep"
    return wanted.startswith("/") and Path(wanted).exists()


def _free(
    present: Sequence[Present], used: Mapping[str, Sequence[str]], sort: Sort
) -> tuple[str, ...]:
    return tuple(each.name for each in present if each.sort == sort and each.node not in used)
