"""A backup made while everything works, and what a machine is after it was put back."""

import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from controller.alerts import AlertKind, Fact, judge
from controller.journal_read import JournalReader
from controller.model import Kind
from controller.secrets import device_key
from sync.desk import Desk
from sync.desk_alerts import AlertBook
from sync.desk_mails import MailBox
from sync.desk_targets import Position, Positions
from sync.desk_users import Role, Users
from tests.backups import ADA, BEN, GYM, Restored, back_up, backed_house, restore, stop
from tests.halls import Hall, doorward
from tests.houses import KEY, TOKEN


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Hall]:
    with backed_house(tmp_path) as built:
        yield built


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

    def test_nobody_is_alerted_to_what_lies_in_it_and_nobody_is_logged_in(
        self, place: Hall
    ) -> None:
        with closing(Desk(place.config.data / "desk.db")) as desk:
            Users(desk).add("mira", Role.ADMIN, "hash", "root", 1.0)
            assert Users(desk).begin(b"token", "mira", "hash", 1.0)
            fact = Fact(AlertKind.FORCED, "front", "door front: was opened")
            judged = judge({}, [fact], 1.0, ())
            seen = (place.controller.journal.chain, 7)
            AlertBook(desk).keep({}, judged, 1.0, seen)
            AlertBook(desk).told("hook", 0)
            assert len(AlertBook(desk).not_mailed()) == len(judged.raised) == 1
        back_up(place)
        stop(place)
        assert restore(place, "--replace").code == 0
        with (
            closing(Desk(place.config.data / "desk.db")) as desk,
            closing(JournalReader(place.config.data / "journal.db")) as journal,
        ):
            assert [user.name for user in Users(desk).all()] == ["mira"]
            assert Users(desk).session(b"token") is None
            assert AlertBook(desk).watched() == (journal.chain, 7)
            assert AlertBook(desk).known() == judged.alerts
            assert AlertBook(desk).not_mailed() == AlertBook(desk).not_told("hook", 9) == []

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
