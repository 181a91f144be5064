"""A release that is rolled back goes on with the files of the later one: each migration only adds,
or says that it does not.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from controller.journal_read import JournalReader
from controller.model import Kind
from controller.store import Breaking, Migrations, Schema, lowest_for, open_writer, schema_of
from tests.cut_checks import Promises, survives
from tests.cut_site import Site
from tests.cut_stories import STORIES
from tests.cut_upgrade import FILES
from tests.fakes import MONDAY
from tests.tapped import can_tap, tapped
from tests.torn import Recording

ROOT = Path(__file__).parent.parent
_ADDS = re.compile(r"CREATE TABLE (\w+)|CREATE INDEX |ALTER TABLE \w+ ADD COLUMN (.*)", re.DOTALL)
_FILLS = re.compile(r"INSERT INTO (\w+)")


def taking_away(statements: Sequence[str]) -> Iterator[str]:
    """Those of a migration that an earlier program could not bear."""
    made = {found[1] for each in statements if (found := _ADDS.match(each.strip()))}
    for each in statements:
        adds, fills = _ADDS.match(each.strip()), _FILLS.match(each.strip())
        if (adds and _may_be_left_out(adds[2] or "")) or (fills and fills[1] in made):
            continue
        yield each


def _may_be_left_out(column: str) -> bool:
    """Can a row be written without it?"""
    words = column.upper()
    return not re.search("UNIQUE|PRIMARY|REFERENCES|CHECK", words) and (
        "NOT NULL" not in words or "DEFAULT" in words
    )


def later(known: Migrations, tables: Sequence[str]) -> Migrations:
    """Those of a later release, which only adds: to every table, and one of its own."""
    columns = [f"ALTER TABLE {each} ADD COLUMN later TEXT NOT NULL DEFAULT 'l'" for each in tables]
    indexes = [f"CREATE INDEX {each}_later ON {each}(later)" for each in tables]
    return (*known, (*columns, "CREATE TABLE later(more TEXT NOT NULL)"), tuple(indexes))


def test_rows_are_written_by_the_names_of_their_columns() -> None:
    """In a file that a later release added to, a row has more of them."""
    files = [path for each in ("controller", "sync") for path in (ROOT / each).rglob("*.py")]
    nameless = re.compile(r"INSERT(?: OR \w+)? INTO (?!new\.)([\w.]+)\s+(?:VALUES|SELECT)")
    found = {(path.stem, name) for path in files for name in nameless.findall(path.read_text())}
    assert found == {("journal_file", "chain"), ("inbox", "turn")}, "made in the same migration"


@pytest.mark.parametrize("name", FILES)
def test_every_migration_adds_or_says_that_it_breaks(name: str) -> None:
    for number, statements in enumerate(FILES[name][0], 1):
        if number > 1 and not isinstance(statements, Breaking):
            assert not list(taking_away(statements)), f"{name}: {number} must be Breaking"


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE x",
        "ALTER TABLE x RENAME TO y",
        "ALTER TABLE x DROP COLUMN y",
        "ALTER TABLE x ADD COLUMN y TEXT NOT NULL",
        "ALTER TABLE x ADD COLUMN y TEXT REFERENCES z(y)",
        "CREATE UNIQUE INDEX x_y ON x(y)",
        "CREATE TRIGGER t AFTER INSERT ON x BEGIN DELETE FROM y; END",
        "UPDATE x SET y = 1",
        "INSERT INTO x VALUES (1)",
    ],
)
def test_what_an_earlier_program_could_not_bear_would_be_noticed(statement: str) -> None:
    assert list(taking_away([statement])) == [statement]


def test_what_only_adds_is_let_through() -> None:
    adding = later((("CREATE TABLE x(y)",),), ["x"])
    assert lowest_for(adding) == 1
    assert [list(taking_away(each)) for each in adding[1:]] == [[], []]
    assert not list(taking_away(["CREATE TABLE t(a)", "INSERT INTO t VALUES (0)"]))


@pytest.mark.skipif(not can_tap(), reason="this Python hides its SQLite")
@pytest.mark.parametrize("story", ["scanning", "syncing", "pruning", "delivering"])
def test_today_s_program_works_on_files_that_a_later_one_added_to(
    story: str, tmp_path: Path
) -> None:
    """It decides, journals, keeps rosters, prunes, delivers each check-in once; nothing is lost."""
    tape, site = Recording(), Site(tmp_path)
    with tapped(site.data, tape):
        STORIES[story].before(site, tape)
    for name in FILES:
        _upgraded(site.data / name)
    with closing(sqlite3.connect(site.data / "journal.db", isolation_level=None)) as db:
        db.execute("INSERT INTO mode(door, mode) VALUES ('front', 'of a later release')")
    with tapped(site.data, tape):
        STORIES[story].play(site, tape)
        survives(site, Promises.of(tape.steps), tape)
    for name, (known, _) in FILES.items():
        assert schema_of(site.data / name) == Schema(len(known) + 2, lowest_for(known))
        open_writer(site.data / name, later(known, [])).close()


def test_an_event_of_a_kind_that_only_a_later_release_knew_is_shown_as_such(tmp_path: Path) -> None:
    tape, site = Recording(), Site(tmp_path)
    with site.on(tape, MONDAY) as running:
        running.roster(1)
        running.scan("ear-00")
    with closing(sqlite3.connect(site.data / "journal.db", isolation_level=None)) as db:
        db.execute("UPDATE event SET kind = 'party', detail = '{\"n\": 1}' WHERE seq = 2")
    with closing(JournalReader(site.data / "journal.db")) as journal:
        event = journal.events()[1].event
    assert (event.kind, event.detail) == (Kind.LATER, {"kind": "party", "n": 1})


def _upgraded(path: Path) -> None:
    known = FILES[path.name][0]
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        tables = [row[0] for row in db.execute(query)]
    open_writer(path, later(known, tables)).close()
