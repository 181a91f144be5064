"""A disk that loses its power: what was done to its files, and what may be left of it.

Everything synced survives. Of what was written since, each piece of 512 or 4096 bytes survives, is
lost, or is torn; a file may have grown without its bytes. Files created, deleted and renamed since
their folder was synced may be so or not. Bytes that nobody wrote to stay (SQLite calls that
"powersafe overwrite", and relies on it). Which of it comes true is for a random number to say.
"""

import random
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.tapped import OK


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was promised, or left the machine, at this moment; no part of the disk."""

    what: str
    value: Any


@dataclass(slots=True)
class _File:
    """What is certain of it, and what came since: writes as (offset, bytes), or a new size."""

    certain: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes] | int] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.since:
            _carry_out(self.certain, change)
        self.since.clear()


class Recording:
    """A `tests.tapped.Watcher` that lets everything happen and keeps it, in order, with notes."""

    def __init__(self, lies: str = "") -> None:
        """`lies`: syncs of the database of that name do nothing; "*": none does anything."""
        self.steps: list[tuple[Any, ...] | Note] = []
        self._lies = lies
        self._in_sync, self._go = threading.Event(), threading.Event()
        self._go.set()

    @contextmanager
    def stalled(self) -> Iterator[threading.Event]:
        """No sync ends meanwhile; the event is set once somebody waits in one."""
        self._in_sync.clear()
        self._go.clear()
        try:
            yield self._in_sync
        finally:
            self._go.set()

    def note(self, what: str, value: Any = None) -> None:
        self.steps.append(Note(what, value))

    def created(self, path: str) -> int:
        return self._keep("create", path)

    def write(self, path: str, offset: int, data: bytes) -> int:
        return self._keep("write", path, offset, data)

    def truncate(self, path: str, size: int) -> int:
        return self._keep("truncate", path, size)

    def sync(self, path: str) -> int:
        self._in_sync.set()
        self._go.wait()
        return OK if self._lied(path) else self._keep("sync", path)

    def delete(self, path: str) -> int:
        return self._keep("delete", path)

    def sync_folder(self, folder: str) -> int:
        return OK if self._lied("") else self._keep("sync_folder", folder)

    def renamed(self, old: str, new: str) -> None:
        self._keep("rename", old, new)

    def _lied(self, path: str) -> bool:
        return self._lies == "*" or bool(self._lies and self._lies in path)

    def _keep(self, *step: Any) -> int:
        self.steps.append(step)
        return OK


class Disk:
    """One folder's files, as they come to be by the steps of a recording."""

    def __init__(self, folder: Path) -> None:
        """What lies in the folder now is durable."""
        self._folder = str(folder)
        self._names = {
            str(path): _File(bytearray(path.read_bytes()))
            for path in folder.iterdir()
            if path.is_file() and not path.name.endswith("-shm")
        }
        self._certain_names = dict(self._names)
        # Each all or nothing: name → file, or no file any more.
        self._since: list[dict[str, _File | None]] = []

    def step(self, step: tuple[Any, ...] | Note) -> None:
        """Carry one step of a recording out."""
        if isinstance(step, Note):
            return
        what, path, *more = step
        if what == "create":
            self._name({path: _File()})
        elif what == "write":
            self._names[path].since.append((more[0], more[1]))
        elif what == "truncate":
            self._names[path].since.append(more[0])
        elif what == "sync":
            self._names[path].sync()
        elif what == "delete":
            self._name({path: None})
        elif what == "rename" and path in self._names:
            self._name({path: None, more[0]: self._names[path]})
        elif what == "sync_folder":
            self._certain_names, self._since = dict(self._names), []

    def cut(self, chance: random.Random) -> dict[str, bytes]:
        """File names and contents that are found when the power is back."""
        names = dict(self._certain_names)
        in_order = chance.random() < 0.5  # as file systems with a journal do it
        upto = chance.randint(0, len(self._since))
        stuck: set[str] = set()  # what happened to a name later needs what happened before
        for number, named in enumerate(self._since):
            done = number < upto if in_order else chance.random() < 0.5
            if done and stuck.isdisjoint(named):
                _put(names, named)
            else:
                stuck.update(named)
        fate = chance.choice(_FATES)
        return {Path(name).name: _left(file, fate(chance)) for name, file in names.items()}

    def _name(self, named: dict[str, _File | None]) -> None:
        _put(self._names, named)
        self._since.append(named)


def laid_out(files: dict[str, bytes], folder: Path, chance: random.Random) -> Path:
    """The folder as it is found; a stray shared-memory file in it now and then."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
        if name.endswith(".db") and chance.random() < 0.2:
            (folder / f"{name}-shm").write_bytes(chance.randbytes(32768))
    return folder


class _Fate:
    """What becomes of each piece of what was written and not synced."""

    size = 512

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def piece(self, old: bytes, new: bytes) -> bytes:
        """What is left where `old` was to be replaced; as long as `old`: it did not grow there."""
        raise NotImplementedError

    def resized(self) -> bool:
        return self.chance.random() < 0.5


class _Lost(_Fate):
    def piece(self, old: bytes, new: bytes) -> bytes:
        return old

    def resized(self) -> bool:
        return False


class _Whole(_Fate):
    def piece(self, old: bytes, new: bytes) -> bytes:
        return new

    def resized(self) -> bool:
        return True


class _Some(_Fate):
    """Each piece on its own: there, not there, half there, or in its place what nobody wrote."""

    def piece(self, old: bytes, new: bytes) -> bytes:
        kind = self.chance.random()
        if kind < 0.35:
            return new
        if kind < 0.7:
            return old
        grown = old.ljust(len(new), b"\0")
        if kind < 0.95:
            at = self.chance.randint(0, len(new))
            halves = (new[:at] + grown[at:], grown[:at] + new[at:])
            return self.chance.choice(halves)
        return self.chance.randbytes(len(new))


class _SomeLarge(_Some):
    size = 4096


class _Upto(_Fate):
    """In order up to somewhere, torn there, and nothing after it."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self._left = chance.choice((1, 4, 16, 64))

    def piece(self, old: bytes, new: bytes) -> bytes:
        self._left -= 1
        if self._left > 0:
            return new
        return new[: self.chance.randint(0, len(new))] + old if self._left == 0 else old


_FATES = (_Lost, _Whole, _Some, _Some, _SomeLarge, _Upto)


def _left(file: _File, fate: _Fate) -> bytes:
    content = bytearray(file.certain)
    for change in file.since:
        if isinstance(change, int):
            if fate.resized():
                _carry_out(content, change)
            continue
        offset, data = change
        if fate.resized() and offset + len(data) > len(content):
            content.extend(bytes(offset + len(data) - len(content)))
        for begin, new in _pieces(offset, data, fate.size):
            old = bytes(content[begin : begin + len(new)])
            kept = fate.piece(old, new)[: len(new)]
            if kept != old:
                _carry_out(content, (begin, kept))
    return bytes(content)


def _pieces(offset: int, data: bytes, size: int) -> list[tuple[int, bytes]]:
    """Cut at multiples of `size` from the file's beginning, as a disk would."""
    cuts = [0, *range(size - offset % size, len(data), size), len(data)]
    return [(offset + a, data[a:b]) for a, b in pairwise(cuts)]


def _carry_out(content: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del content[change:]
        content.extend(bytes(change - len(content)))
        return
    offset, data = change
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _put(names: dict[str, _File], named: dict[str, _File | None]) -> None:
    for name, file in named.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file
