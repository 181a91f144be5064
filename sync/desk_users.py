"""Users of the console and their sessions: the statements of these two tables of desk.db."""

from enum import StrEnum
from typing import NamedTuple

from controller.errors import ConfigError
from sync.desk import Desk

LONGEST_NAME = 40
_PUNCTUATION = " .-_@'"


class Role(StrEnum):
    """What somebody may do in the console, the least first. Each may do what those before may."""

    VIEWER = "viewer"
    STAFF = "staff"
    ADMIN = "admin"

    def reaches(self, least: "Role") -> bool:
        return _ROLES.index(self) >= _ROLES.index(least)


_ROLES = tuple(Role)


class User(NamedTuple):
    """Somebody who can log in; times in wall seconds."""

    name: str
    role: Role
    added: float
    added_by: str
    changed: float


class Session(NamedTuple):
    """Somebody who has logged in; `key` is the hash of what their browser holds."""

    key: bytes
    user: User
    begun: float
    seen: float


class Users:
    """Any thread may use it; every method may raise `StoreError`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def all(self) -> list[User]:
        """Everybody who can log in, by name."""
        rows = self._desk.read("SELECT name, role, added, added_by, changed FROM users")
        found = [User(row[0], Role(row[1]), *row[2:]) for row in rows]
        return sorted(found, key=lambda user: user.name.casefold())

    def called(self, name: str) -> User | None:
        """Whoever has this name, however it is written."""
        return next((u for u in self.all() if u.name.casefold() == name.casefold()), None)

    def add(self, name: str, role: Role, password: str, by: str, now: float) -> None:
        """`password` is its hash. ConfigError if there is somebody of that name."""
        if there := self.called(_proper(name)):
            raise ConfigError(
                f"there is a user {there.name} already; a new password for them: "
                f"doorward users password {there.name}"
            )
        self._desk.write(
            "INSERT INTO users(name, role, password, added, added_by, changed)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (name, role.value, password, now, by, now),
        )

    def remove(self, name: str) -> str:
        """Their sessions end with them. Their name; ConfigError if there is nobody of that name."""
        known = self._known(name)
        self._desk.write("DELETE FROM users WHERE name = ?", (known,))
        return known

    def set_password(self, name: str, password: str, now: float) -> str:
        """The same; `password` is its hash."""
        return self._change("password", self._known(name), password, now)

    def set_role(self, name: str, role: Role, now: float) -> str:
        """The same."""
        return self._change("role", self._known(name), role.value, now)

    def password(self, name: str) -> str:
        """Its hash; "" if they were removed just now."""
        rows = self._desk.read("SELECT password FROM users WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def begin(self, key: bytes, name: str, password: str, now: float) -> bool:
        """Somebody has logged in; False if this is no longer their password's hash."""
        written = self._desk.write(
            "INSERT INTO sessions(token, user, begun, seen)"
            " SELECT ?, name, ?, ? FROM users WHERE name = ? AND password = ?",
            (key, now, now, name, password),
        )
        return written == 1

    def session(self, key: bytes) -> Session | None:
        """Whose it is, however old."""
        rows = self._desk.read(
            """SELECT u.name, u.role, u.added, u.added_by, u.changed, s.begun, s.seen
               FROM sessions s JOIN users u ON u.name = s.user WHERE s.token = ?""",
            (key,),
        )
        for row in rows:
            return Session(key, User(row[0], Role(row[1]), *row[2:5]), row[5], row[6])
        return None

    def seen(self, key: bytes, now: float) -> None:
        self._desk.write("UPDATE sessions SET seen = ? WHERE token = ?", (now, key))

    def end(self, key: bytes) -> None:
        self._desk.write("DELETE FROM sessions WHERE token = ?", (key,))

    def end_all(self) -> None:
        """Everybody must log in again."""
        self._desk.write("DELETE FROM sessions")

    def forget(self, begun_before: float, seen_before: float) -> None:
        """Delete sessions that are over."""
        self._desk.write(
            "DELETE FROM sessions WHERE begun < ? OR seen < ?", (begun_before, seen_before)
        )

    def _known(self, name: str) -> str:
        if user := self.called(name):
            return user.name
        known = ", ".join(user.name for user in self.all()) or "nobody yet"
        raise ConfigError(f"there is no user {name!r}; there are: {known}")

    def _change(self, column: str, name: str, value: str, now: float) -> str:
        self._desk.write_together(
            [
                ("DELETE FROM sessions WHERE user = ?", (name,)),
                (f"UPDATE users SET {column} = ?, changed = ? WHERE name = ?", (value, now, name)),
            ]
        )
        return name


def _proper(name: str) -> str:
    """`name`, if it can stand in journal and pages. ConfigError."""
    fine = name == name.strip() and all(c.isalnum() or c in _PUNCTUATION for c in name)
    if not fine or not 0 < len(name) <= LONGEST_NAME:
        raise ConfigError(
            f"{name!r} is no name for a user: letters, digits, blanks and . - _ @ ' within, "
            f"at most {LONGEST_NAME}"
        )
    return name
