"""The card or disk, a copy of the image, larger than it, looked at from outside; and a stick."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from release.image.partitions import MIB, Layout

SIZE = 4 << 30  # an emulated SD card has to have a power of two
_STICK = 64  # MiB
_HURT = 4096  # bytes


class Card:
    """A file with a copy of an image; what is on it is never mounted here."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self._layout = path, layout
        self._boot = f"{path}@@{layout.offset('DOORBOOT')}"

    def written_with(self, image: Path) -> None:
        """As a technician would write it to a new card."""
        self.path.unlink(missing_ok=True)
        _run("cp", "--sparse=always", image, self.path)
        os.truncate(self.path, SIZE)

    def put(self, name: str, content: str) -> None:
        """Lay a file on the boot partition."""
        fresh = self.path.with_suffix(".put")
        fresh.write_text(content)
        _run("mcopy", "-o", "-i", self._boot, fresh, f"::{name}")
        fresh.unlink()

    def names(self) -> list[str]:
        """Of what lies on the boot partition."""
        lines = _run("mdir", "-b", "-i", self._boot, "::").splitlines()
        return [line.removeprefix("::/") for line in lines]

    def text(self, name: str) -> str:
        return _run("mtype", "-i", self._boot, f"::{name}") if name in self.names() else ""

    def take(self, pattern: str, folder: Path) -> Path:
        """A copy of the one file of that name, the newest if there are several."""
        name = sorted(each for each in self.names() if Path(each).match(pattern))[-1]
        _run("mcopy", "-o", "-i", self._boot, f"::{name}", folder / name)
        return folder / name

    def holds(self, secret: str) -> bool:
        """Is it anywhere on the boot partition, deleted or not?"""
        size = next(part.mib for part in self._layout.parts if part.label == "DOORBOOT") * MIB
        with self.path.open("rb") as file:
            file.seek(self._layout.offset("DOORBOOT"))
            return secret.encode() in file.read(size)

    def hurt_data(self) -> None:
        """The data partition's first blocks, and so its first superblock, read as zeros."""
        start = self._layout.offset("doordata")
        _run("fallocate", "-p", "-o", start, "-l", _HURT, self.path)

    def lose_data(self) -> None:
        """What a dying card does, all at once: the data partition reads as nothing but zeros."""
        start = self._layout.offset("doordata")
        _run("fallocate", "-p", "-o", start, "-l", SIZE - start - MIB, self.path)


def stick(path: Path, label: str, files: Mapping[str, Path]) -> Path:
    """A USB stick's content: those files by the names they have there."""
    path.unlink(missing_ok=True)
    path.touch()
    os.truncate(path, _STICK * MIB)
    _run("mkfs.vfat", "-n", label, path)
    for name, source in files.items():
        _run("mcopy", "-i", path, source, f"::{name}")
    return path


def _run(*command: str | Path | int) -> str:
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
