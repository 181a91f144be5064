"""`python -m release.sign`: makes the maintainers' keys, and signs packages with them.

Keys and signatures are minisign's, so that minisign can be used instead. The private key is never
kept in the tree; its passphrase, if it has one, is asked for on the terminal.
"""

import argparse
import base64
import getpass
import hashlib
import hmac
import os
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.minisign import KEY, PREHASHED, TRUSTED, UNTRUSTED, shown

ROOT = Path(__file__).parent.parent
KEYS = ROOT / "release" / "keys"
_SCRYPT, _PLAIN, _CHECKSUM = b"Sc", b"\0\0", b"B2"
# What libsodium reckons with: operations, and bytes; both stand in the key file.
_OPERATIONS, _MEMORY = 1 << 24, 1 << 27


class SignError(Exception):
    """What is to be said to whoever signs."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """`seed`: RFC 8032's private key."""

    id: bytes
    seed: bytes

    @property
    def signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public(self) -> bytes:
        return self.signer.public_key().public_bytes_raw()


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m release.sign", description=__doc__)
    words.add_argument("files", nargs="*", type=Path, help="packages; or new-key")
    words.add_argument("--key", type=Path, required=True, help="the private key's file")
    words.add_argument("--name", default="doorward", help="of a new key: release/keys/NAME.pub")
    words.add_argument("--no-passphrase", action="store_true", help="of a new key")
    asked = words.parse_args()
    try:
        if [str(file) for file in asked.files] == ["new-key"]:
            passphrase = "" if asked.no_passphrase else _new_passphrase()
            print(new_key(asked.key, KEYS / f"{asked.name}.pub", passphrase))
            return 0
        key = secret_key(asked.key, lambda: getpass.getpass("Passphrase of the key: "))
        for file in asked.files:
            print(sign(file, key, time.time()))
    except (SignError, OSError) as error:
        print(f"release.sign: {error}", file=sys.stderr)
        return 1
    return 0


def new_key(secret: Path, public: Path, passphrase: str = "") -> Path:
    """Both files; never over others. Returns the public one's path."""
    if secret.resolve().is_relative_to(ROOT):
        raise SignError(f"{secret} lies in the tree, where it would be committed one day")
    for path in (secret, public):
        if path.exists():
            raise SignError(f"{path} is there already, and is left as it is")
    made = SecretKey(os.urandom(8), os.urandom(32))
    public.parent.mkdir(parents=True, exist_ok=True)
    comment = f"{UNTRUSTED}doorward release key {shown(made.id)}"
    with os.fdopen(os.open(secret, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(f"{comment}, secret\n{_base64(_sealed(made, passphrase))}\n")
    public.write_text(f"{comment}\n{_base64(KEY + made.id + made.public)}\n")
    return public


def secret_key(path: Path, passphrase: Callable[[], str]) -> SecretKey:
    """Of minisign's own too; `passphrase` is called if there is one. Raises `SignError`."""
    try:
        raw = base64.b64decode(path.read_text().splitlines()[1], validate=True)
    except (IndexError, ValueError) as error:
        raise SignError(f"{path} is no private key of minisign's kind") from error
    if len(raw) != 158 or raw[:2] != KEY:
        raise SignError(f"{path} is no private key of minisign's kind")
    operations, memory = struct.unpack("<QQ", raw[38:54])
    hidden = raw[54:]
    if raw[2:4] == _SCRYPT:
        stream = _stretched(passphrase().encode(), raw[6:38], operations, memory)
        hidden = bytes(a ^ b for a, b in zip(hidden, stream, strict=True))
        if not hmac.compare_digest(_sum(hidden[:72]), hidden[72:]):
            raise SignError(f"that is not the passphrase of {path}")
    return SecretKey(hidden[:8], hidden[8:40])


def sign(file: Path, key: SecretKey, now: float) -> Path:
    """FILE.minisig beside it, whose path it returns; `now` in unix seconds."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, hashlib.blake2b).digest()
    signature = key.signer.sign(digest)
    comment = f"timestamp:{int(now)}\tfile:{file.name}\thashed"
    overall = key.signer.sign(signature + comment.encode())
    target = file.with_name(f"{file.name}.minisig")
    target.write_text(
        f"{UNTRUSTED}signature by doorward release key {shown(key.id)}\n"
        f"{_base64(PREHASHED + key.id + signature)}\n{TRUSTED}{comment}\n{_base64(overall)}\n"
    )
    return target


def _sealed(key: SecretKey, passphrase: str) -> bytes:
    whole = key.id + key.seed + key.public
    hidden, salt = whole + _sum(whole), os.urandom(32)
    if passphrase:
        stream = _stretched(passphrase.encode(), salt, _OPERATIONS, _MEMORY)
        hidden = bytes(a ^ b for a, b in zip(hidden, stream, strict=True))
    kind, numbers = (_SCRYPT, (_OPERATIONS, _MEMORY)) if passphrase else (_PLAIN, (0, 0))
    return KEY + kind + _CHECKSUM + salt + struct.pack("<QQ", *numbers) + hidden


def _sum(whole: bytes) -> bytes:
    """Of the id and the secret and public key."""
    return hashlib.blake2b(KEY + whole, digest_size=32).digest()


def _stretched(passphrase: bytes, salt: bytes, operations: int, memory: int) -> bytes:
    """104 bytes by scrypt, with parameters chosen as crypto_pwhash_scryptsalsa208sha256 does."""
    operations, r, p = max(operations, 32768), 8, 1
    largest = operations // (r * 4) if operations < memory // 32 else memory // (r * 128)
    power = next(n for n in range(1, 64) if 1 << n > largest // 2)
    if operations >= memory // 32:
        p = min(operations // 4 >> power, 0x3FFFFFFF) // r
    room = 128 * r * ((1 << power) + p + 4)  # bytes
    return hashlib.scrypt(passphrase, salt=salt, n=1 << power, r=r, p=p, maxmem=room, dklen=104)


def _new_passphrase() -> str:
    first = getpass.getpass("Passphrase for the new key: ")
    if not first or first != getpass.getpass("Once more: "):
        raise SignError("the two differ or are empty; for none pass --no-passphrase")
    return first


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


if __name__ == "__main__":
    sys.exit(main())
