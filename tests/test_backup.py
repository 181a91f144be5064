"""A backup made while everything works, and what a machine is after it was put back."""

import json
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from controller.journal_read import JournalReader
from controller.model import Kind
from controller.sealing import Sealer
from controller.secrets import device_key
from sync.desk import Desk
from sync.desk_mails import MailBox
from sync.desk_targets import Position, Positions
from sync.office import Office
from tests.halls import Hall, Said, doorward, hall
from tests.houses import KEY, TOKEN, gym_user

ADA, BEN, GYM = "1234567001", "1234567002", "04D1D2D3"
CHEAP = {"n": 2, "r": 8, "p": 2}
PHRASE = "correct horse battery staple"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Hall]:
    (tmp_path / "passphrase").write_text(PHRASE)
    with hall(tmp_path) as built:
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


class TestMaking:
    def test_is_sealed_and_for_its_owner_alone(self, place: Hall) -> None:
        place.scan("front", ADA)
        file = back_up(place)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        content = file.read_bytes()
        secrets = (TOKEN.encode(), KEY.encode(), device_key(place.config.data), b"Ada Ruiz")
        assert not [secret for secret in (*secrets, b"SQLite") if secret in content]
        assert not list(place.config.data.glob(".backup-*")), "nothing is left behind"
        assert not list(place.folder.glob(".house*"))

    def test_says_what_it_holds(self, place: Hall) -> None:
        file = back_up(place)
        phrase = ("--passphrase-file", str(place.folder / "passphrase"))
        told = place.do("backup", "--list", str(file), *phrase)
        assert told.code == 0
        assert "it is whole" in told.out
        for name in ("journal.db", "cache.db", "desk.db", "device.key", "cobot-token", "keys.csv"):
            assert name in told.out
        data = place.do("backup", "--list", "--json", str(file), *phrase).json
        assert data["members"]["data/device.key"] == 32
        assert set(data["files"].values()) == {"cobot-token", "hive-key", "keys.csv"}

    def test_goes_on_while_doors_are_used(self, place: Hall) -> None:
        stop, scans = threading.Event(), []

        def use() -> None:
            while not stop.is_set():
                scans.append(place.scan("front", ADA))

        user = threading.Thread(target=use)
        user.start()
        try:
            while len(scans) < 3:
                stop.wait(0.01)
            for _ in range(3):
                back_up(place)
        finally:
            stop.set()
            user.join()
        assert set(scans) == {"granted"}

    def test_a_weak_passphrase_is_refused(self, place: Hall) -> None:
        for weak in ("short", "a" * 40):
            (place.folder / "passphrase").write_text(weak)
            file = place.folder / "house.backup"
            words = ("--passphrase-file", str(place.folder / "passphrase"))
            told = place.do("backup", str(file), *words)
            assert told.code == 2
            assert "too weak" in told.err
            assert weak not in told.all
            assert not file.exists()

    def test_where_it_cannot_be_written_the_one_before_stays(self, place: Hall) -> None:
        file = place.folder / "no" / "such" / "folder"
        words = ("--passphrase-file", str(place.folder / "passphrase"))
        told = place.do("backup", str(file), *words)
        assert told.code == 8
        assert "no backup was made" in told.err

    def test_a_damaged_cache_is_left_out_and_said_so(self, place: Hall) -> None:
        with place.without_syncd():
            (place.config.data / "cache.db").write_bytes(b"no database at all" * 100)
            for left in ("-wal", "-shm"):
                (place.config.data / f"cache.db{left}").unlink(missing_ok=True)
            file = place.folder / "house.backup"
            words = ("--passphrase-file", str(place.folder / "passphrase"))
            told = place.do("backup", str(file), *words)
        assert told.code == 0
        assert "Not in it: cache.db" in told.err


class TestPuttingBack:
    def test_the_house_is_as_it_was(self, place: Hall) -> None:
        place.scan("front", ADA)
        key = device_key(place.config.data)
        back_up(place)
        place.scan("front", BEN)
        with ExitStack() as ends:
            Restored(place, ends)
            assert device_key(place.config.data) == key
            assert place.scan("front", ADA) == "granted"
            assert place.do("journal", "verify").code == 0
            reasons = [e.event.card for e in place.events(Kind.ACCESS)]
            assert len(reasons) == 2, "what came after the backup is not in it"

    def test_what_was_there_is_kept(self, place: Hall) -> None:
        back_up(place)
        place.scan("front", BEN)
        with ExitStack() as ends:
            Restored(place, ends)
            (kept,) = place.folder.glob("data.before-restore-*")
            with closing(JournalReader(kept / "journal.db")) as reader:
                assert [e.event.kind for e in reader.events()].count(Kind.ACCESS) == 1

    def test_a_journal_put_back_is_another_chain_and_says_so(self, place: Hall) -> None:
        place.scan("front", ADA)
        chain = place.controller.journal.chain
        back_up(place)
        before = {e.uuid for e in place.events()}
        place.scan("front", ADA)
        after = {e.uuid for e in place.events()} - before
        with ExitStack() as ends:
            Restored(place, ends)
            assert place.controller.journal.chain != chain
            (event,) = place.events(Kind.RESTORED)
            assert event.event.detail
            assert event.seq == len(before) + 1
            place.scan("front", ADA)
            assert not after & {e.uuid for e in place.events()}

    def test_targets_go_on_where_they_were(self, place: Hall) -> None:
        with closing(Desk(place.config.data / "desk.db")) as desk:
            Positions(desk).put("hook", Position(place.controller.journal.chain, 1))
        back_up(place)
        stop(place)
        assert restore(place, "--replace").code == 0
        with (
            closing(Desk(place.config.data / "desk.db")) as desk,
            closing(JournalReader(place.config.data / "journal.db")) as journal,
        ):
            assert Positions(desk).of("hook") == Position(journal.chain, 1)

    def test_mail_that_waited_may_have_been_sent(self, place: Hall) -> None:
        with closing(Desk(place.config.data / "desk.db")) as desk:
            desk.write(
                "INSERT INTO mails VALUES (1, 'k', 'waiting', 'invitation', 'loft', 'p', 'V',"
                " 'v@example.org', 'UTC', '[]', '', '', 9e9, 1.0, 0, '')"
            )
        back_up(place)
        with ExitStack() as ends:
            Restored(place, ends)
            assert place.office.desk
            assert MailBox(place.office.desk).counts(0.0) == {"unknown": 1}


class TestCheckIns:
    """Told by the platforms' own records."""

    def test_what_was_told_after_the_backup_is_not_told_again(self, place: Hall) -> None:
        assert place.scan("front", ADA) == place.scan("gym", GYM) == "granted"
        back_up(place)
        place.deliver()
        assert place.states() == {"sent": 2}
        sessions, entries = list(place.cobot.space.check_ins), list(place.hive.entries)
        assert len(sessions) == len(entries) == 1
        with ExitStack() as ends:
            Restored(place, ends)
            place.sync()
            place.deliver()
            assert list(place.cobot.space.check_ins) == sessions
            assert list(place.hive.entries) == entries
            states = {row["platform"]: row["state"] for row in place.deliveries()}
            assert states == {"loft": "sent", "gym": "unknown"}

    def test_what_was_never_told_is_told_where_the_platform_can_be_asked(self, place: Hall) -> None:
        assert place.scan("front", ADA) == place.scan("gym", GYM) == "granted"
        back_up(place)
        with ExitStack() as ends:
            Restored(place, ends)
            place.deliver()
            assert len(place.cobot.space.check_ins) == 1
            assert list(place.hive.entries) == [], "nobody can say, so a person must"
            assert place.states() == {"sent": 1, "unknown": 1}

    def test_what_happens_after_it_is_told_at_once(self, place: Hall) -> None:
        back_up(place)
        with ExitStack() as ends:
            Restored(place, ends, "--without-people")
            assert place.scan("front", ADA) != "granted"
            place.sync()
            assert place.scan("front", ADA) == place.scan("gym", GYM) == "granted"
            place.deliver()
            assert place.states() == {"sent": 2}
            assert len(place.cobot.space.check_ins) == len(list(place.hive.entries)) == 1


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


def test_a_new_machine_is_made_of_a_backup_alone(place: Hall, tmp_path: Path) -> None:
    place.scan("front", ADA)
    back_up(place)
    place.close_socket()
    place.controller.close()
    key, target = device_key(place.config.data), tmp_path / "new" / "doorward.toml"
    words = ("--passphrase-file", str(place.folder / "passphrase"))
    told = doorward(target, "restore", str(place.folder / "house.backup"), *words)
    assert told.code == 0, told.all
    assert device_key(target.parent / "data") == key
    assert (target.parent / "cobot-token").read_text() == TOKEN
    assert doorward(target, "journal", "verify").code == 0
    assert "Ada Ruiz" in doorward(target, "people", "Ada").out
