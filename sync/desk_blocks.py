"""Cards blocked here, in desk.db: as keyed hashes, so that they outlast the cache."""

from dataclasses import dataclass

from sync.desk import Desk

OWNER = "desk:"  # whose rows they are in cache.db's `blocked`; no platform can be called so
_FIELDS = "hash, last, platform, person, name, why, at, by"


@dataclass(frozen=True, slots=True)
class Block:
    """A card that opens nothing, whatever the platforms say.

    `last`: its last characters. `platform`, `person`, `name`: whose it was then, "" if nobody's.
    `at`: wall seconds. `by`: the author.
    """

    hash: bytes
    last: str
    platform: str
    person: str
    name: str
    why: str
    at: float
    by: str

    @property
    def masked(self) -> str:
        return f"…{self.last}" if self.last else "PIN"


def add(desk: Desk, block: Block) -> bool:
    """Block it; False if it is blocked already, which then stays as it was."""
    query = f"INSERT OR IGNORE INTO blocks({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    b = block
    values = (b.hash, b.last, b.platform, b.person, b.name, b.why, b.at, b.by)
    return desk.write(query, values) > 0


def remove(desk: Desk, hashed: bytes) -> bool:
    """Unblock it; False if it was not blocked."""
    return desk.write("DELETE FROM blocks WHERE hash = ?", (hashed,)) > 0


def listed(desk: Desk) -> list[Block]:
    """All of them, oldest first."""
    rows = desk.read(f"SELECT {_FIELDS} FROM blocks ORDER BY at, hash")
    return [Block(**dict(row)) for row in rows]
