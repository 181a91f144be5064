"""One door: what a person in front of it sees, and what the journal keeps of it."""

import sqlite3
from pathlib import Path

from controller.model import DoorRules, Event, Grant, Kind, Labels, Mode, Person
from controller.ports import Signal
from tests.rigs import Rig, people, rig

ADA = (Person("cobot", "m-1", "Ada Ruiz"), "32:04A1B2C3", Grant("plan:flex"))
PATIENCE = 5.0


def test_a_member_scans_and_the_lock_opens_then_locks_again(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.scan("04A1B2C3")
        assert front.lock.released
        assert front.indicator.shown == (Signal.GRANTED, "Ada Ruiz")
        front.clock.advance(5.1)
        front.settle()
        assert not front.lock.released
        assert front.lock.history[-2:] == ("released", "secured")


def test_the_entry_is_on_disk_before_the_lock_moves(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        on_disk: list[int] = []
        real = front.lock.release

        def watched(seconds: float) -> None:
            db = sqlite3.connect(tmp_path / "journal.db")
            on_disk.append(
                db.execute("SELECT count(*) FROM event WHERE kind='access'").fetchone()[0]
            )
            db.close()
            real(seconds)

        front.lock.release = watched  # type: ignore[method-assign] # a lock that looks at the disk
        front.scan("04A1B2C3")
        assert on_disk == [1]


def test_a_stalled_disk_does_not_hold_a_member(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        blocker = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        front.scan("04A1B2C3")
        assert front.lock.released
        assert not front.journal.flush(0)
        blocker.execute("ROLLBACK")
        blocker.close()
        assert front.reasons() == ["granted"]


def test_a_stranger_is_refused_and_the_lock_does_not_move(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.scan("04A1B2C4")
        assert front.lock.releases == 0
        assert front.indicator.shown[0] is Signal.DENIED
        (event,) = front.events(Kind.ACCESS)
        assert event.event.reason == "denied_unknown_credential"
        assert event.event.card == "…B2C4"


def test_the_answer_leaves_the_indicator_after_a_while(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.scan("04A1B2C4")
        front.clock.advance(2.1)
        front.settle()
        assert front.indicator.wait_for(Signal.IDLE, PATIENCE)


def test_a_card_held_to_the_reader_counts_once(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        for _ in range(100):
            front.scan("04A1B2C3")
            front.clock.advance(0.05)
        assert front.reasons() == ["granted"]
        front.clock.advance(2.5)
        front.scan("04A1B2C3")
        assert front.reasons() == ["granted", "granted"]


def test_coming_back_within_the_visit_is_no_second_check_in(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.scan("04A1B2C3")
        front.clock.advance(3600)
        front.scan("04A1B2C3")
        front.clock.advance(24 * 3600)
        front.scan("04A1B2C3")
        visits = [(e.event.visit, e.event.checks_in) for e in front.events(Kind.ACCESS)]
        assert visits == [("new", True), ("again", False), ("new", True)]


def test_what_is_no_card_is_refused_and_told_ever_more_seldom(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        for number in range(20):
            front.scan(f"noise {number}")
        told = [e.event.detail["times"] for e in front.events(Kind.READ_REFUSED) if e.event.detail]
        assert told == [1, 2, 4, 8, 16]
        assert front.lock.releases == 0


def test_lockdown_shuts_everybody_out_but_lets_people_leave(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.door.set_mode(Mode.LOCKDOWN, None, "ida")
        front.settle()
        front.scan("04A1B2C3")
        assert front.reasons() == ["denied_deny_all"]
        assert not front.lock.released
        front.button.set(active=True)
        front.settle()
        assert front.lock.released
        assert [e.event.author for e in front.events(Kind.MODE)] == ["ida"]


def test_lockdown_ends_a_release_under_way(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.scan("04A1B2C3")
        front.door.set_mode(Mode.LOCKDOWN, None, "ida")
        front.settle()
        assert not front.lock.released


def test_an_unlocked_door_stays_open_until_its_hour_and_over_a_restart(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        until = front.clock.wall() + 3600
        front.door.set_mode(Mode.UNLOCKED, until, "ida")
        front.settle()
        front.clock.advance(600)
        front.settle()
        assert front.lock.released
        assert front.journal.flush(PATIENCE)
        assert front.journal.modes() == {"front": (Mode.UNLOCKED, until)}
        front.clock.advance(3600)
        front.settle()
        assert not front.lock.released


def test_staff_open_the_door_for_a_guest(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        front.door.unlock("ida", 20)
        front.settle()
        front.clock.advance(19)
        front.settle()
        assert front.lock.released
        front.clock.advance(2)
        front.settle()
        assert not front.lock.released
        assert [e.event.author for e in front.events(Kind.UNLOCKED)] == ["ida"]


def test_a_door_opened_without_a_grant_is_forced(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.scan("04A1B2C3")
        front.contact.set(active=True)
        front.contact.set(active=False)
        front.settle()
        front.clock.advance(60)
        front.contact.set(active=True)
        front.settle()
        kinds = [e.event.kind for e in front.events(Kind.OPENED, Kind.CLOSED, Kind.FORCED)]
        assert kinds == [Kind.OPENED, Kind.CLOSED, Kind.FORCED]


def test_a_lock_that_jams_is_reported_and_the_door_goes_on(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.lock.jam()
        front.scan("04A1B2C3")
        assert "lock" in front.door.condition.unwell
        front.lock.free()
        front.clock.advance(3)
        front.scan("04A1B2C3")
        assert front.lock.released
        assert front.door.condition.unwell == {}
        kinds = [e.event.kind for e in front.events(Kind.DEVICE_LOST, Kind.DEVICE_BACK)]
        assert kinds == [Kind.DEVICE_LOST, Kind.DEVICE_BACK]


def test_a_reader_that_is_unplugged_is_an_event_once(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        front.reader.unplug()
        front.reader.plug()
        front.settle()
        kinds = [e.event.kind for e in front.events(Kind.DEVICE_LOST, Kind.DEVICE_BACK)]
        assert kinds == [Kind.DEVICE_LOST, Kind.DEVICE_BACK]


def test_stopping_locks(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        front.door.set_mode(Mode.UNLOCKED, None, "ida")
        front.settle()
        assert front.lock.released
    assert not front.lock.released


def test_without_a_cache_the_door_says_so_and_stays_shut(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        front.scan("04A1B2C3")
        assert front.reasons() == ["denied_authentication_unavailable"]


def test_a_garbled_cache_shuts_members_out_but_not_the_keyholder(tmp_path: Path) -> None:
    with rig(tmp_path, keyholders=True) as front:
        people(tmp_path, front.clock, ADA)
        _keyholder(tmp_path, front)
        front.scan("04A1B2C3")
        (tmp_path / "cache.db").write_bytes(b"garbage" * 4096)
        front.clock.advance(3)
        front.scan("04A1B2C3")
        front.clock.advance(3)
        front.scan("0BADCAFE")
        assert front.reasons() == [
            "granted",
            "denied_authentication_unavailable",
            "denied_point_no_access_rights",  # a keyholder, though not of this door
        ]


def _keyholder(data: Path, front: Rig) -> None:
    row = (Person("cobot", "k-1", "Ida Keys"), "32:0BADCAFE", Grant("keyholder"))
    other = data / "elsewhere"
    people(other, front.clock, row)
    (other / "cache.db").rename(data / "keyholders.db")


def test_the_last_pass_cannot_open_two_doors(tmp_path: Path) -> None:
    """The journal knows of a pass before the disk does."""
    rules = DoorRules("front", Labels(["plan:*"]), anti_passback=60.0)
    with rig(tmp_path, rules) as front:
        people(tmp_path, front.clock, ADA)
        blocker = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        front.scan("04A1B2C3")
        front.clock.advance(3)
        front.scan("04A1B2C3")
        blocker.execute("ROLLBACK")
        blocker.close()
        assert front.reasons() == ["granted", "denied_passback"]


def _fail() -> None:
    raise ZeroDivisionError("the failure nobody thought of")


def test_a_journal_that_cannot_be_opened_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.scan("04A1B2C3")
        assert front.lock.released
        assert "journal.db" in front.journal.failing
        front.clock.advance(3)
        front.scan("04A1B2C3")  # remembered, though nowhere written
        (tmp_path / "journal.db").rmdir()
        assert [e.event.visit for e in front.events(Kind.ACCESS)] == ["new", "again"]
        assert front.journal.failing == ""


def test_a_journal_garbled_under_way_is_set_aside_and_keeps_nobody_out(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.scan("04A1B2C3")
        assert front.journal.flush(PATIENCE)
        for part in ("journal.db-wal", "journal.db"):
            path = tmp_path / part
            path.write_bytes(b"garbage " * (path.stat().st_size // 8))
        front.clock.advance(3)
        front.scan("04A1B2C3")
        assert front.lock.released
        assert front.journal.flush(PATIENCE)
        kinds = [e.event.kind for e in front.events()]
        assert kinds[0] is Kind.RENEWED
        assert Kind.ACCESS in kinds
        assert list(tmp_path.glob("journal.db.damaged-*"))


def test_a_task_that_fails_does_not_kill_the_door(tmp_path: Path) -> None:
    with rig(tmp_path) as front:
        people(tmp_path, front.clock, ADA)
        front.journal.append(Event(Kind.STARTED))
        front.door._put(_fail)
        front.scan("04A1B2C3")
        assert front.lock.released
