"""How commands reach what they are about: the configuration, the files, the two processes."""

import os
import pwd
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from controller.errors import ConfigError, DoorwardError, NotRunning, StoreError

if TYPE_CHECKING:
    from controller.cache import Cache
    from controller.config import Config
    from controller.journal_read import JournalReader
    from controller.ports import Clock
    from sync.office import Office


def configured(context: click.Context) -> "Config":
    """The configuration, its devices and platforms unchecked: what a command needs, and quickly."""
    from controller.config import load

    config: Config = load(context.obj.path)
    return config


def known_door(config: "Config", name: str) -> str:
    """`name` if there is such a door; UsageError."""
    if name not in config.doors:
        from controller.config_errors import meant

        raise click.UsageError(f"there is no door {name!r}{meant(name, config.doors)}")
    return name


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
    if not os.access(config.data, os.X_OK) and config.data.exists():
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


def ask_controller(config: "Config", do: str, **what: object) -> dict[str, Any]:
    """One request to the controller. Raises `NotRunning` or `Refused`."""
    from controller.control import ask

    return ask(config.run / "door.sock", {"do": do, **what})


def ask_sync(config: "Config", do: str, **what: object) -> dict[str, Any]:
    """One request to `syncd`. Raises `NotRunning` or `Refused`."""
    from controller.control import ask

    return ask(config.run / "sync.sock", {"do": do, **what}, timeout=60.0)


def asked_of_sync(
    context: click.Context,
    do: str,
    then: "Callable[[Office], object] | None" = None,
    **what: object,
) -> dict[str, Any]:
    """The same; or done by ourselves if `syncd` does not run, and `then` what it would do next."""
    try:
        return ask_sync(configured(context), do, **what)
    except NotRunning as error:
        if not nobody_listens(error):
            raise
    from sync.commands import SyncCommands

    with office_of(context) as office:
        answer = SyncCommands(office).table()[do]({"do": do, **what}, own_name(), lambda _: None)
        if then:
            then(office)
        return answer


def nobody_listens(error: DoorwardError) -> bool:
    """Does the process not run, rather than not answer, or not answer us?"""
    cause = error.__cause__
    return isinstance(error, NotRunning) and isinstance(
        cause, FileNotFoundError | ConnectionRefusedError
    )


def sync_does(context: click.Context, config: "Config", do: str, **what: object) -> dict[str, Any]:
    """One request to `syncd`; while it does not run, done here in its place."""
    try:
        return ask_sync(config, do, **what)
    except NotRunning as error:
        if not nobody_listens(error):
            raise
    from sync.commands import SyncCommands

    with office_of(context) as office:
        return SyncCommands(office).table()[do](what, own_name(), lambda _: None)


@contextmanager
def office_of(context: click.Context) -> Iterator["Office"]:
    """What `syncd` works with, to do its work while it does not run. Raises `DoorwardError`."""
    from controller.config import load
    from controller.logs import configure
    from sync.office import Office
    from sync.platforms import PLATFORMS

    configure("doorward", "critical")
    config = load(context.obj.path, platforms=PLATFORMS)
    _as_the_services(config)
    try:
        office = Office(config, threading.Event())
    except OSError as error:
        raise ConfigError(
            f"{config.data} and {config.run} must be writable to sync ({error.strerror}: "
            f"{error.filename}); do this as the user that the services run as, "
            "or start `doorward syncd`"
        ) from error
    with closing(office):
        yield office


def own_name() -> str:
    """Who types this."""
    return _user(os.getuid())


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _as_the_services(config: "Config") -> None:
    """What root makes here the services could not write; they would stop working."""
    if os.geteuid() == 0 and config.data.exists() and (owner := config.data.stat().st_uid):
        who = _user(owner)
        raise ConfigError(
            f"syncd is not running, and {config.data} belongs to {who}: start it, "
            f"or do this as that user: sudo -u {who} doorward …"
        )
