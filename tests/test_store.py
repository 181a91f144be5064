"""Opening databases: in any place, all or nothing, and letting go of what cannot be used."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from controller.errors import StoreError
from controller.store import (
    Breaking,
    Schema,
    is_damage,
    open_reader,
    open_writer,
    schema_of,
    set_aside,
    snapshot,
    translated,
)

ONE = (("CREATE TABLE one(a)", "INSERT INTO one VALUES (1)"),)
TWO = (*ONE, ("ALTER TABLE one ADD COLUMN b DEFAULT 2", "CREATE TABLE two(c)"))
CHANGED = (*ONE, Breaking(["ALTER TABLE one RENAME COLUMN a TO z"]), ("CREATE TABLE three(d)",))
BROKEN = (*ONE, ("ALTER TABLE one ADD COLUMN b DEFAULT 2", "CREATE TABLE one(again)"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def held_open(path: Path) -> list[str]:
    """Files of this database that this process has open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    open_files = [str(link.readlink()) for link in links if link.exists()]
    return [name for name in open_files if path.name in name]


def junk(path: Path) -> None:
    path.write_bytes(b"this is no database, however one looks at it" * 100)


def newer(path: Path) -> None:
    open_writer(path, CHANGED).close()


def test_what_a_later_release_only_added_to_can_be_used_by_an_earlier_one(path: Path) -> None:
    open_writer(path, TWO).close()
    with closing(open_writer(path, ONE)) as db:
        db.execute("INSERT INTO one(a) VALUES (5)")
    with closing(open_reader(path, 1)) as db:
        assert db.execute("SELECT a FROM one").fetchall() == [(1,), (5,)]
    assert schema_of(path) == Schema(2, 1), "the earlier one leaves the schema as it is"
    with closing(open_writer(path, TWO)) as db:
        assert db.execute("SELECT a, b FROM one").fetchall() == [(1, 2), (5, 2)]


def test_after_a_breaking_migration_only_programs_that_know_it_may_use_the_file(path: Path) -> None:
    open_writer(path, CHANGED).close()
    assert schema_of(path) == Schema(3, 2)
    open_writer(path, CHANGED[:2]).close()
    open_reader(path, 2).close()
    for refused in (partial(open_writer, path, ONE), partial(open_reader, path, 1)):
        with pytest.raises(StoreError, match="has schema 3, but this program knows only up to 1"):
            refused()


def test_a_file_that_says_nothing_of_it_is_for_its_own_program_alone(path: Path) -> None:
    """As it was before there was such a number; and a number that is none is not believed."""
    open_writer(path, TWO).close()
    for number in (0, -5, 99):
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA application_id={number}")
        with pytest.raises(StoreError, match="written by a newer Doorward"):
            open_writer(path, ONE)
        open_writer(path, TWO).close()


def test_a_migration_that_is_cut_off_leaves_both_numbers_as_they_were(path: Path) -> None:
    open_writer(path, ONE).close()
    with pytest.raises(StoreError):
        open_writer(path, (*ONE, Breaking(["CREATE TABLE two(c)", "CREATE TABLE one(again)"])))
    assert schema_of(path) == Schema(1, 1)


def test_a_file_is_copied_while_it_is_written(path: Path, tmp_path: Path) -> None:
    with closing(open_writer(path, ONE)) as db:
        db.execute("INSERT INTO one VALUES (2)")  # it stands in the WAL alone
        snapshot(path, tmp_path / "copy.db")
    with closing(open_reader(tmp_path / "copy.db", 1)) as db:
        assert db.execute("SELECT a FROM one").fetchall() == [(1,), (2,)]


@pytest.mark.parametrize("make", [lambda path: None, junk])
def test_what_cannot_be_copied(path: Path, tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    with pytest.raises(StoreError, match=r"some\.db cannot be"):
        snapshot(path, tmp_path / "copy.db")
    assert held_open(path) == []


def test_migrations_are_numbered_and_each_runs_once(path: Path) -> None:
    for migrations, number in ((ONE, 1), (ONE, 1), (TWO, 2), (TWO, 2)):
        open_writer(path, migrations).close()
        assert version(path) == number
    with closing(open_reader(path, 2)) as db:
        assert db.execute("SELECT a, b FROM one").fetchall() == [(1, 2)]


def test_a_migration_that_fails_leaves_nothing_behind(path: Path) -> None:
    open_writer(path, ONE).close()
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        open_writer(path, BROKEN)
    assert version(path) == 1
    with closing(open_reader(path, 1)) as db:
        assert db.execute("SELECT * FROM one").fetchall() == [(1,)], "no second column"


def test_the_file_may_lie_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "über 100% #1?mode=rwc" / "some.db"
    open_writer(path, ONE).close()
    with closing(open_reader(path, 1)) as db:
        assert db.execute("SELECT * FROM one").fetchall() == [(1,)]


def test_a_reader_cannot_write(path: Path) -> None:
    open_writer(path, ONE).close()
    refused = pytest.raises(sqlite3.OperationalError, match="readonly")
    with closing(open_reader(path, 1)) as db, refused:
        db.execute("INSERT INTO one VALUES (2)")


def test_a_writer_writes_ahead_so_that_readers_do_not_wait(path: Path) -> None:
    with closing(open_writer(path, ONE)) as writer, closing(open_reader(path, 1)) as db:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO one VALUES (2)")
        assert db.execute("SELECT count(*) FROM one").fetchone() == (1,)
        writer.execute("COMMIT")
        assert db.execute("SELECT count(*) FROM one").fetchone() == (2,)


@pytest.mark.parametrize(
    ("make", "message", "damaged", "is_newer"),
    [
        (lambda path: None, "cannot be read", False, False),
        (Path.touch, "not set up yet", False, False),
        (junk, "cannot be read", True, False),
        (newer, "written by a newer Doorward", False, True),
    ],
    ids=["missing", "empty", "garbled", "newer"],
)
def test_what_cannot_be_read(
    path: Path, make: Callable[[Path], None], message: str, damaged: bool, is_newer: bool
) -> None:
    make(path)
    with pytest.raises(StoreError, match=message) as refused:
        open_reader(path, 1)
    assert (refused.value.damaged, refused.value.newer) == (damaged, is_newer)
    assert str(path) in str(refused.value)
    assert held_open(path) == []


@pytest.mark.parametrize(("make", "damaged"), [(junk, True), (newer, False), (Path.mkdir, False)])
def test_what_cannot_be_written(path: Path, make: Callable[[Path], None], damaged: bool) -> None:
    make(path)
    with pytest.raises(StoreError) as refused:
        open_writer(path, ONE)
    assert refused.value.damaged is damaged
    assert held_open(path) == []


def test_set_aside_means_everything_that_belongs_to_it(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).write_text(suffix)
    kept = set_aside(path, 1234.5)
    assert kept.name == "some.db.damaged-1234"
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "some.db.damaged-1234",
        "some.db.damaged-1234-shm",
        "some.db.damaged-1234-wal",
    ]


def test_set_aside_never_replaces_what_was_set_aside_before(path: Path) -> None:
    """A clock that was set back may show the same second again."""
    for content in ("first", "second"):
        path.write_text(content)
        set_aside(path, 1234.0)
    assert sorted(file.read_text() for file in path.parent.iterdir()) == ["first", "second"]


def test_a_busy_database_is_not_a_damaged_one(path: Path) -> None:
    with closing(open_writer(path, ONE)) as one, closing(open_writer(path, ONE)) as other:
        one.execute("BEGIN IMMEDIATE")
        other.execute("PRAGMA busy_timeout=0")
        with pytest.raises(sqlite3.OperationalError) as busy:
            other.execute("BEGIN IMMEDIATE")
    assert not is_damage(busy.value)


def test_errors_of_sqlite_say_which_file_and_what_was_tried(path: Path) -> None:
    said = pytest.raises(StoreError, match=r"some\.db cannot be counted: no such table")
    with closing(open_writer(path, ONE)) as db, said, translated(path, "counted"):
        db.execute("SELECT count(*) FROM absent")
