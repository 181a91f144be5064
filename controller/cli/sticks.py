"""Sticks: where they are found, and one called DOORSETUP at hand though nobody mounts it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from controller.cli.output import plain
from controller.cli.programs import call

PLACES = ("media/*", "media/*/*", "run/media/*/*", "mnt", "run/doorward-setup")
_LABELLED = Path("/dev/disk/by-label/DOORSETUP")
_MOUNTED = Path("/run/doorward-setup")


@contextmanager
def labelled_stick(root: Path) -> Iterator[None]:
    """A stick called DOORSETUP is at hand meanwhile, if there is one."""
    if root != Path("/") or not _LABELLED.exists():
        yield
        return
    _MOUNTED.mkdir(mode=0o700, exist_ok=True)
    if why := call(("mount", "-o", "nosuid,nodev,noexec,sync", _LABELLED, _MOUNTED)):
        click.echo(plain(f"{_LABELLED}: {why}"), err=True)
    try:
        yield
    finally:
        call(("umount", _MOUNTED))
