"""Deleting what a machine knows: the device key first, for without it every hash is worthless."""

import glob
import os
import re
import shutil
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from controller.backup import named_files, sync_directory
from controller.config import Config
from controller.errors import StoreError
from controller.secrets import KEY_NAME

# In the directories of data and sockets, where other things may lie that are not ours.
_OURS = re.compile(
    r"\.?device\.key|sync\.lock|(cache|desk|inbox|journal|keyholders)\.db|[\w-]+\.token$"
    r"|\.backup-|(door|sync)\.sock$"
)
_HARMLESS = ("certificate", "template")  # last word of keys whose files tell nobody anything


def found(config: Config) -> list[Path]:
    """All that is to be deleted, the device key first. Raises `StoreError`."""
    try:
        raw = tomllib.loads(config.path.read_text("utf-8"))
        named = [
            path
            for key, path in named_files(raw, config.path.parent)
            if not key.endswith(_HARMLESS)
        ]
        inside = [
            path
            for directory in (config.data, config.run)
            if directory.is_dir()
            for path in sorted(directory.iterdir())
            if _OURS.match(path.name)
        ]
        before = [each for path in (config.data, *named) for each in _set_aside(path)]
    except OSError as error:
        raise StoreError(f"nothing was deleted: {error.filename}: {error.strerror}") from error
    key = config.data / KEY_NAME
    keys = [path for path in (key, *(each / KEY_NAME for each in before)) if path.exists()]
    return list(dict.fromkeys([*keys, *inside, *named, *before]))


def wipe_all(paths: Iterable[Path]) -> None:
    """Delete these in order; each is overwritten first. Raises `StoreError`."""
    for path in paths:
        try:
            _gone(path)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be deleted ({error.strerror}); what stood before it in the list is "
                "gone. Do it as root: sudo doorward wipe"
            ) from error


def _set_aside(path: Path) -> list[Path]:
    """What restores left beside it."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.before-restore-*"))


def _gone(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for each in path.iterdir():
            _gone(each)
        shutil.rmtree(path)
        return
    if path.is_file() and not path.is_symlink():
        _overwrite(path)
    path.unlink(missing_ok=True)
    with suppress(OSError):
        sync_directory(path.parent)


def _overwrite(path: Path) -> None:
    left = path.stat().st_size
    with path.open("r+b", buffering=0) as file:
        while left > 0:
            left -= file.write(os.urandom(min(left, 1 << 20)))
        os.fsync(file.fileno())
