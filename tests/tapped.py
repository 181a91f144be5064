"""SQLite's own file access, tapped below the standard library's `sqlite3`.

A VFS is registered with the very libsqlite3 that `_sqlite3` is linked with, by ctypes: a copy of
the `unix` one, of which only what changes a file passes through here (open, write, truncate, sync,
delete). Reads, locks and shared memory stay SQLite's own. So the product runs as it is: its
statements, its migrations, its threads, its connections. APSW's wheel brings another libsqlite3,
which `sqlite3` never meets; a file system in user space or a device-mapper needs root and a kernel
that allows them.

Structures: sqlite3.h, `sqlite3_vfs` version 3 and `sqlite3_io_methods` version 3.
"""

import _sqlite3
import ctypes as c
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

OK, IO_ERROR, READ_ONLY, FULL = 0, 10, 8, 13  # result codes
_CREATE, _JOURNAL_OR_WAL = 0x4, 0x800 | 0x80000  # flags of xOpen

# Names as bare addresses: SQLite keeps them, and finds the parameters of an URI behind them.
_Open = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_void_p, c.c_int, c.c_void_p)
_Delete = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_int)
_Write = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_int, c.c_int64)
_Truncate = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int64)
_Sync = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int)


class _Methods(c.Structure):
    _fields_: ClassVar[Any] = [
        ("version", c.c_int),
        ("close", c.c_void_p),
        ("read", c.c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("others", c.c_void_p * 13),
    ]


class _Vfs(c.Structure):
    _fields_: ClassVar[Any] = [
        ("version", c.c_int),
        ("file_size", c.c_int),
        ("longest_path", c.c_int),
        ("next", c.c_void_p),
        ("name", c.c_char_p),
        ("data", c.c_void_p),
        ("open", _Open),
        ("delete", _Delete),
        ("others", c.c_void_p * 14),
    ]


class Watcher(Protocol):
    """Told before each change to a file; any result but OK is what SQLite gets instead of it."""

    def created(self, path: str) -> int: ...
    def write(self, path: str, offset: int, data: bytes) -> int: ...
    def truncate(self, path: str, size: int) -> int: ...
    def sync(self, path: str) -> int: ...
    def delete(self, path: str) -> int: ...

    def renamed(self, old: str, new: str) -> None:
        """By Python's own means, for SQLite renames nothing."""

    def sync_folder(self, folder: str) -> int:
        """What was created and deleted there is durable, too."""


@contextmanager
def tapped(folder: Path, watcher: Watcher) -> Iterator[None]:
    """Databases opened below this folder meanwhile are watched, as long as they stay open.

    No sync of theirs reaches the real disk: what is durable is for the watcher to say.
    """
    tap = _tap()
    tap.watchers[f"{folder}/"] = watcher
    tap.register(tap.ours)
    try:
        yield
    finally:
        del tap.watchers[f"{folder}/"]
        if not tap.watchers:
            tap.register(tap.theirs)


def can_tap() -> bool:
    """Can the functions of `sqlite3`'s library be reached? Not where it is linked in and hidden."""
    return hasattr(_library(), "sqlite3_vfs_register")


def _library() -> c.CDLL:
    # A builtin module's symbols are the program's own; else those of its library count, too.
    return c.CDLL(getattr(_sqlite3, "__file__", None))


class _Tap:
    """Made once and kept: SQLite holds pointers into it for as long as a connection is open."""

    def __init__(self) -> None:
        self._lib = _library()
        self._lib.sqlite3_vfs_find.restype = c.POINTER(_Vfs)
        self.theirs = self._lib.sqlite3_vfs_find(None)
        assert self.theirs.contents.version == 3
        self.ours = c.pointer(_Vfs.from_buffer_copy(self.theirs.contents))
        self.ours.contents.name, self.ours.contents.next = b"tapped", None
        self._open, self._delete = _Open(self._opens), _Delete(self._deletes)
        self.ours.contents.open, self.ours.contents.delete = self._open, self._delete
        self.watchers: dict[str, Watcher] = {}
        self._methods: dict[int, tuple[_Methods, _Methods]] = {}  # by address: theirs, ours
        self._files: dict[int, tuple[str, Watcher, _Methods]] = {}  # by address of the file
        self._unlisted: set[str] = set()  # new files whose first sync is one of their folder, too
        sys.addaudithook(self._hears)

    def register(self, vfs: Any) -> None:
        """Make this the VFS of whoever asks for none."""
        assert self._lib.sqlite3_vfs_register(vfs, 1) == OK

    def _opens(self, vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        path = c.string_at(name).decode() if name else ""
        watcher = self._watcher(path)
        new = watcher is not None and flags & _CREATE and not Path(path).exists()
        if watcher and new and (refused := watcher.created(path)):
            return refused
        result = int(self.theirs.contents.open(vfs, name, file, flags, out))
        pointer = c.c_void_p.from_address(file)
        if result == OK and watcher and pointer.value:
            theirs, ours = self._tapped(pointer.value)
            self._files[file] = (path, watcher, theirs)
            pointer.value = c.addressof(ours)
            if new and flags & _JOURNAL_OR_WAL:
                self._unlisted.add(path)
        return result

    def _deletes(self, vfs: int, name: int, sync_folder: int) -> int:
        path = c.string_at(name).decode()
        watcher = self._watcher(path)
        if watcher and Path(path).exists():
            if refused := watcher.delete(path):
                return refused
            if sync_folder:
                watcher.sync_folder(str(Path(path).parent))
        # Never in truth synced: nobody here loses power.
        return int(self.theirs.contents.delete(vfs, name, 0 if watcher else sync_folder))

    def _writes(self, file: int, data: int, size: int, offset: int) -> int:
        path, watcher, theirs = self._files[file]
        refused = watcher.write(path, offset, c.string_at(data, size))
        return refused or int(theirs.write(file, data, size, offset))

    def _truncates(self, file: int, size: int) -> int:
        path, watcher, theirs = self._files[file]
        return watcher.truncate(path, size) or int(theirs.truncate(file, size))

    def _syncs(self, file: int, _flags: int) -> int:
        path, watcher, _ = self._files[file]
        if refused := watcher.sync(path):
            return refused
        # As the `unix` VFS does, whose own sync is not called.
        if path in self._unlisted:
            self._unlisted.discard(path)
            return watcher.sync_folder(str(Path(path).parent))
        return OK

    def _hears(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and self.watchers:
            old, new = (os.fsdecode(name) for name in arguments[:2])
            if watcher := self._watcher(old):
                watcher.renamed(old, new)

    def _watcher(self, path: str) -> Watcher | None:
        return next((w for folder, w in self.watchers.items() if path.startswith(folder)), None)

    def _tapped(self, address: int) -> tuple[_Methods, _Methods]:
        if address not in self._methods:
            theirs = _Methods.from_address(address)
            assert theirs.version == 3
            ours = _Methods.from_buffer_copy(theirs)
            ours.write, ours.truncate = _Write(self._writes), _Truncate(self._truncates)
            ours.sync = _Sync(self._syncs)
            self._methods[address] = theirs, ours
        return self._methods[address]


_TAPS: list[_Tap] = []


def _tap() -> _Tap:
    if not _TAPS:
        _TAPS.append(_Tap())
    return _TAPS[0]
