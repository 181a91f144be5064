"""The files of a configuration, read-only: what the CLI and the console look into.

What reads them is imported when it is used: a command that needs none of it starts sooner.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from controller.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from controller.cache import Cache
    from controller.config import Config
    from controller.journal_read import JournalReader
    from controller.ports import Clock


def clock_of(config: "Config") -> "Clock":
    """The clock that the processes of this configuration go by."""
    from controller.clock import configured_clock
    from controller.journal_read import newest_wall

    return configured_clock(config, lambda: newest_wall(config.data / "journal.db"))


@contextmanager
def journal_of(config: "Config") -> Iterator["JournalReader"]:
    """The journal; StoreError if there is none yet."""
    from controller.journal_read import JournalReader

    path = config.data / "journal.db"
    if config.data.exists() and not os.access(config.data, os.X_OK):
        raise StoreError(f"{path} is not for you to read; type: sudo -u doorward doorward …")
    if not path.exists():
        raise StoreError(
            f"{path} is missing: nothing has happened at these doors yet; it is made when "
            "`doorward controller` first starts. Is this the right configuration?"
        )
    with closing(JournalReader(path)) as reader:
        yield reader


@contextmanager
def cache_of(config: "Config") -> Iterator["Cache"]:
    """What the platforms say of people; its methods raise StoreError if there is none yet."""
    from controller.cache import Cache

    with closing(Cache(config.data / "cache.db")) as cache:
        yield cache


def key_of(config: "Config") -> bytes:
    """The device key, which this never makes; ConfigError if there is none or it is not ours."""
    from controller.secrets import KEY_NAME, device_key

    path = config.data / KEY_NAME
    if os.access(config.data, os.X_OK) and not path.exists():
        raise ConfigError(
            f"{path} is missing, so nobody can be found by a card; it is made when "
            "`doorward controller` or `doorward syncd` first starts"
        )
    if not os.access(path, os.R_OK):
        raise ConfigError(
            f"{path} is not for you to read, and without it no card and no PIN can be worked out; "
            "do this as the user that the services run as: sudo -u doorward doorward …"
        )
    return device_key(config.data)
