"""Signatures of releases: ed25519 over BLAKE2b-512 of the file, in the file format of minisign.

https://jedisct1.github.io/minisign/: the second line of a key or signature is base64 of two letters
for the algorithm, eight bytes that name the key, and the key or signature itself. A second
signature covers the first and the trusted comment.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from controller.errors import ReleaseError

KEY, PREHASHED, LEGACY = b"Ed", b"ED", b"Ed"
UNTRUSTED, TRUSTED = "untrusted comment: ", "trusted comment: "
_LONGEST = 4096  # bytes of a key or signature file


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key that may sign releases; `comment` is for people and worth nothing."""

    id: bytes
    key: bytes
    comment: str = ""

    @property
    def name(self) -> str:
        """As minisign shows it."""
        return shown(self.id)


def shown(key_id: bytes) -> str:
    return f"{int.from_bytes(key_id, 'little'):016X}"


def public_key(path: Path) -> PublicKey:
    """Raises `ReleaseError`."""
    try:
        comment, encoded = _text(path).splitlines()[:2]
        raw = base64.b64decode(encoded, validate=True)
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path} is no public key of minisign's kind: {error}") from error
    if len(raw) != 42 or raw[:2] != KEY:
        raise ReleaseError(f"{path} is no public key of minisign's kind")
    return PublicKey(raw[2:10], raw[10:], comment.removeprefix(UNTRUSTED))


def verified(file: Path, signature: Path, keys: Sequence[PublicKey]) -> tuple[PublicKey, str]:
    """By which key the file is signed, and the trusted comment. Raises `ReleaseError`."""
    key_id, signed, trusted, overall = _signature(signature)
    key = next((each for each in keys if each.id == key_id), None)
    if key is None:
        known = ", ".join(each.name for each in keys) or "none"
        raise ReleaseError(
            f"{file.name} is signed by key {shown(key_id)}, which is not trusted here (trusted: "
            f"{known}). If it was to be expected, pass that key by --key FILE.pub"
        )
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, hashlib.blake2b).digest()
    _demand(key, digest, signed, f"{file.name} is not what was signed: it was damaged or changed")
    _demand(key, signed + trusted, overall, f"the trusted comment of {signature.name} was changed")
    return key, trusted.decode()


def _demand(key: PublicKey, content: bytes, signature: bytes, otherwise: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.key).verify(signature, content)
    except InvalidSignature as error:
        raise ReleaseError(f"{otherwise}. Fetch it again from where it came") from error


def _signature(path: Path) -> tuple[bytes, bytes, bytes, bytes]:
    """The key's id, the signature, the trusted comment, the signature of both."""
    try:
        _, first, comment, second = _text(path).splitlines()[:4]
        raw, overall = (base64.b64decode(line, validate=True) for line in (first, second))
    except FileNotFoundError as error:
        raise ReleaseError(f"{path} is missing: the signature lies beside its package") from error
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path} is no signature of minisign's kind: {error}") from error
    if raw[:2] == LEGACY:
        raise ReleaseError(f"{path} signs the file itself, not its hash; sign without -l")
    if len(raw) != 74 or raw[:2] != PREHASHED or not comment.startswith(TRUSTED):
        raise ReleaseError(f"{path} is no signature of minisign's kind")
    return raw[2:10], raw[10:], comment.removeprefix(TRUSTED).encode(), overall


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LONGEST).decode()
