"""A house that is backed up and put back."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sync.office import Office
from tests.halls import Hall, Said, doorward, hall
from tests.houses import gym_user

ADA, BEN, GYM = "1234567001", "1234567002", "04D1D2D3"
CHEAP = {"n": 2, "r": 8, "p": 2}
PHRASE = "correct horse battery staple"


@contextmanager
def backed_house(folder: Path) -> Iterator[Hall]:
    """Two members, and a passphrase in a file."""
    (folder / "passphrase").write_text(PHRASE)
    with hall(folder) as built:
        built.member("Ada Ruiz", ADA)
        built.hive.put(gym_user(7, GYM))
        built.sync()
        yield built


def back_up(place: Hall) -> Path:
    file = place.folder / "house.backup"
    told = place.do("backup", str(file), "--passphrase-file", str(place.folder / "passphrase"))
    assert told.code == 0, told.all
    return file


def restore(place: Hall, *more: str, phrase: str = "passphrase") -> Said:
    words = ("restore", str(place.folder / "house.backup"), *more)
    return doorward(place.config.path, *words, "--passphrase-file", str(place.folder / phrase))


def stop(place: Hall) -> None:
    place.close_socket()
    place.close_office()
    place.controller.close()


class Restored:
    """The house after its services were stopped, the backup put back, and they were started."""

    def __init__(self, place: Hall, ends: ExitStack, *more: str) -> None:
        stop(place)
        self.told = restore(place, "--replace", *more)
        assert self.told.code == 0, self.told.all
        from controller.daemon import Controller

        place.controller = ends.enter_context(Controller(place.config, place.clock))
        place.office = Office(place.config, threading.Event(), place.clock)
        place._listen()


def files(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, below it too, but for what SQLite makes by itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }
