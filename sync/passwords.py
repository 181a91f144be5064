"""Passwords of the console's users: Argon2id (RFC 9106), kept as PHC strings."""

import secrets
import unicodedata

from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from controller.errors import ConfigError

SHORTEST = 12  # characters
LONGEST = 256
# 19 MiB and two passes are the least that OWASP recommends; small machines have many doors to mind.
_MEMORY, _PASSES, _LANES = 19_456, 2, 1  # KiB, times, threads


def checked(password: str) -> str:
    """The same, if it will do. ConfigError."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(
            f"a password has at least {SHORTEST} characters and at most {LONGEST}: "
            "three or four words that nobody would guess together are good"
        )
    return password


def hashed(password: str) -> str:
    """What is kept of it. Takes a good part of a second on a small machine, and 19 MiB."""
    salt = secrets.token_bytes(16)
    made = _argon2(salt).derive_phc_encoded(_bytes(password))
    return made if isinstance(made, str) else str(made)


def matches(password: str, kept: str) -> bool:
    """Is it the one that was hashed? As slow as `hashed`, whatever comes out."""
    if len(password) > LONGEST:
        password = ""
    try:
        Argon2id.verify_phc_encoded(_bytes(password), kept)
    except InvalidKey:
        return False
    return True


def _bytes(password: str) -> bytes:
    """However a keyboard composes an accent, it is the same password."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _argon2(salt: bytes) -> Argon2id:
    try:
        return Argon2id(salt=salt, length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY)
    except UnsupportedAlgorithm as error:
        raise ConfigError(
            "this machine's OpenSSL has no Argon2id, so no password can be kept: it needs 3.2 or "
            "newer, which the wheels of `cryptography` bring along"
        ) from error
