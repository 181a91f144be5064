"""The local list of people who must get in even when everything else is lost.

The controller reads it itself, from the operator's file into a small cache of its own, so that it
holds without `sync`, without a platform and without cache.db.
"""

from pathlib import Path

from controller.config import Config, Stanza
from controller.config_types import Around
from controller.errors import ConfigError
from sync.platform import Surroundings
from sync.platforms.file import FilePlatform
from sync.platforms.file_entries import FileSettings
from sync.staging import Roll, Staging


class Keyholders:
    """Keeps `target` like the configured lists; `refresh` when they may have changed."""

    def __init__(self, config: Config, target: Path, key: bytes, around: Surroundings) -> None:
        """Raises ConfigError if the stanza of a list is wrong."""
        self.target, self._key, self._around = target, key, around
        self._sources = {
            name: _settings(name, stanza, config.path.parent)
            for name, stanza in config.platforms.items()
            if is_keyholders(stanza)
        }
        self._seen: dict[str, tuple[int, int]] = {}

    def refresh(self) -> list[str]:
        """Read what changed; returns the names of the lists read anew.

        Raises ConfigError for a bad file: what was read of it before stays in force.
        """
        done = []
        for name, settings in self._sources.items():
            stamp = _stamp(settings.path)
            if self._seen.get(name) != stamp:
                self._seen[name] = stamp
                self._read(name, settings)
                done.append(name)
        return done

    def _read(self, name: str, settings: FileSettings) -> None:
        staging = Staging(self.target, self._key, name, checks_in=False)
        try:
            FilePlatform(name, settings, self._around).fetch(staging, lambda *_: None)
            now = self._around.clock.wall()
            changes = staging.changes(now)
            staging.apply(changes, Roll(name, now, "", 0, settings.day_ends, keyholders=True))
        finally:
            staging.close()


def is_keyholders(stanza: Stanza) -> bool:
    """Is this stanza, validated or not, a list of keyholders?"""
    settings = stanza.settings
    if isinstance(settings, dict):
        return stanza.kind == "file" and settings.get("keyholders") is True
    return bool(getattr(settings, "keyholders", False))


def _settings(name: str, stanza: Stanza, here: Path) -> FileSettings:
    if isinstance(stanza.settings, FileSettings):
        return stanza.settings
    try:
        return FileSettings.model_validate(stanza.settings, context=Around(here))
    except ValueError as error:
        raise ConfigError(f"platforms.{name}: {error}") from error


def _stamp(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError:
        return (0, 0)
    return (state.st_mtime_ns, state.st_size)
