"""Lists of people in files, written and read for tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from controller.errors import ConfigError
from sync.platform import Surroundings
from sync.platforms.file import FilePlatform
from sync.platforms.file_entries import FileSettings
from tests.fakes import FakeClock
from tests.rosters import Recorded


def platform(path: Path, **settings: Any) -> FilePlatform:
    around = Surroundings(FakeClock(), lambda _: False, str, str)
    table: dict[str, Any] = {"kind": "file", "path": path, "card": {"format": "hex"}}
    made = FileSettings.model_validate({"zone": "Europe/Berlin", **table, **settings})
    return FilePlatform("crew", made, around)


def poured(path: Path, **settings: Any) -> Recorded:
    roster = Recorded()
    platform(path, **settings).fetch(roster, lambda *_: None)
    return roster


def csv_file(folder: Path, *lines: str, name: str = "crew.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def json_file(folder: Path, value: object) -> Path:
    path = folder / "crew.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value, indent=1))
    return path


def problems(path: Path, **settings: Any) -> list[str]:
    """What is wrong with this file; and whatever is, nobody is poured."""
    roster = Recorded()
    with pytest.raises(ConfigError) as raised:
        platform(path, **settings).fetch(roster, lambda *_: None)
    assert roster.persons == []
    return [problem.replace(f"{path.parent}/", "") for problem in raised.value.problems]
