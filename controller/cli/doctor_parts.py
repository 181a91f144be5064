"""What `doorward doctor` looks at, in order; each part goes on though another fails."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.doctor_asked import controller_says, locks_clicked, sync_says
from controller.cli.doctor_files import databases, disk
from controller.cli.doctor_finding import Finding, bad, good, unsure
from controller.cli.doctor_machine import certificate, clock, units, versions
from controller.errors import ConfigError, DoorwardError

if TYPE_CHECKING:
    from controller.config import Config


def examined(context: click.Context, *, deep: bool, relays: bool, yes: bool) -> Iterator[Finding]:
    """Each finding as soon as it is there."""
    config, problems = whole(context)
    yield from problems
    yield from units()
    if config is None:
        yield unsure(
            "everything else",
            "where databases and sockets are stands in the configuration",
            "put the configuration right, then doorward doctor again",
        )
        return
    from controller.overview import gather

    try:
        found = gather(config)
    except (DoorwardError, OSError) as error:
        yield bad("everything else", str(error), "sudo -u doorward doorward doctor")
        return
    for part in _parts(config, found, deep=deep):
        yield from _whatever_happens(part)
    if relays:
        yield from locks_clicked(config, found, yes=yes)


def whole(context: click.Context) -> "tuple[Config | None, list[Finding]]":
    """The configuration, unchecked devices and platforms if these are wrong; and its findings."""
    from controller.config import load
    from hw import TABLES
    from sync.platforms import PLATFORMS

    try:
        config = load(context.obj.path, TABLES, PLATFORMS)
    except ConfigError as error:
        problems = [bad("configuration", each, "doorward config check") for each in error.problems]
        try:
            return load(context.obj.path), problems
        except ConfigError:
            return None, problems
    told = [good("configuration", f"{config.path}: in order")]
    told += [unsure("configuration", f"warning: {each}") for each in config.warnings()]
    return config, [*told, *_secrets(config)]


def _parts(
    config: "Config", found: dict[str, Any], *, deep: bool
) -> Iterator[Callable[[], Iterable[Finding]]]:
    yield lambda: controller_says(config, found)
    yield lambda: clock(config, found)
    yield lambda: disk(config)
    yield lambda: databases(config, deep=deep)
    yield lambda: certificate(config, found["clock"]["wall"])
    yield lambda: versions(found)
    yield lambda: sync_says(config, found)


def _whatever_happens(part: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from part()
    except Exception as error:  # noqa: BLE001 - one that stumbles must not hide the others
        said = f"could not be finished: {type(error).__name__}: {error}"
        yield unsure("doctor", said, "please report this")


def _secrets(config: "Config") -> Iterator[Finding]:
    from controller.secrets import lax, read_secret

    wrong = 0
    for where, ref in config.secrets():
        if ref.credential:
            yield unsure(where, f"{ref}: seen by the service alone")
            continue
        assert ref.file
        try:
            read_secret(ref)
            careless = lax(ref)
        except ConfigError as error:
            wrong += 1
            yield _unread(where, ref.file, error)
            continue
        if careless:
            wrong += 1
            yield bad(where, careless, f"chmod 600 {ref.file}")
    if not wrong:
        yield good("secrets", "every file is there and for its owner alone")


def _unread(where: str, path: Path, error: ConfigError) -> Finding:
    if isinstance(error.__cause__, PermissionError):
        return unsure(where, f"{path} is not for you to read", "sudo -u doorward doorward doctor")
    return bad(where, str(error), "doorward config check")
