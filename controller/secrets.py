"""Secrets on disk: the device key that this program makes, and those that the installer brings."""

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from controller.config import SecretRef
from controller.errors import ConfigError

KEY_NAME = "device.key"
KEY_BYTES = 32
MACHINE_NAME = "device.machine"  # beside the key: on which machine it is at home
_MACHINE_ID = Path("/etc/machine-id")
LONGEST = 65536  # bytes of a secret file; more is not a secret but a mistake


def device_key(data_dir: Path) -> bytes:
    """The key of all hashes and visitors' PINs on this machine; made if there is none yet.

    Processes that start together agree on one. A key that is damaged or open to others is refused
    and never replaced: every stored card would be lost with it.
    """
    path = data_dir / KEY_NAME
    try:
        if not path.exists():
            _make(path)
        key = _read_key(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: the device key cannot be read or made ({error.strerror}); "
            f"check that {data_dir} exists and belongs to the user this program runs as"
        ) from error
    _remember_machine(data_dir)
    return key


def came_from_elsewhere(data_dir: Path) -> bool:
    """Was the device key made on another machine, as that of a copied card was?"""
    try:
        home = (data_dir / MACHINE_NAME).read_text("ascii").strip()
    except (OSError, ValueError):
        return False
    return bool(home) and _this_machine() not in ("", home)


def read_secret(ref: SecretRef) -> str:
    """The secret itself, without the line end; ConfigError says what to do if there is none."""
    path = _place(ref)
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST + 1).decode("utf-8").strip()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such secret file; {_remedy(ref)}") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: the secret cannot be read ({error.strerror}); "
            "give the file to the user this program runs as"
        ) from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: the secret is not text; {_remedy(ref)}") from None
    if not text or len(text) > LONGEST or not text.isprintable():
        raise ConfigError(f"{path}: holds not one line with a secret; {_remedy(ref)}")
    return text


def lax(ref: SecretRef) -> str:
    """What is careless about a secret that can be read all the same; empty if nothing is."""
    if not ref.file or not stat.S_IMODE(ref.file.stat().st_mode) & 0o007:
        return ""
    return f"{ref.file}: every user of this machine may read it; type: chmod 600 {ref.file}"


def _remember_machine(data_dir: Path) -> None:
    """Once. Whoever may not write there leaves it to the services."""
    path = data_dir / MACHINE_NAME
    if path.exists() or not (machine := _this_machine()):
        return
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o640), "w") as file:
            give_to_owner_of(data_dir, file.fileno())
            file.write(f"{machine}\n")


def _this_machine() -> str:
    """Derived from the machine's id, which is not to be told (machine-id(5)); "" if it has none."""
    try:
        told = _MACHINE_ID.read_bytes().strip()
    except OSError:
        return ""
    return hashlib.sha256(b"doorward " + told).hexdigest()[:32] if told else ""


def _make(path: Path) -> None:
    """Written whole under another name first, then linked: whoever comes second finds it done."""
    fresh = path.with_name(f".{KEY_NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            give_to_owner_of(path.parent, file.fileno())
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        _link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    _sync_directory(path.parent)


def give_to_owner_of(directory: Path, descriptor: int) -> None:
    """A command typed by root must not make a key that the service cannot read."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _link(fresh: Path, path: Path) -> None:
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_key(path: Path) -> bytes:
    with path.open("rb") as file:
        _refuse_open_to_others(path, os.fstat(file.fileno()).st_mode)
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"{path}: the device key is damaged (it has not {KEY_BYTES} bytes); restore it from a "
            "backup, or delete it together with cache.db and sync again: visitors' PINs change"
        )
    return key


def _refuse_open_to_others(path: Path, mode: int) -> None:
    if mode & 0o077:
        raise ConfigError(
            f"{path}: others than its owner may use it (mode {stat.S_IMODE(mode):04o}); "
            f"type: chmod 600 {path}"
        )


def _place(ref: SecretRef) -> Path:
    if ref.file:
        return ref.file
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise ConfigError(
            f"systemd credential {ref.credential!r}: $CREDENTIALS_DIRECTORY is not set, so there "
            "are none; start the program by its systemd unit, or name a file instead"
        )
    return Path(directory) / str(ref.credential)


def _remedy(ref: SecretRef) -> str:
    if ref.made_by:
        return f"it is made by: {ref.made_by}"
    if ref.file:
        return "put the secret into it, alone on one line, with mode 0600"
    return f"add LoadCredential={ref.credential}:/path/to/secret to the unit"
