"""Backups that are not put back."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from controller.sealing import Sealer
from tests.backups import (
    ADA,
    CHEAP,
    PHRASE,
    back_up,
    backed_house,
    files,
    restore,
)
from tests.halls import Hall, doorward


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Hall]:
    with backed_house(tmp_path) as built:
        yield built


class TestRefused:
    """Each leaves everything as it was."""

    @pytest.fixture
    def stopped(self, place: Hall) -> Iterator[Hall]:
        place.scan("front", ADA)
        back_up(place)
        place.close_socket()
        place.controller.close()
        with place.without_syncd():
            place.close_socket()
            yield place

    def refused(self, place: Hall, *more: str, code: int = 8, phrase: str = "passphrase") -> str:
        before = files(place.folder)
        told = restore(place, *more, phrase=phrase)
        assert told.code == code, told.all
        assert files(place.folder) == before
        return told.err

    def test_while_the_services_run(self, place: Hall) -> None:
        back_up(place)
        told = restore(place, "--replace")
        assert told.code == 5
        assert "stop it first" in told.err
        place.controller.close()
        assert restore(place, "--replace").code == 5, "syncd runs still"

    def test_over_a_machine_in_use(self, stopped: Hall) -> None:
        assert "--replace" in self.refused(stopped)

    def test_with_another_passphrase(self, stopped: Hall) -> None:
        (stopped.folder / "other").write_text("wrong horse battery staple")
        why = self.refused(stopped, "--replace", phrase="other")
        assert "the passphrase is another one" in why

    def test_damaged_or_cut_off(self, stopped: Hall) -> None:
        """More of it in `test_sealing`."""
        file = stopped.folder / "house.backup"
        content = bytearray(file.read_bytes())
        content[-70_000] ^= 1
        file.write_bytes(content)
        assert "is damaged or cut off" in self.refused(stopped, "--replace")

    def test_of_another_machine(self, stopped: Hall) -> None:
        (stopped.config.data / "device.key").write_bytes(os.urandom(32))
        why = self.refused(stopped, "--replace")
        assert "another machine" in why
        assert "--adopt" in why
        assert restore(stopped, "--replace", "--adopt").code == 0

    def test_with_a_journal_that_was_changed(self, stopped: Hall) -> None:
        with closing(sqlite3.connect(stopped.config.data / "journal.db")) as db, db:
            db.execute("UPDATE event SET name = 'Nobody' WHERE kind = 'access'")
        told = doorward(
            stopped.config.path,
            *("backup", str(stopped.folder / "house.backup")),
            *("--passphrase-file", str(stopped.folder / "passphrase")),
        )
        assert told.code == 0
        assert "its chain breaks at event" in self.refused(stopped, "--replace")

    @pytest.mark.parametrize("name", ["journal.db", "desk.db"])
    def test_of_a_newer_doorward(self, stopped: Hall, name: str) -> None:
        """Made by hand: a newer one would have made it so."""
        made = self.made_anew(stopped, lambda said: said["schemas"].update({name: 99}))
        assert "has schema 99" in self.refused(made, "--replace")

    def test_of_a_newer_content(self, stopped: Hall) -> None:
        made = self.made_anew(stopped, lambda said: said.update(content=2))
        assert "newer than this one" in self.refused(made, "--replace")

    def test_of_a_newer_format(self, stopped: Hall) -> None:
        file = stopped.folder / "house.backup"
        file.write_bytes(file.read_bytes().replace(b'"format": 1', b'"format": 2', 1))
        assert "made by a newer Doorward" in self.refused(stopped, "--replace")

    def test_what_is_no_backup(self, stopped: Hall) -> None:
        (stopped.folder / "house.backup").write_bytes(b"PK\3\4")
        assert "is no backup" in self.refused(stopped, "--replace")

    def test_a_configuration_that_is_another_one_here(self, stopped: Hall) -> None:
        path = stopped.config.path
        path.write_text(path.read_text() + "# changed since\n")
        with ExitStack() as ends:
            data = stopped.config.data
            ends.callback(stopped.folder.joinpath("away").rename, data)
            data.rename(stopped.folder / "away")
            assert f"{path} is another one here" in self.refused(stopped)

    @staticmethod
    def made_anew(place: Hall, change: object) -> Hall:
        """The same backup with another manifest."""
        import io
        import tarfile

        from controller.sealing import Unsealer

        file = place.folder / "house.backup"
        with file.open("rb") as sealed:
            plain = Unsealer(sealed, file, PHRASE).read(1 << 30)
        out = io.BytesIO()
        with (
            tarfile.open(fileobj=io.BytesIO(plain)) as old,
            tarfile.open(fileobj=out, mode="w") as new,
        ):
            for member in old:
                content = old.extractfile(member)
                assert content
                data = content.read()
                if member.name == "manifest.json":
                    said = json.loads(data)
                    assert callable(change)
                    change(said)
                    data = json.dumps(said).encode()
                    member.size = len(data)
                new.addfile(member, io.BytesIO(data))
        with file.open("wb") as sealed:
            sealer = Sealer(sealed, PHRASE, CHEAP)
            sealer.write(out.getvalue())
            sealer.finish()
        return place
