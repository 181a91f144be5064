"""Keeping the release in force: its files beside, to run, and packed, to go back to."""

import shutil
from pathlib import Path

from controller.cli.upgrade_dpkg import Dpkg
from controller.cli.upgrade_place import PROGRAM, Place


def keep(place: Place, dpkg: Dpkg) -> None:
    """Made from what is installed, so that it is as it is. Raises `ReleaseError`, OSError."""
    tree = place.before
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(mode=0o755)
    for path in dpkg.files():
        _keep(place.root / path.relative_to("/"), tree / path.relative_to("/"))
    for name, text in dpkg.control().items():
        _script(tree / "DEBIAN" / name, text)
    dpkg.pack(tree, place.old_deb)
    _keep_compiled(place.root / PROGRAM, tree / PROGRAM)


def _keep(source: Path, target: Path) -> None:
    """What was left out when it was installed, such as documents, is left out."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(exist_ok=True)
        shutil.copystat(source, target)
    elif source.exists():
        shutil.copy2(source, target)


def _keep_compiled(source: Path, target: Path) -> None:
    """What it starts sooner with: made where it was installed, and no part of the package."""
    for folder in source.rglob("__pycache__"):
        beside = target / folder.relative_to(source)
        if beside.parent.is_dir() and not folder.is_symlink():
            shutil.copytree(folder, beside, dirs_exist_ok=True)


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True, mode=0o755)
    path.write_text(text)
    runs = path.name in {"preinst", "postinst", "prerm", "postrm"}
    path.chmod(0o755 if runs else 0o644)
