"""A journal that comes out of a backup begins a new chain, so that no position of before means it.

Its events keep their places and ids. What happened after the backup is not in it, and the same
numbers were given out then: so the chain gets another name, which every position carries.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from controller.journal_file import MIGRATIONS, Entry, JournalFile, newest
from controller.store import open_writer, translated


@dataclass(frozen=True, slots=True)
class Anew:
    """The chain's name before and from now on, and the last position of before."""

    old: str
    new: str
    newest: int


def begin_anew(path: Path, boot: str, first: Entry) -> Anew:
    """Rename the chain and write `first` as the first event of the new one.

    To be called while nobody else has the file. Raises `StoreError`.
    """
    JournalFile(path, boot).close()  # made, or brought up to date
    with closing(open_writer(path, MIGRATIONS)) as db, translated(path, "written"):
        (old,) = db.execute("SELECT id FROM chain").fetchone()
        last, _ = newest(db)
        db.execute("UPDATE chain SET id = lower(hex(randomblob(8)))")
    with closing(JournalFile(path, boot)) as file:
        file.write([first])
        return Anew(old, file.chain, last)
