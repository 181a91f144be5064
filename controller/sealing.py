"""A file sealed with a passphrase, written and read piece by piece.

Format 1: `MAGIC`; a line of JSON that says how the key is made (scrypt) and holds the salt and
seven random bytes; then pieces of PIECE bytes, the last one shorter or empty, each sealed by
ChaCha20-Poly1305. Nonce: the seven bytes, the number of the piece (4 bytes), 1 for the last and
else 0, so that none can be left out, moved or cut off unnoticed. The JSON is sealed in with each.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from controller.errors import StoreError

MAGIC = b"DOORWARD SEALED\n"
FORMAT = 1
PIECE = 64 * 1024
SHORTEST = 12  # characters of a passphrase
FEWEST = 6  # different ones
COST = {"n": 1 << 16, "r": 8, "p": 2}  # 64 MiB, about half a second on a Pi
_MOST = {"n": 1 << 17, "r": 8, "p": 4}  # a file may ask no more of us
_TAG = 16
_LONGEST_HEAD = 1024


def weakness(passphrase: str) -> str:
    """What is wrong with a passphrase; empty if it will do."""
    if len(passphrase) < SHORTEST or len(set(passphrase)) < FEWEST:
        return (
            f"the passphrase is too weak: at least {SHORTEST} characters, {FEWEST} different ones; "
            "five random words are good"
        )
    return ""


class Sealer:
    """Takes bytes by `write` and seals them into `file`; what it wrote is whole after `finish`."""

    def __init__(self, file: IO[bytes], passphrase: str, cost: Mapping[str, int] = COST) -> None:
        salt, self._nonce = os.urandom(16), os.urandom(7)
        head = {"format": FORMAT, "kdf": "scrypt", **cost}
        head |= {"salt": salt.hex(), "nonce": self._nonce.hex()}
        self._head = json.dumps(head).encode() + b"\n"
        self._cipher = ChaCha20Poly1305(_key(passphrase, salt, cost))
        self._file, self._number, self._held = file, 0, bytearray()
        file.write(MAGIC + self._head)

    def write(self, data: bytes) -> int:
        self._held += data
        whole = len(self._held) // PIECE * PIECE
        for at in range(0, whole, PIECE):
            self._put(bytes(self._held[at : at + PIECE]), last=False)
        del self._held[:whole]
        return len(data)

    def finish(self) -> None:
        self._put(bytes(self._held), last=True)

    def _put(self, piece: bytes, *, last: bool) -> None:
        nonce = _nonce(self._nonce, self._number, last=last)
        self._file.write(self._cipher.encrypt(nonce, piece, self._head))
        self._number += 1


class Unsealer:
    """Gives back what was sealed, by `read`. StoreError: another passphrase, or a damaged file."""

    def __init__(self, file: IO[bytes], name: Path, passphrase: str) -> None:
        self._file, self._name = file, name
        if file.read(len(MAGIC)) != MAGIC:
            raise StoreError(f"{name} is no backup that Doorward made")
        self._head = file.readline(_LONGEST_HEAD)
        salt, self._nonce, cost = self._understood()
        self._cipher = ChaCha20Poly1305(_key(passphrase, salt, cost))
        self._number, self._held, self._ended = 0, b"", False

    def read(self, size: int) -> bytes:
        """As many bytes, fewer only at the end."""
        while len(self._held) < size and not self._ended:
            self._held += self._piece()
        given, self._held = self._held[:size], self._held[size:]
        return given

    def _understood(self) -> tuple[bytes, bytes, dict[str, int]]:
        try:
            head: dict[str, Any] = json.loads(self._head)
            if head["format"] > FORMAT:
                raise StoreError(
                    f"{self._name} has format {head['format']}, but this program knows only up to "
                    f"{FORMAT}: it was made by a newer Doorward. Install that one.",
                    newer=True,
                )
            cost = {name: int(head[name]) for name in COST}
            if head["kdf"] != "scrypt" or any(not 1 < cost[k] <= _MOST[k] for k in cost):
                raise ValueError(head["kdf"])
            salt, nonce = bytes.fromhex(head["salt"]), bytes.fromhex(head["nonce"])
            if cost["n"] & (cost["n"] - 1) or len(salt) != 16 or len(nonce) != 7:
                raise ValueError("salt")
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged("its head cannot be read") from error
        return salt, nonce, cost

    def _piece(self) -> bytes:
        sealed = self._file.read(PIECE + _TAG)
        self._ended = len(sealed) < PIECE + _TAG
        nonce = _nonce(self._nonce, self._number, last=self._ended)
        try:
            piece = self._cipher.decrypt(nonce, sealed, self._head)
        except InvalidTag:
            if self._number == 0:
                raise StoreError(
                    f"{self._name} cannot be opened: the passphrase is another one, or the file is "
                    "damaged. Nothing was changed."
                ) from None
            raise self._damaged(f"from byte {self._file.tell() - len(sealed)} on") from None
        self._number += 1
        return piece

    def _damaged(self, where: str) -> StoreError:
        return StoreError(
            f"{self._name} is damaged or cut off ({where}). Nothing was changed; take another copy",
            damaged=True,
        )


def _key(passphrase: str, salt: bytes, cost: Mapping[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, **cost).derive(passphrase.encode())


def _nonce(start: bytes, number: int, *, last: bool) -> bytes:
    return start + number.to_bytes(4) + bytes([last])
