"""Transcripts of the real command line, kept true in the documents.

In a document a transcript stands between `<!-- transcript: NAME -->` and `<!-- end -->`; all of
them come from one story, told by `play`.
"""

import getpass
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from release.day import Day
from sync.simulator.townspeople import IDRIS, NORA, STRANGER, TOVE, WEN

DOCUMENTS = ("operator.md", "technician.md")
_WIDEST = 108
_TZ = "CET-1CEST,M3.5.0,M10.5.0/3"  # Berlin's, for machines without a database of zones
_BLOCK = re.compile(r"(<!-- transcript: ([a-z-]+) -->\n```\n)(.*?)(```\n<!-- end -->)", re.DOTALL)
_ROW = re.compile(r"[^:\s] {2,}\S.* {2,}\S")
_COMMAND = re.compile(r"^\$ doorward (.+)$", re.MULTILINE)
_SHAPES = (
    (r"\b(going on|(with)?in \d+ \w+|\d+ \w+( \d+ \w+)? ago)\b", "WHEN"),
    (r"\b(?=[a-f-]*\d)[0-9a-f]{8}[0-9a-f-]*", "ID"),
    (r", shown WHEN|\b(released|locked)\b", ""),  # whether it is a second ago
    (r"\d+", "0"),
    (r" +", " "),
)


def shape(text: str) -> str:
    """What a transcript says but for its numbers: times, ids, counts and the width of columns."""
    for pattern, put in _SHAPES:
        text = re.sub(pattern, put, text)
    return re.sub(r"\s+", " ", text).strip()


def blocks(document: str) -> dict[str, str]:
    """Each transcript of a document by its name."""
    return {name: text for _, name, text, _ in _BLOCK.findall(document)}


def commands(text: str) -> list[str]:
    """What was typed in a transcript, without `doorward`."""
    return _COMMAND.findall(text)


def rewritten(document: str, told: dict[str, str]) -> str:
    """With what was told in place of what stood there, where more than numbers differ."""

    def put(found: re.Match[str]) -> str:
        begin, name, text, end = found.groups()
        fresh = told[name]
        return f"{begin}{text if shape(text) == shape(fresh) else fresh}{end}"

    return _BLOCK.sub(put, document)


@dataclass
class Clerk:
    """Types real commands and keeps what they say, by the transcript they belong to."""

    day: Day
    run: Callable[[list[str]], tuple[int, str]] = field(default_factory=lambda: as_process)
    said: dict[str, str] = field(default_factory=dict)

    def types(self, block: str, *words: str, code: int = 0) -> str:
        """Run it and keep it. Raises `AssertionError` unless it ends with `code`."""
        shown = " ".join(f'"{word}"' if " " in word else word for word in words)
        ended, printed = self.run(["--config", str(self.day.places.config), *words])
        said = self._as_at_home(printed)
        assert ended == code, f"doorward {shown} ended with {ended}\n{said}"
        before = f"{self.said[block]}\n" if block in self.said else ""
        self.said[block] = f"{before}$ doorward {shown}\n{said}"
        return said

    def _as_at_home(self, text: str) -> str:
        """As it would be said on a machine at a door, and no wider than a page."""
        for ours, theirs in at_home(self.day):
            text = re.sub(rf"(?<!\w){re.escape(ours)}(?!\w)", theirs, text)
        text = text.replace(" (simulated)", "")
        return "".join(f"{line}\n" for each in text.splitlines() for line in _folded(each))


def at_home(day: Day) -> list[tuple[str, str]]:
    """What only this machine is called, and how it would be called at a door."""
    places = day.places
    urls = [(url, f"https://{name}.example") for name, url in day.sandbox.urls().items()]
    return [
        (str(places.config), "/etc/doorward/doorward.toml"),
        (str(places.data), "/var/lib/doorward"),
        (str(places.run), "/run/doorward"),
        (str(places.home), "/etc/doorward"),
        *urls,
        (day.sandbox.console(), "http://127.0.0.1:8460"),
        (getpass.getuser(), "mira"),
    ]


def as_process(words: list[str]) -> tuple[int, str]:
    """`doorward WORDS`: how it ended, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "controller.cli", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "TZ": _TZ},
    )
    return done.returncode, done.stdout


def play(clerk: Clerk) -> None:
    """Two days at the desk. The clock leaps seldom: each leap has the platforms asked anew."""
    _morning(clerk)
    _cards(clerk)
    _outage(clerk)
    _afterwards(clerk)


def _morning(clerk: Clerk) -> None:
    day = clerk.day
    clerk.types("status", "status")
    day.sim("front", "open")
    day.comes(lambda: day.door("front")["phase"] == "forced", "the front door was forced")
    clerk.types("forced", "status", code=1)
    day.sim("front", "close")
    day.comes(lambda: day.door("front")["phase"] == "locked", "it is shut again")
    comers = (("front", NORA), ("gym", TOVE), ("front", STRANGER), ("studio", IDRIS))
    for minute, (door, who) in enumerate(comers):
        day.at(f"2026-03-03 09:{minute:02}:20")
        day.scan(door, who.card)
    day.settled()
    clerk.types("events", "events", "--door", "front")
    clerk.types("explain", "explain", IDRIS.name, "studio", code=1)
    clerk.types("visitors", "visitors")


def _cards(clerk: Clerk) -> None:
    day = clerk.day
    day.at("2026-03-03 10:20:00")
    day.scan("front", STRANGER.card)
    clerk.types("enroll", "enroll", WEN.name, "--door", "front")
    clerk.types("block", "cards", "block", "--person", NORA.name, NORA.card[-4:])
    clerk.types("block", "cards", "list", "--blocked")
    clerk.types("block", "cards", "unblock", "--person", NORA.name, NORA.card[-4:])
    clerk.types("forgive", "forgive", NORA.name)


def _outage(clerk: Clerk) -> None:
    day = clerk.day
    day.sandbox.town("cut", platform="harbour")
    day.at("2026-03-03 17:10:00")
    clerk.types("unreachable", "sync", "--platform", "harbour", code=9)
    for minute, who in ((31, WEN), (40, IDRIS)):
        day.at(f"2026-03-03 17:{minute}:20")
        day.scan("front", who.card)
    day.comes(lambda: len(day.check_ins("pending")) == 2, "both check-ins wait")
    clerk.types("outage", "status", code=1)
    day.at("2026-03-04 08:15:00")


def _afterwards(clerk: Clerk) -> None:
    day = clerk.day
    day.sandbox.town("mend")
    day.sync("sync")
    day.settled()
    clerk.types("late", "checkins", "--state", "late")
    late = {row["name"]: row["uuid"][:8] for row in day.check_ins("late")}
    clerk.types("late", "checkins", "push", late[IDRIS.name])
    clerk.types("late", "checkins", "dismiss", late[WEN.name])
    day.settled()
    clerk.types("verify", "journal", "verify")


def _folded(line: str) -> Iterator[str]:
    """A line and, if it is far too long, what goes on below, further in; a table keeps its rows."""
    if len(line) <= _WIDEST or _ROW.search(line):
        yield line.rstrip()
        return
    indent = " " * (len(line) - len(line.lstrip()))
    yield from textwrap.wrap(
        line.lstrip(),
        _WIDEST,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_on_hyphens=False,
    )


def put_into(documents: Path, told: dict[str, str]) -> list[str]:
    """Write them where they belong; names of the documents that changed."""
    changed = []
    for name in DOCUMENTS:
        path = documents / name
        before = path.read_text()
        after = rewritten(before, told)
        if after != before:
            path.write_text(after)
            changed.append(name)
    return changed
