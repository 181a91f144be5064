"""The rules of the house, kept by walking the tree: who may import whom, how long a function may
be, who may read the time, and that the documents name everything a user can meet.
"""

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

import hw
from controller.alerts import AlertKind
from controller.config import extra_needed
from controller.errors import DoorwardError
from controller.model import Kind, Mode, Reason, Trust
from sync.platform import State, Word
from sync.platforms import PLATFORMS
from sync.webhooks import Standing

ROOT = Path(__file__).parent.parent
PRODUCT = ("controller", "sync", "hw")
EVERYTHING = (*PRODUCT, "tests", "bench", "release")

# Who puts the parts together, and what each may reach besides its own package and `controller`.
COMPOSES = {
    "controller.daemon": {"hw", "sync"},
    "controller.cli": {"hw", "sync"},
    "sync.daemon": {"sync"},
}
PURE = {
    *("controller.model", "controller.decide", "controller.schedule", "controller.passes"),
    *("controller.doorstate", "controller.clocktrust", "controller.cards", "controller.timetable"),
    *("controller.question", "controller.cards_written"),
    *("controller.keypad", "controller.flutter", "controller.levels", "controller.reads"),
    *(
        "controller.alerts",
        "controller.tries",
        "controller.journeys",
        "controller.areas",
        "controller.passage",
    ),
    *("sync.plan", "sync.backoff", "sync.public", "sync.api.limits", "controller.event_names"),
    "sync.attendance",
}
PURE_STDLIB = {
    *("bisect", "collections", "dataclasses", "datetime", "enum", "functools", "hashlib", "hmac"),
    *("ipaddress", "itertools", "json", "math", "re", "typing", "zoneinfo"),
}
# Third parties (and SQL) have one border each: pattern of the modules that may import them.
BORDERS = {
    "sqlite3": r"controller\.(store|cache|journal\w*)|sync\.(staging|ledger|inbox|desk\w*)",
    "sqlite_utils": r"controller\.(store|cache|journal\w*)|sync\.(staging|ledger|inbox|desk\w*)",
    "httpx": r"sync\.http",
    "starlette": r"sync\.(inbound_app|(console|api)(\.\w+)?)",
    "jinja2": r"sync\.(console(\.\w+)?|mail_text)",
    "cryptography": r"sync\.(console(\.\w+)?|passwords|certificate)|controller\.(sealing|minisign)",
    "smtplib": r"sync\.smtp",
    "uvicorn": r"sync\.inbound_server",
    "serial": r"hw\.\w+",
    "gpiozero": r"hw\.\w+",
    "gpiod": r"hw\.\w+",
    "pymodbus": r"hw\.modbus_line",
    "apscheduler": r"sync\.\w+",
    "click": r"controller\.cli(\.\w+)?",
    "rich": r"controller\.cli(\.\w+)?",
}
# Who may read the time or sleep besides controller.clock, and why.
MAY_READ_TIME: dict[str, str] = {
    "sync.jobs": "APScheduler reckons in the machine's own time, whatever our clock is",
}
CLOCKS = {
    "time": {
        *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
        *("clock_gettime", "clock_gettime_ns", "sleep", "localtime", "gmtime"),
    },
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "asyncio": {"sleep"},
}
NO_NAMES = {
    *("util", "utils", "base", "core", "manager", "managers"),
    *("helper", "helpers", "handler", "handlers"),
}
LONGEST_FUNCTION = 40
LONGEST_MODULE = 400


@dataclass(frozen=True)
class Module:
    """One file of the tree."""

    name: str
    text: str

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and absolute name of everything imported, inside functions too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.name}:{node.lineno}: write the import out"
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield node.lineno, full if full in names() else str(node.module)


@cache
def modules() -> tuple[Module, ...]:
    files = chain.from_iterable((ROOT / package).rglob("*.py") for package in EVERYTHING)
    return tuple(Module(dotted(path), path.read_text()) for path in sorted(files))


@cache
def names() -> frozenset[str]:
    files = chain.from_iterable((ROOT / package).rglob("*.py") for package in EVERYTHING)
    return frozenset(map(dotted, files))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def product() -> list[Module]:
    return [module for module in modules() if module.package in PRODUCT]


def within(name: str, parent: str) -> bool:
    return name == parent or name.startswith(f"{parent}.")


def reachable(module: Module) -> set[str]:
    """Our packages that this module may import from."""
    also = (more for composer, more in COMPOSES.items() if within(module.name, composer))
    return {module.package, "controller"}.union(*also)


def wrong_arrows(module: Module) -> Iterator[str]:
    for line, imported in module.imports():
        target = imported.partition(".")[0]
        if target in EVERYTHING and target not in reachable(module):
            yield f"{module.name}:{line} may not import {imported}"
        composers = (c for c in COMPOSES if within(imported, c) and not within(module.name, c))
        if any(composers) and not within(module.name, "controller.cli"):
            yield f"{module.name}:{line} imports {imported}, which puts everything together"


def impurities(module: Module) -> Iterator[str]:
    for line, imported in module.imports():
        if imported not in PURE and imported.partition(".")[0] not in PURE_STDLIB:
            yield f"{module.name}:{line} is pure and may not import {imported}"


def crossed_borders(module: Module) -> Iterator[str]:
    for line, imported in module.imports():
        border = BORDERS.get(imported.partition(".")[0])
        if border and not re.fullmatch(border, module.name):
            yield f"{module.name}:{line} imports {imported}; only {border} may"


def readings_of_time(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            source = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if node.attr in CLOCKS.get(source, ()):
                yield f"{module.name}:{node.lineno} reads {source}.{node.attr}: take a Clock"
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio"):
            taken = CLOCKS[node.module].intersection(alias.name for alias in node.names)
            if taken:
                yield f"{module.name}:{node.lineno} imports {taken}: take a Clock"


def overlong(module: Module) -> Iterator[str]:
    length = len(module.text.splitlines())
    if length > LONGEST_MODULE:
        yield f"{module.name} has {length} lines"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{module.name}:{node.lineno} {node.name} has {length} lines"


Rule = Callable[[Module], Iterator[str]]


def broken(rule: Rule, where: Iterable[Module]) -> list[str]:
    return [each for module in where for each in rule(module)]


def keep(rule: Rule, where: Iterable[Module]) -> None:
    found = broken(rule, where)
    assert not found, "\n".join(["", *found])


def test_imports_point_inward() -> None:
    keep(wrong_arrows, product())


def test_pure_modules_know_only_each_other() -> None:
    pure = [module for module in modules() if module.name in PURE]
    assert {module.name for module in pure} >= {"controller.decide", "sync.plan"}
    keep(impurities, pure)


def test_third_parties_stay_behind_their_borders() -> None:
    keep(crossed_borders, product())


def test_nobody_but_the_clock_reads_the_time() -> None:
    allowed = {"controller.clock", *MAY_READ_TIME}
    asked = [module for module in product() if module.name not in allowed]
    keep(readings_of_time, asked)


def test_functions_and_modules_are_short() -> None:
    keep(overlong, modules())


def test_names_say_what_a_module_is() -> None:
    words = {module.name: set(re.split(r"[._]", module.name)) for module in modules()}
    assert not {name: found & NO_NAMES for name, found in words.items() if found & NO_NAMES}


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("hw.card", "def f():\n    from sync import platform", wrong_arrows),
        ("controller.door", "import hw.sim", wrong_arrows),
        ("sync.pull", "from controller.cli import main", wrong_arrows),
        ("sync.daemon", "import hw", wrong_arrows),
        ("controller.decide", "import random", impurities),
        ("controller.decide", "from controller import ports", impurities),
        ("controller.door", "import sqlite3", crossed_borders),
        ("sync.platforms.cobot", "from httpx import Client", crossed_borders),
        ("controller.door", "import time\ntime.sleep(1)", readings_of_time),
        ("controller.door", "from time import monotonic", readings_of_time),
        ("controller.door", "import datetime\ndatetime.datetime.now()", readings_of_time),
        ("controller.door", "def f():\n" + "    x = 1\n" * 40, overlong),
        ("controller.door", "\n" * 401, overlong),
    ],
)
def test_each_rule_would_notice(name: str, text: str, rule: Rule) -> None:
    assert broken(rule, [Module(name, text)])


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("controller.daemon", "def f():\n    import hw.sim", wrong_arrows),
        ("controller.cli.demo", "from sync.daemon import run\nimport hw", wrong_arrows),
        ("sync.daemon", "from controller.cache import Cache", wrong_arrows),
        ("sync.plan", "from collections.abc import Callable", impurities),
        ("controller.journal_read", "import sqlite3", crossed_borders),
        ("controller.door", "clock.monotonic()\nself._clock.wall()", readings_of_time),
    ],
)
def test_no_rule_forbids_what_is_right(name: str, text: str, rule: Rule) -> None:
    assert broken(rule, [Module(name, text)]) == []


def rows(document: str) -> set[str]:
    """What the tables of a document are about: the first cell of each row."""
    text = (ROOT / "docs" / document).read_text()
    return {cell.strip(" `") for cell in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)}


def error_classes(parent: type[DoorwardError]) -> Iterator[type[DoorwardError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from error_classes(child)


@pytest.mark.parametrize("words", [Reason, Kind, State, Mode, Trust, Word, Standing, AlertKind])
def test_the_reference_knows_every_word(
    words: type[Reason | Kind | State | Mode | Trust | Word | Standing | AlertKind],
) -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    assert not [word.value for word in words if f"`{word.value}`" not in text]
    if words in (Reason, Kind, State, Word, Standing, AlertKind):
        assert not {word.value for word in words} - rows("reference.md"), "each has a row"


def test_the_reference_knows_no_reason_or_event_that_does_not_exist() -> None:
    known = {word.value for word in chain(Reason, Kind)}
    told = {row for row in rows("reference.md") if re.match(r"denied_|door_|device_", row)}
    assert told <= known | {"device_key"}


def test_the_reference_knows_every_exit_code() -> None:
    codes = {str(error.exit_code) for error in error_classes(DoorwardError)}
    assert codes | {"0", "2", "130", "141"} <= rows("reference.md")


def test_the_reference_knows_every_note_of_a_decision() -> None:
    text = (ROOT / "controller" / "decide.py").read_text()
    notes = set(re.findall(r'notes\.append\("(\w+)"\)', text))
    assert notes
    assert notes <= rows("reference.md")


DRIVERS = [
    *((name, where) for table in hw.TABLES.values() for name, where in table.items()),
    *PLATFORMS.items(),
]


@pytest.mark.parametrize(("name", "where"), DRIVERS)
def test_every_driver_and_platform_can_be_loaded_and_is_documented(name: str, where: str) -> None:
    module, _, cls = where.partition(":")
    try:
        settings = getattr(import_module(module), cls).Settings
    except ModuleNotFoundError as error:
        if extra_needed(error) == "install it":
            raise
        pytest.skip(f"{error}: {extra_needed(error)}")
    assert "driver" in settings.model_fields or "kind" in settings.model_fields
    documents = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert f"`{name}`" in documents or f'"{name}"' in documents


def test_every_driver_module_is_in_a_table() -> None:
    named = {where.partition(":")[0] for _, where in DRIVERS}
    with_settings = {
        module.name
        for module in product()
        if within(module.name, "hw") or within(module.name, "sync.platforms")
        if re.search(r"^    (class )?Settings\b", module.text, re.MULTILINE)
    }
    assert with_settings <= named


# Put together so that this file does not hold them.
FOREIGN = re.compile(
    "|".join(
        [
            *("py" + "pi", "python" + r"hosted\.org", "npm" + r"js\.(com|org)", "crates" + r"\.io"),
            *(r"proxy\.golang" + r"\.org", "docker" + r"\.io", "quay" + r"\.io"),
            r"(?<![\w.$}%-])/(?:" + "work|root" + ")/",
        ]
    )
)
GENERATED = re.compile(r"\.git$|\.venv|.*cache|\.hypothesis|build$|dist$|var$|.*\.egg-info")


def texts() -> Iterator[tuple[Path, str]]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not GENERATED.match(name)]
        for path in (Path(folder, name) for name in files if not GENERATED.match(name)):
            try:
                yield path.relative_to(ROOT), path.read_text()
            except UnicodeDecodeError:
                continue


def test_nothing_names_a_registry_or_a_developers_machine() -> None:
    found = ((path, FOREIGN.search(text)) for path, text in texts())
    assert not [f"{path}: {match[0]}" for path, match in found if match]
    assert FOREIGN.search("see /" + "root/notes")
