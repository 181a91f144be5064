"""Applying a setup file: all of it or nothing, then its secrets are wiped where it lay.

FAT cannot promise that what is overwritten is gone: a card or stick may keep the old block where
no program sees it. What was on it in clear text counts as told to whoever holds it.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from controller.cli.provision_file import CONFIG, ETC, NAME, SetupFile, checked_in, read
from controller.cli.provision_machine import problems, steps
from controller.config import Config
from controller.errors import ConfigError

ERRORS = "doorward-setup-errors.txt"
DONE = "doorward-setup-done.txt"
PARTITIONS = ("boot/firmware", "boot")
STICKS = ("media/*", "media/*/*", "run/media/*/*", "run/doorward-setup")
UNITS = ("doorward-sync.service", "doorward-controller.service")


class Applied(NamedTuple):
    """What was done, without secrets; what is to be typed for it to take effect now."""

    said: Sequence[str]
    then: Sequence[tuple[str, ...]]


def found_files(root: Path) -> list[Path]:
    """Setup files on the boot partition; on a stick only while there is no configuration.

    A machine at work obeys no stick: whoever reaches a socket of it would have the door.
    """
    patterns = PARTITIONS if (root / _below(ETC) / CONFIG).exists() else (*PARTITIONS, *STICKS)
    found = [file for each in patterns for file in sorted(root.glob(f"{each}/{NAME}"))]
    return list({file.resolve(): file for file in found if file.is_file()}.values())


def apply(path: Path, root: Path, now: float) -> Applied:
    """`now` in unix seconds. ConfigError: nothing was changed, and the reasons lie beside it."""
    try:
        with _writable(path):
            found, staged = read(path), root / _below(ETC) / ".setup"
            with _staging(staged):
                config = _all_checked(found, staged, root)
                said, then = _put_in_place(found, staged, root, now)
    except ConfigError as error:
        _tell_errors(path, error)
        raise ConfigError([f"{path}: {each}" for each in error.problems]) from error
    said = [*said, *_summary(config, found)]
    _wipe(path)
    path.with_name(ERRORS).unlink(missing_ok=True)
    _tell_done(path, said, now)
    return Applied(said, then)


def refuse_several(paths: Sequence[Path]) -> None:
    """ConfigError beside each, for nobody could say which counts."""
    there = " and ".join(map(str, paths))
    error = ConfigError(f"there are several: {there}; leave one and delete the others")
    for path in paths:
        _tell_errors(path, error)
    raise error


def _all_checked(found: SetupFile, staged: Path, root: Path) -> Config | None:
    lacking = list(problems(found.machine, root))
    try:
        config = checked_in(staged, staged.parent, found)
    except ConfigError as error:
        raise ConfigError([*lacking, *error.problems]) from None
    if lacking:
        raise ConfigError(lacking)
    return config


def _put_in_place(
    found: SetupFile, staged: Path, root: Path, now: float
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Secrets first, the configuration that names them last."""
    said: list[str] = []
    then: list[tuple[str, ...]] = []
    etc = staged.parent
    try:
        for step in steps(found.machine, root):
            said.append(step.said)
            then += step.then
        for name in found.machine.secrets:
            (staged / name).replace(etc / name)
            said.append(f"secret: {ETC / name}")
        if found.config:
            if old := keep_aside(etc / CONFIG, now):
                said.append(f"what was in force before: {ETC / old.name}")
            said.append(f"configuration: {ETC / CONFIG}")
            (staged / CONFIG).replace(etc / CONFIG)
            then.append(("systemctl", "--no-block", "restart", *UNITS))
        _flush(etc)
    except OSError as error:
        raise ConfigError(
            f"this machine could not be written to ({error.filename}: {error.strerror}); done so "
            f"far: {', '.join(said) or 'nothing'}. Look at its disk, and start it again"
        ) from error
    return said, then


def keep_aside(config: Path, now: float) -> Path | None:
    """A copy of the configuration in force under another name; None if there is none."""
    if not config.exists():
        return None
    old = config.with_name(f"{config.name}.{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")
    shutil.copy2(config, old)
    return old


@contextmanager
def _staging(staged: Path) -> Iterator[None]:
    """A folder for the services' group, as the one above it is."""
    try:
        staged.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(mode=0o700)
        _for_services(staged)
    except OSError as error:
        raise ConfigError(
            f"{staged.parent} cannot be written to ({error.strerror}); do this as root: sudo …"
        ) from error
    try:
        yield
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _for_services(folder: Path) -> None:
    """Files made in it belong to the group of the folder above (set-group-ID)."""
    if os.geteuid() == 0:
        os.chown(folder, -1, folder.parent.stat().st_gid)
        folder.chmod(0o2700)


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """ConfigError before anything is done if its secrets could not be wiped afterwards."""
    try:
        with path.open("r+b"):
            pass
    except OSError as error:
        raise ConfigError(
            f"cannot be written to ({error.strerror}), so its secrets could not be wiped; take "
            "off the write protection"
        ) from error
    yield


def _wipe(path: Path) -> None:
    """Overwritten where it lies, then deleted."""
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(b"\n" * length)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    _flush(path.parent)


def _tell_errors(path: Path, error: ConfigError) -> None:
    lines = [f"{number}. {each}" for number, each in enumerate(error.problems, 1)]
    head = (
        f"{NAME} was not applied; what is not named below was not changed.",
        "Correct this in it, and start the machine again:",
        "",
    )
    with suppress(OSError):  # a protected stick; the log says it too
        path.with_name(DONE).unlink(missing_ok=True)
        _written(path.with_name(ERRORS), [*head, *lines])


def _tell_done(path: Path, said: Sequence[str], now: float) -> None:
    at = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M UTC}"
    head = f"{NAME} was applied at {at} and deleted. Put a new one here to change something."
    with suppress(OSError):
        _written(path.with_name(DONE), [head, "", *said])


def _written(path: Path, lines: Sequence[str]) -> None:
    """Read on any laptop, an old Windows included."""
    path.write_text("\r\n".join("\n".join(lines).splitlines()) + "\r\n", encoding="utf-8")
    _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _summary(config: Config | None, found: SetupFile) -> Iterator[str]:
    """A secret that nothing names is most often a slip of the pen."""
    if config is None:
        yield "no configuration was in it; next: doorward setup"
        return
    yield f"doors: {', '.join(config.doors)}; platforms: {', '.join(config.platforms) or 'none'}"
    for name in found.machine.secrets:
        if name not in found.text:
            yield f"to know: nothing in the configuration names the secret {name}"


def _below(path: Path) -> Path:
    return path.relative_to("/")
