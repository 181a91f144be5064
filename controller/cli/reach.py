"""How commands reach what they are about: the configuration, the files, the two processes."""

import os
import pwd
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from controller.errors import ConfigError, NotRunning, nobody_listens
from controller.files import cache_of, clock_of, journal_of, key_of

ENROLMENT = 120.0  # seconds between two answers: somebody else's enrolment may come first

if TYPE_CHECKING:
    from controller.config import Config
    from sync.office import Office

__all__ = [
    "as_the_services",
    "ask_controller",
    "ask_sync",
    "cache_of",
    "clock_of",
    "configured",
    "journal_of",
    "key_of",
    "known_door",
    "nobody_listens",
    "office_of",
    "own_name",
]


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
    then: "Callable[[Office], object]" = lambda _: None,
    *,
    say: Callable[[dict[str, Any]], None] = lambda _: None,
    within: float | None = 60.0,
    **what: object,
) -> dict[str, Any]:
    """One command of sync.sock; if `syncd` does not run done here, and `then` what it does next.

    `say` hears what is said meanwhile; `within`: seconds for each answer. Raises `DoorwardError`.
    """
    from controller.control import converse

    request = {"do": do, **what}
    try:
        for answer in converse(configured(context).run / "sync.sock", request, timeout=within):
            if answer.get("ok"):
                return answer
            say(answer)
    except NotRunning as error:
        if not nobody_listens(error):
            raise
    from sync.commands import SyncCommands

    with office_of(context) as office:
        answer = SyncCommands(office).table()[do](request, own_name(), say)
        then(office)
        return answer


@contextmanager
def office_of(context: click.Context) -> Iterator["Office"]:
    """What `syncd` works with, to do its work while it does not run. Raises `DoorwardError`."""
    from controller.config import load
    from controller.logs import configure
    from sync.office import Office
    from sync.platforms import PLATFORMS

    configure("doorward", "critical")
    config = load(context.obj.path, platforms=PLATFORMS)
    as_the_services(config)
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


def as_the_services(config: "Config") -> None:
    """What root makes here the services could not write; they would stop working."""
    if os.geteuid() == 0 and config.data.exists() and (owner := config.data.stat().st_uid):
        who = _user(owner)
        raise ConfigError(
            f"syncd is not running, and {config.data} belongs to {who}: start it, "
            f"or do this as that user: sudo -u {who} doorward …"
        )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
