"""Tokens of the API in desk.db: who may do what, by the hash of what they show.

A token is 32 random bytes, so a plain SHA-256 of it can be kept: there is nothing to guess.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from controller.errors import StoreError
from sync.desk import Desk

SCOPES = (*("users:read", "users:write", "doors:read", "doors:open", "events:read", "roster:read"),)
_PREFIX = "dw_"  # so that one that leaked is recognised
_NOTE_USE = 3600.0  # seconds between notes of a token's use: flash wears out


@dataclass(frozen=True, slots=True)
class Token:
    """One token, without what is shown. Times are wall seconds."""

    name: str
    scopes: frozenset[str]
    added: float
    added_by: str
    used: float | None


class Tokens:
    """Any thread may use it; every method may raise `StoreError`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add(self, name: str, scopes: Iterable[str], author: str, now: float) -> str:
        """Make a token; returns what to show, which is kept nowhere. "": the name is taken."""
        shown = _PREFIX + secrets.token_urlsafe(32)
        row = (name, _hashed(shown), " ".join(sorted(set(scopes))), now, author)
        query = """INSERT OR IGNORE INTO tokens(name, token, scopes, added, added_by)
                   VALUES (?, ?, ?, ?, ?)"""
        return shown if self._desk.write(query, row) else ""

    def remove(self, name: str) -> bool:
        """It is refused from now on; False if there is none of this name."""
        return bool(self._desk.write("DELETE FROM tokens WHERE name = ?", (name,)))

    def all(self) -> list[Token]:
        return [_token(row) for row in self._desk.read("SELECT * FROM tokens ORDER BY name")]

    def known(self, shown: str, now: float) -> Token | None:
        """Whose token this is."""
        hashed = _hashed(shown)
        rows = self._desk.read("SELECT * FROM tokens WHERE token = ?", (hashed,))
        if not rows or not hmac.compare_digest(bytes(rows[0]["token"]), hashed):
            return None
        token = _token(rows[0])
        if token.used is None or not 0 <= now - token.used < _NOTE_USE:
            with suppress(StoreError):  # a full disk takes nobody's rights away
                self._desk.write("UPDATE tokens SET used = ? WHERE name = ?", (now, token.name))
        return token


def _hashed(shown: str) -> bytes:
    return hashlib.sha256(shown.encode("utf-8", "surrogatepass")).digest()


def _token(row: dict[str, object]) -> Token:
    scopes = frozenset(str(row["scopes"]).split())
    used = row["used"]
    assert used is None or isinstance(used, float)
    return Token(str(row["name"]), scopes, float(str(row["added"])), str(row["added_by"]), used)
